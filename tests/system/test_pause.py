"""Instances that are halted where they are, and go on: containers of both runtimes and a unikernel."""
import subprocess

from harness import leftovers
from harness.deadline import PATIENCE_S, until
from harness.descriptor import service
from harness.host import FAILED, HOLM, OK, value

NAMES = ("box", "safe", "web")


def services(images):
    return (service("box", "container", images.container(), memory=64, replicas=2),
            service("safe", "runsc", images.container(), memory=128),
            service("web", "unikernel", images.unikernel, memory=32,
                    readiness={"tcp": {"port": 80}, "period_s": 1},
                    liveness={"tcp": {"port": 80}, "period_s": 1, "failure_threshold": 2}))


def answer(host, view):
    """What comes from the service's address; None if nothing does."""
    try:
        return host.ns.get(f"http://{view['service_address']}/", seconds=3)[1]
    except OSError:
        return None


def state(host):
    return [(v["service"], v["number"], v["pid"], v["is_paused"]) for v in host.instances()]


def test_paused_and_resumed(host, images):
    host.wait_runtime("runsc")
    host.deploy(*services(images))
    one = host.instance("box", 1)
    web = host.instance("web")
    running = state(host)
    assert not any(paused for *_, paused in running)
    host.holm("pause", "box.0", "--wait")
    for name in ("safe", "web"):
        out = host.holm("pause", name, "--wait")
        assert out.endswith(": 0 instances up, 1 paused\n"), out
    assert [p for *_, p in state(host)] == [True, False, True, True]
    view = host.instance("web")
    assert (view["state"], view["reason"], view["is_ready"]) == ("RUNNING", "paused", False)
    # The other one has all of the service's traffic.
    assert {value(answer(host, one), "host") for _ in range(8)} == {"box-1"}
    assert answer(host, web) is None
    words = host.ns.command(HOLM, "--data-dir", host.data_dir, "exec", "box.0", "ls")
    refused = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
    assert refused.returncode == FAILED and "is paused" in refused.stderr, refused.stderr
    # A new Holm finds them so, and none of them has become another.
    host.kill()
    host.up()
    assert state(host) == [(s, n, p, (s, n) != ("box.test", 1)) for s, n, p, _ in running]
    for name in NAMES:
        host.holm("resume", name, "--wait")
    assert state(host) == running
    until(lambda: answer(host, web), "it answers again")
    # What is paused ends as all else does.
    for name in NAMES:
        host.holm("pause", name, "--wait")
    host.holm("restart", "box.0", "--wait")
    after = state(host)
    assert after[0][2] != running[0][2] and not after[0][3]
    host.delete_all()
    assert not any(leftovers.is_running(pid) for *_, pid, _ in after)


def test_a_paused_one_is_taken_down(host, images):
    host.deploy(*services(images)[::2])
    before = state(host)
    for name in ("box", "web"):
        host.holm("pause", name, "--wait")
    assert host.run("down").returncode == OK
    assert not any(leftovers.is_running(pid) for *_, pid, _ in before)
    host.up()
    host.wait_instance("web", lambda v: v["is_paused"], "is paused as it was wished")
