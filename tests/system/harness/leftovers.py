"""Everything that a Holm has on its host, found without asking it."""
import contextlib
import errno
import os
import pathlib
import select
import shutil
import signal
import subprocess

from harness import netns

PROC = pathlib.Path("/proc")
CGROUP = pathlib.Path("/sys/fs/cgroup")


def read(path):
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def is_zombie(pid):
    return read(PROC / str(pid) / "stat").rpartition(")")[2].split()[:1] == ["Z"]


def is_running(pid):
    return (PROC / str(pid)).exists() and not is_zombie(pid)


def command_line(pid):
    return read(PROC / str(pid) / "cmdline").replace("\0", " ").strip()


def processes(words):
    """pid → command line of those that name one of the words there, or whose control group does."""
    found = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        line = command_line(entry.name)
        groups = read(entry / "cgroup")
        if any(w in line or w in groups for w in words) and not is_zombie(entry.name):
            found[int(entry.name)] = line
    return found


def mounts(words):
    lines = read(PROC / "self" / "mountinfo").splitlines()
    points = [line.split()[4] for line in lines]
    return [p for p in points if any(w in p for w in words)]


def volumes(data_dir):
    """What instances have of volumes, on disk and in the kernel."""
    folder = pathlib.Path(data_dir) / "worker" / "mounts"
    kept = [str(p) for name in ("records", "targets", "stages") if (folder / name).exists()
            for p in (folder / name).iterdir()]
    return kept + [f"mount {p}" for p in mounts([str(folder)])]


def cgroups(node):
    return [p for p in (*CGROUP.glob(f"*/holm-{node}*"), *CGROUP.glob(f"holm-{node}*"))
            if p.is_dir()]


def namespaces(node):
    with contextlib.suppress(FileNotFoundError):
        return [p.name for p in netns.RUN.iterdir() if node in p.name]
    return []


def network(ns):
    """Interfaces but for the loopback and the cable, and nft tables."""
    links = [line.split()[1].rstrip(":").partition("@")[0]
             for line in ns.output("ip", "-o", "link").splitlines()]
    tables = ns.output("nft", "list", "tables").splitlines()
    rules = ns.output("ip", "rule").splitlines()
    routes = ns.output("ip", "route", "show", "table", "all").splitlines()
    return ([f"link {name}" for name in links if name not in ("lo", "up0")]
            + tables + rules[3:] + [f"route {r}" for r in routes if "dev holm" in r])


def files(node):
    return [str(p) for folder in ("/run", "/var/run", "/tmp", "/dev/shm")
            for p in pathlib.Path(folder).glob(f"*{node}*")]


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Census:
    """What belongs to one Holm: by its data directory, its node's id and its network."""

    def __init__(self, data_dir, node_id, ns):
        self.data_dir = str(data_dir)
        self.node = node_id[:8]
        self.words = [self.data_dir, self.node]
        self.ns = ns

    def processes(self):
        found = processes(self.words)
        for pid in self.ns.pids():
            if not is_zombie(pid):
                found.setdefault(pid, command_line(pid))
        return found

    def all(self):
        """One line per thing."""
        lines = [f"process {pid}: {line}" for pid, line in self.processes().items()]
        lines += [f"mount {p}" for p in mounts(self.words)]
        lines += [f"control group {p}" for p in cgroups(self.node)]
        lines += [f"network namespace {n}" for n in namespaces(self.node)]
        lines += network(self.ns)
        lines += [f"file {p}" for p in files(self.node)]
        return lines

    def kill_processes(self):
        """All at once, as a power cut does, until none is left."""
        for _ in range(100):
            found = self.processes()
            if not found:
                return
            for pid in found:
                kill(pid)
            for pid in found:
                wait_gone(pid)

    def remove(self):
        """By force, as a reboot would: all but the data directory."""
        self.kill_processes()
        for point in reversed(mounts(self.words)):
            subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
        for name in namespaces(self.node):
            subprocess.run(["ip", "netns", "del", name], check=False)
        for line in network(self.ns):
            words = line.split()
            if words[0] == "link":
                self.ns.output("sh", "-c", f"ip link del {words[1]} 2>/dev/null || true")
            elif words[0] == "table":
                self.ns.output("nft", "delete", *words)
        for group in cgroups(self.node):
            remove_cgroup(group)
        for path in files(self.node):
            shutil.rmtree(path, ignore_errors=True)


def wait_gone(pid, seconds=10):
    """Until a process that is not our child has ended."""
    with contextlib.suppress(ProcessLookupError):
        fd = os.pidfd_open(pid)
        try:
            assert select.select([fd], [], [], seconds)[0], \
                f"process {pid} ({command_line(pid)}) did not end within {seconds} s"
        finally:
            os.close(fd)


def remove_cgroup(path):
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EBUSY):
                raise
