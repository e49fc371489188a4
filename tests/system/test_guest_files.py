"""The example unikernel's file systems under plain QEMU: an initrd, shared folders, both, and the
tables on which a boot fails as Unikraft's does."""
import contextlib
import subprocess
import tarfile

import pytest
from harness.guest import ARM64, KERNEL, Guest, kernel

FROM_INITRD = 'vfs.fstab=[ "initrd0:/:extract::ramfs=2:" ]'
FROM_SHARE = 'vfs.fstab=[ "fs0:/:9pfs" ]'
MACHINES = ["pc", "q35", "microvm", "microvm-modern", "virt", "virt-mmio", "virt-mmio-modern"]


@pytest.fixture(autouse=True)
def kernels(request):
    machine = getattr(request.node, "callspec", None) and request.node.callspec.params.get("machine")
    needed = kernel("arm64") if machine in ARM64 else KERNEL
    if not needed.exists():
        pytest.skip(f"no guest kernel at {needed}: run ./bootstrap build")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "files" / "sub").mkdir(parents=True)
    (tmp_path / "files" / "hello.txt").write_text("hello\n")
    (tmp_path / "files" / "sub" / "long.txt").write_text("0123456789abcdef" * 4000)
    return tmp_path / "files"


@pytest.fixture
def initrd(folder):
    """As the tools of Debian make it, by names that begin with "./"."""
    path = folder.parent / "initramfs.cpio"
    path.write_bytes(subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=folder, check=True,
                                    input=b".\n./hello.txt\n./sub\n./sub/long.txt\n",
                                    stdout=subprocess.PIPE).stdout)
    return path


def share(machine, tag, path, number=1, readonly="off"):
    """The options of a share and the parameter that tells the guest where it is."""
    fsdev = ["-fsdev", f"local,id=f{number},path={path},security_model=none,readonly={readonly}"]
    if machine.startswith("virt-mmio"):
        return [*fsdev, "-device", f"virtio-9p-device,fsdev=f{number},mount_tag={tag}"], ""
    # Told under both names, as Holm does.
    window = f"512@{0xfeb00000 + 0x200 * number:#x}:{5 + number}"
    if not machine.startswith("microvm"):
        return [*fsdev, "-device", f"virtio-9p-pci,fsdev=f{number},mount_tag={tag}"], ""
    return ([*fsdev, "-device",
             f"virtio-9p-device,fsdev=f{number},mount_tag={tag},bus=virtio-mmio-bus.{number}"],
            f"virtio_mmio.device={window} libvirtio_mmio.device={window} ")


@contextlib.contextmanager
def booted(machine, devices=(), params="", **options):
    guest = Guest(machine, devices=devices, params=params, **options)
    try:
        guest.read_console(b"Listening on port 80")
        yield guest
    finally:
        guest.end()


def failed_boot(machine, devices=(), params="", **options):
    """The console of a boot that comes to nothing."""
    guest = Guest(machine, devices=devices, params=params, **options)
    try:
        assert guest.wait() == guest.crashed
        assert b"CRIT: boot: init function returned error -1" in guest.console
        assert b"Listening" not in guest.console
        return guest.console.decode()
    finally:
        guest.end()


def mounts(guest):
    return [line for line in guest.get("/")[1].splitlines() if line.startswith("mount: ")]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("params", ["", FROM_INITRD])
def test_initrd(machine, params, folder, initrd):
    with booted(machine, ["-initrd", initrd], params) as guest:
        assert mounts(guest) == ["mount: initrd0 / extract"]
        assert sorted(guest.get("/ls?path=/")[1].split()) == ["hello.txt", "sub/"]
        assert guest.get("/file?path=/hello.txt") == (200, "hello\n")
        assert guest.get("/file?path=/sub/long.txt") == (200, "0123456789abcdef" * 4000)
        assert guest.get("/file?path=/other")[0] == 404
        assert guest.get("/file?path=/sub")[0] == 400
        assert guest.get("/file?path=/../x")[0] == 400
        assert guest.get("/file")[0] == 400
        assert guest.get("/write?path=/hello.txt&text=x") == (403, "/hello.txt: read-only (30)\n")


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("params", ["", FROM_SHARE])
def test_share(machine, params, folder):
    devices, mmio = share(machine, "fs0", folder)
    with booted(machine, devices, mmio + params) as guest:
        assert mounts(guest) == ["mount: fs0 / 9pfs"]
        assert sorted(guest.get("/ls?path=/")[1].split()) == ["hello.txt", "sub/"]
        assert guest.get("/file?path=/sub/long.txt") == (200, "0123456789abcdef" * 4000)
        assert guest.get("/write?path=/sub/new.txt&text=a+b%0A") == (200, "written: 4 bytes\n")
        assert (folder / "sub" / "new.txt").read_text() == "a b\n"
        assert guest.get("/write?path=/hello.txt&text=x")[0] == 200
        assert (folder / "hello.txt").read_text() == "x"
        (folder / "later.txt").write_text("from the host")
        assert guest.get("/file?path=/later.txt") == (200, "from the host")
        assert guest.get("/write?path=/none/x&text=x")[0] == 404
        assert guest.get("/write?path=/sub&text=x")[0] == 400
        assert guest.get("/exit")[0] == 200
        assert guest.wait() == guest.clean


@pytest.mark.parametrize("machine", ["pc", "microvm", "virt"])
def test_share_beside_an_initrd(machine, folder, initrd, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    devices, mmio = share(machine, "data", data)
    table = 'vfs.fstab=[ "initrd0:/:extract::ramfs=2:" "data:/mnt/data:9pfs:::mkmp" ]'
    with booted(machine, [*devices, "-initrd", initrd], mmio + table) as guest:
        assert mounts(guest) == ["mount: initrd0 / extract", "mount: data /mnt/data 9pfs"]
        assert sorted(guest.get("/ls?path=/")[1].split()) == ["hello.txt", "mnt/", "sub/"]
        assert guest.get("/ls?path=/mnt") == (200, "data/\n")
        assert guest.get("/write?path=/mnt/data/x&text=kept")[0] == 200
        assert (data / "x").read_text() == "kept"
        assert guest.get("/write?path=/x&text=lost")[0] == 403


def test_a_share_that_is_read_only(folder):
    devices, _ = share("pc", "fs0", folder, readonly="on")
    with booted("pc", devices) as guest:
        assert guest.get("/write?path=/x&text=x")[0] == 403
        assert guest.get("/file?path=/hello.txt") == (200, "hello\n")


def test_several_shares(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "which").write_text("other")
    first, first_mmio = share("microvm", "fs0", folder, 1)
    second, second_mmio = share("microvm", "fs1", other, 2)
    table = 'vfs.fstab=[ "fs1:/:9pfs" "fs0:/sub:9pfs:::mkmp" ]'
    with booted("microvm", [*first, *second], first_mmio + second_mmio + table) as guest:
        assert guest.get("/file?path=/which") == (200, "other")
        assert guest.get("/file?path=/sub/hello.txt") == (200, "hello\n")


def test_a_folder_of_hundreds(folder):
    for i in range(700):
        (folder / "sub" / f"file-with-a-longer-name-{i:04}").touch()
    devices, _ = share("pc", "fs0", folder)
    with booted("pc", devices) as guest:
        names = guest.get("/ls?path=/sub")[1].split()
        assert len(names) == len(set(names)) == 701


@pytest.mark.parametrize("machine", ["pc", "microvm", "virt"])
def test_a_wrong_tag_fails_the_boot(machine, folder):
    devices, mmio = share(machine, "fs0", folder)
    console = failed_boot(machine, devices, mmio + 'vfs.fstab=[ "fs9:/:9pfs" ]')
    assert "ERR: mount fs9 at / by 9pfs: no 9p device has this tag" in console


def test_bad_initrds_fail_the_boot(folder, initrd):
    initrd.write_bytes(subprocess.run(["gzip", "-c", initrd], check=True,
                                      stdout=subprocess.PIPE).stdout)
    assert "bad magic number" in failed_boot("pc", ["-initrd", initrd])
    assert "no such initrd" in failed_boot("pc", params=FROM_INITRD)


def test_nothing_to_extract_to(initrd):
    console = failed_boot("pc", ["-initrd", initrd], 'vfs.fstab=[ "initrd0:/:extract:::" ]')
    assert "not a directory" in console


def test_older_syntax_of_an_initrd(initrd):
    net = "netdev.ipv4_addr=10.0.2.15 netdev.ipv4_subnet_mask=255.255.255.0"
    with booted("pc", ["-initrd", initrd], "vfs.fstab=initrd0:/:initrd", variant="old-net",
                net=net) as guest:
        assert guest.get("/file?path=/hello.txt") == (200, "hello\n")


def test_a_kernel_without_file_systems_looks_at_none(initrd):
    with booted("pc", ["-initrd", initrd], FROM_INITRD, variant="no-files") as guest:
        assert mounts(guest) == []
        assert guest.get("/file?path=/hello.txt")[0] == 404


def test_memory_goes_around_the_initrd(folder, initrd):
    (folder / "big").write_bytes(b"big!" * (1024 * 1024))
    initrd.write_bytes(subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=folder,
                                      check=True, input=b"big\nhello.txt\n",
                                      stdout=subprocess.PIPE).stdout)
    with booted("pc", ["-initrd", initrd], memory_mib=24) as guest:
        assert guest.get("/file?path=/big")[0] == 413
        assert guest.get("/alloc?mib=10")[0] == 200
        assert guest.get("/file?path=/hello.txt") == (200, "hello\n")
        assert guest.get("/alloc?mib=10")[0] == 507


def test_archives_for_a_descriptor(tmp_path):
    """What `build` packs with the kernel can be booted as it is."""
    for kind in ("initrd", "files"):
        with tarfile.open(KERNEL.with_name(f"unikernel-web-{kind}.tar.gz")) as tar:
            tar.extractall(tmp_path / kind)
        assert (tmp_path / kind / "kernel").read_bytes() == KERNEL.read_bytes()
    devices, _ = share("pc", "fs1", tmp_path / "files" / "files1")
    for options, params in ((["-initrd", tmp_path / "initrd" / "initramfs.cpio"], ""),
                            (devices, 'vfs.fstab=[ "fs1:/:9pfs" ]')):
        with booted("pc", options, params) as guest:
            assert guest.get("/ls?path=/etc") == (200, "motd\n")
            assert guest.get("/file?path=/etc/motd")[1].startswith("Welcome to a machine")
