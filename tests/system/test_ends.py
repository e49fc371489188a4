"""How instances end, what is told of it, and what follows."""
import os
import pathlib
import re
import signal
import time

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, OK, value


def box(images, **fields):
    return service("box", "container", images.container(), **fields)


def web(images, **fields):
    return service("web", "unikernel", images.unikernel, **fields)


@pytest.mark.parametrize("path, reason", [
    ("exit?code=3", "exit code 3"), ("exit?code=0", "exit code 0"),
    ("crash", "signal|SIGSEGV|139")])
def test_container_ends_and_is_started_again(host, images, path, reason):
    before = host.deploy(box(images, port="9080:80"))[0]
    with host.events() as events:
        host.end_instance(before["address"], path)
        assert re.search(reason, events.wait_state("DEAD", "box")["reason"])
        view = events.wait_state("RUNNING", "box")
    assert view["pid"] != before["pid"]
    assert view["incarnation"] == before["incarnation"] + 1
    assert value(host.page("127.0.0.1", port=9080), "host") == "box-0"


@pytest.mark.parametrize("path, reason, not_reason", [
    ("exit", "exit code 0", "crash"), ("crash", "crashed", "exit code 0")])
def test_unikernel_ends_and_is_started_again(host, images, path, reason, not_reason):
    before = host.deploy(web(images, port="8080:80"))[0]
    with host.events() as events:
        host.end_instance(before["address"], path)
        told = events.wait_state("DEAD", "web")["reason"]
        assert re.search(reason, told) and not_reason not in told
        view = events.wait_state("RUNNING", "web")
    assert view["pid"] != before["pid"]
    assert value(host.page("127.0.0.1", port=8080), "address") == before["address"]


def test_killed_container(host, images):
    before = host.deploy(box(images))[0]
    with host.events() as events:
        os.kill(before["pid"], signal.SIGKILL)
        assert re.search("signal|killed|SIGKILL|137", events.wait_state("DEAD", "box")["reason"])
        events.wait_state("RUNNING", "box")
    assert value(host.page(before["service_address"]), "host") == "box-0"


def test_killed_qemu(host, images):
    before = host.deploy(web(images))[0]
    with host.events() as events:
        os.kill(before["pid"], signal.SIGKILL)
        assert "signal 9" in events.wait_state("DEAD", "web")["reason"]
        events.wait_state("RUNNING", "web")
    assert value(host.page(before["service_address"]), "address") == before["address"]


def parent(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def assert_still_there(host, service_name, before):
    """Serves on, or is replaced in a while; never hangs."""
    until(lambda: host.ns.text(f"http://{before['service_address']}/"), "it serves")
    view = host.wait_running(service_name)
    # And it can still be removed.
    done = host.run("scale", service_name, "0", "--wait", "--timeout", "60")
    assert done.returncode == OK, done.stderr
    assert not pathlib.Path(f"/proc/{view['pid']}").exists() or leftovers.is_zombie(view["pid"])


def test_killed_supervisor_of_a_unikernel(host, images):
    before = host.deploy(web(images))[0]
    supervisor = parent(before["pid"])
    assert "holm-helper" in leftovers.command_line(supervisor)
    os.kill(supervisor, signal.SIGKILL)
    leftovers.wait_gone(supervisor)
    assert_still_there(host, "web", before)


def test_killed_supervisor_and_then_the_unikernel(host, images):
    before = host.deploy(web(images))[0]
    supervisor = parent(before["pid"])
    os.kill(supervisor, signal.SIGKILL)
    leftovers.wait_gone(supervisor)
    leftovers.kill(before["pid"])
    view = host.wait_running("web", before["pid"])
    assert value(host.page(view["service_address"]), "address") == before["address"]


def test_killed_logger_of_a_container(host, images):
    before = host.deploy(box(images))[0]
    loggers = [pid for pid, line in host.census().processes().items()
               if "holm-helper" in line and before["id"] in line]
    assert loggers, host.census().processes()
    for pid in loggers:
        leftovers.kill(pid)
        leftovers.wait_gone(pid)
    assert_still_there(host, "box", before)


def test_killed_shim_of_a_container(host, images):
    before = host.deploy(box(images))[0]
    shims = [pid for pid, line in host.census().processes().items()
             if "holm-shim" in line.split(" ")[0] and before["id"] in line]
    assert shims, host.census().processes()
    for pid in shims:
        leftovers.kill(pid)
    assert_still_there(host, "box", before)


def test_one_shot_completes_and_stays_so(host, images):
    done = host.apply(box(images, one_shot=True, cmd=["/bin/sh", "-c", "echo result; exit 0"]))
    assert done.returncode == OK, done.stderr
    view = host.wait_instance("box", lambda v: v["state"] == "COMPLETED", "is completed")
    assert view["pid"] == 0
    assert "result\n" in host.holm("logs", "box.0")
    host.kill()
    host.up()
    view = host.wait_instance("box", lambda v: v["state"] == "COMPLETED", "is still completed")
    assert view["incarnation"] == 1


def test_one_shot_that_fails_is_tried_again(host, images):
    with host.events() as events:
        host.apply(box(images, one_shot=True, cmd=["/bin/sh", "-c", "exit 4"]), wait=False)
        first = events.wait_state("DEAD", "box")
        assert "exit code 4" in first["reason"]
        events.wait(lambda v: v["state"] == "DEAD" and v["incarnation"] > first["incarnation"],
                    "ends a second time")


def test_one_shot_unikernel(host, images):
    host.deploy(web(images, one_shot=True))
    view = host.instance("web")
    with host.events() as events:
        host.end_instance(view["address"], "exit")
        events.wait_state("COMPLETED", "web")


def test_a_container_that_ignores_the_signal_is_killed_after_its_grace(host, images):
    before = host.deploy(box(images, cmd=["/bin/httpd", "ignore-term"], grace_s=1))[0]
    host.holm("delete", "app", "shop", "--wait", "--timeout", 30)
    assert host.instances() == []
    assert not pathlib.Path(f"/proc/{before['pid']}").exists() or leftovers.is_zombie(before["pid"])


def test_a_container_is_asked_to_stop(host, images):
    host.deploy(box(images))
    log = host.follow("logs", "-f", "box.0")
    log.wait("listening on port 80")
    host.deploy(box(images, cmd=["/bin/httpd", "again"]))
    log.wait("terminated")
    log.wait("listening on port 80")
    log.end()


def test_a_loop_of_ends_backs_off_and_is_told(host, images):
    with host.events() as events:
        host.apply(box(images, cmd=["/bin/sh", "-c", "exit 1"]), wait=False)
        events.wait(lambda v: v["incarnation"] == 4, "its fourth start")
    view = host.wait_instance("box", lambda v: v["state"] == "DEAD", "is DEAD between its starts")
    assert "exit code 1" in view["reason"] and "next start in" in view["reason"]
    delays = [float(re.search(r"next start in ([\d.]+) s", v["reason"])[1]) for v in events.seen
              if v["state"] == "DEAD"]
    assert delays[-1] > delays[0], delays


def test_connections_do_not_stick_to_the_dead(host, images):
    """Of two instances one ends: from then on every request is served by the other."""
    host.deploy(box(images, replicas=2, cmd=["/bin/httpd"]))
    zero = host.instance("box", 0)
    host.holm("scale", "box", 1, "--wait")
    for _ in range(20):
        assert value(host.page(zero["service_address"]), "host") == "box-0"


def test_a_failure_without_restarts_stays_over_restarts_of_holm(host, images):
    done = host.apply(box(images, restart="never", cmd=[
        "/bin/sh", "-c", "echo step 1; echo cannot go on >&2; exit 3"]), words=("--settle", "2"))
    assert done.returncode != OK and "exit code 3" in done.stderr
    view = host.wait_instance("box", lambda v: "last output" in v["reason"], "tells its output")
    assert view["state"] == "FAILED" and view["pid"] == 0
    assert view["reason"] == ("exit code 3, not started again (restart: never); "
                              "last output: step 1 | cannot go on")
    host.kill()
    host.up()
    # Killed at once, Holm may not have noted the output yet: it reads it again then.
    again = host.wait_instance("box", lambda v: v["reason"] == view["reason"], "tells the same")
    assert again["state"] == "FAILED" and again["incarnation"] == view["incarnation"]


def test_on_failure_starts_failures_again_only(host, images):
    before = host.deploy(box(images, restart="on-failure"))[0]
    with host.events() as events:
        host.end_instance(before["address"], "exit?code=3")
        events.wait_state("DEAD", "box")
        view = events.wait_state("RUNNING", "box")
        host.end_instance(view["address"], "exit?code=0")
        assert events.wait_state("COMPLETED", "box")["reason"] == "exit code 0"
    host.kill()
    host.up()
    view = host.wait_instance("box", lambda v: v["state"] == "COMPLETED", "is still COMPLETED")
    assert view["incarnation"] == before["incarnation"] + 1


def test_a_crash_loop_tells_its_last_output(host, images):
    host.apply(box(images, cmd=["/bin/sh", "-c", "echo no database; exit 3"]), wait=False)
    view = host.wait_instance(
        "box", lambda v: "crash loop" in v["reason"] and "output" in v["reason"], "loops")
    assert re.fullmatch(r"exit code 3, crash loop: \d+ ends in a row, next start in [\d.]+ s; "
                        r"last output: no database", view["reason"])


def test_out_of_memory_is_told(host, images):
    before = host.deploy(box(images, memory=64, cmd=["/bin/httpd"]))[0]
    with host.events() as events:
        host.end_instance(before["address"], "alloc?mib=200")
        told = events.wait_state("DEAD", "box")["reason"]
    assert told.startswith("killed: out of memory, limit 64 MiB, next start in"), told


def test_restart_in_place(host, images):
    zero, one = host.deploy(box(images, replicas=2, port="9080:80"))
    host.holm("restart", "box.1", "--wait")
    after = host.instances()
    assert after[0]["pid"] == zero["pid"]
    assert after[1]["pid"] != one["pid"] and after[1]["incarnation"] == one["incarnation"] + 1
    assert (after[1]["number"], after[1]["address"]) == (1, one["address"])
    host.holm("restart", "box", "--wait", "--all-at-once")
    assert [v["incarnation"] for v in host.instances()] == [2, 3]
    # One after the other, unless told otherwise.
    with host.events() as events:
        out = host.holm("restart", "box")
        views = [events.wait_state("CREATING", "box"), events.wait_state("RUNNING", "box"),
                 events.wait_state("CREATING", "box"), events.wait_state("RUNNING", "box")]
    assert [v["number"] for v in views] == [0, 0, 1, 1]
    assert "box.test.0 (1 of 2)" in out and "box.test.1 (2 of 2)" in out
    assert [v["incarnation"] for v in host.instances()] == [3, 4]
    assert host.run("restart", "nothing").returncode != OK


def test_restart_in_turn_ends_at_the_first_that_fails(host, images):
    probe = {"exec": ["/bin/sh", "-c", "[ $HOSTNAME != box-1 -o ! -e /data/bad ]"]}
    host.deploy(box(images, replicas=3, readiness=probe,
                    volumes=[{"volume_id": "d", "mount_path": "/data"}],
                    entrypoint=["/bin/busybox"], cmd=["sleep", "100000"], grace_s=1))
    (host.data_dir / "worker/volumes/d/data/bad").touch()
    before = [v["incarnation"] for v in host.instances()]
    done = host.run("restart", "box", "--timeout", "3")
    assert done.returncode == 4, done.stderr
    assert "box.test.1 did not come back: 1 of 3 were not restarted" in done.stderr
    assert [v["incarnation"] for v in host.instances()] == [before[0] + 1, before[1] + 1, before[2]]


def test_apply_with_settle_notices_a_soon_end(host, images):
    soon = box(images, restart="never", entrypoint=["/bin/sh", "-c"],
               cmd=["/bin/busybox sleep 0.5; exit 3"])
    done = host.apply(soon, words=("--settle", "5"))
    assert done.returncode == FAILED and "exit code 3" in done.stderr, done.stderr
    good = box(images, entrypoint=["/bin/sh", "-c"], cmd=["exec /bin/busybox sleep 100000"],
               grace_s=1)
    before = time.monotonic()
    done = host.apply(good, words=("--settle", "2"))
    assert done.returncode == OK and time.monotonic() >= before + 2, done.stderr


def test_output_of_the_run_before(host, images):
    script = "read up rest < /proc/uptime; echo run $up; exec /bin/busybox sleep 100000"
    host.deploy(box(images, entrypoint=["/bin/sh", "-c"], cmd=[script], grace_s=1))

    def lines(*words):
        return host.holm("logs", *words, "box.0").splitlines()

    until(lambda: lines(), "its first words")
    done = host.run("logs", "-p", "box.0")
    assert done.returncode == FAILED and "no earlier run" in done.stderr, done.stderr
    for n in (2, 3):
        host.holm("restart", "box.0", "--wait")
        until(lambda: len(lines()) == n, "all runs' words")  # pylint: disable=cell-var-from-loop
    assert lines("-p") == lines()[1:2]
    assert lines("-p", "--tail", "5") == lines()[1:2]
    host.end(signal.SIGTERM)
    host.up()
    assert lines("-p") == lines()[1:2]
    done = host.run("logs", "-p", "-f", "box.0")
    assert done.returncode == FAILED and "followed" in done.stderr, done.stderr


def test_output_of_one_that_has_ended(host, images):
    done = host.apply(box(images, entrypoint=["/bin/sh", "-c"], cmd=["echo words; exit 3"],
                          restart="never"), words=("--settle", "2"))
    assert done.returncode == FAILED
    assert host.holm("logs", "-p", "box.0") == "words\n"


def test_restart_of_what_had_ended(host, images):
    host.apply(box(images, restart="never", cmd=["/bin/sh", "-c", "exit 3"]))
    host.wait_instance("box", lambda v: v["state"] == "FAILED", "has ended")
    host.run("restart", "box.0", "--wait")
    view = host.wait_instance("box", lambda v: v["state"] == "FAILED" and v["incarnation"] == 2,
                              "has ended a second time")
    assert "exit code 3" in view["reason"]


def test_restart_of_a_unikernel(host, images):
    before = host.deploy(web(images))[0]
    host.holm("restart", "web", "--wait")
    after = host.instance("web")
    assert after["pid"] != before["pid"] and after["address"] == before["address"]


def test_a_child_that_is_killed_for_memory_is_told(host, images):
    """The first process lives on: nothing ends, and still somebody should know."""
    eats = "while :; do dd if=/dev/zero of=/dev/null bs=200M count=1; sleep 5; done"
    host.deploy(box(images, memory=64, cmd=["/bin/sh", "-c", eats]))
    view = host.wait_instance("box", lambda v: "killed" in v["reason"], "tells of the killed one")
    assert view["state"] == "RUNNING" and view["incarnation"] == 1
    assert re.fullmatch(r"\d+ of its processes (was|were) killed: out of memory, limit 64 MiB",
                        view["reason"])
