"""Instances outlive Holm: killed, stopped, started again; and come back after a reboot."""
import os
import re
import signal
import subprocess

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, OK, value

KEPT = ("id", "app", "service", "number", "address", "service_address", "instance_address", "ports",
        "memory_limit_mib")


@pytest.fixture
def shop(new_host, images):
    """A container and a unikernel on a Holm of the test's own."""
    new_host.deploy(
        service("box", "container", images.container(), port="9080:80", memory=64,
                cmd=["/bin/httpd", "name=box"]),
        service("web", "unikernel", images.unikernel, port="8080:80", memory=32,
                cmd=["name=web"]))
    return new_host


def facts(host, *more):
    return [{k: view[k] for k in (*KEPT, *more)} for view in host.instances()]


def assert_serves(host):
    """Both answer on their ports, and reach each other by name and address."""
    box, web = host.instance("box"), host.instance("web")
    for asker in (host.ns, host.lan):
        assert value(asker.text("http://10.99.0.1:9080/"), "name") == "box"
        assert value(asker.text("http://10.99.0.1:8080/"), "name") == "web"
    assert value(host.page("127.0.0.1", "get?url=http://web/", 9080), "name") == "web"
    for url in ("http://box.test.shop.prod.holm/", f"http://{box['service_address']}/"):
        assert value(host.page("127.0.0.1", f"get?url={url}", 8080), "name") == "box"
    assert value(host.page(web["service_address"]), "name") == "web"


def adopt(host):
    """Kills holm and starts it again; returns when it knows of everything."""
    host.kill()
    host.up()
    for view in host.instances():
        host.wait_running(view["service"].split(".")[0])


def count(host, key="done"):
    return int(value(host.page(host.box_address, "load"), key))


def test_kill_9_is_not_noticed_by_the_instances(shop):
    """No request is lost while Holm is dead and while it comes back; the processes are the same."""
    before = facts(shop, "pid", "started_at", "incarnation")
    shop.box_address = shop.instance("box")["address"]
    shop.page(shop.box_address, "load?url=http://web/")
    until(lambda: count(shop) > 20, "20 requests")
    shop.kill()
    reached = count(shop)
    until(lambda: count(shop) > reached + 50, "50 requests without holm")
    shop.up()
    reached = count(shop)
    until(lambda: count(shop) > reached + 50, "50 requests after its return")
    page = shop.page(shop.box_address, "load?stop")
    assert value(page, "failed") == "0", page
    until(lambda: facts(shop, "pid", "started_at", "incarnation") == before, "the same is listed")
    assert [v["state"] for v in shop.instances()] == ["RUNNING", "RUNNING"]
    assert_serves(shop)


def test_logs_go_on_over_kill_9(shop):
    address = shop.instance("box")["address"]
    shop.page(address, "print?text=before")
    shop.kill()
    shop.page(address, "print?text=meanwhile")
    shop.up()
    shop.page(address, "print?text=after")
    until(lambda: "\nafter\n" in shop.holm("logs", "box.0"), "the new line is in the log")
    lines = [line for line in shop.holm("logs", "box.0").splitlines()
             if line in ("before", "meanwhile", "after")]
    assert lines == ["before", "meanwhile", "after"]
    with_follow = shop.follow("logs", "-f", "--tail", 1, "box.0")
    with_follow.wait("/print 200")
    shop.page(address, "print?text=followed")
    with_follow.wait("followed")
    with_follow.end()


@pytest.mark.parametrize("name, path, reason", [
    ("box", "exit?code=9", "exit code 9"), ("box", "crash", "signal|SIGSEGV|139"),
    ("web", "exit", "exit code 0"), ("web", "crash", "crashed")])
def test_an_end_while_holm_was_away_is_told(shop, name, path, reason):
    before = shop.instance(name)
    shop.kill()
    shop.end_instance(before["address"], path)
    leftovers.wait_gone(before["pid"])
    shop.up()
    view = shop.wait_running(name, before["pid"])
    assert view["incarnation"] == before["incarnation"] + 1
    assert {k: view[k] for k in KEPT} == {k: before[k] for k in KEPT}
    assert re.search(rf"{name}.*ended: .*({reason})", shop.log(300)), shop.log(300)
    assert_serves(shop)


def test_an_end_after_adoption_is_told_with_its_exit_code(shop):
    adopt(shop)
    box, web = shop.instance("box"), shop.instance("web")
    with shop.events() as events:
        shop.end_instance(box["address"], "exit?code=5")
        assert "exit code 5" in events.wait_state("DEAD", "box")["reason"]
        events.wait_state("RUNNING", "box")
        shop.end_instance(web["address"], "crash")
        assert "crash" in events.wait_state("DEAD", "web")["reason"]
        events.wait_state("RUNNING", "web")
    assert_serves(shop)


def test_reboot(shop):
    """Everything comes back by itself, with the same numbers and addresses."""
    before = facts(shop)
    pids = {v["pid"] for v in shop.instances()}
    shop.holm("scale", "box", 2, "--wait")
    shop.holm("scale", "box", 1, "--wait")
    shop.power_cut()
    shop.up()
    shop.wait_running("box")
    shop.wait_running("web")
    assert facts(shop) == before
    assert not pids & {v["pid"] for v in shop.instances()}
    shop.page("10.99.0.1", port=8080)  # the guest has booted
    assert_serves(shop)


def test_sigterm_leaves_everything_running(shop):
    before = facts(shop, "pid", "started_at")
    shop.end(signal.SIGTERM)
    assert value(shop.lan.text("http://10.99.0.1:8080/"), "name") == "web"
    shop.up()
    until(lambda: facts(shop, "pid", "started_at") == before, "the same is listed")
    shop.end(signal.SIGINT)
    shop.up()
    until(lambda: facts(shop, "pid", "started_at") == before, "the same is listed")
    assert_serves(shop)


def test_a_change_after_adoption(shop, images):
    before = facts(shop)
    adopt(shop)
    web = shop.instance("web")
    shop.deploy(service("box", "container", images.container("v2"), port="9080:80", memory=64,
                        cmd=["/bin/httpd", "name=box", "new"]),
                service("web", "unikernel", images.unikernel, port="8080:80", memory=32,
                        cmd=["name=web"]))
    assert facts(shop) == before
    assert shop.instance("web")["pid"] == web["pid"]
    assert "arg: new\n" in shop.page("127.0.0.1", port=9080)
    assert_serves(shop)


def test_down_keeps_the_wishes(shop):
    before = facts(shop)
    census = shop.census()
    shop.holm("down")
    assert until(lambda: not census.all() or None, "nothing is left on the host", 10), census.all()
    assert (shop.data_dir / "server.db").exists()
    shop.up()
    shop.wait_running("box")
    shop.wait_running("web")
    assert facts(shop) == before
    assert_serves(shop)


def test_down_without_a_daemon(shop):
    """After kill -9 the command does the work itself."""
    before = facts(shop)
    census = shop.census()
    shop.kill()
    done = shop.run("down")
    assert done.returncode == OK, done.stderr
    assert until(lambda: not census.all() or None, "nothing is left on the host", 10)
    # Again: nothing to do, and no complaint.
    assert shop.run("down").returncode == OK
    shop.up()
    shop.wait_running("box")
    shop.wait_running("web")
    assert facts(shop) == before


def test_purge_without_a_daemon(shop):
    census = shop.census()
    shop.kill()
    done = shop.run("down", "--purge")
    assert done.returncode == OK, done.stderr
    assert until(lambda: not census.all() or None, "nothing is left on the host", 10)
    assert not shop.data_dir.exists()


def test_second_up_is_refused(new_host):
    done = new_host.run(*new_host.up_words(), "--detach")
    assert done.returncode == FAILED
    assert str(new_host.data_dir) in done.stderr and str(new_host.pid) in done.stderr
    assert new_host.is_up()


def test_foreground(new_host):
    """`holm up` without --detach runs until told to leave, and ends with 0."""
    new_host.end(signal.SIGTERM)
    process = subprocess.Popen(new_host.command(*new_host.up_words()), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(new_host.is_up, "it answers")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_containerd_killed(shop):
    """Containers run on without containerd; the next wish starts one again."""
    found = {pid: line for pid, line in shop.census().processes().items()
             if os.path.basename(line.split(" ")[0]) == "containerd"}
    if not found:
        pytest.skip("this holm uses a containerd that it has not started")
    before = facts(shop, "pid")
    for pid in found:
        os.kill(pid, signal.SIGKILL)
        leftovers.wait_gone(pid)
    assert_serves(shop)
    assert shop.run("scale", "box", "2", "--wait", "--timeout", "60").returncode == OK
    assert [f for f in facts(shop, "pid") if f["number"] == 0] == before
    assert value(shop.page("127.0.0.1", "get?url=http://web/", 9080), "name") == "web"
