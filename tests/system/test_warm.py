"""Unikernels that start from machines that wait: taken, made anew, given back when their memory is
promised, gone with their service and with Holm."""
import contextlib
import json
import os
import signal

from harness import leftovers
from harness.deadline import until
from harness.descriptor import service
from harness.host import value

MEMORY_MIB = 32
BANNER = "unikernel-web"


def web(images, replicas):
    return service("web", "unikernel", images.unikernel, memory=MEMORY_MIB, cmd=["name=web"],
                   arch=["amd64"], start="warm", replicas=replicas,
                   readiness={"http": {"port": 80, "path": "/health"}})


def node(host):
    return json.loads(host.holm("node", "show", "-o", "json"))


def waiting(host):
    """Folders of the machines that are no instance."""
    qemu = next(host.data_dir.glob("**/qemu"))
    taken = {path.resolve() for path in qemu.iterdir() if path.is_symlink()}
    return {path for path in qemu.glob("warm-*") if path not in taken}


def pids(host):
    """Of the machines that wait; one that is being made or removed has none."""
    found = set()
    for folder in waiting(host):
        with contextlib.suppress(FileNotFoundError):
            found.add(int((folder / "vm.pid").read_text().split()[0]))
    return found


def await_pool(host, n):
    """That many wait, and the node tells so."""
    until(lambda: node(host)["warm"]["machines"] == n == len(waiting(host)), f"{n} wait")
    return pids(host)


def has_booted(host, instance):
    return BANNER in host.holm("logs", f"web.{instance['number']}")


def answers(host, number):
    instance = host.instance("web", number)
    assert value(host.page(instance["address"]), "name") == "web"
    assert value(host.page(instance["instance_address"]), "address") == "192.0.0.2"
    return instance


def test_taken_made_anew_killed_and_gone(host, images):
    host.deploy(web(images, 1))
    pool = await_pool(host, 2)
    assert f"warm       2 unikernels wait, {2 * (MEMORY_MIB + 32)} of 256 MiB" in \
        host.holm("node", "show")
    host.deploy(web(images, 2))
    second = answers(host, 1)
    assert second["pid"] in pool and not has_booted(host, second)
    until(lambda: host.instance("web", 1)["memory_mib"] > 0, "its memory is measured")
    pool = await_pool(host, 2)
    # One that is killed is no machine that waits any more.
    victim = pool.pop()
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in pids(host) and len(pids(host)) == 2, "another is made for it")
    # A Holm that was killed: what was taken runs on, what waits is made anew.
    host.kill()
    pool = pids(host)
    host.up()
    for pid in pool:
        leftovers.wait_gone(pid)
    await_pool(host, 2)
    assert answers(host, 1)["pid"] == second["pid"]
    # It ends like any other, is started again, and goes.
    os.kill(second["pid"], signal.SIGKILL)
    until(lambda: host.instance("web", 1)["state"] == "RUNNING" and
          host.instance("web", 1)["pid"] != second["pid"], "runs again")
    answers(host, 1)
    host.delete_all()
    await_pool(host, 0)
    assert not list(host.data_dir.glob("**/qemu/warm-*"))


def test_gives_its_memory_back(idle_host, images):
    """What the pool has was promised to nobody, and it is ended before it is."""
    host = idle_host
    host.up()
    reserve = node(host)["capacity"]["memory_mib"] - 200
    host.kill()
    host.up("--reserve", f"memory={reserve}", "--warm-memory", "150")
    host.deploy(web(images, 1))
    await_pool(host, 2)
    host.deploy(service("box", "container", images.container(), memory=100), name="more")
    await_pool(host, 1)
    host.deploy(service("other", "container", images.container(), memory=50), name="yet")
    await_pool(host, 0)
