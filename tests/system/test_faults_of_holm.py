"""What goes wrong beneath Holm itself: its disk, its containerd, its clock, its descriptors. See
docs/faults.md."""
import errno
import json
import os
import resource
import signal
import subprocess

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import one_app, service
from harness.host import FAILED, OK, value
from harness.meddle import Meddler
from harness.picture import Picture

DAY_S = 86400
PATIENCE_S = 120


@pytest.fixture
def meddler(idle_host, images):
    meddler = Meddler(idle_host, images)
    idle_host.up()
    yield meddler
    meddler.close()


def box(images, name="box", port=9080, **fields):
    return service(name, "container", images.container(), port=f"{port}:80", memory=64,
                   cmd=["/bin/httpd", f"name={name}"], **fields)


def assert_page(host, port=9080, name="box"):
    until(lambda: value(host.lan.text(f"http://10.99.0.1:{port}/"), "name") == name, "its page")


def is_containerd(line):
    return os.path.basename(line.split(" ")[0]) == "containerd"


def kill_containerd(host):
    for pid, line in host.census().processes().items():
        if is_containerd(line):
            os.kill(pid, signal.SIGKILL)
            leftovers.wait_gone(pid)


## Store

@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_server_store_cannot_be_written(meddler, images, error):
    """The request is refused with the reason, and changes nothing; what runs goes on."""
    host = meddler.host
    host.deploy(box(images))
    before = host.instances()
    meddler.fail_writes(error, "server.db")
    done = host.apply(box(images), box(images, "more", 9081), wait=False)
    assert done.returncode == FAILED, done.stdout
    assert done.stderr.strip()
    assert meddler.failed
    assert [v["id"] for v in host.instances()] == [v["id"] for v in before]
    assert_page(host)
    meddler.fail_writes(0, "")
    host.deploy(box(images), box(images, "more", 9081))
    assert_page(host, 9081, "more")


def test_worker_store_cannot_be_written(meddler, images):
    """Nothing is begun that is not on disk; it is begun as soon as it can be."""
    host = meddler.host
    host.deploy(box(images))
    meddler.fail_writes(errno.ENOSPC, "worker.db")
    assert host.apply(box(images), box(images, "more", 9081), wait=False).returncode == OK
    view = host.wait_instance("more", lambda v: v["state"] != "RUNNING" and v["reason"],
                              "a reason")
    until(lambda: meddler.failed, "a write that failed")
    assert view["pid"] == 0
    assert_page(host)
    meddler.fail_writes(0, "")
    host.wait_instance("more", lambda v: v["state"] == "RUNNING", "RUNNING", PATIENCE_S)
    assert_page(host, 9081, "more")


## Disk

def test_disk_full_in_a_pull(small_host, images, tmp_path_factory):
    """The reason is told, what runs goes on, and no half of an image is left to stand in the way; once
    there is room it is pulled, and who waits for it goes on waiting until then."""
    noise = images.root / "noise"
    noise.write_bytes(os.urandom(80 << 20))
    for words in (("new", "--image", f"{images.layout}:big"),
                  ("insert", "--image", f"{images.layout}:big", images.root / "httpd", "/bin/httpd"),
                  ("insert", "--image", f"{images.layout}:big", noise, "/noise")):
        leftovers.run("umoci", *map(str, words))
    noise.unlink()
    small_host.deploy(box(images))
    big = service("big", "container", f"oci:{images.layout}:big", port="9081:80", memory=64,
                  cmd=["/bin/httpd", "name=big"])
    waiting = subprocess.Popen(
        small_host.command("apply", "-", "--wait", "--timeout", PATIENCE_S), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    waiting.stdin.write(json.dumps(one_app(box(images), big)))
    waiting.stdin.close()
    view = small_host.wait_instance("big", lambda v: "space" in v["reason"], "tells the reason",
                                    PATIENCE_S)
    assert view["state"] == "CREATING" and "next in" in view["reason"], view
    assert_page(small_host)
    small_host.remount("size=512m")
    assert waiting.wait(PATIENCE_S) == OK, waiting.stderr.read()
    small_host.wait_instance("big", lambda v: v["state"] == "RUNNING", "RUNNING", PATIENCE_S)
    assert_page(small_host, 9081, "big")


## containerd

@pytest.mark.parametrize("n_running", [0, 1, 3])
def test_containerd_killed_in_starts_and_stops(new_host, images, n_running):
    picture = Picture(new_host)
    new_host.deploy(box(images))
    until(lambda: any("/bin/httpd" in line for line in picture.census.processes().values()),
          "runc's first process has become the program")
    before = picture.things()
    with new_host.events() as events:
        assert new_host.run("scale", "box", "6").returncode == OK
        for _ in range(n_running):
            events.wait_state("RUNNING")
        kill_containerd(new_host)
    until(lambda: [v["state"] for v in new_host.instances()] == ["RUNNING"] * 6, "all run",
          PATIENCE_S)
    picture.remember()
    kept = new_host.instance("box", 0)
    with new_host.events() as events:
        assert new_host.run("scale", "box", "1").returncode == OK
        events.wait(lambda v: v["state"] == "UNDEPLOYED", "a stop")
        kill_containerd(new_host)
    until(lambda: len(new_host.instances()) == 1, "the others are gone", PATIENCE_S)
    picture.instances.discard(kept["id"])
    assert new_host.instance("box", 0)["pid"] == kept["pid"]
    picture.assert_no_more_than(before)
    assert_page(new_host)


def test_image_deleted_beneath(new_host, images):
    """What runs goes on; the next start has it again."""
    new_host.deploy(box(images))
    view = new_host.instance("box")
    address = Picture(new_host).address
    ctr = ["ctr", "--address", address, "-n", "holm"]
    done = subprocess.run([*ctr, "images", "ls", "-q"], stdout=subprocess.PIPE, check=True,
                          text=True)
    for name in done.stdout.split():
        leftovers.run(*ctr, "images", "rm", "--sync", name)
    assert_page(new_host)
    new_host.end_instance(view["address"], "exit?code=3")
    new_host.wait_running("box", view["pid"])
    assert_page(new_host)


## Machine helper, clock, descriptors

def test_helper_of_a_machine_killed(new_host, images):
    """The machine goes on, without a log; its end is seen, and it is started again with one."""
    new_host.deploy(service("web", "unikernel", images.unikernel, port="8080:80", memory=32,
                            cmd=["name=web"]))
    view = new_host.instance("web")
    for pid, line in new_host.census().processes().items():
        if "holm-helper run" in line:
            os.kill(pid, signal.SIGKILL)
            leftovers.wait_gone(pid)
    assert_page(new_host, 8080, "web")
    os.kill(view["pid"], signal.SIGKILL)
    new_host.wait_running("web", view["pid"])
    assert_page(new_host, 8080, "web")


@pytest.mark.parametrize("shift_s", [-DAY_S, DAY_S])
def test_clock_is_set(meddler, images, shift_s):
    """Nothing ends, and nothing waits a day for anything."""
    host = meddler.host
    host.deploy(box(images))
    before = host.instance("box")
    meddler.shift_clock(shift_s)
    host.deploy(box(images), box(images, "more", 9081))
    assert host.instance("box")["pid"] == before["pid"]
    more = host.instance("more")
    host.end_instance(more["address"], "exit?code=3")
    host.wait_running("more", more["pid"])
    assert_page(host, 9081, "more")
    host.kill()
    host.up()
    host.wait_running("box")
    assert host.instance("box")["pid"] == before["pid"]
    assert "listening" in host.holm("logs", "more")


def test_out_of_descriptors(new_host, images):
    """A Holm that gets no more goes on with what it has, and recovers."""
    new_host.deploy(box(images))
    n_open = len(os.listdir(f"/proc/{new_host.pid}/fd"))
    limits = resource.prlimit(new_host.pid, resource.RLIMIT_NOFILE)
    pid = new_host.pid
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (n_open + 4, limits[1]))
    new_host.apply(box(images), box(images, "more", 9081), wait=False, seconds=10)
    assert_page(new_host)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    new_host.deploy(box(images), box(images, "more", 9081), seconds=PATIENCE_S)
    assert new_host.pid == pid
    assert_page(new_host, 9081, "more")
