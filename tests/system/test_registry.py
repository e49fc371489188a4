"""Images from a registry: Debian's docker-registry inside the host's network."""
import json
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, value

PORT = 5000
CONFIG = """version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Registry:
    def __init__(self, ns):
        self.ns = ns
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="htr-", dir="/tmp"))
        config = self.root / "config.yml"
        config.write_text(CONFIG.format(root=self.root / "data", port=PORT))
        self.log = open(self.root / "log", "wb")
        self.process = subprocess.Popen(ns.command("docker-registry", "serve", config),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        until(lambda: self.get("/v2/")[0] == 200, "the registry answers")

    def get(self, path, **options):
        try:
            return self.ns.get(f"http://127.0.0.1:{PORT}{path}", **options)
        except OSError as error:
            raise AssertionError(str(error)) from error

    def push(self, image, name):
        """Returns the digest of the manifest."""
        file = self.root / "digest"
        subprocess.run(self.ns.command("skopeo", "copy", "--quiet", "--dest-tls-verify=false",
                                       "--digestfile", file, image,
                                       f"docker://127.0.0.1:{PORT}/{name}"),
                       check=True, stdin=subprocess.DEVNULL)
        return file.read_text().strip()

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        shutil.rmtree(self.root)


@pytest.fixture
def registry(host):
    for program in ("docker-registry", "skopeo"):
        if not shutil.which(program):
            pytest.skip(f"no {program}: ./bootstrap deps --test installs it")
    registry = Registry(host.ns)
    yield registry
    registry.close()


def test_by_tag(host, images, registry):
    digest = registry.push(images.container("v1"), "shop/app:v1")
    view = host.deploy(service("box", "container", f"127.0.0.1:{PORT}/shop/app:v1"))[0]
    assert view["digest"] == digest
    assert host.page(view["address"], "file?path=/etc/version") == "v1\n"


def test_by_digest(host, images, registry):
    digest = registry.push(images.container("v2"), "shop/app:v2")
    view = host.deploy(service("box", "container", f"127.0.0.1:{PORT}/shop/app@{digest}"))[0]
    assert view["digest"] == digest
    wrong = f"127.0.0.1:{PORT}/shop/app@sha256:{'0' * 64}"
    done = host.apply(service("box", "container", wrong))
    assert done.returncode == FAILED and "sha256:000" in done.stderr
    assert host.instance("box")["pid"] == view["pid"]


def test_missing(host, registry):
    done = host.apply(service("box", "container", f"127.0.0.1:{PORT}/none:v1"))
    assert done.returncode == FAILED
    assert f"127.0.0.1:{PORT}/none" in done.stderr


def test_a_tag_that_has_moved_is_had_anew_with_the_next_change(host, images, registry):
    registry.push(images.container("v1"), "shop/app:latest")
    code = f"127.0.0.1:{PORT}/shop/app"
    host.deploy(service("box", "container", code))
    before = host.instance("box")
    registry.push(images.container("v2"), "shop/app:latest")
    host.deploy(service("box", "container", code))
    assert host.instance("box")["pid"] == before["pid"], "the same wish changes nothing"


def test_a_damaged_layer_is_told(host, images, registry):
    # An image that no other test has: containerd keeps what it has had.
    registry.push(images.container("v3"), "shop/app:v3")
    _, text = registry.get("/v2/shop/app/manifests/v3", headers={
        "Accept": "application/vnd.oci.image.manifest.v1+json"})
    digest = json.loads(text)["layers"][0]["digest"].removeprefix("sha256:")
    path = (registry.root / "data/docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = host.apply(service("box", "container", f"127.0.0.1:{PORT}/shop/app:v3"))
    assert done.returncode == FAILED
    assert "digest" in done.stderr or "sha256" in done.stderr
    assert "box" in done.stderr


def test_survives_the_registry(host, images, registry):
    """Once had, an image is there: a restart needs no registry."""
    registry.push(images.container("v1"), "shop/app:v1")
    view = host.deploy(service("box", "container", f"127.0.0.1:{PORT}/shop/app:v1"))[0]
    registry.process.terminate()
    registry.process.wait(10)
    host.end_instance(view["address"], "exit?code=1")
    view = host.wait_running("box", view["pid"])
    assert value(host.page(view["address"]), "host") == "box-0"
