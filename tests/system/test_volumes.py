"""Volumes of containers: named ones, paths of the host, and those of a CSI driver."""
import json
import re

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED

RUNTIMES = ["container", "runsc"]


def volume(name, path="/data", **more):
    return {"volume_id": name, "mount_path": path, **more}


def host_path(path, target="/data", **more):
    return {"host_path": str(path), "mount_path": target, **more}


def writer(images, *volumes, runtime="container", word="x", name="box", script="true", **fields):
    """Adds a line to /data/log, runs the script, and serves."""
    return service(name, runtime, images.container(), memory=64, volumes=list(volumes),
                   cmd=["/bin/sh", "-c",
                        f"echo {word} >> /data/log; {script}; exec /bin/httpd"], **fields)


def files_of(host, name):
    return host.data_dir / "worker" / "volumes" / name / "data"


def mounts(host):
    return leftovers.volumes(host.data_dir)


@pytest.fixture
def rooted(idle_host, tmp_path):
    """A Holm that allows host paths below a folder."""
    root = tmp_path / "allowed"
    root.mkdir()
    tmp_path.chmod(0o755)
    idle_host.up("--volume-root", root)
    idle_host.root = root
    return idle_host


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_named_volume_outlives_its_instances(host, images, runtime):
    """Over a replacement, and over a delete and another apply, with the same or another name."""
    data = volume(f"kept-{runtime}")
    log = files_of(host, data["volume_id"]) / "log"
    host.wait_runtime(runtime)
    host.deploy(writer(images, data, runtime=runtime, word="first"))
    until(lambda: log.exists() and log.read_text() == "first\n", "the first line is there")
    host.deploy(writer(images, data, runtime=runtime, word="second"))
    until(lambda: log.read_text() == "first\nsecond\n", "the second line is there")
    host.delete_all()
    assert not mounts(host)
    host.deploy(writer(images, data, runtime=runtime, word="third", name="other"))
    until(lambda: log.read_text() == "first\nsecond\nthird\n", "the third line is there")


def test_named_volume_is_shared_and_read_only_where_asked(host, images):
    reader = writer(images, volume("shared", read_only=True), volume("mine", "/mine"),
                    name="reader", script="echo no > /data/no || echo refused > /mine/told")
    host.deploy(writer(images, volume("shared"), word="hello"), reader)
    told = files_of(host, "mine") / "told"
    until(lambda: told.exists() and told.read_text() == "refused\n", "the write is refused")
    assert sorted(p.name for p in files_of(host, "shared").iterdir()) == ["log"]


def test_volumes_by_command(host, images):
    """Made for a user, listed with who has it, and not removed under anybody."""
    assert host.holm("volume", "create", "own", "--owner", "1000:1001") == "created own\n"
    files = files_of(host, "own")
    assert (files.stat().st_uid, files.stat().st_gid) == (1000, 1001)
    done = host.run("volume", "create", "own")
    assert done.returncode == FAILED and "it exists" in done.stderr
    done = host.run("volume", "create", "../own")
    assert done.returncode == FAILED and "not a valid name" in done.stderr
    host.deploy(writer(images, volume("own")))
    until((files / "log").exists, "it has written")
    listed = {v["name"]: v for v in json.loads(host.holm("volume", "ls", "-o", "json"))}
    assert listed["own"]["used_by"] == ["shop.prod.box.test.0"]
    assert listed["own"]["path"] == str(files)
    assert re.search(r"^own +.* shop\.prod\.box\.test\.0", host.holm("volume", "ls"), re.M)
    done = host.run("volume", "rm", "own")
    assert done.returncode == FAILED
    assert "remove volume own: instance shop.prod.box.test.0 has it" in done.stderr
    host.delete_all()
    assert (files / "log").exists()
    assert host.holm("volume", "rm", "own") == "removed own\n"
    assert not files.exists()
    done = host.run("volume", "rm", "own")
    assert done.returncode == FAILED and "there is none" in done.stderr


def test_volumes_go_with_a_new_version(host, images):
    """Of a service that has others, or none, or one more."""
    host.deploy(writer(images, volume("one")))
    host.deploy(writer(images, volume("two")))
    until(lambda: (files_of(host, "two") / "log").exists(), "it writes to the other volume")
    host.deploy(service("box", "container", images.container(), memory=64))
    assert not mounts(host)
    assert (files_of(host, "one") / "log").read_text() == "x\n"


def test_named_volumes_stay_over_down_and_go_with_purge(new_host, images):
    new_host.deploy(writer(images, volume("data")))
    log = files_of(new_host, "data") / "log"
    until(log.exists, "it has written")
    new_host.holm("down")
    assert log.exists() and not mounts(new_host)
    new_host.up()
    new_host.wait_running("box")
    until(lambda: log.read_text() == "x\nx\n", "it has written again")
    new_host.holm("down", "--purge")
    assert not log.exists()


def test_host_paths_take_a_root(host, images):
    done = host.apply(writer(images, host_path("/etc")))
    assert done.returncode == FAILED and "offers no host paths" in done.stderr
    assert not host.instances()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_host_path(rooted, images, runtime):
    shared = rooted.root / "a" / "b"
    shared.mkdir(parents=True)
    rooted.wait_runtime(runtime)
    (rooted.root / "motd").write_text("welcome\n")
    rooted.deploy(writer(images, host_path(shared), host_path(rooted.root / "motd", "/etc/motd"),
                         runtime=runtime, script="busybox cat /etc/motd > /data/copy"))
    copy = shared / "copy"
    until(lambda: copy.exists() and copy.read_text() == "welcome\n", "the file is read")
    assert (shared / "log").read_text() == "x\n"
    before = rooted.instance("box")
    rooted.kill()
    rooted.up("--volume-root", rooted.root)
    until(lambda: rooted.instance("box")["state"] == "RUNNING", "it is adopted")
    assert rooted.instance("box")["pid"] == before["pid"]
    rooted.delete_all()
    assert not mounts(rooted)
    assert copy.exists()


def test_host_path_is_read_only_where_asked(rooted, images):
    (rooted.root / "data").mkdir()
    rooted.deploy(service("box", "container", images.container(), memory=64,
                          volumes=[host_path(rooted.root / "data", read_only=True),
                                   volume("out", "/out")],
                          cmd=["/bin/sh", "-c", "echo x > /data/x || echo refused > /out/told; "
                               "exec /bin/httpd"]))
    told = files_of(rooted, "out") / "told"
    until(lambda: told.exists() and told.read_text() == "refused\n", "the write is refused")
    assert not list((rooted.root / "data").iterdir())


def test_host_paths_lead_nowhere_else(rooted, images, tmp_path):
    """What the path shows is refused at once, what links hide when it is mounted."""
    for path in ("/etc", tmp_path, rooted.root):
        done = rooted.apply(writer(images, host_path(path)))
        assert done.returncode == FAILED and "is not below its volume root" in done.stderr
    done = rooted.apply(writer(images, host_path(f"{rooted.root}/../..")))
    assert done.returncode == FAILED and '".."' in done.stderr
    (tmp_path / "secret").mkdir()
    (rooted.root / "near").symlink_to("../secret")
    (rooted.root / "far").symlink_to("/etc")
    for name in ("near", "far"):
        rooted.apply(writer(images, host_path(rooted.root / name)), wait=False)
        rooted.wait_instance("box", lambda v: "leads out of" in v["reason"], "the reason is told")
        rooted.delete_all()
    rooted.apply(writer(images, host_path(rooted.root / "later")), wait=False)
    rooted.wait_instance("box", lambda v: "No such file" in v["reason"], "the reason is told")
    (rooted.root / "later").mkdir()
    rooted.wait_running("box")
    rooted.delete_all()
    assert not mounts(rooted)
