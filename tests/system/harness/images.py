"""Images of the tests, made once per session below one folder: the container that
apps/httpd.c is, in two versions, and archives of the example unikernel, good and bad."""
import gzip
import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile

import pytest

SYSTEM = pathlib.Path(__file__).resolve().parents[1]
ROOT = SYSTEM.parents[1]
BUILD = pathlib.Path(os.environ.get("HOLM_BUILD", ROOT / "build"))
ARCHIVE = pathlib.Path(
    os.environ.get("HOLM_GUEST_ARCHIVE", BUILD / "examples" / "unikernel-web.tar.gz"))
BUSYBOX = pathlib.Path("/bin/busybox")


def run(*words):
    subprocess.run(list(map(str, words)), check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def compile_app(name, target):
    """Static; name look-up needs no shared library in a static glibc of today, whatever the
    linker warns."""
    run("gcc", "-std=gnu17", "-O2", "-Wall", "-static", "-pthread", "-o", target,
        SYSTEM / "apps" / f"{name}.c", SYSTEM / "apps" / "http_get.c")


def write_archive(path, members):
    """members: name → bytes."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(data))


class Images:
    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hti-", dir="/tmp"))
        self.root.chmod(0o755)
        self.layout = self.root / "oci"
        self.outer = pathlib.Path(tempfile.mkdtemp(prefix="hto-", dir="/tmp"))
        self._make_containers()
        self._archives = self.root / "archives"
        self._archives.mkdir()

    def remove(self):
        shutil.rmtree(self.root)
        shutil.rmtree(self.outer)

    def container(self, tag="v1"):
        return f"oci:{self.layout}:{tag}"

    def _make_containers(self):
        for program in ("httpd", "fetch", "euid"):
            compile_app(program, self.root / program)
        run("umoci", "init", "--layout", self.layout)
        for tag in ("v1", "v2", "v3"):
            self._make_container(tag)

    def _make_container(self, tag):
        image = f"{self.layout}:{tag}"
        bundle = self.root / f"bundle-{tag}"
        run("umoci", "new", "--image", image)
        run("umoci", "unpack", "--image", image, bundle)
        bin_dir = bundle / "rootfs" / "bin"
        bin_dir.mkdir(parents=True)
        for name in ("etc", "tmp", "proc", "sys", "dev"):
            (bundle / "rootfs" / name).mkdir(exist_ok=True)
        shutil.copy2(BUSYBOX, bin_dir / "busybox")
        (bin_dir / "sh").symlink_to("busybox")
        for program in ("httpd", "fetch"):
            shutil.copy2(self.root / program, bin_dir / program)
        (bundle / "rootfs" / "etc" / "version").write_text(f"{tag}\n")
        run("umoci", "repack", "--image", image, bundle)
        run("umoci", "config", "--image", image, "--config.entrypoint", "/bin/httpd",
            "--config.cmd", f"name={tag}", "--config.env", f"VERSION={tag}")
        shutil.rmtree(bundle)

    @property
    def users(self):
        """A container with users: of its two layers the upper one has /etc/passwd as a link into the
        lower one. It runs as web, in a folder that is not there, and writes to /srv/data."""
        image = f"{self.layout}:users"
        bundle = self.root / "bundle-users"
        if not (self.root / "users").exists():
            run("umoci", "tag", "--image", self.container().removeprefix("oci:"), "users")
            self._add_layer(image, bundle, self._write_users)
            self._add_layer(image, bundle, self._link_users)
            run("umoci", "config", "--image", image, "--config.user", "web:log",
                "--config.workingdir", "/not/there/yet", "--config.volume", "/srv/data")
            (self.root / "users").touch()
        return f"oci:{image}"

    @staticmethod
    def _add_layer(image, bundle, change):
        run("umoci", "unpack", "--image", image, bundle)
        change(bundle / "rootfs")
        run("umoci", "repack", "--image", image, bundle)
        shutil.rmtree(bundle)

    def _write_users(self, root):
        (root / "usr/lib").mkdir(parents=True)
        (root / "usr/lib/passwd").write_text("root:x:0:0::/:/bin/sh\nweb:x:101:102::/srv:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\nweb:x:102:\nlog:x:7:web\n")
        (root / "srv/data").mkdir(parents=True)
        (root / "srv/data/seed").write_text("of the image\n")
        for path in (root / "srv/data", root / "srv/data/seed"):
            os.chown(path, 101, 102)
        shutil.copy2(self.root / "euid", root / "bin/euid")
        (root / "bin/euid").chmod(0o4755)

    @staticmethod
    def _link_users(root):
        (root / "etc/passwd").symlink_to("../usr/lib/passwd")

    @property
    def curl(self):
        """A container with curl, its libraries, and sh with sleep."""
        image = f"{self.layout}:curl"
        if not (self.root / "curl").exists():
            run("umoci", "tag", "--image", self.container().removeprefix("oci:"), "curl")
            self._add_layer(image, self.root / "bundle-curl", self._add_curl)
            run("umoci", "config", "--image", image, "--clear=config.entrypoint",
                "--clear=config.cmd", "--config.env", "PATH=/bin")
            (self.root / "curl").touch()
        return f"oci:{image}"

    @staticmethod
    def _add_curl(root):
        program = shutil.which("curl")
        libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True)
        (root / "bin/sleep").symlink_to("busybox")
        shutil.copy2(program, root / "bin/curl")
        for library in re.findall(r"/\S+", libraries.stdout):
            target = root / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(library, target)

    @property
    def meddle(self):
        """The library of harness/meddle.py. Outside the image root, which is the users'."""
        path = self.outer / "meddle.so"
        if not path.exists():
            run("gcc", "-std=gnu17", "-O2", "-Wall", "-fPIC", "-shared", "-fvisibility=hidden",
                "-o", path, SYSTEM / "apps" / "meddle.c")
        return path

    def _archive(self, name, members):
        path = self._archives / name
        if not path.exists():
            write_archive(path, members)
        return f"file://{path}"

    @property
    def unikernel(self):
        """The example unikernel, or the test is skipped."""
        if not ARCHIVE.exists():
            pytest.skip(f"no guest archive at {ARCHIVE}: run ./bootstrap build")
        path = self._archives / "web.tar.gz"
        if not path.exists():
            shutil.copy2(ARCHIVE, path)
        return f"file://{path}"

    def unikernel_of(self, kind):
        """Another archive of the example unikernel: with files, or of a variant."""
        made = ARCHIVE.with_name(f"unikernel-web-{kind}.tar.gz")
        if not made.exists():
            pytest.skip(f"no guest archive at {made}: run ./bootstrap build")
        path = self._archives / made.name
        if not path.exists():
            shutil.copy2(made, path)
        return f"file://{path}"

    def unikernel_with(self, kind, members):
        """An archive of the kernel of `kind` and of more members, name → bytes."""
        path = pathlib.Path(self.unikernel_of(kind).removeprefix("file://"))
        with tarfile.open(path) as tar:
            kernel = tar.extractfile("kernel").read()
        name = "-".join(sorted(member.split("/")[0] for member in members))
        return self._archive(f"{kind}-{name}.tar.gz", {"kernel": kernel, **members})

    @property
    def bare(self):
        """The guest of the driver's own tests (tests/unit/runtime/qemu/guest.S): it does what its
        argument says, and needs 2 MiB and no network."""
        kernel = BUILD / "tests" / "unit" / "runtime" / "qemu" / "guest.elf"
        if not kernel.exists():
            pytest.skip(f"no {kernel}: run ./bootstrap build")
        return self._archive("bare.tar.gz", {"kernel": kernel.read_bytes()})

    @property
    def unikernel_arm64(self):
        """The same for arm64."""
        archive = ARCHIVE.with_name("unikernel-web-arm64.tar.gz")
        if not archive.exists():
            pytest.skip(f"no {archive}: it wants aarch64-linux-gnu-gcc at ./bootstrap build")
        path = self._archives / "web-arm64.tar.gz"
        if not path.exists():
            shutil.copy2(archive, path)
        return f"file://{path}"

    @property
    def unikernel_path(self):
        return pathlib.Path(self.unikernel.removeprefix("file://"))

    @property
    def kernel(self):
        with tarfile.open(self.unikernel_path) as tar:
            return tar.extractfile("kernel").read()

    @property
    def unikernel_digest(self):
        return hashlib.sha256(self.unikernel_path.read_bytes()).hexdigest()

    @property
    def escaping(self):
        """A good kernel, and a file that wants to lie beside the store."""
        return self._archive("escaping.tar.gz",
                             {"kernel": self.kernel, "../../escaped": b"out of here"})

    @property
    def no_kernel(self):
        """An archive whose kernel is none."""
        return self._archive("text.tar.gz", {"kernel": b"#!/bin/sh\necho no kernel\n" * 100})

    @property
    def empty(self):
        return self._archive("empty.tar.gz", {"readme": b"nothing to boot\n"})

    @property
    def damaged(self):
        path = self._archives / "damaged.tar.gz"
        if not path.exists():
            data = self.unikernel_path.read_bytes()
            path.write_bytes(data[:len(data) // 2])
        return f"file://{path}"

    @property
    def outside(self):
        """A good archive, but not below the image root."""
        path = self.outer / "web.tar.gz"
        shutil.copy2(self.unikernel_path, path)
        return f"file://{path}"

    @property
    def huge(self):
        """The kernel is 5 GiB long, says the archive."""
        path = self._archives / "huge.tar.gz"
        if not path.exists():
            info = tarfile.TarInfo("kernel")
            info.size = 5 << 30
            path.write_bytes(gzip.compress(info.tobuf() + bytes(1 << 20)))
        return f"file://{path}"
