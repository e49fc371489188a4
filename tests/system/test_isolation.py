"""What a unikernel's QEMU is, sees and may do; as seen from outside, and from its own place."""
import os
import pathlib
import re
import stat

import pytest

from harness import inside
from harness.descriptor import service
from harness.host import OK, USAGE
from test_limits import controller_dir

NAMESPACES = ("mnt", "pid", "ipc", "net")
USERS = range(0x70000000, 0x78000000)
SEEN_ROOTS = {"dev", "etc", "lib", "lib64", "proc", "usr", "vm"}


def facts(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}").read_text()


def status(pid):
    return dict(line.split(":\t", 1) for line in facts(pid, "status").splitlines())


def user(pid):
    return int(status(pid)["Uid"].split()[0])


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


@pytest.fixture
def pair(host, images):
    """Two unikernels, by the numbers of their QEMUs."""
    host.deploy(service("one", "unikernel", images.unikernel, memory=32),
                service("two", "unikernel", images.unikernel, memory=32))
    return host.instance("one"), host.instance("two")


def test_user_and_rights(pair):
    users = []
    for view in pair:
        now = status(view["pid"])
        users.append(user(view["pid"]))
        assert users[-1] in USERS
        for kind in ("Uid", "Gid"):
            assert set(now[kind].split()) == {str(users[-1])}
        assert now["Groups"].split() in ([], [str(users[-1])])
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(now[name], 16) == 0, name
        assert now["NoNewPrivs"] == "1" and now["Seccomp"] == "2"
        assert now["NSpid"].split()[-1] == "1"
        assert re.search(r"Max core file size +0 +0 ", facts(view["pid"], "limits"))
        assert int(facts(view["pid"], "oom_score_adj")) > int(facts("self", "oom_score_adj"))
    assert users[0] != users[1]


def test_namespaces(pair):
    one, two = (view["pid"] for view in pair)
    for kind in NAMESPACES:
        assert len({namespace(pid, kind) for pid in (one, two, "self")}) == 3, kind


def test_descriptors(pair):
    """The console's input and output, QMP's socket, the tap, and what QEMU makes by itself; no file, no
    folder."""
    for view in pair:
        fds = {int(p.name): os.readlink(p) for p in pathlib.Path(f"/proc/{view['pid']}/fd").iterdir()}
        assert stat.S_ISFIFO(os.stat(f"/proc/{view['pid']}/fd/0").st_mode)
        assert fds[1].startswith("pipe:") and fds[2].startswith("pipe:")
        assert fds[4].startswith("socket:") and fds[5] == "/dev/net/tun"
        for fd, name in fds.items():
            assert fd in (0, 5) or re.match("pipe:|socket:|anon_inode:", name), (fd, name)


def test_control_group(pair):
    """Joined, and with a limit of the guest's memory and what QEMU itself was measured to need."""
    for view in pair:
        group = controller_dir(view["pid"], "memory")
        file = next(f for f in (group / "memory.limit_in_bytes", group / "memory.max") if f.exists())
        assert int(file.read_text()) == (32 + 96) << 20
        assert all(view["id"] in line for line in facts(view["pid"], "cgroup").splitlines()
                   if re.search(":(memory|cpu|cpuacct|pids|cpu,cpuacct):", line))
        assert view["id"] in facts(view["pid"], "cgroup")


def test_its_root(host, pair):
    """From inside nothing is seen but what QEMU needs, and nothing of that may be written."""
    one, two = pair
    paths = inside.look(one["pid"], user(one["pid"]), lambda: inside.seen("/"))
    names = [path for path, _ in paths]
    assert {name.split("/")[1] for name in names} <= SEEN_ROOTS
    assert {n for n in names if n.startswith("/dev/")} == {"/dev/null", "/dev/urandom"}
    assert {n for n in names if n.startswith("/etc/")} == {"/etc/ld.so.cache"}
    assert {n for n in names if n.startswith("/vm/")} == {"/vm/kernel"}
    assert {n for n in names if re.match("/proc/[0-9]+$", n)} <= {"/proc/1"}
    assert not [n for n in names if two["id"] in n or str(host.data_dir) in n]
    programs = {n for n in names if n.startswith("/usr/") and "/bin/" in n}
    assert os.path.exists("/usr/bin/id") and programs == {os.path.realpath(f"/proc/{one['pid']}/exe")}
    writable = {n for n, may in paths if may and not n.startswith("/proc/")}
    assert writable <= {"/dev/null", "/dev/urandom"}


def secrets_of(host, other):
    """Paths that are there, and are nobody's business."""
    own = [host.data_dir / "worker", host.data_dir / "server", host.data_dir / "holm.sock"]
    own += host.data_dir.rglob(f"*{other['id']}*")
    paths = ["/etc/shadow", "/etc/passwd", "/dev/kvm", "/dev/net/tun", "/dev/vda", *map(str, own)]
    paths += [f"/proc/{other['pid']}/{name}" for name in ("root", "cwd", "mem", "environ", "fd/5")]
    paths += [f"/proc/{os.getppid()}/environ", f"/proc/{os.getpid()}/root/etc/shadow"]
    return [path for path in paths if os.path.lexists(path)]


def test_nothing_of_others_from_inside(host, pair):
    one, two = pair
    for mine, other in ((one, two), (two, one)):
        paths = secrets_of(host, other)
        assert "/etc/shadow" in paths and len([p for p in paths if other["id"] in p]) >= 2
        detours = [f"{way}{path}" for path in paths
                   for way in ("/proc/1/root", "/proc/1/cwd/..", "/vm/..", "/vm/../..")]
        opened = inside.look(mine["pid"], user(mine["pid"]), lambda: inside.opens(paths + detours))
        assert opened == []


def test_nothing_of_others_by_its_user_alone(host, pair):
    """Even outside of its root, its user could read neither the other's files nor Holm's."""
    one, two = pair
    free = {"/etc/passwd"}
    paths = [path for path in secrets_of(host, two)
             if path not in free and not os.stat(path).st_mode & 0o004 or two["id"] in path]

    pids = one["pid"], two["pid"], host.pid

    def attempt():
        killed = []
        for pid in pids:
            try:
                os.kill(pid, 0)
                killed.append(pid)
            except PermissionError:
                pass
        return {"opened": inside.opens(paths), "signalled": killed}

    found = inside.look(one["pid"], user(one["pid"]), attempt, kinds=())
    assert found == {"opened": [], "signalled": [one["pid"]]}


def test_users_by_configuration(idle_host, images):
    """From a small range, each has another one; when it is used up, no more start, and that is told."""
    for words in ("5", "70000-", "70000-69999", "0-10", "65534-70000"):
        done = idle_host.run(*idle_host.up_words(), "--unikernel-users", words, seconds=20)
        assert done.returncode == USAGE and "--unikernel-users" in done.stderr, done.stderr
    # Two: the node tries QEMU with one of them before any instance is there.
    idle_host.up("--unikernel-users", "777000-777001")
    idle_host.deploy(service("web", "unikernel", images.unikernel, replicas=2))
    users = {user(view["pid"]) for view in idle_host.instances()}
    assert users == {777000, 777001}
    done = idle_host.apply(service("more", "unikernel", images.unikernel), name="late", seconds=5)
    assert done.returncode != OK
    assert "none of the 2 users from 777000 is free" in idle_host.instance("more")["reason"]
    idle_host.holm("delete", "app", "shop.prod", "--wait")
    assert user(idle_host.wait_running("more")["pid"]) in users
