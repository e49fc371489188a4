"""Network namespaces. Only the network is apart: with `ip netns exec` the control groups would be
hidden, since it mounts /sys anew."""
import contextlib
import ctypes
import http.client
import os
import pathlib
import socket
import subprocess

CLONE_NEWNET = 0x40000000
RUN = pathlib.Path("/run/netns")
LIBC = ctypes.CDLL(None, use_errno=True)


def setns(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


class Namespace:
    def __init__(self, name):
        self.name = name
        ip("netns", "add", name)
        self.path = RUN / name
        ip("-n", name, "link", "set", "lo", "up")
        self.inode = os.stat(self.path).st_ino

    def remove(self):
        ip("netns", "del", self.name)

    @contextlib.contextmanager
    def entered(self):
        """Sockets that this thread makes are the namespace's; connections stay where they began."""
        with open("/proc/thread-self/ns/net", "rb") as own, open(self.path, "rb") as there:
            setns(there.fileno())
            try:
                yield
            finally:
                setns(own.fileno())

    def command(self, *words):
        return ["nsenter", f"--net={self.path}", *map(str, words)]

    def output(self, *words):
        return subprocess.run(self.command(*words), check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True).stdout

    def sysctl(self, name, value=None):
        """Reads, or sets, e.g. net/ipv4/ip_forward; None if the kernel has no such setting."""
        with self.entered():
            path = pathlib.Path("/proc/sys") / name
            if not path.exists():
                return None
            if value is not None:
                path.write_text(f"{value}\n")
            return path.read_text().strip()

    def pids(self):
        """Processes whose network is this one; ours only pass through."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if os.stat(entry / "ns/net").st_ino == self.inode:
                    yield int(entry.name)

    def dial(self, address, port, seconds=10):
        with self.entered():
            return socket.create_connection((address, port), seconds)

    def get(self, url, seconds=10, method="GET", headers=None, body=None):
        """Status and text of a page; OSError or HTTPException if there is none."""
        host, _, path = url.removeprefix("http://").partition("/")
        address, _, port = host.partition(":")
        connection = http.client.HTTPConnection(address, int(port or 80), timeout=seconds)
        try:
            with self.entered():
                connection.connect()
            connection.request(method, f"/{path}", body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()

    def text(self, url, **options):
        """The page at url, which must be there."""
        try:
            status, text = self.get(url, **options)
        except (OSError, http.client.HTTPException) as error:
            raise AssertionError(f"GET {url}: {error!r}") from error
        assert status == 200, f"GET {url}: {status} {text}"
        return text


def connect_pair(left, left_address, right, right_address):
    """A cable between two namespaces: "up0" on both sides."""
    ip("-n", left.name, "link", "add", "up0", "type", "veth", "peer", "name", "up0",
       "netns", right.name)
    for ns, address in ((left, left_address), (right, right_address)):
        ip("-n", ns.name, "address", "add", address, "dev", "up0")
        ip("-n", ns.name, "link", "set", "up0", "up")
