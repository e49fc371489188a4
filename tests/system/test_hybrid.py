"""One application of a container and a unikernel: who reaches whom, by which address and name,
with frames on the bridge passing through the host's packet filter and without."""
import socket

import pytest

from harness.descriptor import service
from harness.host import HOST_IP, LAN_IP, PageServer, value

KEYS = {"id", "app", "service", "number", "runtime", "state", "reason", "node", "address",
        "service_address", "ports", "pid", "memory_limit_mib", "memory_mib", "started_at"}
NF_CALL = "net/bridge/bridge-nf-call-iptables"
BOX_PORT, WEB_PORT, UDP_PORT = 9080, 8080, 9053


@pytest.fixture(scope="module")
def hybrid(module_host, images):
    box = service("box", "container", images.container(), memory=64,
                  cmd=["/bin/httpd", "name=box", "udp=53"],
                  port=f"{BOX_PORT}:80/tcp;{UDP_PORT}:53/udp", addresses={"rr_ip": "10.30.7.1"})
    web = service("web", "unikernel", images.unikernel, memory=32, cmd=["name=web"],
                  arch=["amd64"], port=f"{WEB_PORT}:80", addresses={"rr_ip": "10.30.7.2"})
    module_host.deploy(box, web)
    return module_host


@pytest.fixture(params=[0, 1])
def host(hybrid, request):
    """Both settings: whatever bridge-nf-call-iptables says, everything works."""
    if hybrid.ns.sysctl(NF_CALL) is None:
        if request.param:
            pytest.skip(f"this kernel has no {NF_CALL}")
    else:
        hybrid.ns.sysctl(NF_CALL, request.param)
    return hybrid


def box_gets(host, url):
    """The container asks for a page."""
    return host.page(host.instance("box")["address"], f"get?url={url}")


def web_gets(host, url):
    """The unikernel asks for a page."""
    return host.page(host.instance("web")["address"], f"get?url={url}")


@pytest.mark.parametrize("name", ["web", "web.test", "web.test.shop.prod.holm", "10.30.7.2"])
def test_container_to_unikernel(host, name):
    page = box_gets(host, f"http://{name}/")
    assert value(page, "name") == "web"
    assert value(page, "address") == host.instance("web")["address"]


@pytest.mark.parametrize("name", ["box.test.shop.prod.holm", "10.30.7.1"])
def test_unikernel_to_container(host, name):
    page = web_gets(host, f"http://{name}/")
    assert value(page, "name") == "box"
    # A server sees its caller's own address in the service network.
    assert value(page, "peer") == host.instance("web")["instance_address"]


def test_an_instance_of_each_by_its_own_address(host):
    for name in ("box", "web"):
        assert value(box_gets(host, f"http://{host.instance(name)['instance_address']}/"),
                     "name") == name
        assert value(web_gets(host, f"http://{host.instance(name)['instance_address']}/"),
                     "name") == name


def test_instances_reach_themselves(host):
    assert value(box_gets(host, "http://10.30.7.1/"), "name") == "box"
    assert value(box_gets(host, "http://box/"), "name") == "box"
    assert value(web_gets(host, "http://10.30.7.2/"), "name") == "web"
    assert value(web_gets(host, "http://web.test.shop.prod.holm/"), "name") == "web"


@pytest.mark.parametrize("port, name", [(BOX_PORT, "box"), (WEB_PORT, "web")])
def test_mapped_port(host, port, name):
    for asker, address in ((host.ns, "127.0.0.1"), (host.ns, HOST_IP), (host.lan, HOST_IP)):
        assert value(asker.text(f"http://{address}:{port}/"), "name") == name, (asker.name, address)


def test_instances_reach_mapped_ports_of_their_node(host):
    """Each the other's and its own."""
    for port, name in ((BOX_PORT, "box"), (WEB_PORT, "web")):
        assert value(box_gets(host, f"http://{HOST_IP}:{port}/"), "name") == name
        assert value(web_gets(host, f"http://{HOST_IP}:{port}/"), "name") == name


def test_lan_client_is_seen_as_itself(host):
    page = host.lan.text(f"http://{HOST_IP}:{BOX_PORT}/")
    assert value(page, "peer") == LAN_IP


def test_host_to_service_address(host):
    assert value(host.page("10.30.7.1"), "name") == "box"
    assert value(host.page("10.30.7.2"), "name") == "web"


def test_mapped_udp_port(host):
    for ns, address in ((host.ns, "127.0.0.1"), (host.ns, HOST_IP), (host.lan, HOST_IP)):
        with ns.entered():
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with client:
            client.settimeout(10)
            client.connect((address, UDP_PORT))
            client.send(b"hello")
            assert client.recv(100) == b"hello"


def test_way_out(host):
    """Instances reach the world under their node's address."""
    server = PageServer(host.lan, LAN_IP, 80, {"/": b"the world"})
    try:
        assert box_gets(host, f"http://{LAN_IP}/") == "the world"
        assert web_gets(host, f"http://{LAN_IP}/") == "the world"
    finally:
        server.close()
    assert server.peers == [HOST_IP, HOST_IP]


def test_unmapped_ports_and_unknown_names_fail_at_once(host):
    status, text = host.ns.get(f"http://{host.instance('box')['address']}/get?url=http://web:81/")
    assert (status, text) == (502, "connect: Connection refused\n")
    status, text = host.ns.get(f"http://{host.instance('box')['address']}/get?url=http://nobody/")
    assert status == 502 and text.startswith("resolve: ")


@pytest.fixture
def lan_without_loopback(host):
    """The LAN client sends what is for 127/8 to the host."""
    own = ["local 127.0.0.0/8", "local 127.0.0.1"]
    host.lan.sysctl("net/ipv4/conf/up0/route_localnet", 1)
    for route in own:
        host.lan.output("ip", "route", "del", *route.split(), "dev", "lo", "table", "local")
    host.lan.output("ip", "route", "add", "127.0.0.0/8", "via", HOST_IP, "src", LAN_IP)
    yield host.lan
    host.lan.output("ip", "route", "del", "127.0.0.0/8", "via", HOST_IP)
    for route in own:
        host.lan.output("ip", "route", "add", *route.split(), "dev", "lo", "table", "local")
    host.lan.sysctl("net/ipv4/conf/up0/route_localnet", 0)


def test_loopback_is_not_for_others(host, lan_without_loopback):
    """127.0.0.1:PORT works on the node, and is closed to frames from its neighbours."""
    with pytest.raises(OSError):
        lan_without_loopback.get(f"http://127.0.0.1:{BOX_PORT}/", seconds=1)


def test_listing(host):
    box, web = host.instances()
    for view, name, runtime, ports in (
            (box, "box", "container", {(BOX_PORT, 80, "tcp"), (UDP_PORT, 53, "udp")}),
            (web, "web", "unikernel", {(WEB_PORT, 80, "tcp")})):
        assert KEYS <= set(view), KEYS - set(view)
        assert (view["app"], view["service"], view["number"]) == ("shop.prod", f"{name}.test", 0)
        assert (view["runtime"], view["state"], view["reason"]) == (runtime, "RUNNING", "")
        assert view["node"] == host.name
        assert {(p["host"], p["guest"], p["protocol"]) for p in view["ports"]} == ports
        assert view["pid"] > 1
        assert view["started_at"].endswith("Z")
    assert (box["memory_limit_mib"], web["memory_limit_mib"]) == (64, 32)
    assert (box["service_address"], web["service_address"]) == ("10.30.7.1", "10.30.7.2")
    assert box["address"].startswith("10.18.") and web["address"].startswith("10.18.")
