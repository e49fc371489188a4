"""Fixtures of the system tests. They run the real holm, containerd and QEMU, as root.

HOLM_BUILD: build directory (default build/); HOLM_GUEST_ARCHIVE: archive of the example unikernel.
"""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import leftovers
from harness.host import HOLM, Host
from harness.images import Images

HOSTS = []


@pytest.fixture(scope="session")
def images():
    if not HOLM.exists():
        pytest.skip(f"no {HOLM}: run ./bootstrap build")
    images = Images()
    yield images
    images.remove()


def open_host(images):
    host = Host(images)
    HOSTS.append(host)
    return host


def close_host(host):
    HOSTS.remove(host)
    host.close()


@pytest.fixture(scope="module")
def module_host(images):
    """A running Holm that the tests of a file share."""
    host = open_host(images)
    try:
        host.up()
        yield host
    finally:
        close_host(host)


@pytest.fixture
def host(module_host):
    """The same, with no application at the beginning and the end of a test."""
    if not module_host.is_up():
        module_host.up()
    module_host.delete_all()
    yield module_host
    module_host.delete_all()


@pytest.fixture
def idle_host(images):
    """A host of the test's own on which no Holm was up yet."""
    host = open_host(images)
    try:
        yield host
    finally:
        close_host(host)


@pytest.fixture
def small_host(idle_host):
    """Its data directory is a file system of 64 MiB."""
    leftovers.run("mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "none",
                  str(idle_host.data_dir))
    idle_host.up()
    yield idle_host
    idle_host.run("down", "--purge")
    leftovers.run("umount", "-l", str(idle_host.data_dir))


@pytest.fixture
def new_host(idle_host):
    """A running Holm of the test's own, to be ended and broken."""
    return idle_host.up()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with what holm has to say."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for host in HOSTS:
        report.sections.append((f"log of {host.name}", host.log()))
        if host.is_up():
            instances = host.instances()
            report.sections.append((f"instances of {host.name}", "\n".join(map(str, instances))))
            for view in instances:
                output = host.run("logs", "--tail", 30, view["id"]).stdout
                report.sections.append((f"output of {view['service']}.{view['number']}", output))
