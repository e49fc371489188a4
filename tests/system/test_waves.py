"""Many containers, and unikernels, come and go; afterwards the machine has nothing that it had not before.

HOLM_WAVES: how many waves of 30 unikernels (default 3; 7 make 210 and take a minute or two)."""
import itertools
import os

import pytest

from harness.descriptor import service
from harness.host import OK
from harness.picture import Picture

REPLICAS, WAVES = 50, 4
UNIKERNELS = 30
UNIKERNEL_WAVES = int(os.environ.get("HOLM_WAVES", 3))
PATIENCE_S = 240


def web(images, replicas, **fields):
    return service("web", "container", images.container(), memory=32, replicas=replicas,
                   port="9080:80", **fields)


@pytest.fixture
def warm(new_host, images):
    """A host that has started and removed one, so that images and what is made once are there."""
    new_host.deploy(web(images, 1))
    assert new_host.run("delete", "app", "shop", "--wait").returncode == OK
    return new_host


def remove(host):
    done = host.run("delete", "app", "shop", "--wait", "--timeout", PATIENCE_S,
                    seconds=PATIENCE_S + 30)
    assert done.returncode == OK, done.stderr


def test_200_containers_leave_nothing(warm, images):
    picture = Picture(warm)
    before = picture.things()
    for wave in range(WAVES):
        found = warm.deploy(web(images, REPLICAS, environment=[f"WAVE={wave}"]),
                            seconds=PATIENCE_S)
        assert len(found) == REPLICAS
        picture.remember()
        for asker in (warm.ns, warm.lan):
            for _ in range(10):  # so that there are flows to forget
                asker.text("http://10.99.0.1:9080/")
        remove(warm)
    assert len(picture.instances) == REPLICAS * WAVES
    picture.assert_no_more_than(before)


def test_deletes_during_starts_leave_nothing(warm, images):
    """Each wave goes at another moment: some are fetched, attached, started, running then."""
    picture = Picture(warm)
    before = picture.things()
    for n_running in (0, 1, 3, 6, 9, 12):
        with warm.events() as events:
            assert warm.apply(web(images, 12), wait=False).returncode == OK
            picture.remember()
            for _ in range(n_running):
                events.wait(lambda v: v["state"] == "RUNNING", "one more runs")
        remove(warm)
    picture.assert_no_more_than(before)


def test_scaled_up_and_down_leaves_nothing(warm, images):
    """The same service goes on: its names, addresses and rules are those of what is left."""
    warm.deploy(web(images, 1))
    picture = Picture(warm)
    before = picture.things()
    for n in (8, 2, 10, 1):
        done = warm.run("scale", "web", n, "--wait", "--timeout", PATIENCE_S)
        assert done.returncode == OK, done.stderr
        if n > 1:
            kept = warm.instance("web", 0)["id"]
            picture.remember()
            picture.instances.discard(kept)
    picture.assert_no_more_than(before)


def test_unikernels_leave_nothing(new_host, images):
    """Smaller waves: each machine's boot takes a tenth of a second of processor."""
    def guests(replicas, word):
        return service("bare", "unikernel", images.bare, memory=8, replicas=replicas, cmd=[word])
    new_host.deploy(guests(1, "hello"))
    assert new_host.run("delete", "app", "shop", "--wait").returncode == OK
    picture = Picture(new_host)
    before = picture.things()
    for word in itertools.islice(itertools.cycle(("hello", "run", "keys")), UNIKERNEL_WAVES):
        found = new_host.deploy(guests(UNIKERNELS, word), seconds=PATIENCE_S)
        assert len({view["address"] for view in found}) == UNIKERNELS
        picture.remember()
        remove(new_host)
    assert len(picture.instances) == UNIKERNEL_WAVES * UNIKERNELS
    picture.assert_no_more_than(before)
