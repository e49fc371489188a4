"""Unikernels that start from a saved state: the copies, all with the same address inside, are as good
neighbours as any, and whatever happens to a state is at most a slower start."""
import hashlib
import json
import os
import signal
import socket
import struct

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, HOST_IP, value

BANNER = "unikernel-web"


def web(images, replicas, **fields):
    return service("web", "unikernel", images.unikernel, memory=32, cmd=["name=web"],
                   arch=["amd64"], start="snapshot", replicas=replicas,
                   readiness={"http": {"port": 80, "path": "/health"}},
                   addresses={"rr_ip": "10.30.7.2"}, **fields)


def box(images):
    return service("box", "container", images.container(), memory=64,
                   cmd=["/bin/httpd", "name=box"], addresses={"rr_ip": "10.30.7.1"})


def states(host):
    """Names and times of the states that are kept."""
    return {path: path.stat().st_ino for path in host.data_dir.glob("**/snapshots/*.state")}


@pytest.fixture(name="stateless")
def without_states(host):
    """A host that has no state yet."""
    for path in states(host):
        path.unlink()
        path.with_suffix(".json").unlink()
    return host


def answers_echo(ns, address):
    head = struct.pack("!BBHHH", 8, 0, 0, 77, 1)
    total = ~sum(struct.unpack("!4H", head)) & 0xffff
    with ns.entered():
        asker = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with asker:
        asker.settimeout(5)
        asker.sendto(struct.pack("!BBHHH", 8, 0, total, 77, 1), (address, 0))
        while True:
            packet, (peer, _) = asker.recvfrom(1500)
            if peer == address:
                return packet[20] == 0


def has_booted(host, instance):
    """A guest that boots says so on its console, one that goes on from a state does not."""
    return BANNER in host.holm("logs", f"web.{instance['number']}")


def webs(host):
    return [i for i in host.instances() if i["service"].startswith("web")]


def check_all(host, n):
    found = webs(host)
    assert len(found) == n and len({i["address"] for i in found}) == n
    for instance in found:
        for address in (instance["address"], instance["instance_address"]):
            page = host.page(address)
            assert value(page, "name") == "web"
            assert value(page, "address") == "192.0.0.2"
    return found


def test_two_copies_are_neighbours_like_others(stateless, images):
    host = stateless
    host.deploy(web(images, 1), box(images))
    assert [has_booted(host, i) for i in webs(host)] == [True]
    assert len(states(host)) == 1
    host.deploy(web(images, 3, port="8080:80"), box(images))
    found = check_all(host, 3)
    assert [has_booted(host, i) for i in found] == [True, False, False]
    for instance in found:
        # To the container, by service address and name; it sees the copy's own address.
        for name in ("10.30.7.1", "box.test.shop.prod.holm"):
            page = host.page(instance["address"], f"get?url=http://{name}/")
            assert value(page, "name") == "box"
            assert value(page, "peer") == instance["instance_address"]
        # From it, and from one copy to another and to itself.
        for asker in [host.instance("box"), *found]:
            page = host.page(asker["address"], f"get?url=http://{instance['instance_address']}/")
            assert value(page, "name") == "web"
        assert answers_echo(host.ns, instance["address"])
    page = host.page(host.instance("box")["address"], "get?url=http://web.test/")
    assert value(page, "name") == "web"
    for address in ("127.0.0.1", HOST_IP):
        assert value(host.ns.text(f"http://{address}:8080/"), "name") == "web"


def test_restarted_and_adopted(host, images):
    host.deploy(web(images, 2))
    before = {i["number"]: i["pid"] for i in webs(host)}
    host.kill()
    host.up()
    until(lambda: all(i["state"] == "RUNNING" for i in webs(host)), "all run")
    assert {i["number"]: i["pid"] for i in check_all(host, 2)} == before
    os.kill(webs(host)[0]["pid"], signal.SIGKILL)
    until(lambda: before[0] != webs(host)[0]["pid"] and webs(host)[0]["state"] == "RUNNING",
          "runs again")
    check_all(host, 2)


def qmp(path, *commands):
    """Runs commands over the socket of an instance's folder."""
    with socket.socket(socket.AF_UNIX) as connection:
        folder = os.open(path, os.O_PATH)
        connection.connect(f"/proc/self/fd/{folder}/qmp")
        os.close(folder)
        answers = connection.makefile("r")
        answers.readline()
        for command in ("qmp_capabilities", *commands):
            connection.sendall(json.dumps({"execute": command}).encode())
            while "return" not in (answer := json.loads(answers.readline())):
                assert "error" not in answer, answer


def test_halted_when_holm_was_killed(host, images):
    host.deploy(web(images, 1))
    before = webs(host)[0]
    folder = next(host.data_dir.glob(f"**/qemu/{before['id']}"))
    assert not (folder / "saving").exists()
    host.kill()
    qmp(folder, "stop")
    (folder / "saving").touch()
    host.up()
    assert check_all(host, 1)[0]["pid"] == before["pid"]
    assert not (folder / "saving").exists()


@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_damaged_state_is_made_anew(stateless, images, damage):
    host = stateless
    host.deploy(web(images, 1))
    (path, inode), = states(host).items()
    if damage == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    else:
        with open(path, "r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
    host.deploy(web(images, 2))
    assert all(has_booted(host, i) for i in check_all(host, 2))
    (again, other), = states(host).items()
    assert again == path and other != inode
    assert "state is not what was saved" in host.log(400)
    host.deploy(web(images, 3))
    assert not has_booted(host, host.instance("web", 2))
    check_all(host, 3)


def test_state_that_qemu_does_not_take(stateless, images):
    """Whole by its record, but nothing that QEMU could load."""
    host = stateless
    host.deploy(web(images, 1))
    (path, _), = states(host).items()
    record = path.with_suffix(".json")
    path.write_bytes(b"nothing")
    text = json.loads(record.read_text())
    text["digest"] = "sha256:" + hashlib.sha256(b"nothing").hexdigest()
    record.write_text(json.dumps(text))
    host.deploy(web(images, 2))
    assert all(has_booted(host, i) for i in check_all(host, 2))


def test_changed_to_cold_and_back(host, images):
    host.deploy(web(images, 1))
    cold = web(images, 1)
    cold["start"] = "cold"
    host.deploy(cold)
    address = host.instance("web")["address"]
    assert value(host.page(address), "address") == address
    host.deploy(web(images, 1))
    check_all(host, 1)
    assert host.instance("web")["address"] == address


def test_nothing_to_wait_for_is_refused(host, images):
    wish = web(images, 1)
    del wish["readiness"]
    done = host.apply(wish)
    assert done.returncode == FAILED and "start:" in done.stderr
    assert not host.instances()
