"""Unikernels as OCI artifacts: packed here, pushed to Debian's docker-registry, run from it."""
import json
import subprocess

import pytest

from harness.descriptor import service
from harness.host import FAILED, value
from harness.registry import MANIFEST_TYPE, Registry, digest_of

REF = "127.0.0.1:5000/team/web"


@pytest.fixture
def registry(host):
    registry = Registry(host.ns)
    yield registry
    registry.close()


@pytest.fixture
def kernel(images, tmp_path):
    path = tmp_path / "kernel"
    path.write_bytes(images.kernel)
    return path


def build(host, kernel, ref, *words):
    """Packs and pushes; the manifest's digest."""
    return host.holm("image", "build-unikernel", "--kernel", kernel, *words, ref).split()[-1]


def unikernel(code=f"{REF}:v1", **fields):
    return service("web", "unikernel", code, memory=32, **fields)


def test_pushed_and_run(host, registry, kernel):
    digest = build(host, kernel, f"{REF}:v1", "--cmd", "name=packed", "--cmd", "x=1",
                   "--env", "COLOR=red", "--env", "KIND=image")
    view = host.deploy(unikernel(environment=["COLOR=blue"]))[0]
    assert view["digest"] == digest
    page = host.page(view["address"])
    assert value(page, "name") == "packed"
    assert "COLOR=blue" in page and "KIND=image" in page and "COLOR=red" not in page
    row = next(row for row in json.loads(host.holm("image", "ls", "-o", "json"))
               if row["name"] == f"{REF}:v1")
    assert row["digest"] == digest and row["platform"] == "qemu/amd64"
    assert host.run("image", "rm", f"{REF}:v1").returncode == FAILED
    # What the descriptor says counts.
    view = host.deploy(unikernel(cmd=["name=asked"]))[0]
    assert value(host.page(view["address"]), "name") == "asked"
    host.delete_all()
    host.holm("image", "rm", f"{REF}:v1")


def test_the_same_bytes_and_nothing_sent_twice(host, registry, kernel, tmp_path):
    """Another time, another place: the same artifact, which skopeo reads too."""
    words = ["--cmd", "name=packed", "--rootfs", str(tmp_path / "tree")]
    (tmp_path / "tree" / "etc").mkdir(parents=True)
    (tmp_path / "tree" / "etc" / "motd").write_text("hello\n")
    digest = build(host, kernel, f"{REF}:v1", *words)
    assert build(host, kernel, f"{REF}:v2", *words) == digest
    layout = f"oci:{tmp_path}/layout:v1"
    assert build(host, kernel, layout, *words) == digest
    for place, plain in ((f"docker://{REF}:v1", ["--tls-verify=false"]), (layout, [])):
        done = subprocess.run(
            host.ns.command("skopeo", "inspect", "--config", "--override-os", "qemu",
                            "--override-arch", "x86_64", *plain, place),
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        config = json.loads(done.stdout)
        assert config["config"]["Cmd"] == ["name=packed"]
        assert len(config["rootfs"]["diff_ids"]) == 2


def test_restarted_without_the_registry(host, registry, kernel):
    digest = build(host, kernel, f"{REF}:v1", "--cmd", "name=first")
    host.deploy(unikernel(pull="always"))
    # The name moves on: what was had stays what it is until the next change.
    second = build(host, kernel, f"{REF}:v1", "--cmd", "name=second")
    assert second != digest
    host.holm("restart", "web.0", "--wait")
    view = host.wait_running("web")
    assert view["digest"] == digest
    assert value(host.page(view["address"]), "name") == "first"
    view = host.deploy(unikernel(pull="always", environment=["A=1"]))[0]
    assert view["digest"] == second
    assert value(host.page(view["address"]), "name") == "second"
    registry.process.terminate()
    registry.process.wait(10)
    host.holm("restart", "web.0", "--wait")
    view = host.wait_running("web")
    assert value(host.page(view["address"]), "name") == "second"


def test_pinned(host, registry, kernel):
    digest = build(host, kernel, f"{REF}:v1", "--cmd", "name=first")
    build(host, kernel, f"{REF}:v1", "--cmd", "name=second")
    view = host.deploy(unikernel(f"{REF}@{digest}"))[0]
    assert value(host.page(view["address"]), "name") == "first"
    done = host.apply(unikernel(f"{REF}@sha256:{'0' * 64}"))
    assert done.returncode == FAILED and "sha256:000" in done.stderr


def test_wrong_kinds(host, registry, images, kernel):
    """Each is refused with the word to change; one name with both kinds serves both."""
    build(host, kernel, f"{REF}:v1")
    done = host.apply(service("web", "container", f"{REF}:v1"))
    assert done.returncode == FAILED
    assert "it is a unikernel" in done.stderr and "`virtualization: unikernel`" in done.stderr
    registry.push(images.container("v1"), "team/box:v1")
    done = host.apply(unikernel("127.0.0.1:5000/team/box:v1"))
    assert done.returncode == FAILED
    assert "it is a container image" in done.stderr
    assert "`virtualization: container`" in done.stderr


def test_both_kinds_behind_one_name(host, registry, images, kernel):
    """An index that is there keeps what it has for other platforms."""
    registry.push(images.container("v1"), "team/web:box")
    _, text = registry.get("/v2/team/web/manifests/box",
                           headers={"Accept": MANIFEST_TYPE})
    entry = {"mediaType": MANIFEST_TYPE,
             "digest": digest_of(text.encode()), "size": len(text),
             "platform": {"os": "linux", "architecture": "amd64"}}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
             "manifests": [entry]}
    subprocess.run(host.ns.command(
        "curl", "-sSf", "-X", "PUT", "-H", f"Content-Type: {index['mediaType']}", "-d",
        json.dumps(index), "http://127.0.0.1:5000/v2/team/web/manifests/both"),
        check=True, stdin=subprocess.DEVNULL)
    build(host, kernel, f"{REF}:both", "--cmd", "name=web")
    box = service("box", "container", f"{REF}:both")
    views = {view["service"].split(".")[0]: view
             for view in host.deploy(box, unikernel(f"{REF}:both"))}
    assert host.page(views["box"]["address"], "file?path=/etc/version") == "v1\n"
    assert value(host.page(views["web"]["address"]), "name") == "web"
