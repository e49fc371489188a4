"""`holm stats` against what instances really do."""
import json

from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED


def stats(host, *names):
    return {f"{v['service']}.{v['number']}": v
            for v in json.loads(host.holm("stats", "--no-stream", "-o", "json", *names))}


def wait_stats(host, name, check, what):
    return until(lambda: (s := stats(host).get(name)) and check(s) and s, what, 30)


def test_a_container(host, images):
    box, = host.deploy(service("box", "container", images.container(), memory=64))
    idle = wait_stats(host, "box.test.0", lambda s: "cpu_cores" in s, "two measurements")
    assert idle["cpu_cores"] < 0.5 and 0 < idle["memory_mib"] < 64
    assert idle["memory_limit_mib"] == 64 and idle["pids"] >= 1
    assert idle["node"] == host.name
    for _ in range(50):
        host.page(box["address"], "print?text=hello")
    busy = wait_stats(host, "box.test.0", lambda s: s["net_in_mib"] > idle["net_in_mib"] and
                      s["net_out_mib"] > idle["net_out_mib"], "its network was counted")
    assert busy["net_out_mib"] < 10


def test_processor(host, images):
    host.deploy(service("box", "container", images.container(),
                        cmd=["/bin/sh", "-c", "while :; do :; done"], vcpus=1))
    spin = wait_stats(host, "box.test.0", lambda s: s.get("cpu_cores", 0) > 0.1, "it is busy")
    assert spin["cpu_cores"] < 1.3


def test_a_unikernel(host, images):
    web, = host.deploy(service("web", "unikernel", images.unikernel))
    host.page(web["address"], "health")
    seen = wait_stats(host, "web.test.0",
                      lambda s: "cpu_cores" in s and s["net_out_mib"] > 0, "measured")
    assert seen["memory_mib"] > 1


def test_table_and_names(host, images):
    host.deploy(service("box", "container", images.container(), replicas=2))
    until(lambda: len(stats(host)) == 2, "both are measured", 30)
    assert list(stats(host, "box.1")) == ["box.test.1"]
    assert len(stats(host, "box")) == 2
    table = host.holm("stats", "--no-stream").splitlines()
    assert table[0].startswith("INSTANCE") and "CPU CORES" in table[0] and len(table) == 3
    done = host.run("stats", "--no-stream", "none")
    assert done.returncode == FAILED and "none" in done.stderr
    follower = host.follow("stats", "box.0")
    follower.wait("box.test.0")
    follower.wait("box.test.0")
    follower.end()


def test_nothing(host):
    assert json.loads(host.holm("stats", "--no-stream", "-o", "json")) == []
