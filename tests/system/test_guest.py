"""The example unikernel under QEMU with user networking: its pages and the ways it ends.

The kernel is HOLM_GUEST_KERNEL, else the one that ./bootstrap builds.
"""
import concurrent.futures
import http.client
import http.server
import os
import pathlib
import re
import select
import socket
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HOLM_BUILD", ROOT / "build"))
KERNEL = pathlib.Path(
    os.environ.get("HOLM_GUEST_KERNEL", BUILD / "examples" / "unikernel-web.kernel"))
DEADLINE_S = 20
CLEAN, CRASHED = 83, 85

PCI = ["-device", "virtio-net-pci,netdev=n0,romfile="]
MMIO = ["-device", "virtio-net-device,netdev=n0,bus=virtio-mmio-bus.0"]
MMIO_PARAM = "virtio_mmio.device=512@0xfeb00000:5 "
MACHINES = {
    "pc": (["-machine", "pc", "-cpu", "max", *PCI], ""),
    "q35": (["-machine", "q35", "-cpu", "max", *PCI], ""),
    "microvm": (["-machine", "microvm,acpi=off", "-cpu", "max,-apic", *MMIO], MMIO_PARAM),
    "microvm-modern": (["-machine", "microvm,acpi=off", "-cpu", "max",
                        "-global", "virtio-mmio.force-legacy=false", *MMIO], MMIO_PARAM),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Guest:
    def __init__(self, machine):
        devices, param = MACHINES[machine]
        self.port = free_port()
        self.console = b""
        command_line = (f'web {param}netdev.ip=10.0.2.15/24:10.0.2.2:10.0.2.3 '
                        'env.vars=[ "A=1" "B=x y" ] -- name=here "two words"')
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-m", "16", "-display", "none",
             "-nodefaults", "-no-user-config", "-no-reboot",
             "-chardev", "stdio,id=c0,signal=off", "-serial", "chardev:c0",
             "-device", "isa-debug-exit,iobase=0x501,iosize=0x02",
             "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:80",
             "-kernel", str(KERNEL), *devices, "-append", command_line],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)

    def read_console(self, until=None):
        """Reads until the text has come, or to the end."""
        deadline = time.monotonic() + DEADLINE_S
        while until is None or until not in self.console:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            assert ready, f"no {until!r} within {DEADLINE_S} s in {self.console!r}"
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                assert until is None, f"no {until!r} before the end in {self.console!r}"
                return
            self.console += chunk

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def send(self, data):
        """Sends bytes as they are; returns the first line of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as client:
            client.sendall(data)
            return client.makefile("rb").readline()

    def wait(self):
        self.read_console()
        return self.process.wait(DEADLINE_S)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module", autouse=True)
def kernel():
    if not KERNEL.exists():
        pytest.skip(f"no guest kernel at {KERNEL}: run ./bootstrap build")


@pytest.fixture(params=MACHINES)
def guest(request):
    guest = Guest(request.param)
    try:
        guest.read_console(b"Listening on port 80")
        yield guest
    finally:
        guest.end()


@pytest.fixture
def origin():
    """A web server of the host's that the guest can reach at 10.0.2.2."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(201 if self.path == "/here" else 404)
            self.end_headers()
            self.wfile.write(self.path.encode() * 1000)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"10.0.2.2:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_tells_who_it_is_and_ends_cleanly(guest):
    status, page = guest.get("/")
    lines = page.splitlines()
    assert status == 200
    for line in ("name: here", "address: 10.0.2.15", "requests: 1", "arg: name=here",
                 "arg: two words", "env: A=1", "env: B=x y"):
        assert line in lines, page
    assert guest.get("/exit") == (200, "exiting\n")
    assert guest.wait() == CLEAN
    assert b"CRIT" not in guest.console
    assert b"\r\nListening on port 80" in guest.console


def test_crashes_by_a_fault(guest):
    assert guest.get("/crash") == (200, "crashing\n")
    assert guest.wait() == CRASHED
    assert b"CRIT: crashing: exception 14 (page fault)" in guest.console
    assert b"CRIT: rip " in guest.console


def test_answers_what_is_wrong(guest):
    assert guest.get("/health") == (200, "ok\n")
    assert guest.get("/health", "HEAD") == (200, "")
    assert guest.get("/nothing")[0] == 404
    assert guest.get("/", "POST")[0] == 405
    assert guest.send(b"\x16\x03\x01\x02\x00\x01").startswith(b"HTTP/1.1 400 ")
    assert guest.send(b"GET /" + b"a" * 4096).startswith(b"HTTP/1.1 400 ")
    assert guest.get("/get?url=https://x/")[0] == 400


def test_fetches_a_page(guest, origin):
    assert guest.get(f"/get?url=http://{origin}/here") == (201, "/here" * 1000)
    assert guest.get(f"/get?url=http%3A%2F%2F{origin}%2Fother")[0] == 404
    refused = guest.get(f"/get?url=http://10.0.2.2:{free_port()}/")
    assert refused == (502, "connect: connection refused\n")


def test_keeps_no_memory_of_its_clients(guest):
    def heap():
        return int(re.search(r"^heap_bytes: (\d+)$", guest.get("/")[1], re.M)[1])

    before = heap()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: guest.get("/health")[0], range(400)))
    assert statuses == [200] * 400
    # Closed connections are let go when their last segment is acknowledged.
    deadline = time.monotonic() + DEADLINE_S
    while heap() > before:
        assert time.monotonic() < deadline, f"{heap()} bytes in use, {before} at first"
