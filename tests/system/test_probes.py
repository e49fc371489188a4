"""Probes of real instances: who gets traffic, what is started again, and what stays while Holm is
gone."""
import signal

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, value

READINESS = {"http": {"port": 80, "path": "/health"}, "period_s": 0.3, "failure_threshold": 2}


def box(images, *words, **fields):
    return service("box", "container", images.container(), cmd=["/bin/httpd", *words], **fields)


def set_health(host, view, status):
    host.page(view["address"], f"set-health?status={status}")


def served_by(host, address, times=20):
    return {value(host.page(address), "host") for _ in range(times)}


def wait_box(host, number, state):
    def look():
        view = host.instance("box", number)
        assert view["state"] == state, f"{view['state']}: {view['reason']}"
        return view
    return until(look, f"box.{number} is {state}")


def test_only_ready_replicas_get_traffic(host, images):
    zero, one = host.deploy(box(images, replicas=2, readiness=READINESS, port="9080:80"))
    rr = zero["service_address"]
    assert served_by(host, rr) == {"box-0", "box-1"}
    set_health(host, zero, 503)
    view = wait_box(host, 0, "CREATED")
    assert view["reason"] == (f"not ready: GET http://{zero['address']}:80/health answered 503 "
                              "(2 of 2)")
    assert not view["is_ready"] and view["pid"] == zero["pid"]
    until(lambda: served_by(host, rr) == {"box-1"}, "only box-1 is asked")
    # A Holm that comes back knows who was ready and who was not.
    host.kill()
    assert served_by(host, rr) == {"box-1"}
    host.up()
    assert served_by(host, rr) == {"box-1"}
    assert host.instance("box", 0)["state"] == "CREATED"
    set_health(host, zero, 200)
    assert wait_box(host, 0, "RUNNING")["pid"] == zero["pid"]
    assert served_by(host, rr) == {"box-0", "box-1"}
    assert host.instance("box", 1)["pid"] == one["pid"]


def test_a_killed_holm_stops_no_traffic(host, images):
    slow = {**READINESS, "period_s": 30}
    view = host.deploy(box(images, readiness=slow))[0]
    client = host.deploy(service("client", "container", images.container()), name="other")[0]
    url = f"http://{view['service_address']}/"
    host.page(client["address"], f"load?url={url}")
    for _ in range(2):
        host.kill()
        host.up()
        assert wait_box(host, 0, "RUNNING")["pid"] == view["pid"]
    page = host.page(client["address"], "load?stop=")
    assert int(value(page, "done")) > 10
    assert value(page, "failed") == "0", page


def test_what_is_never_ready_is_no_success(host, images):
    done = host.apply(box(images, "health=500", readiness=READINESS), seconds=5)
    assert done.returncode != OK
    assert "answered 500 (2 of 2)" in done.stderr, done.stderr


def test_what_ends_right_after_its_start_is_no_success(host, images):
    program = ["/bin/sh", "-c", "sleep 0.05; exit 7"]
    done = host.apply(service("box", "container", images.container(), cmd=program,
                              readiness=READINESS))
    assert done.returncode != OK
    assert "exit code 7, crash loop: 3 ends in a row" in done.stderr, done.stderr


def test_what_is_not_alive_is_started_again(host, images):
    liveness = {"http": {"port": 80, "path": "/health"}, "period_s": 0.5, "timeout_s": 0.3,
                "failure_threshold": 2}
    before = host.deploy(box(images, "ignore-term", liveness=liveness, grace_s=1))[0]
    with host.events() as events:
        set_health(host, before, 0)
        dead = events.wait_state("DEAD", "box")
        assert dead["reason"].startswith(
            f"liveness probe failed: GET http://{before['address']}:80/health failed: no answer "
            "within 0.3 s (2 of 2), next start in"), dead["reason"]
        view = events.wait_state("RUNNING", "box")
    assert view["incarnation"] == before["incarnation"] + 1
    assert view["address"] == before["address"]


def test_the_others_wait_for_the_startup_probe(host, images):
    health = {"http": {"port": 80, "path": "/health"}}
    host.apply(box(images, "health=503", startup={**health, "period_s": 1, "failure_threshold": 60},
                   liveness={**health, "period_s": 0.2, "failure_threshold": 1}), wait=False)
    view = host.wait_instance("box", lambda v: "(3 of 60)" in v["reason"], "is still starting")
    assert view["state"] == "CREATED" and view["incarnation"] == 1
    set_health(host, view, 200)
    assert host.wait_running("box")["incarnation"] == 1


def test_probes_change_in_place(host, images):
    before = host.deploy(box(images))[0]
    closed = {"tcp": {"port": 81}, "period_s": 0.3, "failure_threshold": 2}
    host.apply(box(images, readiness=closed), wait=False)
    view = wait_box(host, 0, "CREATED")
    assert "81 failed: connect: Connection refused (2 of 2)" in view["reason"]
    view = host.deploy(box(images, readiness={"tcp": {"port": 80}}))[0]
    assert view["state"] == "RUNNING" and view["pid"] == before["pid"]


def test_a_unikernel_is_probed_too(host, images):
    def web(path):
        return service("web", "unikernel", images.unikernel, readiness={
            "http": {"port": 80, "path": path}, "period_s": 0.5, "failure_threshold": 2})

    host.apply(web("/none"), wait=False)
    view = host.wait_instance("web", lambda v: "(2 of 2)" in v["reason"], "is not ready")
    assert view["state"] == "CREATED"
    assert view["reason"].endswith(f"GET http://{view['address']}:80/none answered 404 (2 of 2)")
    ready = host.deploy(web("/"))[0]
    assert ready["state"] == "RUNNING" and ready["pid"] == view["pid"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_a_probed_instance_survives(host, images, signum):
    before = host.deploy(box(images, readiness=READINESS))[0]
    host.end(signum)
    host.up()
    assert wait_box(host, 0, "RUNNING")["pid"] == before["pid"]


def test_a_command_in_the_container_decides(host, images):
    check = {"exec": ["/bin/sh", "-c", "echo looking at /tmp/ok; test -e /tmp/ok"],
             "period_s": 0.5, "failure_threshold": 2}
    program = ["/bin/sh", "-c", "sleep 3; touch /tmp/ok; exec /bin/httpd"]
    box_service = service("box", "container", images.container(), cmd=program, readiness=check)
    host.apply(box_service, wait=False)
    view = host.wait_instance("box", lambda v: "(2 of 2)" in v["reason"], "is not ready")
    assert view["state"] == "CREATED"
    assert view["reason"].endswith("failed: exit code 1: looking at /tmp/ok (2 of 2)")
    assert host.wait_running("box")["pid"] == view["pid"]


def test_a_command_that_hangs(host, images):
    liveness = {"exec": ["/bin/sh", "-c", "sleep 1000"], "timeout_s": 0.5, "period_s": 0.5,
                "failure_threshold": 2}
    host.apply(box(images, liveness=liveness), wait=False)
    view = host.wait_instance("box", lambda v: v["state"] == "DEAD", "is not alive")
    assert "it does not end in time (2 of 2)" in view["reason"]
