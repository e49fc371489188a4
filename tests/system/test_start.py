"""Coming up where something is in the way, and going down while somebody watches."""
import json
import os
import pathlib
import socket
import subprocess
import time

import pytest

from harness import leftovers, netns
from harness.deadline import until
from harness.descriptor import one_app, service
from harness.host import API_PORT, FAILED, HOLM, OK, value


def assert_not_up(host, *words):
    """A sentence and an exit code; what was begun can be taken down."""
    done = host.run(*host.up_words(), "--detach", *words)
    assert done.returncode == FAILED, done.stdout + done.stderr
    assert not host.is_up()
    assert host.run("down").returncode == OK
    assert not host.census().all()
    return done.stderr


def test_port_of_the_api_is_taken(idle_host):
    with idle_host.ns.entered():
        other = socket.create_server(("127.0.0.1", API_PORT))
    with other:
        assert str(API_PORT) in assert_not_up(idle_host)
    idle_host.up()


@pytest.mark.parametrize("route", ["10.20.0.0/16", "10.30.5.0/24", "10.0.0.0/8"])
def test_route_into_a_pool(idle_host, route):
    netns.ip("-n", idle_host.ns.name, "route", "add", route, "via", "10.99.0.2")
    assert route in assert_not_up(idle_host)
    netns.ip("-n", idle_host.ns.name, "route", "del", route)
    idle_host.up()


POOLS = ("--namespace-pool", "10.40.0.0-10.40.0.255", "--service-pool", "10.41.0.0/24")


def test_other_pools(idle_host, images):
    idle_host.holm(*idle_host.up_words(), "--detach", *POOLS)
    view = idle_host.deploy(service("box", "container", images.container()))[0]
    assert view["address"].startswith("10.40.0.")
    assert view["service_address"].startswith("10.41.0.")
    assert value(idle_host.page(view["service_address"]), "host") == "box-0"
    # Taken down by a command that is not told of the pools.
    idle_host.kill()
    assert idle_host.run("down").returncode == OK


def test_pool_without_the_node_s_block(new_host):
    new_host.holm("down")
    assert "10.18.0.0/26" in assert_not_up(new_host, *POOLS)
    new_host.up()


def test_data_directory_that_cannot_be(images):
    done = subprocess.run([HOLM, "up", "--detach", "--data-dir", "/proc/none"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == FAILED and "/proc/none" in done.stderr


def test_down_while_somebody_follows(new_host, images):
    """Open streams and waiting clients do not hold it up."""
    new_host.deploy(service("box", "container", images.container()))
    log = new_host.follow("logs", "-f", "box.0")
    log.wait("listening")
    with new_host.events():
        new_host.holm("down", seconds=30)
    assert log.process.wait(20) is not None
    assert not new_host.census().all()


def test_what_was_had_needs_no_source_after_a_reboot(new_host, images):
    """The images' folder is gone, and so is all that was in memory."""
    new_host.deploy(service("box", "container", images.container()),
                    service("web", "unikernel", images.unikernel))
    before = {i["service"]: i["address"] for i in new_host.instances()}
    new_host.power_cut()
    hidden = pathlib.Path(f"{images.root}.hidden")
    images.root.rename(hidden)
    try:
        images.root.mkdir()
        new_host.up()
        new_host.wait_running("box")
        new_host.wait_running("web")
    finally:
        images.root.rmdir()
        hidden.rename(images.root)
    assert {i["service"]: i["address"] for i in new_host.instances()} == before
    assert new_host.page(before["box.test"], "file?path=/etc/version") == "v1\n"
    assert value(new_host.page(before["web.test"]), "address") == before["web.test"]


def test_killed_name_server(new_host, images):
    new_host.deploy(service("box", "container", images.container()))
    address = new_host.instance("box")["address"]
    servers = [pid for pid, line in new_host.census().processes().items()
               if os.path.basename(line.split(" ")[0]) == "dnsmasq"]
    assert servers, new_host.census().processes()
    for pid in servers:
        leftovers.kill(pid)
        leftovers.wait_gone(pid)

    def ask():
        status, text = new_host.ns.get(f"http://{address}/get?url=http://box/", seconds=20)
        assert status == 200, text
        return value(text, "host") == "box-0"
    until(ask, "names are resolved again")


def wait_all_running(host, n):
    def check():
        states = [v["state"] for v in host.instances()]
        assert states == ["RUNNING"] * n, states
        return True
    until(check, f"{n} instances run")


@pytest.mark.parametrize("delay_ms", [0, 20, 60, 120, 250])
def test_kill_9_at_any_moment(new_host, images, delay_ms):
    """Whatever was under way: deploying, scaling, replacing, deleting. It all comes about."""
    def interrupted(*words, **options):
        command = subprocess.Popen(new_host.command(*words), stdin=subprocess.PIPE, text=True,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        command.communicate(options.get("stdin", ""))
        assert command.returncode == OK
        time.sleep(delay_ms / 1000)  # the moment is the point of the test
        new_host.kill()
        new_host.up()

    wish = [service("box", "container", images.container(), replicas=3, port="9080:80"),
            service("web", "unikernel", images.unikernel, replicas=2)]
    interrupted("apply", "-", stdin=json.dumps(one_app(*wish)))
    wait_all_running(new_host, 5)
    interrupted("scale", "box", "5")
    wait_all_running(new_host, 7)
    wish[0] = service("box", "container", images.container("v2"), port="9080:80")
    interrupted("apply", "-", stdin=json.dumps(one_app(*wish)))

    def is_replaced():
        wait_all_running(new_host, 7)
        return all(new_host.page(v["address"], "file?path=/etc/version") == "v2\n"
                   for v in new_host.instances() if v["service"] == "box.test")
    until(is_replaced, "all run the new version")
    assert value(new_host.page("127.0.0.1", port=9080), "name") == "v2"
    interrupted("scale", "web", "0")
    wait_all_running(new_host, 5)
    interrupted("delete", "app", "shop")
    until(lambda: not new_host.instances(), "no instance is left")

    def nothing_is_left():  # a probe of the runtimes may be under way: it takes its own away
        words = [w for w in new_host.census().all() if w.startswith(("network namespace", "mount"))]
        left = [w for w in words if "rootfs" in w or "netns" in w]
        assert not left, left
        return True
    until(nothing_is_left, "no mount and no namespace is left")
