"""Disks that fill: unused images go, what is used stays, and a pull finds room or tells why."""
import contextlib
import json
import os
import pathlib
import subprocess

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, Host

DISK_MIB = 96
BIG_MIB = 16  # of noise, which is there twice: as a blob and unpacked


def ls(host):
    return {view["name"]: view for view in json.loads(host.holm("image", "ls", "-o", "json"))}


def problems(host):
    return " ".join(p for node in host.list("nodes") for p in node["problems"])


def percent(host):
    disk = os.statvfs(host.data_dir)
    used = disk.f_blocks - disk.f_bfree
    return 100 * used / (used + disk.f_bavail)


class SmallHost(Host):
    """Its data lies on a small disk of its own."""

    marks = (60, 50)

    def __init__(self, images):
        super().__init__(images)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=711", "holm-test",
                        self.data_dir], check=True)

    def up_words(self):
        return (*super().up_words(), "--image-gc-high", self.marks[0],
                "--image-gc-low", self.marks[1])

    def fill(self, used_percent):
        """Ballast until so much of the disk is used."""
        disk = os.statvfs(self.data_dir)
        missing = DISK_MIB * 1024 * used_percent // 100 - \
            (disk.f_blocks - disk.f_bfree) * disk.f_frsize // 1024
        with open(self.data_dir / "ballast", "ab") as file:
            file.write(bytes(missing << 10))

    def close(self):
        # A mount point cannot be removed: what is in it has to be gone.
        with contextlib.suppress(FileNotFoundError):
            self.holm("down", "--purge", seconds=90)
        subprocess.run(["umount", "-l", self.data_dir], check=False)
        super().close()


@pytest.fixture(scope="module")
def big(images):
    """References of images with noise of their own."""
    names = {}
    for tag in ("big1", "big2", "big3", "big4"):
        image = images.container("v1").removeprefix("oci:")
        names[tag] = images.container(tag)
        noise = pathlib.Path(images.outer) / "noise"
        noise.write_bytes(os.urandom(BIG_MIB << 20))
        subprocess.run(["umoci", "tag", "--image", image, tag], check=True)
        subprocess.run(["umoci", "insert", "--image", f"{images.layout}:{tag}", noise, "/noise"],
                       check=True, stdout=subprocess.DEVNULL)
    return names


@pytest.fixture
def small(images, request):
    host = SmallHost(images)
    host.marks = getattr(request, "param", host.marks)
    try:
        yield host.up()
    finally:
        host.close()


def test_the_least_recently_used_goes(small, big):
    """Four of them do not fit: those go that were used longest ago, never one in use."""
    small.deploy(service("box", "container", big["big1"]))
    small.holm("image", "pull", big["big2"])
    until(lambda: big["big2"] not in ls(small), "the unused image is pruned", 30)
    assert big["big1"] in ls(small)
    assert percent(small) < 60
    view = small.instance("box")
    assert small.page(view["address"], "file?path=/etc/version") == "v1\n"


def test_a_full_disk_is_a_problem_of_the_node(small, big):
    small.deploy(service("box", "container", big["big1"]))
    assert problems(small) == "" or "full" not in problems(small)
    small.fill(70)
    small.holm("image", "pull", small.images.container("v1"))  # has a look at the disk
    told = until(lambda: "full" in problems(small) and problems(small), "the problem is told", 40)
    assert "in use hold" in told and "%" in told
    assert big["big1"] in ls(small)
    (small.data_dir / "ballast").unlink()
    until(lambda: "full" not in problems(small), "it is no longer one", 45)


@pytest.mark.parametrize("small", [(98, 95)], indirect=True)
def test_no_space_in_the_middle_of_a_pull(small, big):
    """The reason is told, and nothing is left of it."""
    small.fill(75)
    before = percent(small)
    done = small.run("image", "pull", big["big1"])
    assert done.returncode == FAILED
    assert "no space left" in done.stderr and "\n" not in done.stderr.strip()
    until(lambda: percent(small) < before + 2, "nothing is left of the pull", 20)
    assert ls(small) == {}
    (small.data_dir / "ballast").unlink()
    small.holm("image", "pull", big["big1"])


@pytest.mark.parametrize("small", [(98, 95)], indirect=True)
def test_a_pull_that_finds_no_space_makes_some(small, big):
    """What nobody uses goes, although the disk is below the mark, and the pull is tried again."""
    small.holm("image", "pull", big["big1"])
    small.fill(75)
    small.apply(service("box", "container", big["big2"]), wait=False)
    view = small.wait_running("box")
    assert set(ls(small)) == {big["big2"]}
    assert small.page(view["address"], "file?path=/etc/version") == "v1\n"
