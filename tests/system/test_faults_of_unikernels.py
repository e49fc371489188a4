"""What goes wrong beneath unikernels: their disk, and the folders that they share. See
docs/faults.md."""
import os
import shutil

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import OK

MIB = 1 << 20
PATIENCE_S = 120


def web(name, code, **fields):
    return service(name, "unikernel", code, memory=32,
                   readiness={"tcp": {"port": 80}, "period_s": 1}, **fields)


def ask(host, view, page):
    return host.ns.get(f"http://{view['service_address']}/{page}")


def room(host, size):
    """Leaves so much of the data directory's file system."""
    st = os.statvfs(host.data_dir)
    host.remount(f"size={(st.f_blocks - st.f_bfree) * st.f_frsize + size}")


def lacks_space(host, name):
    return host.wait_instance(name, lambda v: "space" in v["reason"], "tells the reason", PATIENCE_S)


def test_disk_full_in_a_start(small_host, images):
    """In the unpacking of the image, then in the copy of its files: the reason is told, what runs goes
    on, no half of either is left to stand in the way of the next try."""
    host = small_host
    big = images.unikernel_with("files", {"files1/many": b"x" * (24 * MIB), "files1/word": b"there"})
    host.deploy(web("one", images.unikernel))
    room(host, 12 * MIB)
    both = web("one", images.unikernel), web("big", big)
    assert host.apply(*both, wait=False).returncode == OK
    assert "unpack" in lacks_space(host, "big")["reason"]
    assert ask(host, host.instance("one"), "health")[0] == 200
    room(host, 36 * MIB)
    host.wait_instance("big", lambda v: "copy many" in v["reason"], "tells the reason", PATIENCE_S)
    assert ask(host, host.instance("one"), "health")[0] == 200
    room(host, 64 * MIB)
    view = host.wait_instance("big", lambda v: v["state"] == "RUNNING", "RUNNING", PATIENCE_S)
    assert ask(host, view, "file?path=/word") == (200, "there")


def test_disk_full_beneath_a_log_and_a_state(small_host, images):
    """Neither is worth an end: what was lost of the log is told in it, the state is saved by a later
    start."""
    host = small_host
    filler = host.data_dir / "filler"
    states = host.data_dir / "worker" / "qemu" / "snapshots"
    saved = {"start": "snapshot", "port": "9082:80"}
    host.deploy(web("one", images.unikernel))
    room(host, 2 * MIB)
    view = host.deploy(web("one", images.unikernel), web("two", images.unikernel, **saved))[-1]
    assert view["state"] == "RUNNING"
    assert not list(states.iterdir())
    with filler.open("wb", buffering=0) as out:
        with pytest.raises(OSError):
            while True:
                out.write(bytes(4096))
    one = host.instance("one")
    assert ask(host, one, "flood?lines=2000")[0] == 200
    assert ask(host, one, "health")[0] == 200
    filler.unlink()
    room(host, 64 * MIB)
    assert ask(host, one, "health")[0] == 200
    until(lambda: "of log lost: No space left on device" in host.run("logs", "one.0").stderr,
          "it is told")
    host.holm("restart", "two.0", "--wait")
    until(lambda: list(states.glob("*.json")), "a state is saved")


def test_the_folder_of_a_volume_is_removed(host, images):
    """The guest's reads fail, it goes on; the next start misses it, and the one after has an empty one."""
    data = {"volume_id": "taken", "mount_path": "/data"}
    view = host.deploy(web("web", images.unikernel, volumes=[data]))[0]
    assert ask(host, view, "write?path=/data/x&text=kept")[0] == 200
    shutil.rmtree(host.data_dir / "worker" / "volumes" / "taken")
    assert ask(host, view, "file?path=/data/x")[0] == 404
    assert ask(host, view, "write?path=/data/y&text=lost")[0] != 200
    assert ask(host, view, "health")[0] == 200
    assert host.instance("web")["pid"] == view["pid"]
    host.holm("restart", "web.0")
    after = host.wait_running("web", view["pid"])
    assert ask(host, after, "write?path=/data/x&text=anew")[0] == 200
    folder = host.data_dir / "worker" / "volumes" / "taken" / "data"
    assert (folder / "x").read_text().strip() == "anew"
