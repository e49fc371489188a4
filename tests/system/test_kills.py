"""Each process of ours is killed in turn while requests go through service address, name and mapped
ports to two replicas."""
import os
import signal

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import value
from harness.picture import Picture, shim_socket
from harness.traffic import Traffic


@pytest.fixture(scope="module")
def served(module_host, images):
    """Two replicas, and a container that asks them."""
    module_host.deploy(
        service("web", "container", images.container(), port="9080:80", memory=64, replicas=2,
                cmd=["/bin/httpd", "name=web"]),
        service("asker", "container", images.container(), memory=64))
    return module_host


@pytest.fixture
def traffic(served):
    """From the host and the LAN by the mapped port, from the host and a container by the service
    address. The container reports at the end."""
    until(lambda: [v["state"] for v in served.instances()] == ["RUNNING"] * 3, "all run")
    address = served.instance("web", 0)["service_address"]
    served.asker = served.instance("asker")["address"]
    served.page(served.asker, f"load?url=http://{address}/")
    with Traffic((served.ns, "http://127.0.0.1:9080/"), (served.lan, "http://10.99.0.1:9080/"),
                 (served.ns, f"http://{address}/")) as clients:
        clients.more(20)
        yield clients
    served.page(served.asker, "load?stop")


def asked(host, key):
    """done, failed or first error of the container's own requests."""
    return value(host.page(host.asker, "load"), key)


def assert_none_lost(host, clients):
    clients.more()
    assert not clients.failed()
    assert asked(host, "failed") == "0", asked(host, "first")
    before = int(asked(host, "done"))
    until(lambda: int(asked(host, "done")) > before + 20, "the container asks on")


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    leftovers.wait_gone(pid)


def process(host, check, what):
    """Of the Holm's processes the one for whose command line check is true."""
    found = [pid for pid, line in host.census().processes().items() if check(line)]
    assert len(found) == 1, f"{len(found)} processes: {what}"
    return found[0]


def replica(host, number):
    return host.instance("web", number)


def facts(host):
    return [(v["id"], v["pid"], v["incarnation"]) for v in host.instances()]


def test_holm(served, traffic):
    before = facts(served)
    kill(served.pid)
    traffic.more()
    served.up()
    assert_none_lost(served, traffic)
    assert facts(served) == before


def is_containerd(line):
    return os.path.basename(line.split(" ")[0]) == "containerd"


def test_containerd(served, traffic):
    """It is started again without being asked for."""
    before = facts(served)
    kill(process(served, is_containerd, "containerd"))
    traffic.more()
    until(lambda: any(is_containerd(line) for line in served.census().processes().values()),
          "a new containerd")
    assert_none_lost(served, traffic)
    assert facts(served) == before


def test_holm_and_containerd(served, traffic):
    before = facts(served)
    kill(served.pid)
    kill(process(served, is_containerd, "containerd"))
    traffic.more()
    served.up()
    assert_none_lost(served, traffic)
    assert facts(served) == before


def test_name_server(served, traffic):
    """Connections by address do not need it; names are known again when it is back."""
    before = facts(served)
    kill(process(served, lambda line: "dnsmasq" in line.split(" ")[0], "the name server"))
    until(lambda: value(served.page(served.asker, "get?url=http://web/"), "name") == "web",
          "names are known again")
    assert_none_lost(served, traffic)
    assert facts(served) == before


def logger_of(host, view):
    return process(host, lambda line: "holm-helper logger" in line and view["id"] in line,
                   f"logger of {view['id']}")


def test_logger(served, traffic):
    """Another one takes its place within some seconds. What is written until then is lost, and the
    log tells so; the program goes on, and is not blocked later."""
    before = facts(served)
    view = replica(served, 0)
    served.page(view["address"], "print?text=before")
    until(lambda: "\nbefore\n" in served.holm("logs", "web.0"), "a line before")
    kill(logger_of(served, view))
    until(lambda: logger_of(served, view), "another logger")
    served.page(view["address"], "print?text=after")
    until(lambda: "\nafter\n" in served.holm("logs", "web.0"), "a line after")
    assert "holm: the logger was ended" in served.run("logs", "web.0").stderr
    for _ in range(40):  # more than a pipe holds
        served.page(view["address"], f"print?text={'x' * 1500}")
    assert_none_lost(served, traffic)
    assert facts(served) == before


def test_shim(served, traffic):
    """Its container cannot go on without. While that still answers, the kernel is told to lead nobody
    there any more; then it is started again."""
    view = replica(served, 0)
    kill(process(served, lambda line: "holm-shim" in line and view["id"] in line, "shim"))
    leftovers.wait_gone(view["pid"], 30)
    until(lambda: replica(served, 0)["state"] == "RUNNING" and
          replica(served, 0)["pid"] != view["pid"], "the replica is started again")
    assert_none_lost(served, traffic)
    assert replica(served, 0)["incarnation"] == view["incarnation"] + 1
    assert "terminated" in served.holm("logs", "web.0")  # by its stop signal


def test_a_restart(served, traffic):
    """The same for an end that was asked for: first the kernel is told, and then the program; and
    again before it gets any, when it listens."""
    for number in range(2):
        view = replica(served, number)
        served.holm("restart", f"web.{number}")
        until(lambda: replica(served, number)["state"] == "RUNNING" and
              replica(served, number)["pid"] != view["pid"], "it is started again")
        assert_none_lost(served, traffic)


def test_shims_leave_no_sockets(served):
    """A shim that is killed cannot remove its own."""
    picture = Picture(served)
    view = replica(served, 1)
    kill(process(served, lambda line: "holm-shim" in line and view["id"] in line, "shim"))
    until(lambda: replica(served, 1)["state"] == "RUNNING" and
          replica(served, 1)["pid"] != view["pid"], "the replica is started again")
    kill(process(served, lambda line: "holm-shim" in line and view["id"] in line, "shim"))
    assert shim_socket(picture.address, view["id"]).exists()
    served.delete_all()
    assert not shim_socket(picture.address, view["id"]).exists()
