"""`holm cp`: files between a real container and here."""
import io
import os
import subprocess
import tarfile

import pytest

from harness.deadline import PATIENCE_S
from harness.descriptor import service
from harness.host import FAILED, HOLM, USAGE


@pytest.fixture
def box(host, images):
    return host.deploy(service("box", "container", images.container()))[0]


def copy(host, source, target, stdin=b""):
    return subprocess.run(host.ns.command(HOLM, "--data-dir", host.data_dir, "cp", source, target),
                          input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S)


def must_copy(host, source, target, **options):
    done = copy(host, source, target, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def inside(host, script):
    done = subprocess.run(host.ns.command(HOLM, "--data-dir", host.data_dir, "exec", "box.0",
                                          "/bin/busybox", "sh", "-c", script),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_and_back(host, box, tmp_path):
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "big").write_bytes(os.urandom(5_000_000))
    (tree / "script").write_text("x")
    (tree / "script").chmod(0o751)
    os.chown(tree / "script", 1234, 567)
    (tree / "link").symlink_to("below/big")
    must_copy(host, tree, "box.0:/tmp")
    assert inside(host, "/bin/busybox stat -c '%a %u %g' /tmp/tree/script") == b"751 1234 567\n"
    assert inside(host, "/bin/busybox wc -c < /tmp/tree/link") == b"5000000\n"
    must_copy(host, "box.0:/tmp/tree", tmp_path / "copy")
    copied = tmp_path / "copy"
    assert (copied / "below" / "big").read_bytes() == (tree / "below" / "big").read_bytes()
    assert (copied / "script").stat().st_uid == 1234
    assert os.readlink(copied / "link") == "below/big"
    # One file, in the place of another, and into a folder.
    must_copy(host, tree / "script", "box.0:/tmp/renamed")
    assert inside(host, "/bin/busybox cat /tmp/renamed") == b"x"
    must_copy(host, "box.0:/etc/version", tmp_path)
    assert (tmp_path / "version").read_text() == "v1\n"


def test_archives(host, box):
    data = must_copy(host, "box.0:/etc/version", "-")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["version"] and tar.extractfile("version").read() == b"v1\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        info = tarfile.TarInfo("a/b")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    must_copy(host, "-", "box.0:/tmp", stdin=archive.getvalue())
    assert inside(host, "/bin/busybox cat /tmp/a/b") == b"abc"


def test_what_the_container_links_to_stays_inside(host, box, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    inside(host, f"/bin/busybox ln -s {tmp_path} /tmp/out; /bin/busybox ln -s {secret} /tmp/file")
    assert copy(host, "box.0:/tmp/out/secret", tmp_path / "got").returncode == FAILED
    (tmp_path / "new").write_text("new")
    assert copy(host, tmp_path / "new", "box.0:/tmp/out/").returncode == FAILED
    must_copy(host, tmp_path / "new", "box.0:/tmp/file")
    assert secret.read_text() == "of the host"
    assert inside(host, "/bin/busybox cat /tmp/file") == b"new"


def test_mistakes(host, box, tmp_path):
    done = copy(host, "box.0:/no/such", tmp_path)
    assert done.returncode == FAILED and b"/no/such" in done.stderr
    assert copy(host, tmp_path / "none", "box.0:/tmp").returncode == FAILED
    assert copy(host, "box.0:/etc", "box.0:/tmp").returncode == USAGE
    assert copy(host, "a", "b").returncode == USAGE
    assert copy(host, "box.0:etc", "b").returncode == USAGE
    done = copy(host, "-", "box.0:/tmp", stdin=b"no archive at all, whatever it may be" * 100)
    assert done.returncode == FAILED and b"archive" in done.stderr


def test_the_volumes_of_a_unikernel(host, images, tmp_path):
    """As it makes files itself, also once Holm is another process; and nothing else of it."""
    volumes = [{"volume_id": "data", "mount_path": "/srv/data"},
               {"volume_id": "films", "mount_path": "/films", "read_only": True}]
    host.holm("volume", "create", "data", "--owner", "1000:1000")
    view = host.deploy(service("box", "unikernel", images.unikernel, memory=32, volumes=volumes,
                               readiness={"tcp": {"port": 80}, "period_s": 1}))[0]
    host.kill()
    host.up()
    host.wait_running("box")
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / "below" / "new").write_text("new")
    must_copy(host, tree, "box.0:/srv/data")
    ask = f"http://{view['service_address']}/"
    assert host.ns.get(ask + "file?path=/srv/data/tree/below/new") == (200, "new")
    folder = host.data_dir / "worker" / "volumes" / "data" / "data"
    made = (folder / "tree" / "below" / "new").stat()
    assert (made.st_uid, made.st_gid) == (1000, 1000)
    assert host.ns.get(ask + "write?path=/srv/data/tree/below/new&text=its%20own")[0] == 200
    must_copy(host, "box.0:/srv/data", tmp_path / "back")
    assert (tmp_path / "back" / "tree" / "below" / "new").read_text() == "its own"
    # What the guest links to stays inside.
    (folder / "out").symlink_to(tmp_path)
    assert copy(host, "box.0:/srv/data/out/tree", tmp_path / "got").returncode == FAILED
    done = copy(host, tree, "box.0:/films")
    assert done.returncode == FAILED and b"read-only" in done.stderr, done.stderr
    done = copy(host, "box.0:/etc", tmp_path)
    assert done.returncode == FAILED and b"those of its volumes: /srv/data, /films" in done.stderr


def test_a_read_only_container(host, images, tmp_path):
    """Only into what is mounted there; out of anywhere."""
    host.deploy(service("box", "container", images.container(), read_only=True,
                        tmpfs=[{"path": "/tmp", "size": 1}]))
    (tmp_path / "new").write_text("new")
    for target in ("/etc", "/etc/version", "/new"):
        done = copy(host, tmp_path / "new", f"box.0:{target}")
        assert done.returncode == FAILED and b"ead-only file system" in done.stderr, done.stderr
    assert inside(host, "/bin/busybox cat /etc/version") == b"v1\n"
    must_copy(host, tmp_path / "new", "box.0:/tmp")
    assert inside(host, "/bin/busybox cat /tmp/new") == b"new"
    must_copy(host, "box.0:/etc/version", tmp_path)
    assert (tmp_path / "version").read_text() == "v1\n"
