"""Many instances come and go, and nothing of them stays."""
import pathlib
import subprocess

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import value
from harness.picture import shim_socket

N = 20


def containerd_socket(host):
    folders = [host.data_dir, *map(pathlib.Path, leftovers.files(host.node_id[:8]))]
    sockets = [p for folder in folders for p in folder.rglob("containerd.sock")]
    assert sockets, "no containerd of this holm's own"
    return sockets[0]


def snapshots(host):
    """Names of the containers' own snapshots and records, by containerd's own tool."""
    found = set()
    ctr = ["ctr", "-a", str(containerd_socket(host)), "-n", "holm"]
    for words in (("snapshots", "ls"), ("containers", "ls", "-q"), ("tasks", "ls"),
                  ("leases", "ls")):
        out = subprocess.run([*ctr, *words], check=True, capture_output=True, text=True).stdout
        found |= {f"{words[0]} {line.split()[0]}" for line in out.splitlines() if line.split()
                  and line.split()[0] not in ("KEY", "TASK", "ID")}
    return found


def census(host):
    """All that holm has on its host; what changes from run to run is left out."""
    things = {line.partition(":")[0] if line.startswith("process") else line
              for line in host.census().all()}
    groups = {str(p) for group in leftovers.cgroups(host.node_id[:8]) for p in group.rglob("*")
              if p.is_dir()}
    rules = set(host.ns.output("nft", "list", "ruleset").splitlines())
    return {"things": things, "groups": groups, "rules": rules, "snapshots": snapshots(host)}


def difference(after, before):
    return {k: after[k] - before[k] for k in after if after[k] - before[k]}


def assert_back(host, before):
    def check():
        more = difference(census(host), before)
        assert not more, f"more than before: {more}"
        return True
    until(check, "all is as it was before", 20)


def descriptors(host):
    return len(list(pathlib.Path(f"/proc/{host.pid}/fd").iterdir()))


def test_containers(host, images):
    # The first round brings what stays: the image, its snapshots, a connection for each thread.
    host.deploy(service("box", "container", images.container(), replicas=N), seconds=180)
    host.delete_all()
    before, open_before = census(host), descriptors(host)
    wish = service("box", "container", images.container(), port="9080:80", memory=32, pids=50,
                   replicas=N, cmd=["/bin/httpd"])
    found = host.deploy(wish, seconds=180)
    assert [v["state"] for v in found] == ["RUNNING"] * N
    assert len({v["address"] for v in found}) == N
    hosts = {value(host.page("127.0.0.1", port=9080), "host") for _ in range(10 * N)}
    assert len(hosts) > N // 2
    sockets = [shim_socket(containerd_socket(host), view["id"]) for view in found]
    assert all(path.exists() for path in sockets)
    host.delete_all()
    assert_back(host, before)
    assert not any(path.exists() for path in sockets)
    until(lambda: descriptors(host) <= open_before + 2, "its files are closed")


def test_unikernels(host, images):
    host.deploy(service("web", "unikernel", images.unikernel))
    host.delete_all()
    before, open_before = census(host), descriptors(host)
    found = host.deploy(service("web", "unikernel", images.unikernel, memory=16, replicas=6))
    assert [v["state"] for v in found] == ["RUNNING"] * 6
    host.delete_all()
    assert_back(host, before)
    until(lambda: descriptors(host) <= open_before + 2, "its files are closed")


def test_ends_and_restarts(host, images):
    """An instance that ends again and again piles up nothing."""
    host.deploy(service("box", "container", images.container()))
    host.delete_all()
    before = census(host)
    host.apply(service("box", "container", images.container(), cmd=["/bin/sh", "-c", "exit 1"]))
    host.wait_instance("box", lambda v: v["incarnation"] >= 4, "has ended four times")
    host.delete_all()
    assert_back(host, before)


def test_two_holms_on_one_machine(host, new_host, images):
    """Each touches only what is its own."""
    wish = service("box", "container", images.container(), port="9080:80")
    first = host.deploy(wish)[0]
    new_host.deploy(wish)
    new_host.holm("down")
    until(lambda: not new_host.census().all(), "the second one is gone", 10)
    assert host.instance("box")["pid"] == first["pid"]
    assert value(host.page("127.0.0.1", port=9080), "host") == "box-0"
