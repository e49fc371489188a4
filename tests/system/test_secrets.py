"""Secrets and configuration reach instances, and nothing else."""
import base64
import json
import pathlib
import re
import subprocess

import pytest

from harness import api
from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, OK

WORD = "pa55-" + "correct.horse.battery"
NEWER = "n3w-" + "staple.of.another.kind"
PLAIN = "threads=4\n"
LOOK = ("busybox ls -ln /run/secrets; busybox cat /run/secrets/db; echo; busybox cat /etc/app/key; "
        "echo; busybox cat /run/configs/app; "
        "(echo x > /run/secrets/new) 2>/dev/null && echo writable; echo end; "
        "exec busybox sleep 1000")


def wants(runtime, code, **more):
    return service("box", runtime, code, cmd=["/bin/sh", "-c", LOOK],
                   secrets=[{"name": "db"}, {"name": "db", "file": "/etc/app/key", "mode": "0440"},
                            {"name": "db", "env": "DB_PASSWORD"}],
                   configs=[{"name": "app"}], **more)


def set_both(host, word=WORD):
    host.holm("secret", "set", "db", "-", stdin=word)
    host.holm("config", "set", "app", "-", stdin=PLAIN)


def environment(pid):
    return pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def inside(pid, path):
    return pathlib.Path(f"/proc/{pid}/root{path}")


def tmpfs_of(host):
    return [m for m in pathlib.Path("/proc/self/mounts").read_text().splitlines()
            if f"/run/holm-{host.node_id[:8]}/secrets/" in m]


def runtimes(host):
    return {name for node in host.list("nodes") for name in node["virtualization"]}


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_files_and_environment(host, images, runtime):
    if runtime not in runtimes(host):
        pytest.skip(f"this node has no {runtime}: {host.list('nodes')[0]['problems']}")
    set_both(host)
    host.deploy(wants(runtime, images.container()))
    output = until_end(host)
    assert output.count(WORD) == 2
    assert PLAIN in output
    assert re.search(r"-r-------- +1 0 +0 +\d+ .* db", output), output
    assert "writable" not in output
    mounts = tmpfs_of(host)
    assert len(mounts) == 1
    assert all(word in mounts[0] for word in ("nosuid", "nodev", "noexec", "mode=700", "size=")), mounts
    if runtime == "runc":
        view = host.instance("box")
        assert f"DB_PASSWORD={WORD}".encode() in environment(view["pid"])
    host.delete_all()
    assert not tmpfs_of(host)


def until_end(host):
    def look():
        output = host.holm("logs", "box")
        assert "end\n" in output
        return output
    return until(look, "the instance has looked")


def test_a_change_reaches_what_runs(host, images):
    set_both(host)
    host.deploy(wants("runc", images.container()))
    pid = host.instance("box")["pid"]
    done = host.run("secret", "set", "db", "-", stdin=NEWER)
    assert done.returncode == OK
    assert "DB_PASSWORD" in done.stderr and "/etc/app/key" in done.stderr

    def is_new():
        assert inside(pid, "/run/secrets/db").read_text() == NEWER
        return True
    until(is_new, "the file has the new value")
    assert inside(pid, "/etc/app/key").read_text() == WORD
    assert host.instance("box")["pid"] == pid


def test_in_use_unknown_and_gone(host, images):
    set_both(host)
    done = host.apply(service("other", "container", images.container(), secrets=[{"name": "nothing"}]))
    assert done.returncode == FAILED and "there is no secret nothing" in done.stderr
    host.deploy(wants("runc", images.container()))
    done = host.run("secret", "rm", "db")
    assert done.returncode == FAILED and "shop.prod.box.test" in done.stderr
    host.delete_all()
    host.holm("secret", "rm", "db")
    assert "db" not in host.holm("secret", "ls")
    assert host.holm("config", "get", "app") == PLAIN


def everywhere(host):
    """Texts of all places where no secret may be."""
    for path in host.data_dir.rglob("*"):
        if path.is_file() and path.name != "holm.sock" and "containerd" not in path.parts:
            yield str(path), path.read_bytes()
    for kind in ("apps", "services", "instances", "nodes", "secrets", "configs"):
        yield kind, json.dumps(host.list(kind)).encode()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield f"argv of {entry.name}", (entry / "cmdline").read_bytes()
            except OSError:
                pass


def labels(host):
    address = host.data_dir / "worker" / "containerd"
    sockets = list(pathlib.Path(f"/run/holm-{host.node_id[:8]}").rglob("containerd.sock"))
    socket = sockets[0] if sockets else "/run/containerd/containerd.sock"
    done = subprocess.run(["ctr", "-a", str(socket), "-n", "holm", "containers", "info",
                           host.instance("box")["id"]], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["Labels"], address


def test_it_is_nowhere_else(host, images):
    """Logs, events, databases, JSON, labels, command lines; in clear and in base64."""
    with host.events() as events:
        set_both(host)
        host.holm("secret", "set", "db", "-", stdin=WORD + "2")
        host.holm("secret", "set", "db", "-", stdin=WORD)
        quiet = "exec busybox sleep 1000"
        box = wants("runc", images.container())
        box["cmd"] = ["/bin/sh", "-c", quiet]
        host.deploy(box)
        seen = events.wait_state("RUNNING", "box")
    plan = host.run("apply", "-", "--dry-run", stdin=json.dumps(
        {"sla_version": "v2.0", "applications": []})).stdout
    needles = [WORD.encode(), base64.b64encode(WORD.encode())]
    found = [place for place, text in everywhere(host) if any(n in text for n in needles)]
    assert not found, found
    assert WORD not in json.dumps(seen) + plan
    assert WORD not in json.dumps(labels(host)[0])
    # The search finds what is there: configuration is no secret, and is in the server's database.
    known = base64.b64encode(PLAIN.encode())
    assert any(known in text for place, text in everywhere(host) if "server.db" in place)
    status, _, _ = api.ask(host.socket, "/api/v1/secrets/db")
    assert status == 405


def test_killed_and_rebooted(new_host, images):
    host = new_host
    set_both(host)
    host.deploy(wants("runc", images.container()))
    pid = host.instance("box")["pid"]
    host.kill()
    assert inside(pid, "/run/secrets/db").read_text() == WORD
    host.up()
    assert host.wait_running("box")["pid"] == pid
    assert len(tmpfs_of(host)) == 1
    host.kill()
    host.power_cut()
    assert not tmpfs_of(host)
    host.up()
    view = host.wait_running("box", pid)
    assert inside(view["pid"], "/run/secrets/db").read_text() == WORD
    host.holm("down")
    assert not tmpfs_of(host)


def test_a_lost_key(new_host, images):
    host = new_host
    set_both(host)
    host.deploy(wants("runc", images.container()))
    key = host.data_dir / "secrets.key"
    kept = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    host.kill()
    key.unlink()
    host.up()
    done = host.run("secret", "set", "other", "-", stdin=WORD)
    assert done.returncode == FAILED and str(key) in done.stderr, done.stderr
    # Everything else goes on, and so does what the node has: it starts again by its own copy.
    host.holm("config", "set", "app", "-", stdin="threads=8\n")
    pid = host.wait_running("box")["pid"]
    subprocess.run(["kill", "-9", str(pid)], check=True)
    view = host.wait_running("box", pid)
    assert inside(view["pid"], "/run/secrets/db").read_text() == WORD
    key.write_bytes(kept)
    key.chmod(0o600)
    host.holm("secret", "set", "other", "-", stdin=WORD)


def test_a_unikernel_has_files(host, images):
    """By 9p: read-only, in no file of the host's, changed at once below /run, gone with it."""
    set_both(host)
    web = service("web", "unikernel", images.unikernel, memory=32,
                  secrets=[{"name": "db"}, {"name": "db", "file": "/etc/app/key"}],
                  configs=[{"name": "app"}, {"name": "app", "env": "APP"}],
                  readiness={"tcp": {"port": 80}, "period_s": 1})
    view = host.deploy(web)[0]

    def ask(page):
        return host.ns.get(f"http://{view['service_address']}/{page}")

    assert ask("file?path=/run/secrets/db") == (200, WORD)
    assert ask("file?path=/etc/app/key") == (200, WORD)
    assert ask("file?path=/run/configs/app") == (200, PLAIN)
    assert ask("write?path=/run/secrets/db&text=x")[0] == 403
    assert ask("write?path=/run/secrets/new&text=x")[0] == 403
    assert WORD.encode() not in pathlib.Path(f"/proc/{view['pid']}/cmdline").read_bytes()
    assert host.run("secret", "set", "db", "-", stdin=NEWER).returncode == OK
    until(lambda: ask("file?path=/run/secrets/db") == (200, NEWER), "the new one is there")
    assert ask("file?path=/etc/app/key") == (200, WORD)
    assert host.instance("web")["pid"] == view["pid"]
    assert len(tmpfs_of(host)) == 1
    host.delete_all()
    assert not tmpfs_of(host)
