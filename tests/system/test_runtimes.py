"""OCI runtimes of a node: which there are, what each can do, and that a second start need not ask."""
import json
import signal

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import OK

ALL = ["network", "exec", "limits"]


def node(host):
    return host.list("nodes")[0]


def wait_tried(host):
    def look():
        found = node(host)
        assert not found["pending"], f"still trying {found['pending']}"
        return found
    return until(look, "all runtimes are tried")


def by_name(found):
    return {r["name"]: r for r in found["runtimes"]}


def configure(host, *entries):
    (host.data_dir / "runtimes.json").write_text(json.dumps({"runtimes": list(entries)}))


@pytest.fixture
def broken(idle_host):
    """A program that is no OCI runtime."""
    path = idle_host.data_dir / "broken"
    path.write_text("#!/bin/sh\necho cannot do it >&2\nexit 1\n")
    path.chmod(0o755)
    return path


def test_each_is_tried(idle_host, images, broken):
    configure(idle_host, {"name": "mine", "path": "/usr/sbin/runc", "flags": ["--debug"]},
              {"name": "broken", "path": str(broken)})
    idle_host.up()
    found = wait_tried(idle_host)
    runtimes = by_name(found)
    assert runtimes["runc"] == {"name": "runc", "path": "/usr/sbin/runc", "can": ALL}
    assert runtimes["mine"]["can"] == ALL
    assert runtimes["broken"]["can"] == [] and "test container" in runtimes["broken"]["problem"] or \
        "create" in runtimes["broken"]["problem"]
    assert {"docker", "runc", "mine"} <= set(found["virtualization"])
    assert "broken" not in found["virtualization"]
    assert any(p.startswith("broken: ") for p in found["problems"])
    wide = idle_host.holm("get", "nodes", "-o", "wide")
    assert "mine: network, exec, limits" in wide and "broken: broken" in wide, wide
    view = idle_host.deploy(service("box", "mine", images.container()))[0]
    assert (view["state"], view["runtime"]) == ("RUNNING", "mine")
    done = idle_host.apply(service("other", "broken", images.container()), name="other", wait=False)
    assert done.returncode != OK and "broken: " in done.stderr, done.stderr


def test_a_second_start_need_not_ask(idle_host):
    """The containers of proofs are counted by what they leave in the list of images and kept files."""
    idle_host.up()
    wait_tried(idle_host)
    kept = idle_host.data_dir / "worker" / "containerd" / "probes.json"
    names = {p["name"] for p in json.loads(kept.read_text())["probes"]}
    assert "runc" in names
    before = kept.stat()
    idle_host.end(signal.SIGTERM)
    idle_host.up()
    found = node(idle_host)
    assert names <= set(by_name(found)) and not found["pending"]
    assert all(by_name(found)[name]["can"] == ALL for name in names)
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_kept_proofs_are_of_this_boot_and_program(idle_host):
    idle_host.up()
    wait_tried(idle_host)
    kept = idle_host.data_dir / "worker" / "containerd" / "probes.json"
    idle_host.end(signal.SIGTERM)
    text = kept.read_text()
    boot = open("/proc/sys/kernel/random/boot_id", encoding="ascii").read().strip()
    assert boot in text
    kept.write_text(text.replace(boot, "00000000-0000-0000-0000-000000000000"))
    idle_host.up()
    wait_tried(idle_host)
    assert boot in kept.read_text()


def test_a_wrong_file_is_told_and_can_be_mended(idle_host, images):
    configure(idle_host, {"name": "mine", "path": "relative"})
    idle_host.up()
    problems = node(idle_host)["problems"]
    assert any("runtimes.json: runtime mine: path relative is not absolute" in p
               for p in problems), problems
    configure(idle_host, {"name": "mine", "path": "/usr/sbin/runc"})
    until(lambda: "mine" in node(idle_host)["virtualization"], "it is read again", 60)
    idle_host.deploy(service("box", "mine", images.container()))


def test_apply_waits_for_one_that_is_being_tried(idle_host, images):
    """A node that has just been set up does not refuse what it may be able to run in a second."""
    idle_host.up()
    view = idle_host.deploy(service("box", "runsc", images.container()))[0]
    assert (view["state"], view["runtime"]) == ("RUNNING", "runsc")
