"""What unikernels' images bring, from the descriptor to the guest: files, and kernels of other
conventions or with less in them."""

import tarfile

import pytest

from harness.descriptor import service
from harness.host import value

MOTD = "Welcome to a machine without an operating system.\n"


def web(code, **fields):
    return service("web", "unikernel", code, memory=32, arch=["amd64"], cmd=["name=web"], **fields)


def page(host, path=""):
    return host.page(host.instance("web")["address"], path)


def test_files_of_an_initrd(host, images):
    host.deploy(web(images.unikernel_of("initrd")))
    assert value(page(host), "mount") == "initrd0 / extract"
    assert page(host, "file?path=/etc/motd") == MOTD


def test_files_of_a_folder_are_each_instances_own(host, images):
    host.deploy(web(images.unikernel_of("files"), replicas=2))
    first, second = (view["address"] for view in host.instances())
    assert value(host.page(first), "mount") == "fs0 / 9pfs"
    assert host.page(first, "file?path=/etc/motd") == MOTD
    assert host.page(first, "write?path=/etc/motd&text=mine") == "written: 4 bytes\n"
    assert host.page(first, "file?path=/etc/motd") == "mine"
    assert host.page(second, "file?path=/etc/motd") == MOTD


@pytest.mark.parametrize("variant, version", [("old-net", "0.15.0~holm"), ("no-mmio", "0.17.0~holm")])
def test_kernels_of_other_conventions(host, images, variant, version):
    host.deploy(web(images.unikernel_of(variant), environment=["A=1"]))
    text = page(host)
    assert value(text, "kernel") == version
    assert value(text, "address") == host.instance("web")["address"]
    assert "env: A=1\n" in text


def test_an_old_kernel_with_an_initrd(host, images):
    path = images.unikernel_of("initrd").removeprefix("file://")
    with tarfile.open(path) as tar:
        cpio = tar.extractfile("initramfs.cpio").read()
    host.deploy(web(images.unikernel_with("old-net", {"initramfs.cpio": cpio})))
    assert page(host, "file?path=/etc/motd") == MOTD


@pytest.mark.parametrize("member, library", [("initramfs.cpio", "libukcpio"),
                                             ("files1/x", "lib9pfs")])
def test_files_without_a_library_for_them(host, images, member, library):
    code = images.unikernel_with("no-files", {member: b"070701"})
    host.apply(web(code, restart="never"), wait=False)
    view = host.wait_instance("web", lambda v: library in v["reason"], f"is refused for {library}")
    assert "kernel was built without" in view["reason"]
    assert view["pid"] == 0


def test_an_initrd_that_is_none_is_a_crash(host, images):
    code = images.unikernel_with("initrd", {"initramfs.cpio": b"\x1f\x8b\x08 no archive"})
    host.apply(web(code, restart="never"), wait=False)
    host.wait_instance("web", lambda v: v["state"] == "FAILED", "fails")
    assert "bad magic number" in host.holm("logs", "web.0")
