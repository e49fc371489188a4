"""Limits that a descriptor declares hold, and what they ended is told so."""
import concurrent.futures
import os
import pathlib
import re
import tempfile

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, Host, value

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


def weight(folder):
    """By what a group or process weighs that nobody weighed."""
    if (folder / "cpu.shares").exists():
        return int((folder / "cpu.shares").read_text()) / 1024
    return int((folder / "cpu.weight").read_text()) / 100


def test_instances_weigh_as_a_process_on_each_processor(host, images):
    host.deploy(service("box", "container", images.container()),
                service("web", "unikernel", images.unikernel, memory=32))
    for name in ("box", "web"):
        group = controller_dir(host.instance(name)["pid"], "cpu")
        assert weight(group.parent) == os.sysconf("SC_NPROCESSORS_ONLN")


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


def disk_of(path):
    """MAJOR:MINOR of the whole disk that a folder is on, or the test is skipped."""
    device = os.stat(path).st_dev
    link = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}")
    if not link.exists():
        pytest.skip(f"{path} is on no disk")
    return ((link / "partition").exists() and link.resolve().parent or link).joinpath(
        "dev").read_text().strip()


def test_io_of_a_container(host, images):
    """The kernel has the limits for the right disk, and what goes past its cache is slowed down."""
    disk = disk_of(host.data_dir)
    b = "/bin/busybox"
    done = host.apply(service("box", "container", images.container(), cmd=[
        b, "sh", "-c", f"a=$({b} date +%s); {b} dd if=/dev/zero of=/x bs=1048576 count=4 oflag=direct;"
        f" echo took $(($({b} date +%s) - a)); {b} sleep 1000"],
        io={"write_bps": 1 << 20, "read_iops": 500}))
    assert done.returncode == OK and "only direct I/O is limited" in done.stderr, done.stderr
    view = host.instance("box")
    if (CGROUP / "blkio").exists():
        group = controller_dir(view["pid"], "blkio")
        assert (group / "blkio.throttle.write_bps_device").read_text() == f"{disk} {1 << 20}\n"
        assert (group / "blkio.throttle.read_iops_device").read_text() == f"{disk} 500\n"
        assert (group / "blkio.throttle.read_bps_device").read_text() == ""
    else:
        group = controller_dir(view["pid"], "io")
        assert (group / "io.max").read_text() == \
            f"{disk} rbps=max wbps={1 << 20} riops=500 wiops=max\n"
    log = host.follow("logs", "-f", view["id"])
    assert int(log.wait("took ").split()[1]) >= 2
    log.end()


def test_io_without_a_disk(host, images):
    """A limit that cannot be is told, not forgotten."""
    if pathlib.Path("/run/containerd/containerd.sock").exists():
        pytest.skip("the system's containerd keeps the files where it likes")
    other = Host(images)
    other.data_dir.rmdir()
    other.data_dir = pathlib.Path(tempfile.mkdtemp(prefix="ht-", dir="/dev/shm"))
    other.data_dir.chmod(0o711)
    other.socket = other.data_dir / "holm.sock"
    try:
        other.up()
        other.apply(service("box", "container", images.container(), io={"read_bps": 1 << 20}),
                    wait=False)
        other.wait_instance("box", lambda v: "it is on tmpfs, which has none" in v["reason"],
                            "tells the cause")
    finally:
        other.close()


def test_share_of_a_core(host, images):
    host.deploy(service("box", "container", images.container(), cpu_millis=250, cpuset="0"))
    view = host.instance("box")
    group = controller_dir(view["pid"], "cpu")
    if (group / "cpu.max").exists():
        assert (group / "cpu.max").read_text() == "25000 100000\n"
    else:
        assert (group / "cpu.cfs_quota_us").read_text() == "25000\n"
    status = pathlib.Path(f"/proc/{view['pid']}/status").read_text()
    assert re.search(r"Cpus_allowed_list:\s+0\n", status)


def test_memory_and_swap_together(host, images):
    host.deploy(service("box", "container", images.container(), memory=32))
    group = controller_dir(host.instance("box")["pid"], "memory")
    for name, limit in (("memory.limit_in_bytes", 32 << 20), ("memory.memsw.limit_in_bytes", 32 << 20),
                        ("memory.max", 32 << 20), ("memory.swap.max", 0)):
        if (group / name).exists():
            assert (group / name).read_text() == f"{limit}\n"


def test_groups_that_a_container_made_go_with_it(host, images):
    b = "/bin/busybox"
    host.deploy(service("box", "container", images.container(), privileged=True, cmd=[
        b, "sh", "-c", f"for d in /sys/fs/cgroup /sys/fs/cgroup/*; do {b} mkdir -p $d/inner/most;"
        f" done; echo made; {b} sleep 1000"]))
    view = host.instance("box")
    group = controller_dir(view["pid"], "pids")
    until((group / "inner" / "most").is_dir, "it has a group of its own")
    host.delete_all()
    left = [p for p in CGROUP.glob(f"**/{view['id']}") if p.is_dir()]
    assert not left
