"""A registry that misbehaves: what is survived, and what reason an instance shows."""
import os
import signal

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED
from harness.registry import BadRegistry, Image, layer_of, send
from harness.stall import Stall

ADDRESS = "127.0.0.1:5005"


@pytest.fixture
def bad(host):
    registry = BadRegistry(host.ns, ADDRESS, Image(sizes=(3 << 20, 1 << 20)))
    yield registry
    registry.close()


def box(registry, **fields):
    return service("box", "container", registry.ref, **fields)


def refused(host, registry, *words, seconds=60):
    done = host.apply(box(registry), seconds=seconds)
    assert done.returncode == FAILED, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr
    # The reason is the instance's, too.
    assert any(word in host.instance("box")["reason"] for word in words)


def test_bodies_that_break_off_are_continued(host, bad):
    bad.behaviors["blob"] = lambda h, body, start: bad.send_body(h, body, start, 1200000)
    host.deploy(box(bad))
    big = bad.image.layers[1]
    assert bad.count(big) >= 3
    assert bad.n_sent[big] == len(bad.image.blobs[big]), "nothing came twice"


def test_bodies_that_say_a_wrong_length(host, bad):
    def longer(handler, body, start):
        send(handler, 200, body, length=len(body) + 1000)
    bad.behaviors["blob"] = longer
    host.deploy(box(bad))


def test_more_than_was_said(host, bad):
    bad.behaviors[bad.image.layers[2]] = lambda h, body, start: send(h, 200, body + b"x")
    refused(host, bad, "longer than its descriptor says")


def test_wrong_content(host, bad):
    bad.behaviors[bad.image.layers[1]] = lambda h, body, start: send(h, 200, bytes(len(body)))
    refused(host, bad, "its content has digest sha256:")


def test_wrong_manifest(host, bad):
    bad.behaviors["manifest"] = lambda h, body, start: send(h, 200, b"<html>welcome</html>")
    refused(host, bad, "manifest")


def test_redirects_without_end(host, bad):
    def away(handler, body, start):
        send(handler, 307, headers={"Location": handler.path})
    bad.behaviors["manifest"] = away
    refused(host, bad, "redirect")


def test_a_huge_manifest(host, bad):
    bad.behaviors["manifest"] = lambda h, body, start: send(h, 200, b" " * (5 << 20))
    refused(host, bad, "body of more than 4194304 bytes")


def test_come_back_later(host, bad):
    told = set()

    def later(handler, body, start):
        if handler.path in told:
            bad.send_body(handler, body, start)
            return
        told.add(handler.path)
        send(handler, 429, headers={"Retry-After": "1"})
    bad.behaviors["manifest"] = bad.behaviors["blob"] = later
    host.deploy(box(bad))
    assert bad.count("manifest") == 2


def test_come_back_much_later(host, bad):
    bad.behaviors["manifest"] = lambda h, body, start: send(
        h, 429, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}', {"Retry-After": "3600"})
    refused(host, bad, "asks to come back in 3600 s (HTTP 429, TOOMANYREQUESTS)")


def test_a_layer_that_unpacks_to_much(host):
    """From 2 MiB of memory or so, whatever comes out."""
    registry = BadRegistry(host.ns, ADDRESS, Image(layer_of({"zeros": bytes(400 << 20)})))
    try:
        host.deploy(box(registry))
        status = open(f"/proc/{host.pid}/status", encoding="ascii").read()
        peak_kib = int(status.split("VmHWM:")[1].split()[0])
        assert peak_kib < 150 << 10, f"holm needed {peak_kib} KiB"
    finally:
        registry.close()


def test_layers_without_compression_and_twice(host):
    layer = layer_of({"data": os.urandom(1 << 20)})
    registry = BadRegistry(host.ns, ADDRESS, Image(layer, layer, is_packed=False))
    try:
        host.deploy(box(registry))
        assert registry.count(registry.image.layers[1]) == 1
    finally:
        registry.close()


def test_a_body_that_stands_still_is_left(host, bad):
    stall = Stall(bad, bad.image.layers[1], 2 << 20)
    assert host.apply(box(bad), wait=False).returncode == 0
    assert stall.is_reached.wait(60)
    # The one connection stands for ever; the next one gets on.
    bad.behaviors[bad.image.layers[1]] = bad.send_body
    host.wait_running("box")
    starts = [start for what, start in bad.requests if what == bad.image.layers[1]]
    assert starts == [0, 2 << 20]
    stall.release.set()


def test_a_killed_holm_continues(new_host):
    registry = BadRegistry(new_host.ns, ADDRESS, Image(sizes=(8 << 20,)))
    try:
        big = registry.image.layers[1]
        stall = Stall(registry, big, 5 << 20)
        assert new_host.apply(box(registry), wait=False).returncode == 0
        assert stall.is_reached.wait(60)
        until(lambda: new_host.instance("box")["progress_percent"] >= 30, "some of it is stored")
        new_host.end(signal.SIGKILL)
        stall.release.set()
        new_host.up()
        new_host.wait_running("box")
        starts = [start for what, start in registry.requests if what == big]
        assert starts[0] == 0 and starts[-1] >= 3 << 20, starts
    finally:
        registry.close()


def test_deleting_ends_the_wait(host, bad):
    stall = Stall(bad, bad.image.layers[1], 1 << 20)
    assert host.apply(box(bad), wait=False).returncode == 0
    assert stall.is_reached.wait(60)
    host.delete_all()
    stall.release.set()
