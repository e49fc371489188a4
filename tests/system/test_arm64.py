"""Unikernels for arm64 on a node that emulates them."""
import os
import pathlib

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, value


def arm(images, **fields):
    return service("web", "unikernel", images.unikernel_arm64, arch=["arm64"], memory=32, **fields)


def program(view):
    return os.path.basename(pathlib.Path(f"/proc/{view['pid']}/cmdline").read_bytes()
                            .split(b"\0")[0].decode())


def test_serves_like_any_other(host, images):
    """Addresses, names and port, environment and arguments, log and statistics."""
    host.deploy(arm(images, port="8080:80", cmd=["name=web"], environment=["A=b c"]),
                service("box", "container", images.container(), cmd=["/bin/httpd", "name=box"]))
    view, box = host.instance("web"), host.instance("box")
    assert program(view) == "qemu-system-aarch64"
    for page in (host.page(view["service_address"]), host.page("127.0.0.1", port=8080)):
        assert value(page, "name") == "web"
        assert value(page, "env") == "A=b c"
        assert value(page, "address") == view["address"]
    page = host.page("127.0.0.1", "get?url=http://box.test.shop.prod.holm/", 8080)
    assert value(page, "name") == "box"
    assert value(host.page(box["address"], "get?url=http://web/"), "name") == "web"
    assert "\nListening on port 80" in host.holm("logs", "web.0")
    until(lambda: host.instance("web").get("memory_mib", 0) > 1, "its memory is told")


def test_stops_and_starts_again(host, images):
    before = host.deploy(arm(images))[0]
    done = host.run("restart", "web", "--wait", "--timeout", "60")
    assert done.returncode == OK, done.stderr
    after = host.wait_running("web", before["pid"])
    assert after["address"] == before["address"]
    assert value(host.page(after["service_address"]), "address") == after["address"]
    done = host.run("scale", "web", "0", "--wait", "--timeout", "60")
    assert done.returncode == OK, done.stderr
    assert not pathlib.Path(f"/proc/{after['pid']}").exists()


@pytest.mark.parametrize("path, reason", [
    ("exit", "ended: GET /exit 200 {} | exiting"),
    ("crash", "ended, by its console in a crash: CRIT: crashing: exception 4 (data abort)")])
def test_end_is_told_by_the_console(host, images, path, reason):
    before = host.deploy(arm(images))[0]
    with host.events() as events:
        host.end_instance(before["address"], path)
        told = events.wait_state("DEAD", "web")["reason"]
        view = events.wait_state("RUNNING", "web")
    assert view["pid"] != before["pid"]
    assert reason.split("{}")[0] in told and reason.split("{}")[-1] in told, told


def test_adopted_after_kill_9(new_host, images):
    before = new_host.deploy(arm(images, port="8080:80"))[0]
    new_host.kill()
    assert value(new_host.page(before["address"]), "address") == before["address"]
    new_host.up()
    after = new_host.wait_running("web")
    assert (after["pid"], after["incarnation"]) == (before["pid"], before["incarnation"])
    with new_host.events() as events:
        new_host.end_instance(before["address"], "exit")
        assert "ended" in events.wait_state("DEAD", "web")["reason"]
        events.wait_state("RUNNING", "web")
    assert value(new_host.page("127.0.0.1", port=8080), "address") == before["address"]


def test_own_architecture_is_taken_where_there_are_both(host, images):
    code = f"{images.unikernel_arm64},{images.unikernel}"
    view = host.deploy(service("web", "unikernel", code, arch=["arm64", "amd64"], memory=32))[0]
    assert program(view) == "qemu-system-x86_64"
    assert value(host.page(view["service_address"]), "address") == view["address"]


def test_archive_that_does_not_tell_its_architecture(host, images):
    view = host.deploy(service("web", "unikernel", images.unikernel_arm64, memory=32))[0]
    assert program(view) == "qemu-system-aarch64"
    assert value(host.page(view["service_address"]), "address") == view["address"]
