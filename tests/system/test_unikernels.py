"""Life of unikernels where it differs from that of containers: boots that come to nothing, the
console, machines that hang."""
import os
import signal
import subprocess

import pytest

from harness import leftovers
from harness.deadline import PATIENCE_S, until
from harness.descriptor import service
from harness.host import FAILED, HOLM, OK
from harness.terminal import Terminal


def bare(images, word, **fields):
    return service("bare", "unikernel", images.bare, cmd=[word], memory=8, **fields)


def is_in(state):
    return lambda view: view["state"] == state


def test_one_that_never_speaks_is_ended(host, images):
    host.apply(bare(images, "mute", boot_timeout=1, restart="never"), wait=False)
    view = host.wait_instance("bare", is_in("FAILED"), "is given up")
    assert view["reason"] == ("no byte on the console within 1 s, not started again "
                              "(restart: never)")
    assert view["pid"] == 0


def test_one_that_never_gets_ready_is_ended_with_its_last_words(host, images):
    """It listens elsewhere."""
    with host.events() as events:
        host.apply(service("bare", "unikernel", images.unikernel, cmd=["port=81"], boot_timeout=2,
                           readiness={"tcp": {"port": 80}}), wait=False)
        reason = events.wait_state("DEAD", "bare")["reason"]
    assert reason.startswith("not ready within 2 s of its start: connect to "), reason
    assert ", next start in " in reason and "Listening on port 81" in reason, reason


def test_one_that_is_quiet_for_a_while_goes_on(host, images):
    before = host.deploy(bare(images, "spin", boot_timeout=1))[0]
    with pytest.raises(AssertionError):
        host.wait_instance("bare", lambda v: v["pid"] != before["pid"], "is another", 3)


def test_its_console(host, images):
    before = host.deploy(bare(images, "keys", restart="never"))[0]
    with Terminal(host, "bare.0") as terminal:
        terminal.wait_raw()
        terminal.type(b"abc\r")
        terminal.wait(b"abc\r")
        terminal.leave()
    assert host.instance("bare")["pid"] == before["pid"]
    host.kill()
    host.up()
    with Terminal(host, "bare.0") as terminal:
        terminal.wait_raw()
        terminal.type(b"def")
        terminal.wait(b"def")
        terminal.type(b"q")
        assert terminal.process.wait(PATIENCE_S) == OK
    host.wait_instance("bare", is_in("COMPLETED"), "ends by its console")
    assert "abcdefq" in host.holm("logs", "bare.0")


def test_commands_are_refused_with_what_there_is(host, images):
    host.deploy(bare(images, "hello"))
    words = host.ns.command(HOLM, "--data-dir", host.data_dir, "exec", "bare.0", "ls")
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == FAILED
    assert "`holm attach` connects to its console, `holm logs`" in done.stderr, done.stderr


def test_one_that_hangs(host, images):
    """A machine that answers no monitor: it is noticed by its probe, and can be deleted."""
    probe = {"http": {"port": 80, "path": "/health"}, "period_s": 1, "timeout_s": 1,
             "failure_threshold": 2}
    before = host.deploy(service("web", "unikernel", images.unikernel, memory=32, readiness=probe,
                                 liveness=probe))[0]
    os.kill(before["pid"], signal.SIGSTOP)
    with host.events() as events:
        events.wait(lambda v: "liveness probe failed" in v["reason"], "is condemned")
    after = host.wait_running("web", before["pid"])
    assert not leftovers.is_running(before["pid"])
    os.kill(after["pid"], signal.SIGSTOP)
    host.delete_all()
    assert not leftovers.is_running(after["pid"])


def ask(host, view, page):
    return host.ns.get(f"http://{view['service_address']}/{page}")


def test_volumes_shared_with_a_container(host, images):
    """Both see what the other makes, as root's on disk; it outlives the unikernel."""
    data = {"volume_id": "shared", "mount_path": "/data"}
    web = service("web", "unikernel", images.unikernel, memory=32, volumes=[data],
                  readiness={"tcp": {"port": 80}, "period_s": 1})
    box = service("box", "container", images.container(), memory=64, volumes=[data],
                  cmd=["/bin/sh", "-c", "echo box > /data/of-box; exec /bin/httpd"])
    host.deploy(box, web)
    view = host.instance("web")
    until(lambda: ask(host, view, "file?path=/data/of-box") == (200, "box\n"), "the box's is there")
    assert ask(host, view, "write?path=/data/of-web&text=one")[0] == 200
    folder = host.data_dir / "worker" / "volumes" / "shared" / "data"
    made = (folder / "of-web").stat()
    assert (folder / "of-web").read_text().strip() == "one"
    assert (made.st_uid, made.st_gid) == (0, 0)
    host.holm("restart", "web.0", "--wait")
    until(lambda: ask(host, view, "file?path=/data/of-web")[0] == 200, "it is there again")
    host.delete_all()
    host.deploy(dict(web, volumes=[dict(data, read_only=True)]))
    view = host.instance("web")
    assert ask(host, view, "file?path=/data/of-web")[0] == 200
    assert ask(host, view, "write?path=/data/of-web&text=two")[0] != 200
    assert (folder / "of-web").read_text().strip() == "one"


def test_volumes_are_refused_with_the_reason(host, images):
    data = {"volume_id": "v", "mount_path": "/a:b"}
    done = host.apply(bare(images, "hello", volumes=[data]))
    assert done.returncode == FAILED and "no blanks, colons" in done.stderr, done.stderr
    host.apply(service("web", "unikernel", images.unikernel_of("no-files"), memory=32,
                       volumes=[dict(data, mount_path="/data")]), wait=False)
    view = host.wait_instance("web", is_in("FAILED"), "cannot be started")
    assert "built without lib9pfs and cannot mount them" in view["reason"], view["reason"]
