"""A unikernel that takes what it can get hurts nobody else: what its neighbour answers meanwhile is
compared with what it answers when it is alone, within one run."""
import threading
import time

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import value
from test_limits import controller_dir, prefer, throttled

COUNT_S = 2
KEEPS = 0.1  # of its answers; the machine has few processors and other work
LOG_MAX = 2 << 20


@pytest.fixture
def street(host, images):
    """One that behaves and one that does not, with a limit of its processor time."""
    host.deploy(service("calm", "unikernel", images.unikernel, memory=16),
                service("wild", "unikernel", images.unikernel, memory=32, cpu_millis=500))
    for name in ("calm", "wild"):
        host.page(host.instance(name)["address"], "health")
    return host


def answers(host, address):
    """How many pages a client gets within a while, one after the other."""
    end = time.monotonic() + COUNT_S
    n = 0
    while time.monotonic() < end:
        assert host.ns.text(f"http://{address}/health") == "ok\n"
        n += 1
    return n


class Burden(threading.Thread):
    """Asks for a page that is a lot of work, again and again."""

    def __init__(self, host, address, path):
        super().__init__(daemon=True)
        self.host, self.url = host, f"http://{address}/{path}"
        self.is_stopped = False
        self.done = 0
        self.error = None

    def run(self):
        try:
            while not self.is_stopped:
                self.host.ns.text(self.url, seconds=60)
                self.done += 1
        except AssertionError as error:
            self.error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_stopped = True
        self.join(90)


def assert_calm_keeps_answering(host, path, done=1):
    """`done`: pages that the wild one has to have made meanwhile, so that there was a burden."""
    calm, wild = host.instance("calm"), host.instance("wild")
    alone = answers(host, calm["address"])
    with Burden(host, wild["address"], path) as burden:
        until(lambda: burden.done or burden.error, "the burden is there")
        before = burden.done
        beside = answers(host, calm["address"])
        until(lambda: burden.error or burden.done >= before + done, "the burden goes on")
    assert burden.error is None
    print(f"{path}: {beside} of {alone}, ratio {beside / alone:.2f}")
    assert beside >= KEEPS * alone, f"{beside} answers beside it, {alone} alone"
    for name, view in (("calm", calm), ("wild", wild)):
        now = host.instance(name)
        assert (now["pid"], now["state"]) == (view["pid"], "RUNNING")


def test_one_that_spins(street):
    """And the kernel holds the whole of its QEMU to its half of a processor."""
    wild = street.instance("wild")
    group = controller_dir(wild["pid"], "cpu")
    prefer(group)
    prefer(group.parent)
    before = throttled(group)
    assert_calm_keeps_answering(street, "burn?ms=300", done=2)
    with Burden(street, wild["address"], "burn?ms=300"):
        until(lambda: throttled(group) > before, "the one that spins is throttled")


def test_one_that_floods_its_console(street):
    """Its log is bounded, and what the other one prints is in the other one's."""
    calm = street.instance("calm")
    log = street.follow("logs", "-f", calm["id"])
    assert_calm_keeps_answering(street, "flood?lines=20000")
    with Burden(street, street.instance("wild")["address"], "flood?lines=20000"):
        street.ns.get(f"http://{calm['address']}/here-we-are")
        log.wait("/here-we-are")
    log.end()
    logs = list(street.data_dir.rglob(f"{street.instance('wild')['id']}.log*"))
    assert len(logs) == 2, logs
    assert sum(path.stat().st_size for path in logs) <= LOG_MAX


def test_one_that_floods_the_network(street):
    assert_calm_keeps_answering(street, "flood-net?to=10.99.0.2:9&packets=5000&bytes=1000")


def test_one_that_floods_its_neighbour(street):
    to = street.instance("calm")["address"]
    assert_calm_keeps_answering(street, f"flood-net?to={to}:9&packets=1000&bytes=100")


def limit_file(pid):
    folder = controller_dir(pid, "memory")
    v1 = folder / "memory.limit_in_bytes"
    return v1 if v1.exists() else folder / "memory.max"


def test_one_that_eats_memory(street):
    """It gets what it was given and no more; when QEMU around it takes more than its limit, it is
    the one that ends, and is told why."""
    calm, wild = street.instance("calm"), street.instance("wild")
    street.page(wild["address"], "alloc?mib=8")
    assert street.ns.get(f"http://{wild['address']}/alloc?mib=100")[0] == 507
    assert street.instance("wild")["pid"] == wild["pid"]
    limit = limit_file(wild["pid"])
    assert int(limit.read_text()) > 32 << 20
    with street.events() as events:
        # What QEMU could need is not reached by a guest of ours: less is left instead.
        limit.write_text(str(used_bytes(wild["pid"]) + (2 << 20)))
        street.end_instance(wild["address"], "alloc?mib=12")
        dead = events.wait_state("DEAD", "wild")
    assert "out of memory" in dead["reason"], dead["reason"]
    street.wait_running("wild", wild["pid"])
    assert street.instance("calm")["pid"] == calm["pid"]
    assert value(street.page(calm["address"]), "address") == calm["address"]


def used_bytes(pid):
    folder = controller_dir(pid, "memory")
    v1 = folder / "memory.usage_in_bytes"
    return int((v1 if v1.exists() else folder / "memory.current").read_text())
