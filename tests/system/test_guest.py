"""The example unikernel under QEMU with user networking: its pages and the ways it ends."""
import concurrent.futures
import http.server
import re
import threading
import time

import pytest
from harness import guest as boots
from harness.guest import ARM64, DEADLINE_S, KERNEL, MACHINES, Guest, free_port


@pytest.fixture(scope="module", autouse=True)
def kernel():
    if not KERNEL.exists():
        pytest.skip(f"no guest kernel at {KERNEL}: run ./bootstrap build")


@pytest.fixture(params=[*MACHINES, *ARM64])
def guest(request):
    if request.param in ARM64 and not boots.kernel("arm64").exists():
        pytest.skip(f"no {boots.kernel('arm64')}: it wants aarch64-linux-gnu-gcc at ./bootstrap build")
    guest = Guest(request.param, params='env.vars=[ "A=1" "B=x y" ]',
                  args='name=here "two words"')
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
    assert guest.wait() == guest.clean
    assert b"CRIT" not in guest.console
    assert b"\r\nListening on port 80" in guest.console


def test_crashes_by_a_fault(guest):
    assert guest.get("/crash") == (200, "crashing\n")
    assert guest.wait() == guest.crashed
    if guest.is_arm64:
        assert b"CRIT: crashing: exception 4 (data abort)" in guest.console
        assert b"CRIT: pc " in guest.console
    else:
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
