"""The example unikernel as a bad neighbour, and its variants: what each understands of a command
line, and what its records say."""
import contextlib
import re
import socket
import subprocess
import threading
import time

import pytest
from harness.guest import CLEAN, DEADLINE_S, KERNEL, Guest, kernel

OLD_NET = ("netdev.ipv4_addr=10.0.2.15 netdev.ipv4_gw_addr=10.0.2.2 "
           "netdev.ipv4_subnet_mask=255.255.255.0")
LISTENING = b"Listening on port 80"


@pytest.fixture(scope="module", autouse=True)
def kernels():
    if not KERNEL.exists():
        pytest.skip(f"no guest kernel at {KERNEL}: run ./bootstrap build")


@contextlib.contextmanager
def booted(machine, until=LISTENING, **options):
    guest = Guest(machine, **options)
    try:
        guest.read_console(until)
        yield guest
    finally:
        guest.end()


def records(variant):
    """The texts of .uk_libinfo: version first, then libraries."""
    section = subprocess.run(
        ["objcopy", "-O", "binary", "--only-section=.uk_libinfo", kernel(variant), "/dev/stdout"],
        check=True, stdout=subprocess.PIPE).stdout
    return [text.decode() for text in re.findall(rb"lib[a-z0-9_]+|[0-9]+[.][0-9.]+", section)]


def test_records_follow_the_variant():
    everything = records(None)
    assert everything[0] == "0.17.0"
    assert {"liblwip", "libuknetdev", "libvirtio_mmio", "libvirtio_pci"} <= set(everything)
    assert records("old-net") == ["0.15.0", *everything[1:]]
    assert set(everything) - set(records("no-mmio")) == {"libvirtio_mmio"}
    assert (set(everything) - set(records("no-net")) ==
            {"liblwip", "libuknetdev", "libvirtio_net"})
    assert (set(everything) - set(records("no-files")) ==
            {"libvfscore", "libramfs", "libukcpio", "lib9pfs", "libuk9p", "libvirtio_9p"})


@pytest.mark.parametrize("machine", ["pc", "microvm"])
def test_old_network_syntax(machine):
    with booted(machine, variant="old-net", net=f"netdev.ip=10.0.9.9/24 {OLD_NET}") as guest:
        lines = guest.get("/")[1].splitlines()
        assert "kernel: 0.15.0~holm" in lines and "address: 10.0.2.15" in lines


def test_old_kernel_has_no_address_by_the_new_syntax():
    with booted("pc", variant="old-net") as guest:
        assert b"Set IPv4 address 0.0.0.0 " in guest.console


def test_without_mmio_finds_no_card_on_microvm():
    guest = Guest("microvm", variant="no-mmio")
    try:
        assert guest.wait() == 85
        assert b"CRIT: boot: no network" in guest.console
    finally:
        guest.end()
    with booted("q35", variant="no-mmio") as guest:
        assert guest.get("/health") == (200, "ok\n")


@pytest.mark.parametrize("machine", ["pc", "microvm"])
def test_without_network_prints_and_ends(machine):
    guest = Guest(machine, variant="no-net", params='env.vars=[ "A=b c" ]',
                  args='"one word" exit_ms=200')
    try:
        assert guest.wait() == CLEAN
        assert b"\r\narg: one word\r\n" in guest.console
        assert b"\r\nenv: A=b c\r\n" in guest.console
        assert b"Listening" not in guest.console
    finally:
        guest.end()


def test_burns_and_answers_others_afterwards():
    with booted("pc") as guest:
        began = time.monotonic()
        answers = []
        burning = threading.Thread(target=lambda: answers.append(guest.get("/burn?ms=1500")))
        burning.start()
        guest.get("/health")  # before or behind it
        burning.join(DEADLINE_S)
        assert time.monotonic() - began >= 1.5
        status, text = answers[0]
        assert status == 200 and int(re.match(r"burned: (\d+) ms", text)[1]) >= 1500
        assert guest.get("/burn")[0] == 400
        assert guest.get("/burn?ms=99999999999")[0] == 400


@pytest.mark.parametrize("machine", ["pc", "microvm"])
def test_takes_memory_until_there_is_none(machine):
    with booted(machine, memory_mib=48) as guest:
        assert guest.get("/alloc?mib=30")[0] == 200
        status, text = guest.get("/alloc?mib=30")
        assert status == 507 and text.startswith("out of memory: 30 MiB wanted, ")
        assert guest.get("/alloc?mib=2")[0] == 200
        lines = guest.get("/")[1].splitlines()
        assert "allocated_mib: 32" in lines


def test_says_how_much_memory_it_wants():
    guest = Guest("pc", memory_mib=4)
    try:
        assert guest.wait() == 85
        assert re.search(rb"ERR: \d+ KiB of memory are too little, \d+ are needed", guest.console)
    finally:
        guest.end()


def test_floods_the_console():
    with booted("microvm") as guest:
        assert guest.get("/flood?lines=500") == (200, "flooded: 500 lines\n")
        guest.read_console(b"flood 00000500 of 00000500: the quick")
        assert guest.console.count(b"\r\nflood ") == 500


def test_floods_an_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink, booted("pc") as guest:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(DEADLINE_S)
        port = sink.getsockname()[1]
        status, text = guest.get(f"/flood-net?to=10.0.2.2:{port}&packets=2000&bytes=100")
        assert (status, text) == (200, "sent: 2000 datagrams, 0 lost\n")
        assert sink.recv(2048) == b"f" * 100
        assert guest.get("/flood-net?to=here:1&packets=1")[0] == 400
        assert guest.get("/health") == (200, "ok\n")


def test_hangs_for_ever():
    with booted("pc") as guest:
        assert guest.get("/hang") == (200, "hanging\n")
        guest.read_console(b"\r\nhanging")
        with pytest.raises(OSError):
            guest.get("/health", timeout_s=2)
        assert guest.process.poll() is None


def test_an_exit_code_stays_inside():
    with booted("pc") as guest:
        assert guest.get("/exit?code=x")[0] == 400
        assert guest.get("/exit?code=5") == (200, "exiting\n")
        assert guest.wait() == CLEAN
        assert b"main returned 5" in guest.console


def test_tells_variables():
    with booted("pc", params='env.vars=[ "A=b c" ]') as guest:
        assert guest.get("/env?name=A") == (200, "b c")
        assert guest.get("/env?name=B") == (404, "not set: B\n")
