"""A node promises what it offers, and says so."""
import json

from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, USAGE


def up(host, *words):
    host.holm(*host.up_words(), *words, "--detach", seconds=120)


def node(host):
    return json.loads(host.holm("node", "show", "-o", "json"))


def test_refused_with_reason_and_admitted_with_overcommit(idle_host, images):
    host = idle_host
    assert host.run("up", "--overcommit", "memory=much").returncode == USAGE
    done = host.run("up", "--detach", "--cluster-location", "48.1,11.5,far")
    assert done.returncode == USAGE and "expected LAT,LON,RADIUS" in done.stderr
    up(host)
    capacity = node(host)["capacity"]["memory_mib"]
    host.kill()
    reserve = f"memory={capacity - 200}"
    up(host, "--reserve", reserve)
    until(lambda: node(host)["offer"]["memory_mib"] == 200, "the node has told what it offers now")
    host.deploy(service("one", "container", images.container(), memory=150))
    done = host.apply(service("two", "container", images.container(), memory=100), name="more",
                      wait=False)
    assert done.returncode == OK
    view = host.wait_instance("two", lambda v: v["state"] == "NO_WORKER_CAPACITY", "waits")
    assert "needs 100 MiB, 50 free" in view["reason"]
    shown = host.holm("node", "show")
    assert "200 MiB" in shown and "150 MiB" in shown and "one.test.0" in shown
    until(lambda: node(host)["used"]["memory_mib"] > 0, "the node tells what it uses", 30)
    host.kill()
    up(host, "--reserve", reserve, "--overcommit", "memory=1.2")
    host.wait_running("two")
    assert host.instance("one")["state"] == "RUNNING"
