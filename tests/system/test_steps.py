"""Holm is killed before each single thing that a start and a stop do to the world. The next one makes
the wish come about all the same, once, and in the end nothing is left over.

What is done to the world is what goes to containerd, QEMU and the kernel, what is made durable, and
what changes names of files, mounts and namespaces: see apps/meddle.c."""
import contextlib
import http.client

import pytest

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import OK, value
from harness.meddle import Meddler
from harness.picture import Picture

PORT = 9080


class Sweep:
    """One service on one host, started and deleted again and again."""

    def __init__(self, host, images, wish):
        self.meddler = Meddler(host, images)
        self.host = host.up()
        self.wish = wish
        self.picture = Picture(host)
        self.trail = ""  # what was done until the kill
        self.cycle()  # the image is had, what is made once is made
        self.before = self.picture.things()

    def is_dead(self):
        return not leftovers.is_running(self.host.pid)

    def _ask(self, *words, stdin="", kill_before=0):
        """A command that may meet a Holm which is killed: whether it was told that all is well."""
        self.meddler.count(kill_before)
        return self.host.run(*words, stdin=stdin).returncode == OK

    def _wait(self, state, is_so):
        def look():
            if self.is_dead():
                return True
            with contextlib.suppress(OSError, http.client.HTTPException):
                return is_so(self.host.instances())
            return False
        until(look, f"{state}, or holm was killed")
        self.trail = " ".join(self.meddler.done())
        self.meddler.stop_counting()

    def start(self, kill_before=0):
        """Whether the wish was acknowledged."""
        self.meddler.count(kill_before)
        is_told = self.host.apply(self.wish, wait=False).returncode == OK
        self._wait("it runs", lambda found: [v["state"] for v in found] == ["RUNNING"])
        return is_told

    def delete(self, kill_before=0):
        self.meddler.count(kill_before)
        is_told = self.host.run("delete", "app", "shop").returncode == OK
        self._wait("it is gone", lambda found: not found)
        return is_told

    def assert_runs(self, is_told):
        """What was acknowledged runs, once; what was not runs, or nothing is known of it."""
        apps = [app["name"] for app in self.host.list("apps")]
        assert apps or not is_told, "an acknowledged wish is forgotten"
        if not apps:
            assert self.host.apply(self.wish, wait=False).returncode == OK
        view = self.host.wait_running("web")
        self.picture.remember()
        assert self.runs_of(view["id"]) == [view["pid"]]
        page = until(lambda: self.host.lan.text(f"http://10.99.0.1:{PORT}/"), "its page", 20)
        assert value(page, "name") == "web"

    def runs_of(self, instance):
        """First processes of what runs for the instance."""
        found = leftovers.processes([instance])
        return [pid for pid, line in found.items()
                if line.startswith(("/bin/httpd", "qemu-system", "/usr/bin/qemu-system"))]

    def assert_gone(self, is_told):
        if self.host.list("apps"):
            assert not is_told, "an acknowledged deletion is forgotten"
            assert self.host.run("delete", "app", "shop").returncode == OK
        until(lambda: not self.host.instances(), "it is gone")

    def recover(self):
        """True if holm was killed, and is there again."""
        if not self.meddler.has_killed():
            return False
        until(self.is_dead, "holm has ended")
        self.host.up()
        return True

    def cycle(self, n=0):
        """Killed before the nth thing of the start and of the deletion; how many of the two came so
        far."""
        is_told = self.start(n)
        was_start = self.recover()
        self.assert_runs(is_told)
        is_told = self.delete(n)
        was_stop = self.recover()
        self.assert_gone(is_told)
        return was_start + was_stop


def sweep(host, images, wish):
    s = Sweep(host, images, wish)
    n = 1
    try:
        while s.cycle(n):
            s.picture.assert_no_more_than(s.before)
            n += 1
    except AssertionError as error:
        raise AssertionError(f"killed before thing {n}, after {s.trail}: {error}") from error
    finally:
        s.meddler.close()
    print(f"{n - 1} steps")
    assert n > 30, f"only {n - 1} steps were seen"


def test_killed_at_every_step_of_a_container(idle_host, images):
    sweep(idle_host, images, service("web", "container", images.container(), memory=64,
                                     port=f"{PORT}:80", cmd=["/bin/httpd", "name=web"]))


def test_killed_at_every_step_of_a_unikernel(idle_host, images):
    sweep(idle_host, images, service("web", "unikernel", images.unikernel, memory=32,
                                     port=f"{PORT}:80", cmd=["name=web"]))
