"""What goes wrong around the images, snapshots and processes of containers. See docs/faults.md."""
import os
import signal
import subprocess

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, value
from harness.picture import Picture
from harness.registry import BadRegistry, Image
from harness.stall import Stall

ADDRESS = "127.0.0.1:5006"
PATIENCE_S = 120


@pytest.fixture
def registry(host):
    """Of an image that nobody has seen, with a big layer."""
    registry = BadRegistry(host.ns, ADDRESS, Image(sizes=(8 << 20,)))
    yield registry
    registry.close()


def reopen(registry, host):
    again = BadRegistry(host.ns, ADDRESS, registry.image)
    again.name = registry.name
    return again


def ctr(host, *words):
    done = subprocess.run(["ctr", "--address", Picture(host).address, "-n", "holm", *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def snapshots(host):
    """Key → parent."""
    rows = [line.split() for line in ctr(host, "snapshots", "ls")[1:] if line]
    return {row[0]: row[1] if len(row) == 3 else "" for row in rows}


def remove_snapshots(host, top):
    """This one, and those below it that nobody else stands on."""
    key = top
    have = snapshots(host)
    while key and key not in have.values():
        ctr(host, "snapshots", "rm", key)
        key = have.pop(key)


def box(images, **fields):
    return service("box", "container", images.container(), port="9080:80", memory=64,
                   cmd=["/bin/httpd", "name=box"], **fields)


def assert_page(host, port=9080, name="box"):
    until(lambda: value(host.lan.text(f"http://10.99.0.1:{port}/"), "name") == name, "its page")


def begin_pull(host, registry):
    """Some of the big layer is there, and then no more comes."""
    stall = Stall(registry, registry.image.layers[1], 5 << 20)
    assert host.apply(service("app", "container", registry.ref), name="other",
                      wait=False).returncode == OK
    assert stall.is_reached.wait(60)
    until(lambda: host.instance("app")["progress_percent"] >= 30, "some of it is stored")
    return stall


def delete_app(host):
    host.holm("delete", "app", "other", "--wait", "--timeout", PATIENCE_S)


def stored(host):
    return set(Picture(host).stored())


def assert_stored_no_more_than(host, before):
    """Its collector takes a moment."""
    def look():
        more = stored(host) - before
        assert not more, "\n".join(sorted(more))
        return True
    until(look, "nothing new is stored")


def of_kind(kind, things):
    return [thing for thing in things if thing.startswith(f"{kind} ")]


## Snapshots and images go

def test_a_running_container_s_snapshot_is_deleted(host, images):
    host.deploy(box(images))
    before = stored(host)
    view = host.instance("box")
    ctr(host, "snapshots", "rm", view["id"])
    assert_page(host)
    host.end_instance(view["address"], "exit?code=3")
    host.wait_running("box", view["pid"])
    assert_page(host)
    assert view["id"] in snapshots(host)
    assert_stored_no_more_than(host, before)


def test_all_snapshots_are_deleted(host, images):
    """The image's too: it is unpacked again."""
    host.deploy(box(images))
    view = host.instance("box")
    remove_snapshots(host, view["id"])
    assert_page(host)
    host.end_instance(view["address"], "exit?code=3")
    host.wait_running("box", view["pid"])
    assert_page(host)


def test_an_image_is_deleted_beneath_a_crash_loop(host, registry):
    """Without a registry the reason is told; with one it goes on."""
    before = stored(host)
    crash = service("app", "container", registry.ref, cmd=["/bin/busybox", "false"])
    assert host.apply(crash, name="other", wait=False).returncode == OK
    host.wait_instance("app", lambda v: v["state"] == "DEAD", "an end")
    registry.close()
    for name in filter(None, ctr(host, "images", "ls", "-q")):
        if registry.name in name:
            ctr(host, "images", "rm", "--sync", name)
    until(lambda: not of_kind("content", stored(host) - before), "its content is gone")
    view = host.wait_instance("app", lambda v: "refused" in v["reason"], "the reason")
    again = reopen(registry, host)
    try:
        host.wait_instance("app", lambda v: v["incarnation"] > view["incarnation"]
                           and v["state"] == "DEAD", "the next end", PATIENCE_S)
        assert again.count(registry.image.layers[1]) == 1
    finally:
        again.close()


## Pulls are broken off

def test_containerd_killed_in_a_pull(host, images, registry):
    host.deploy(box(images))
    before = stored(host)
    stall = begin_pull(host, registry)
    for pid, line in host.census().processes().items():
        if os.path.basename(line.split(" ")[0]) == "containerd":
            os.kill(pid, signal.SIGKILL)
            leftovers.wait_gone(pid)
    stall.release.set()
    host.wait_instance("app", lambda v: v["state"] == "RUNNING", "RUNNING", PATIENCE_S)
    assert_page(host)
    until(lambda: not of_kind("lease", stored(host) - before), "no lease is left")
    until(lambda: not of_kind("ingest", stored(host) - before), "nothing half is left")


def test_registry_gone_in_a_pull(host, images, registry):
    host.deploy(box(images))
    stall = begin_pull(host, registry)
    registry.close()
    stall.release.set()
    view = host.wait_instance("app", lambda v: "refused" in v["reason"], "the reason")
    assert ADDRESS in view["reason"]
    assert_page(host)
    again = reopen(registry, host)
    try:
        host.wait_instance("app", lambda v: v["state"] == "RUNNING", "RUNNING", PATIENCE_S)
        starts = [start for what, start in again.requests if what == registry.image.layers[1]]
        assert starts and starts[0] > 0, "it was begun anew"
    finally:
        again.close()


def test_deleted_in_a_pull(host, registry):
    before = stored(host)
    stall = begin_pull(host, registry)
    delete_app(host)
    assert_stored_no_more_than(host, before)
    stall.release.set()


def test_deleted_between_two_tries_at_a_pull(host, registry):
    before = stored(host)
    stall = begin_pull(host, registry)
    registry.close()
    stall.release.set()
    host.wait_instance("app", lambda v: "refused" in v["reason"], "the reason")
    assert of_kind("lease", stored(host) - before), "nothing was kept for the next try"
    delete_app(host)
    assert_stored_no_more_than(host, before)


def test_deleted_after_holm_was_killed_in_a_pull(host, registry):
    before = stored(host)
    stall = begin_pull(host, registry)
    host.kill()
    host.up()
    delete_app(host)
    assert_stored_no_more_than(host, before)
    stall.release.set()


## Processes run out

def test_out_of_processes_in_a_container(host, images):
    """The other ones do not notice."""
    host.deploy(box(images, pids=20),
                service("more", "container", images.container(), port="9081:80",
                        cmd=["/bin/httpd", "name=more"]))
    page = host.page(host.instance("box")["address"], "fork?n=100")
    assert value(page, "error") == "Resource temporarily unavailable"
    page = host.page(host.instance("more")["address"], "fork?n=100")
    assert value(page, "forked") == "100"
    assert_page(host)


def pids_max(host):
    found = [p / "pids.max" for p in leftovers.cgroups(host.node_id[:8]) if (p / "pids.max").exists()]
    assert len(found) == 1, found
    return found[0]


def test_out_of_processes_on_the_node(host, images):
    """A start says so; what runs goes on; it is started as soon as there are some again."""
    host.deploy(box(images))
    before = host.instance("box")
    most = pids_max(host)
    kept = most.read_text()
    most.write_text(str(int((most.parent / "pids.current").read_text()) + 2))
    try:
        more = service("more", "container", images.container(), port="9081:80", memory=64,
                       cmd=["/bin/httpd", "name=more"])
        assert host.apply(more, name="other", wait=False).returncode == OK
        host.wait_instance("more", lambda v: v["state"] == "FAILED", "FAILED")
        view = host.instance("more")
        assert "start" in view["reason"] and view["pid"] == 0, view
        assert_page(host)
    finally:
        most.write_text(kept)
    host.wait_instance("more", lambda v: v["state"] == "RUNNING", "RUNNING", PATIENCE_S)
    assert_page(host, 9081, "more")
    assert host.instance("box")["pid"] == before["pid"]
