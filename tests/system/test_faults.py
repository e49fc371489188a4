"""What goes wrong around Holm while two replicas and a unikernel serve, and the state that each
fault has to end in: docs/faults.md."""

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, value
from harness.picture import Picture

SOON_S = 30  # the network is looked at every 5 seconds


@pytest.fixture(scope="module")
def shop(module_host, images):
    """A container, and a unikernel, each on a port; what runs here before and after a fault is the
    same."""
    module_host.deploy(
        service("box", "container", images.container(), port="9080:80", memory=64,
                cmd=["/bin/httpd", "name=box"]),
        service("web", "unikernel", images.unikernel, port="8080:80", memory=32,
                cmd=["name=web"]))
    return module_host


def facts(host):
    return [(v["id"], v["pid"], v["incarnation"], v["address"]) for v in host.instances()]


def assert_serves(host):
    for asker in (host.ns, host.lan):
        assert value(asker.text("http://10.99.0.1:9080/", seconds=2), "name") == "box"
        assert value(asker.text("http://10.99.0.1:8080/", seconds=2), "name") == "web"
    for name in ("web", "web.test.shop.prod.holm"):
        page = host.ns.text(f"http://127.0.0.1:9080/get?url=http://{name}/", seconds=2)
        assert value(page, "name") == "web"
    assert value(host.ns.text(f"http://{host.instance('box')['service_address']}/", seconds=2),
                 "name") == "box"
    return True


def bridge(host):
    return f"holm-{host.node_id[:8]}"


def link_of(host, service):
    """The host's end of an instance's link: its alias is the instance's id."""
    wanted = host.instance(service)["id"]
    for line in host.ns.output("ip", "-o", "link").splitlines():
        if f"alias {wanted}" in line:
            return line.split()[1].rstrip(":").partition("@")[0]
    raise AssertionError(f"no link of {wanted}")


def netns_of(host):
    return f"/run/netns/{bridge(host)}-{host.instance('box')['id']}"


NETWORK = {
    "the ruleset is flushed": lambda h: h.ns.output("nft", "flush", "ruleset"),
    "our table is flushed": lambda h: h.ns.output("nft", "flush", "table", "ip", bridge(h)),
    "the bridge is removed": lambda h: h.ns.output("ip", "link", "del", bridge(h)),
    "the bridge is down": lambda h: h.ns.output("ip", "link", "set", bridge(h), "down"),
    "the bridge has no address": lambda h: h.ns.output("ip", "addr", "flush", "dev", bridge(h)),
    "a veth is removed": lambda h: h.ns.output("ip", "link", "del", link_of(h, "box")),
    "a veth is unplugged": lambda h: h.ns.output("ip", "link", "set", link_of(h, "box"), "nomaster"),
    "a namespace loses its name": lambda h: leftovers.run("umount", netns_of(h)),
}


@pytest.mark.parametrize("fault", NETWORK)
def test_network(shop, fault):
    """It is made again around what runs."""
    before = facts(shop)
    until(lambda: assert_serves(shop), "all serve before", SOON_S)
    NETWORK[fault](shop)
    until(lambda: assert_serves(shop), f"{fault}: all serve again", SOON_S)
    if "namespace" in fault:
        until(lambda: netns_of(shop) in leftovers.mounts([shop.node_id[:8]]), "it has a name",
              SOON_S)
    assert facts(shop) == before


def test_tap_is_removed(shop):
    """QEMU has it open and cannot be given another one: the unikernel is started anew."""
    before = shop.instance("web")
    box = shop.instance("box")
    with shop.events() as events:
        shop.ns.output("ip", "link", "del", link_of(shop, "web"))
        told = events.wait(lambda v: v["service"] == "web.test" and v["state"] == "DEAD", "it is told")
        assert "its network device was removed" in told["reason"], told
    assert shop.wait_running("web", before["pid"])["address"] == before["address"]
    until(lambda: assert_serves(shop), "all serve again", SOON_S)
    assert shop.instance("box")["pid"] == box["pid"]


def test_control_group_is_removed(shop):
    """By somebody who moved its processes away: it serves on, and can be stopped; nothing is left."""
    view = shop.instance("box")
    picture = Picture(shop)
    groups = [p for p in leftovers.CGROUP.glob(f"*/{bridge(shop)}/{view['id']}") if p.is_dir()]
    assert groups
    for group in groups:
        for pid in (group / "cgroup.procs").read_text().split():
            (group.parents[1] / "cgroup.procs").write_text(pid)
        group.rmdir()
    assert_serves(shop)
    picture.remember()
    done = shop.run("scale", "box", "0", "--wait")
    assert done.returncode == OK, done.stderr
    leftovers.wait_gone(view["pid"])
    assert not [line for line in picture.things() if view["id"] in line]
    assert shop.run("scale", "box", "1", "--wait").returncode == OK
    until(lambda: assert_serves(shop), "it serves again", SOON_S)
