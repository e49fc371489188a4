"""Volumes of a CSI driver: shared staging, and a driver, a Holm and a machine that go at any point."""
import signal
import time

import pytest

from harness import csi, leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, OK

PROMPT_S = 20  # well below the minute that a call to a driver may take


def world(**more):
    return {"volume_id": "world", "csi_driver": csi.NAME, "mount_path": "/data",
            "config": {"tier": "fast"}, **more}


def box(images, runtime="container", **fields):
    """Adds a line to the volume's log and serves."""
    return service("box", runtime, images.container(), memory=64,
                   volumes=fields.pop("volumes", [world()]),
                   cmd=["/bin/sh", "-c", "echo x >> /data/log; exec /bin/httpd"], **fields)


def words(plugin):
    return ("--csi", f"{csi.NAME}={plugin.socket}")


@pytest.fixture
def plugin():
    plugin = csi.Plugin().start()
    yield plugin
    plugin.close()


@pytest.fixture
def shop(plugin, idle_host):
    idle_host.up(*words(plugin))
    idle_host.plugin = plugin
    return idle_host


def wait_lines(plugin, n):
    log = plugin.files("world") / "log"
    until(lambda: log.exists() and len(log.read_text().splitlines()) == n, f"{n} lines are there")


def wait_empty(host):
    until(lambda: not host.list("instances"), "no instance is left", PROMPT_S)
    assert not leftovers.volumes(host.data_dir)


def count(plugin, call):
    return len(plugin.calls(f"Node{call}Volume"))


def delete(host):
    """Without waiting for it."""
    host.holm("delete", "app", "shop.prod")


@pytest.mark.parametrize("runtime", ["container", "runsc"])
def test_volume_of_a_driver(shop, images, runtime):
    shop.wait_runtime(runtime)
    shop.deploy(box(images, runtime))
    wait_lines(shop.plugin, 1)
    assert shop.plugin.calls("NodePublishVolume world")[0].endswith("/0 tier=fast")
    shop.delete_all()
    assert [count(shop.plugin, c) for c in ("Stage", "Publish", "Unpublish", "Unstage")] == [1] * 4
    shop.deploy(box(images, runtime))
    wait_lines(shop.plugin, 2)


def test_instances_share_a_stage(shop, images):
    """Staged once, whoever comes and goes, and unstaged once, at the end."""
    shop.deploy(box(images, replicas=3))
    wait_lines(shop.plugin, 3)
    shop.holm("scale", "box", 1, "--wait")
    until(lambda: len(shop.instances()) == 1, "two have gone")
    assert [count(shop.plugin, c) for c in ("Stage", "Publish", "Unpublish", "Unstage")] == \
        [1, 3, 2, 0]
    shop.delete_all()
    assert [count(shop.plugin, c) for c in ("Unpublish", "Unstage")] == [3, 1]


def test_restarts_ask_the_driver_nothing(shop, images):
    """Of the instance and of Holm."""
    shop.deploy(box(images))
    before = shop.instance("box")
    shop.end_instance(before["address"], "exit?code=3")
    view = shop.wait_running("box", before["pid"])
    shop.end(signal.SIGTERM)
    shop.up(*words(shop.plugin))
    until(lambda: shop.instance("box")["state"] == "RUNNING", "it is adopted")
    assert shop.instance("box")["pid"] == view["pid"]
    assert len(shop.plugin.calls()) == 2


def test_read_only(shop, images):
    shop.deploy(service("box", "container", images.container(), memory=64,
                        volumes=[world(read_only=True),
                                 {"volume_id": "out", "csi_driver": csi.NAME}],
                        cmd=["/bin/sh", "-c", "echo x > /data/x || echo refused > "
                             "/mnt/csi/out/told; exec /bin/httpd"]))
    told = shop.plugin.files("out") / "told"
    until(lambda: told.exists() and told.read_text() == "refused\n", "the write is refused")
    assert not list(shop.plugin.files("world").iterdir())


def test_driver_dies_in_publish(shop, images):
    shop.plugin.order("die-NodePublishVolume")
    shop.apply(box(images), wait=False)
    view = shop.wait_instance("box", lambda v: "CSI driver" in v["reason"], "the reason is told")
    assert "world" in view["reason"] and not shop.plugin.is_alive()
    shop.plugin.relieve("die-NodePublishVolume")
    shop.plugin.start()
    shop.wait_running("box")
    wait_lines(shop.plugin, 1)
    shop.delete_all()


@pytest.mark.parametrize("call", ["Unpublish", "Unstage"])
@pytest.mark.parametrize("when", ["die-", "die-after-"])
def test_driver_dies_in_release(shop, images, call, when):
    """The delete waits for it, and says so."""
    shop.deploy(box(images))
    shop.plugin.order(f"{when}Node{call}Volume")
    delete(shop)
    view = shop.wait_instance("box", lambda v: "CSI driver" in v["reason"], "the reason is told")
    # Every try begins with the first call again, which may be the one that is told by now.
    assert "volume world" in view["reason"] and not shop.plugin.is_alive()
    shop.plugin.relieve(f"{when}Node{call}Volume")
    shop.plugin.start()
    wait_empty(shop)


def test_driver_hangs_in_publish(shop, images):
    """Who deletes the application, or ends Holm, does not wait for it."""
    shop.plugin.order("hang-NodePublishVolume")
    shop.apply(box(images), wait=False)
    until(lambda: shop.plugin.calls("hangs"), "the call arrives")
    assert "mounting volumes" in shop.instance("box")["reason"]
    started = time.monotonic()
    delete(shop)
    wait_empty(shop)
    shop.apply(box(images), wait=False)
    until(lambda: len(shop.plugin.calls("hangs")) == 2, "the call arrives")
    shop.end(signal.SIGTERM)
    assert time.monotonic() - started < PROMPT_S
    shop.plugin.relieve("hang-NodePublishVolume")
    shop.up(*words(shop.plugin))
    shop.wait_running("box")


@pytest.mark.parametrize("call", ["Stage", "Publish"])
def test_holm_killed_while_it_mounts(shop, images, call):
    shop.plugin.order(f"hang-Node{call}Volume")
    shop.apply(box(images), wait=False)
    until(lambda: shop.plugin.calls("hangs"), "the call arrives")
    shop.kill()
    shop.plugin.relieve(f"hang-Node{call}Volume")
    shop.up(*words(shop.plugin))
    shop.wait_running("box")
    wait_lines(shop.plugin, 1)
    shop.delete_all()


@pytest.mark.parametrize("call", ["Unpublish", "Unstage"])
def test_holm_killed_while_it_releases(shop, images, call):
    shop.deploy(box(images))
    shop.plugin.order(f"hang-Node{call}Volume")
    delete(shop)
    until(lambda: shop.plugin.calls("hangs"), "the call arrives")
    shop.kill()
    shop.plugin.relieve(f"hang-Node{call}Volume")
    shop.up(*words(shop.plugin))
    wait_empty(shop)


def test_reboot(shop, images):
    shop.deploy(box(images))
    shop.power_cut()
    shop.up(*words(shop.plugin))
    shop.wait_running("box")
    wait_lines(shop.plugin, 2)
    assert [count(shop.plugin, c) for c in ("Stage", "Publish", "Unstage")] == [2, 2, 0]
    shop.delete_all()


def test_down_releases(shop, images):
    shop.deploy(box(images))
    shop.holm("down")
    assert not leftovers.volumes(shop.data_dir)
    assert count(shop.plugin, "Unstage") == 1
    shop.up(*words(shop.plugin))
    shop.wait_running("box")
    wait_lines(shop.plugin, 2)


def test_down_without_a_daemon(shop, images):
    """The record knows where the driver is."""
    shop.deploy(box(images))
    shop.kill()
    done = shop.run("down")
    assert done.returncode == OK, done.stderr
    assert not leftovers.volumes(shop.data_dir)
    assert count(shop.plugin, "Unstage") == 1


def test_broken_driver_is_told(plugin, idle_host, images):
    """A service that wants it is refused with the reason, until it answers."""
    done_before = plugin.process
    plugin.kill()
    idle_host.up(*words(plugin))
    done = idle_host.apply(box(images))
    assert done.returncode == FAILED
    assert f"has no CSI driver {csi.NAME}; csi {csi.NAME}: " in done.stderr
    assert plugin.start().process is not done_before
    until(lambda: idle_host.apply(box(images), wait=False).returncode == OK or None,
          "it is offered")
    idle_host.wait_running("box")
    assert [n["csi_drivers"] for n in idle_host.list("nodes")] == [[csi.NAME]]


def test_unknown_driver_is_refused(host, images):
    done = host.apply(box(images))
    assert done.returncode == FAILED and f"has no CSI driver {csi.NAME}" in done.stderr
    assert not host.instances()
