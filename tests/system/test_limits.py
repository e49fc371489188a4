"""Limits that a descriptor declares hold, and what they ended is told so."""
import concurrent.futures
import pathlib

from harness.deadline import until
from harness.descriptor import service
from harness.host import value

CGROUP = pathlib.Path("/sys/fs/cgroup")


def controller_dir(pid, controller):
    """The process's control group, where the controller is."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return CGROUP / controller / path.lstrip("/")
        if not names and not (CGROUP / controller).exists():
            return CGROUP / path.lstrip("/")
    raise AssertionError(f"process {pid} has no control group of {controller}")


def throttled(folder):
    lines = (folder / "cpu.stat").read_text().splitlines()
    return dict((k, int(v)) for k, v in (line.split() for line in lines))["nr_throttled"]


def test_memory_of_a_container(host, images):
    host.deploy(service("box", "container", images.container(), memory=32))
    first = host.instance("box")
    assert first["memory_limit_mib"] == 32
    assert host.page(first["address"], "alloc?mib=8") == "ok\n"
    with host.events() as events:
        host.end_instance(first["address"], "alloc?mib=100")
        dead = events.wait_state("DEAD", "box")
    assert "memory" in dead["reason"], dead["reason"]
    view = host.wait_running("box", first["pid"])
    assert host.page(view["address"], "alloc?mib=8") == "ok\n"


def test_processes_of_a_container(host, images):
    host.deploy(service("box", "container", images.container(), pids=20))
    page = host.page(host.instance("box")["address"], "fork?n=100")
    assert 5 <= int(value(page, "forked")) < 20
    assert value(page, "error") == "Resource temporarily unavailable"


def test_no_limit_declared_is_none(host, images):
    host.deploy(service("box", "container", images.container()))
    address = host.instance("box")["address"]
    assert value(host.page(address, "fork?n=100"), "forked") == "100"
    assert host.page(address, "alloc?mib=200") == "ok\n"


def prefer(folder):
    """On a busy machine, too, it shall want more than its limit."""
    for name, most in (("cpu.shares", "262144"), ("cpu.weight", "10000")):
        if (folder / name).exists():
            (folder / name).write_text(most)


def test_cores_of_a_container(host, images):
    """Four threads want more than the one core: the kernel counts how often it said no."""
    host.deploy(service("box", "container", images.container(), vcpus=1))
    view = host.instance("box")
    group = controller_dir(view["pid"], "cpu")
    prefer(group)
    prefer(group.parent)
    before = throttled(group)

    def burn(_):
        return host.page(view["address"], "burn?ms=500")

    def is_throttled():
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(burn, range(4)))
        return throttled(group) > before

    until(is_throttled, "the container is throttled")


def test_memory_of_a_unikernel(host, images):
    """What it was given is what its machine has, and the whole of QEMU has a limit around it."""
    host.deploy(service("web", "unikernel", images.unikernel, memory=48))
    view = host.instance("web")
    assert view["memory_limit_mib"] == 48
    line = pathlib.Path(f"/proc/{view['pid']}/cmdline").read_bytes().split(b"\0")
    assert line[line.index(b"-m") + 1].startswith(b"48")


def test_memory_in_use_is_told(host, images):
    host.deploy(service("box", "container", images.container(), memory=200))
    assert host.page(host.instance("box")["address"], "alloc?mib=64") == "ok\n"
    host.wait_instance("box", lambda v: 64 <= v["memory_mib"] < 100, "uses 64 MiB and some")
