"""Everything that a Holm has at one moment, thing by thing, for comparing before and after."""
import collections
import contextlib
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile

from harness import leftovers
from harness.deadline import Late, until

FIFOS = pathlib.Path("/run/containerd/fifo")
# What containerd has below its folder is asked of containerd; its files come and go when it likes.
DAEMON = "worker/containerd/daemon/"
KINDS = {"container": ("containers", "ls"), "task": ("tasks", "ls"),
         "snapshot": ("snapshots", "ls"), "lease": ("leases", "ls"), "content": ("content", "ls"),
         "ingest": ("content", "active"), "image": ("images", "ls")}
COUNTED = re.compile(r"counter packets \d+ bytes \d+")
ADDRESS = re.compile(r"(?:src|dst)=(\S+)")
POOLS = re.compile(r"10\.(1[89]|2[0-9]|30)\.")  # of instances and services


def shim_socket(address, instance_id):
    """The socket of a container's shim: ours is beside containerd's."""
    return pathlib.Path(address).parent / "s" / instance_id


def documents(path):
    """kind/id of what a database of ours holds, but for the audit log, which is meant to stay: of a copy,
    for it is locked while Holm runs."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(path.parent / name, folder)
        with contextlib.closing(sqlite3.connect(pathlib.Path(folder) / path.name)) as db:
            rows = db.execute("SELECT kind, id FROM documents WHERE kind != 'audit'")
            return [f"{kind}/{name}" for kind, name in rows]


def descriptors(pid):
    """What the process has open, but for connections, which are kept for the next one."""
    kinds = collections.Counter()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = os.readlink(entry)
            if not target.startswith("socket:"):
                kinds[re.sub(r"\d+", "N", target)] += 1
    return kinds


class Picture:
    def __init__(self, host):
        self.host = host
        self.census = host.census()
        self.data_dir = host.data_dir
        self.instances = set()  # ids of which nothing may be left

    @property
    def address(self):
        return f"/run/holm-{self.census.node}/containerd/containerd.sock"

    def remember(self):
        self.instances |= {view["id"] for view in self.host.instances()}

    def stored(self):
        """What containerd has."""
        if not os.path.exists(self.address):
            return
        for kind, words in KINDS.items():
            done = subprocess.run(["ctr", "--address", self.address, "-n", "holm", *words],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                                  text=True, timeout=60)
            for line in done.stdout.splitlines()[1:]:
                if line.strip():
                    yield f"{kind} {line.split()[0]}"

    def _network(self):
        output = self.host.ns.output
        yield from (f"address {line.split()[1]} {line.split()[3]}"
                    for line in output("ip", "-o", "-4", "address").splitlines())
        for table in output("nft", "list", "tables").splitlines():
            if f"holm-{self.census.node}" in table:
                text = output("nft", "list", *table.split())
                yield from (f"nft {COUNTED.sub('', line).strip()}" for line in text.splitlines())
        with contextlib.suppress(subprocess.CalledProcessError):
            for line in output("sh", "-c", "conntrack -L 2>/dev/null || :").splitlines():
                ends = set(ADDRESS.findall(line))
                # The host asks the name server on the bridge from that same address.
                if len(ends) > 1 and any(POOLS.match(end) for end in ends):
                    yield f"flow {' '.join(line.split())}"

    def _files(self):
        for top in (self.data_dir, pathlib.Path(f"/run/holm-{self.census.node}")):
            for folder, folders, files in os.walk(top):
                for name in (*folders, *files):
                    path = os.path.join(folder, name)
                    if DAEMON not in path:
                        yield f"file {path}"
        snapshots = self.data_dir / DAEMON / "root/io.containerd.snapshotter.v1.overlayfs/snapshots"
        if snapshots.exists():
            yield from ("folder of a snapshot" for _ in snapshots.iterdir())

    def _shims(self):
        for name in self.instances:
            if shim_socket(self.address, name).exists():
                yield f"shim's socket of {name}"
        if FIFOS.exists():
            yield from (f"file {p}" for p in FIFOS.rglob("*")
                        if any(name in p.name for name in self.instances))

    def things(self):
        """Thing → how many of it. Each says of what kind it is."""
        found = collections.Counter()
        found.update(f"process {line}" for line in self.census.processes().values())
        found.update(f"mount {p}" for p in leftovers.mounts(self.census.words))
        for group in leftovers.cgroups(self.census.node):
            found.update(f"control group {folder}" for folder, _, _ in os.walk(group))
        found.update(f"network namespace {n}" for n in leftovers.namespaces(self.census.node))
        found.update(leftovers.network(self.host.ns))
        found.update(self._network())
        found.update(self.stored())
        found.update(self._files())
        found.update(self._shims())
        for name in ("server.db", "worker/worker.db"):
            found.update(f"document {name} {d}" for d in documents(self.data_dir / name))
        for target, n in descriptors(self.host.pid).items():
            found[f"descriptor {target}"] += n
        return found

    def new(self, before):
        """What is there now and was not before."""
        more = self.things()
        more.subtract(before)
        return sorted(f"{n} × {thing}" if n > 1 else thing for thing, n in more.items() if n > 0)

    def assert_no_more_than(self, before, seconds=60):
        """Collectors of containerd and the kernel take a moment."""
        try:
            until(lambda: not self.new(before), "nothing new is left", seconds)
        except Late as late:
            raise AssertionError("left over:\n" + "\n".join(self.new(before)[:100])) from late
