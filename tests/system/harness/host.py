"""A machine with a Holm: a network namespace with a cable to a second one, the LAN.

    LAN 10.99.0.2 ── up0 ─── up0 ── 10.99.0.1 host ── what holm makes
"""
import contextlib
import errno
import http.client
import json
import os
import pathlib
import queue
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from harness import api, descriptor, leftovers, netns
from harness.deadline import PATIENCE_S, Late, until
from harness.images import BUILD

HOLM = next((p for p in (BUILD / "src" / "daemon" / "holm", BUILD / "src" / "holm")
             if p.exists()), BUILD / "src" / "daemon" / "holm")
HOST_IP, LAN_IP = "10.99.0.1", "10.99.0.2"
API_PORT = 10000
SETTINGS = ("net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "net/ipv4/conf/all/rp_filter",
            "net/ipv4/conf/all/send_redirects", "net/ipv4/conf/up0/forwarding")
OK, FAILED, USAGE, UNREACHABLE, TIMEOUT = range(5)  # exit codes


class Follower:
    """A command that runs on, line by line."""

    def __init__(self, process):
        self.process = process
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait(self, text, seconds=PATIENCE_S):
        """The next line with the text in it."""
        while True:
            try:
                line = self.lines.get(timeout=seconds)
            except queue.Empty:
                line = None
            assert line is not None, f"no line with {text!r} within {seconds} s; seen: {self.seen}"
            self.seen.append(line)
            if text in line:
                return line

    def end(self, signum=signal.SIGINT):
        self.process.send_signal(signum)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Host:
    def __init__(self, images):
        self.images = images
        tag = secrets.token_hex(2)
        self.ns = netns.Namespace(f"holmtest-{tag}")
        self.lan = netns.Namespace(f"holmtest-{tag}-lan")
        netns.connect_pair(self.ns, f"{HOST_IP}/24", self.lan, f"{LAN_IP}/24")
        netns.ip("-n", self.ns.name, "route", "add", "default", "via", LAN_IP)
        self.data_dir = pathlib.Path(tempfile.mkdtemp(prefix="ht-", dir="/tmp"))
        self.data_dir.chmod(0o711)
        self.name = f"node-{tag}"
        self.socket = self.data_dir / "holm.sock"
        self.ns.sysctl("net/ipv4/ip_forward", 0)
        self.settings = self._settings()
        self.environment = {}  # of `holm up`, beside our own

    def _settings(self):
        return {name: self.ns.sysctl(name) for name in SETTINGS}

    ## Commands

    def command(self, *words):
        own = [f"{key}={value}" for key, value in self.environment.items()]
        prefix = ["env", *own] if own and words[0] == "up" else []
        return self.ns.command(*prefix, HOLM, *words, "--data-dir", self.data_dir)

    def run(self, *words, stdin="", seconds=180):
        """A finished `holm …`, whatever its exit code."""
        return subprocess.run(self.command(*words), input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="backslashreplace",
                              timeout=seconds)

    def holm(self, *words, **options):
        """Output of a `holm …` that has to succeed."""
        done = self.run(*words, **options)
        assert done.returncode == OK, (f"holm {' '.join(map(str, words))}: exit code "
                                       f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def follow(self, *words):
        return Follower(subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, text=True))

    ## Life

    def up_words(self):
        return ("up", "--image-root", self.images.root, "--node-name", self.name,
                "--log-level", "debug")

    def up(self, *more):
        self.holm(*self.up_words(), *more, "--detach", seconds=120)
        return self

    @property
    def node_id(self):
        return (self.data_dir / "node-id").read_text().strip()

    @property
    def run_dir(self):
        return pathlib.Path(f"/run/holm-{self.node_id[:8]}")

    @property
    def pid(self):
        return int((self.data_dir / "lock").read_text())

    def is_up(self):
        with contextlib.suppress(OSError, ValueError):
            return api.ask(self.socket, "/api/v1/nodes", seconds=5)[0] == 200
        return False

    def end(self, signum):
        """Ends the daemon alone, and returns when it is gone."""
        pid = self.pid
        os.kill(pid, signum)
        leftovers.wait_gone(pid)

    def kill(self):
        self.end(signal.SIGKILL)

    def power_cut(self):
        """What a reboot leaves: the disk, and nothing else."""
        census = self.census()
        census.remove()
        left = census.all()
        assert not left, f"cannot simulate a reboot, still there: {left}"

    def remount(self, options):
        """The data directory of a small host."""
        leftovers.run("mount", "-o", f"remount,{options}", str(self.data_dir))

    def log(self, lines=80):
        path = self.data_dir / "holm.log"
        if not path.exists():
            return "no log\n"
        kept = [line for line in path.read_text(errors="replace").splitlines()
                if "http server: " not in line]
        return "\n".join(kept[-lines:])

    def census(self):
        return leftovers.Census(self.data_dir, self.node_id, self.ns)

    def _purge(self):
        """`down --purge`, and what is wrong with it."""
        try:
            done = self.run("down", "--purge", seconds=90)
        except subprocess.TimeoutExpired:
            return [f"down --purge: not done within 90 s\n{self.log()}"]
        if done.returncode != OK:
            return [f"down --purge: exit code {done.returncode}: {done.stderr}", self.log()]
        return []

    def close(self):
        """`down --purge` has to leave nothing; what it left is removed, and told."""
        problems = []
        if (self.data_dir / "node-id").exists():
            census = self.census()
            problems += self._purge()
            with contextlib.suppress(Late):
                until(lambda: not census.all(), "nothing is left", 10)
            problems += census.all()
            if self._settings() != self.settings:
                problems.append(f"settings were {self.settings}, are {self._settings()}")
            if self.data_dir.exists():
                problems.append(f"{self.data_dir}: {[p.name for p in self.data_dir.iterdir()]}")
            census.remove()
        shutil.rmtree(self.data_dir, ignore_errors=True)
        for pid in self.ns.pids():
            leftovers.kill(pid)
        self.ns.remove()
        self.lan.remove()
        assert not problems, "left after `holm down --purge`:\n" + "\n".join(problems)

    ## Wishes and facts

    def apply(self, *services, name="shop", wait=True, seconds=PATIENCE_S, words=()):
        """A finished `holm apply -` of one application, or of the descriptor given."""
        wish = services[0] if services and "sla_version" in services[0] else \
            descriptor.one_app(*services, name=name)
        waiting = ("--wait", "--timeout", seconds) if wait else ()
        return self.run("apply", "-", *waiting, *words, stdin=json.dumps(wish))

    def deploy(self, *services, **options):
        """The same, and it has to come about; returns the instances of the application."""
        done = self.apply(*services, **options)
        assert done.returncode == OK, (f"apply: exit code {done.returncode}\n"
                                       f"{done.stdout}{done.stderr}")
        name = options.get("name", "shop")
        return self.instances() if "sla_version" in services[0] else self.instances(f"{name}.prod")

    def list(self, kind):
        status, value, _ = api.ask(self.socket, f"/api/v1/{kind}")
        assert status == 200, f"{kind}: {status} {value}"
        return value

    def wait_runtime(self, name):
        """The node has tried it, and offers it."""
        name = "docker" if name == "container" else name
        until(lambda: name in self.list("nodes")[0]["virtualization"], f"{name} is offered")

    def instances(self, app=None):
        found = [i for i in self.list("instances") if app in (None, i["app"])]
        return sorted(found, key=lambda i: (i["app"], i["service"], i["number"]))

    def instance(self, service, number=None):
        """The one of the service ("web"), or the one with this number."""
        found = [i for i in self.instances() if i["service"].split(".")[0] == service
                 and number in (None, i["number"])]
        assert len(found) == 1, f"{len(found)} instances of {service}: {found}"
        return found[0]

    def wait_instance(self, service, check, what, seconds=PATIENCE_S):
        def look():
            view = self.instance(service)
            assert check(view), f"{view['state']}: {view['reason']}"
            return view
        return until(look, f"{service}: {what}", seconds)

    def wait_running(self, service, pid_not=0):
        """RUNNING, with another process than pid_not."""
        return self.wait_instance(service,
                                  lambda v: v["state"] == "RUNNING" and v["pid"] != pid_not,
                                  f"RUNNING with another pid than {pid_not}")

    @contextlib.contextmanager
    def events(self):
        """Changes from here on."""
        _, _, headers = api.ask(self.socket, "/api/v1/instances")
        events = api.Events(self.socket, headers["Holm-Revision"])
        try:
            yield events
        finally:
            events.close()

    def delete_all(self):
        for app in self.list("apps"):
            self.holm("delete", "app", app["name"], "--wait", "--timeout", PATIENCE_S)
        until(lambda: not self.list("instances"), "no instance is left", 20)
        left = leftovers.volumes(self.data_dir)
        assert not left, f"left of the instances' volumes: {left}"

    def page(self, address, path="", port=80):
        """A page, asked for by the host itself. Without a probe RUNNING does not mean that the
        program listens already, or that a guest has booted."""
        url = f"http://{address}:{port}/{path}"

        def ask():
            try:
                return self.ns.get(url)
            except OSError as error:
                if error.errno not in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH):
                    raise
                raise AssertionError(str(error)) from error
        status, text = until(ask, f"GET {url}", 10)
        assert status == 200, f"GET {url}: {status} {text}"
        return text

    def end_instance(self, address, path):
        """Asks an instance for a page that ends it; whether the answer arrives is a race. Like
        page(), it waits until the program listens."""
        def ask():
            try:
                self.ns.get(f"http://{address}/{path}", seconds=10)
            except ConnectionRefusedError as error:
                raise AssertionError(str(error)) from error
            except (OSError, http.client.HTTPException):
                pass
            return True
        until(ask, f"GET http://{address}/{path}", 10)


def value(page, key):
    """Of a page with "key: value" lines."""
    found = re.search(rf"^{re.escape(key)}: (.*)$", page, re.M)
    assert found, f"no {key} in {page!r}"
    return found[1]


class PageServer:
    """A web server in a namespace; paths: path → bytes. Tells its peers."""

    def __init__(self, ns, address, port, paths):
        self.peers = []
        self.paths = paths
        with ns.entered():
            self.listener = socket.create_server((address, port))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection, peer), daemon=True).start()

    def _answer(self, connection, peer):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = connection.recv(4096)
                if not chunk:
                    return
                head += chunk
            method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
            self.peers.append(peer[0])
            body = self.paths.get(path)
            status = "404 Not Found" if body is None else "200 OK"
            body = body or b""
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
                               "Connection: close\r\n\r\n".encode())
            if method == "GET":
                connection.sendall(body)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
