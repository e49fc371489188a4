"""What only a node can find out: the image is missing or wrong. Then nothing new runs, the
reason is told, and what ran before goes on."""
import re
import socket

import pytest

from harness.descriptor import service
from harness.host import FAILED, LAN_IP, OK, PageServer, value


@pytest.fixture
def shelf(host):
    """A web server of the LAN; archives are laid on it by path."""
    server = PageServer(host.lan, LAN_IP, 80, {})
    yield server
    server.close()


def bad_codes(images):
    """kind → (virtualization, code, what the reason has to name)."""
    lan = f"http://{LAN_IP}"
    missing = f"oci:{images.layout}:missing"
    return {
        "no such tag": ("container", missing, "missing"),
        "no such layout": ("container", f"oci:{images.root}/none:v1", "none"),
        "outside the image root": ("container", "oci:/etc/none:v1", "image"),
        "no registry": ("container", "127.0.0.1:1/none:v1", "127.0.0.1:1"),
        "404": ("unikernel", f"{lan}/none.tar.gz", "404"),
        "nobody answers": ("unikernel", f"http://{LAN_IP}:1/web.tar.gz", "refused"),
        "wrong digest": ("unikernel", f"{images.unikernel}#sha256={'0' * 64}", "sha256"),
        "escapes": ("unikernel", images.escaping, r"\.\."),
        "kernel is text": ("unikernel", images.no_kernel, "kernel"),
        "no kernel": ("unikernel", images.empty, "kernel"),
        "damaged": ("unikernel", images.damaged, ""),
        "too large": ("unikernel", images.huge, ""),
        "no such file": ("unikernel", f"file://{images.root}/none.tar.gz", "none.tar.gz"),
        "file outside": ("unikernel", images.outside, "image"),
    }


KINDS = ["no such tag", "no such layout", "outside the image root", "no registry", "404",
         "nobody answers", "wrong digest", "escapes", "kernel is text", "no kernel", "damaged",
         "too large", "no such file", "file outside"]


@pytest.fixture(params=KINDS)
def bad(request, host, images, shelf):
    virtualization, code, reason = bad_codes(images)[request.param]
    return service("box", virtualization, code, port="9080:80"), reason


def good(images):
    return service("box", "container", images.container(), port="9080:80")


def assert_told(done, reason):
    """Exit code 1, and the reason on standard error in one line."""
    assert done.returncode == FAILED, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if "box" in line]
    assert lines, done.stderr
    assert re.search(reason, lines[0]), lines[0]


def test_first_deployment_fails(host, bad):
    wish, reason = bad
    done = host.apply(wish)
    assert_told(done, reason)
    view = host.instance("box")
    assert view["state"] in ("FAILED", "CREATING")  # it is tried again
    assert view["pid"] == 0
    assert host.instance("box")["reason"]


def test_update_fails_and_the_earlier_version_runs_on(host, images, bad):
    wish, reason = bad
    host.deploy(good(images))
    before = host.instance("box")
    done = host.apply(wish)
    assert_told(done, reason)
    view = host.wait_instance("box", lambda v: v["reason"], "has a reason")
    assert (view["state"], view["pid"]) == ("RUNNING", before["pid"])
    assert view["is_update_failed"] is True
    assert value(host.page("127.0.0.1", port=9080), "host") == "box-0"
    # Taking the wish back is enough.
    host.deploy(good(images))
    view = host.wait_instance("box", lambda v: not v["reason"], "has no reason any more")
    assert view["is_update_failed"] is False
    assert value(host.page("127.0.0.1", port=9080), "host") == "box-0"


def test_the_wish_comes_true_when_the_archive_appears(host, images, shelf):
    host.deploy(good(images))
    wish = service("box", "unikernel", f"http://{LAN_IP}/web.tar.gz"
                   f"#sha256={images.unikernel_digest}", port="9080:80")
    assert host.apply(wish).returncode == FAILED
    shelf.paths["/web.tar.gz"] = images.unikernel_path.read_bytes()
    view = host.wait_instance("box", lambda v: v["runtime"] == "unikernel" and
                              v["state"] == "RUNNING", "runs as a unikernel")
    assert view["digest"] == f"sha256:{images.unikernel_digest}"
    assert value(host.page("127.0.0.1", port=9080), "address") == view["address"]


def test_a_program_that_is_missing_fails_with_a_reason(host, images):
    done = host.apply(service("box", "container", images.container(), cmd=["/bin/none"]))
    assert_told(done, "/bin/none")
    assert host.instance("box")["state"] in ("FAILED", "CREATING")


def test_a_program_that_ends_at_once_is_told_so(host, images):
    with host.events() as events:
        host.apply(service("box", "container", images.container(),
                           cmd=["/bin/sh", "-c", "exit 7"]), wait=False)
        assert "exit code 7" in events.wait_state("DEAD", "box")["reason"]


def test_another_service_of_the_application_comes_up_all_the_same(host, images, shelf):
    done = host.apply(service("bad", "unikernel", f"http://{LAN_IP}/none.tar.gz"),
                      service("box", "container", images.container()))
    assert done.returncode == FAILED
    assert host.instance("box")["state"] == "RUNNING"


def test_wait_gives_up_after_its_time(host, images):
    """A registry that accepts connections and says nothing."""
    with host.lan.entered():
        silent = socket.create_server((LAN_IP, 5000))
    with silent:
        done = host.apply(service("box", "container", f"{LAN_IP}:5000/app:v1"), seconds=2)
        assert done.returncode != OK
        host.delete_all()
