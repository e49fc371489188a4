"""The command line and the border of the API: output, exit codes, who may ask."""
import json
import re
import signal
import socket
import subprocess
import time

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import (API_PORT, FAILED, HOLM, HOST_IP, LAN_IP, OK, TIMEOUT, UNREACHABLE, USAGE,
                          value)

NONSENSE = [b"", b"GET /api", b"\x00\xff\r\n\r\n",
            b"POST /api/v1/apply HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"]
URL = f"http://127.0.0.1:{API_PORT}"


@pytest.fixture
def box(host, images):
    return host.deploy(service("box", "container", images.container()))[0]


def test_get(host, box):
    for kind in ("apps", "services", "instances", "nodes"):
        listed = json.loads(host.holm("get", kind, "-o", "json"))
        assert [v["id"] for v in listed] == [v["id"] for v in host.list(kind)]
    table = host.holm("get", "instances")
    assert re.search(r"^box(\.test)?\.0 .*RUNNING", table, re.M), table
    wide = host.holm("get", "instances", "-o", "wide")
    assert box["address"] in wide and len(wide.splitlines()[0]) > len(table.splitlines()[0])
    assert json.loads(host.holm("get", "instances", "--app", "none.prod", "-o", "json")) == []
    node, = json.loads(host.holm("get", "nodes", "-o", "json"))
    assert (node["hostname"], node["is_alive"], node["instances"]) == (host.name, True, 1)
    assert {"docker", "unikernel"} <= set(node["virtualization"])


def test_logs(host, box):
    for i in range(5):
        host.page(box["address"], f"print?text=line{i}")
    host.page(box["address"], "print-error?text=problem")
    follower = host.follow("logs", "-f", "box.0")
    follower.wait("/print-error 200")
    follower.end()
    log = host.holm("logs", "box.0").splitlines()
    assert [line for line in log if line.startswith("line")] == [f"line{i}" for i in range(5)]
    assert "problem" not in log and log[0] == "listening on port 80"
    assert host.run("logs", "box.0").stderr.splitlines() == ["problem"]
    assert host.holm("logs", "--stdout", "--tail", 1, "box.0").splitlines() == log[-1:]
    assert host.holm("logs", "--tail", 0, "box.0") == ""
    for name in ("box", "box.test.0", "shop.prod.box.test.0", box["id"], box["id"][:10]):
        assert host.holm("logs", name).splitlines() == log
    only = host.run("logs", "--stderr", "--tail", 5, "box.0")
    assert (only.stdout, only.stderr) == ("", "problem\n")
    assert host.run("logs", "--stdout", "box.0").stderr == ""
    stamped = host.run("logs", "--timestamps", "box.0")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z problem\n$", stamped.stderr)


def test_logs_by_time(host, box):
    host.page(box["address"], "print?text=early")
    until(lambda: "early" in host.holm("logs", "box.0"), "it is in the log")
    stamp = next(line for line in host.holm("logs", "-t", "box.0").splitlines()
                 if line.endswith(" early")).split()[0]
    time.sleep(0.05)  # the log's clock has to go on
    host.page(box["address"], "print?text=late")
    until(lambda: "late" in host.holm("logs", "box.0"), "it is in the log")
    late = next(line for line in host.holm("logs", "-t", "box.0").splitlines()
                if line.endswith(" late")).split()[0]
    since = host.holm("logs", "--since", late, "box.0")
    assert "late" in since and "early" not in since
    before = host.holm("logs", "--until", stamp[:23] + "Z", "box.0")
    assert "listening" in before and "late" not in before
    assert "early" in host.holm("logs", "--since", "10m", "box.0")
    assert host.holm("logs", "--since", "0s", "box.0") == ""
    wrong = host.run("logs", "--since", "yesterday", "box.0")
    assert wrong.returncode == FAILED and "yesterday" in wrong.stderr
    assert host.run("logs", "-f", "--until", "1s", "box.0").returncode == FAILED


def test_logs_of_a_service(host, images):
    host.deploy(service("box", "container", images.container(), replicas=2))
    log = until(lambda: (lines := host.holm("logs", "box").splitlines()) and len(lines) >= 2 and
                lines, "both have said something")
    assert {line for line in log if "listening" in line} == \
        {f"box.{n} | listening on port 80" for n in (0, 1)}
    follower = host.follow("logs", "-f", "--tail", 1, "box")
    for _ in range(2):
        follower.wait("box.")  # each instance's last line: both are followed from here on
    addresses = {v["number"]: v["address"] for v in host.instances()}
    for number in (1, 0):
        host.page(addresses[number], f"print?text=from{number}")
        follower.wait(f"box.{number} | from{number}")
    follower.end()


def test_follow_goes_on_over_a_restart_of_the_container(host, box):
    host.page(box["address"])
    log = host.follow("logs", "-f", "--tail", 1, "box.0")
    log.wait("200")
    with host.events() as events:
        host.page(box["address"], "print?text=first")
        log.wait("first")
        host.end_instance(box["address"], "exit?code=1")
        events.wait_state("DEAD", "box")
        events.wait_state("RUNNING", "box")
    log.wait("listening on port 80")
    host.page(box["address"], "print?text=second")
    log.wait("second")
    assert log.end() in (OK, 128 + signal.SIGINT, -signal.SIGINT)


def test_logs_of_a_unikernel(host, images):
    host.deploy(service("web", "unikernel", images.unikernel))
    log = host.follow("logs", "-f", "web.0")
    log.wait("Listening on port 80")
    host.page(host.instance("web")["address"], "health")
    log.wait("/health")
    log.end()


def test_a_flood_of_output_is_bounded(host, images):
    """A container that only writes fills no disk, and is not stopped by it."""
    flood = f"while :; do echo {'x' * 1000}; done"
    host.deploy(service("box", "container", images.container(), cmd=["/bin/sh", "-c", flood],
                        vcpus=1, grace_s=1))
    view = host.instance("box")
    logs = host.data_dir / "worker" / "logs"
    until(lambda: list(logs.glob(f"{view['id']}*.1")), "the log was turned")
    assert sum(p.stat().st_size for p in logs.glob(f"{view['id']}*")) < 8 << 20
    assert host.holm("logs", "--tail", 1, "box.0").startswith("xxx")
    assert host.instance("box")["pid"] == view["pid"]


@pytest.mark.parametrize("words, code", [
    ((), USAGE), (("fly",), USAGE), (("get",), USAGE), (("get", "planets"), USAGE),
    (("get", "apps", "--outptu", "json"), USAGE), (("get", "apps", "-o", "yaml"), USAGE),
    (("scale", "box"), USAGE), (("scale", "none", "1"), FAILED), (("scale", "box", "x"), USAGE),
    (("scale", "box", "-1"), USAGE), (("scale", "box", "100000"), USAGE),
    (("logs", "none.0"), FAILED), (("logs", "box.0", "--tail", "x"), USAGE),
    (("delete", "app", "none"), FAILED), (("delete", "planet", "x"), USAGE),
    (("help",), OK), (("help", "apply"), OK), (("--help",), OK), (("--version",), OK),
    (("version",), OK)])
def test_exit_codes(host, box, words, code):
    done = host.run(*words) if words else host.run()
    assert done.returncode == code, done.stdout + done.stderr
    if code != OK:
        assert done.stderr.strip(), "a failure without a sentence"


def test_timeout_has_its_own_exit_code(host, images):
    """A registry that takes connections and does not answer keeps the wait going."""
    with host.lan.entered():
        silent = socket.create_server((LAN_IP, 5000))
    with silent:
        done = host.apply(service("box", "container", f"{LAN_IP}:5000/app:v1"), seconds=1)
        assert done.returncode == TIMEOUT
        assert "box" in done.stderr
        host.delete_all()


def test_nobody_there(new_host):
    new_host.end(signal.SIGTERM)
    done = new_host.run("get", "apps")
    assert done.returncode == UNREACHABLE
    assert "holm up" in done.stderr


def test_token(host, box):
    token = (host.data_dir / "token").read_text().strip()
    assert (host.data_dir / "token").stat().st_mode & 0o777 == 0o600
    assert host.socket.stat().st_mode & 0o777 == 0o600
    bearer = {"Authorization": f"Bearer {token}"}
    assert host.ns.get(f"{URL}/api/v1/instances")[0] == 401
    assert host.ns.get(f"{URL}/api/v1/instances", headers={"Authorization": "Bearer x"})[0] == 401
    assert host.ns.get(f"{URL}/api/v1/instances",
                       headers={"Authorization": f"Bearer {token[:-1]}"})[0] == 401
    status, text = host.ns.get(f"{URL}/api/v1/instances", headers=bearer)
    assert status == 200 and json.loads(text)[0]["id"] == box["id"]
    status, _ = host.ns.get(f"{URL}/api/v1/down", method="POST", body="{}",
                            headers={"Content-Type": "application/json"})
    assert status == 401 and host.is_up()


def test_client_over_tcp(host, box):
    token = (host.data_dir / "token").read_text().strip()

    def get(env):
        return subprocess.run(host.ns.command("env", *env, HOLM, "--api", f"127.0.0.1:{API_PORT}",
                                              "--data-dir", "/nonexistent", "get", "instances"),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert get([]).returncode == FAILED
    done = get([f"HOLM_TOKEN={token}"])
    assert done.returncode == OK and "RUNNING" in done.stdout, done.stderr


def test_host_header(host):
    """Any name will do; but a page of a name that was pointed at us, which has another Host, is granted
    nothing for asking from here."""
    token = (host.data_dir / "token").read_text().strip()
    admin = json.dumps({"username": "Admin", "password": "Admin"})
    for name in ("evil.example", f"evil.example:{API_PORT}", f"{HOST_IP}:{API_PORT}", "127.0.0.1"):
        status, _ = host.ns.get(f"{URL}/api/v1/apps", headers={"Authorization": f"Bearer {token}",
                                                               "Host": name})
        assert status == 200, name
        login = host.ns.get(f"{URL}/api/auth/login", method="POST", body=admin,
                            headers={"Content-Type": "application/json", "Host": name})
        assert login[0] == 403, login


def test_content_type(host):
    """Forms of other sites cannot send JSON's."""
    token = (host.data_dir / "token").read_text().strip()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        status, _ = host.ns.get(f"{URL}/api/v1/apply", method="POST", body="{}",
                                headers={"Authorization": f"Bearer {token}", "Content-Type": kind})
        assert status == 415, kind


def test_not_on_other_addresses(host):
    with pytest.raises(OSError):
        host.lan.get(f"http://{HOST_IP}:{API_PORT}/api/v1/apps", seconds=2)


def test_api_answers_in_sentences(host):
    token = (host.data_dir / "token").read_text().strip()
    bearer = {"Authorization": f"Bearer {token}"}
    status, text = host.ns.get(f"{URL}/api/v1/planets", headers=bearer)
    assert status == 404 and json.loads(text)["message"]
    status, text = host.ns.get(f"{URL}/api/v1/apps", method="PUT", headers=bearer)
    assert status == 405 and json.loads(text)["message"]


def test_slow_and_broken_requests_do_not_stop_others(host, box):
    """Clients that say nothing, half a request, or nonsense."""
    held = [host.ns.dial("127.0.0.1", API_PORT) for _ in range(20)]
    try:
        for i, client in enumerate(held):
            client.sendall(NONSENSE[i % len(NONSENSE)])
        assert host.holm("get", "instances", "-o", "json")
        assert value(host.page(box["address"]), "host") == "box-0"
    finally:
        for client in held:
            client.close()
