"""`holm image`: what is stored on the node, who uses it, and what goes."""
import json
import re
import subprocess

import pytest

from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, LAN_IP, OK, USAGE, PageServer


def ls(host):
    return {view["name"]: view for view in json.loads(host.holm("image", "ls", "-o", "json"))}


@pytest.fixture
def host(module_host):
    """Without applications and images."""
    module_host.delete_all()
    module_host.holm("image", "prune", "--all")
    assert ls(module_host) == {}
    yield module_host
    module_host.delete_all()


def freed(text):
    number, unit = re.search(r"([\d.]+) (B|KiB|MiB|GiB) freed", text).groups()
    return float(number) * {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}[unit]


def tag(images, name, like):
    """Gives another tag of the layout to an image that has one."""
    subprocess.run(["umoci", "tag", "--image", images.container(like).removeprefix("oci:"), name],
                   check=True, stdin=subprocess.DEVNULL)
    return images.container(name)


def test_pull_is_listed_and_removed(host, images):
    name = images.container("v1")
    out = host.holm("image", "pull", name)
    assert f"pulled {name}" in out
    view = ls(host)[name]
    assert view["digest"] in out
    assert view["kind"] == "container" and view["platform"] == "linux/amd64"
    assert view["instances"] == 0 and not view["earlier"]
    assert view["size_bytes"] > 2**20
    assert f"up to date: {name}" in host.holm("image", "pull", name)
    table = host.holm("image", "ls")
    assert view["digest"][len("sha256:"):][:12] in table and "container" in table
    assert abs(freed(host.holm("image", "rm", name)) - view["size_bytes"]) < 0.1 * view["size_bytes"]
    assert ls(host) == {}
    done = host.run("image", "rm", name)
    assert done.returncode == FAILED and f"{name} is not on this node" in done.stderr


def test_refused_while_used(host, images):
    name = images.container("v1")
    host.deploy(service("box", "container", name))
    view = ls(host)[name]
    assert view["instances"] == 1 and view["used_by"] == ["shop.prod.box.test.instance.0"]
    assert "1 instance" in host.holm("image", "ls")
    done = host.run("image", "rm", name)
    assert done.returncode == FAILED
    assert f"image {name} is used by shop.prod.box.test.instance.0" in done.stderr
    assert "nothing to remove" in host.holm("image", "prune", "--all")
    assert name in ls(host)
    host.holm("delete", "app", "shop.prod", "--wait")
    assert ls(host)[name]["instances"] == 0
    assert f"removed {name}" in host.holm("image", "prune", "--all")


def test_nothing_is_removed_if_one_is_used(host, images):
    host.deploy(service("box", "container", images.container("v1")))
    host.holm("image", "pull", images.container("v2"))
    done = host.run("image", "rm", images.container("v2"), images.container("v1"))
    assert done.returncode == FAILED and "is used by" in done.stderr
    assert set(ls(host)) == {images.container("v1"), images.container("v2")}


def test_one_image_under_two_names(host, images):
    first = images.container("v1")
    second = tag(images, "same", "v1")
    host.deploy(service("box", "container", first))
    host.holm("image", "pull", second)
    views = ls(host)
    assert views[first]["digest"] == views[second]["digest"]
    assert views[second]["instances"] == 0
    digest = views[first]["digest"]
    done = host.run("image", "rm", digest)
    assert done.returncode == FAILED and "2 images have digest" in done.stderr
    assert freed(host.holm("image", "rm", second)) == 0
    assert set(ls(host)) == {first}
    assert host.page(host.instance("box")["address"], "file?path=/etc/version") == "v1\n"


def test_a_name_that_moves_leaves_what_runs(host, images):
    """Also over an end of the instance, and of holm."""
    name = tag(images, "moving", "v1")
    view = host.deploy(service("box", "container", name))[0]
    tag(images, "moving", "v2")
    assert f"pulled {name}" in host.holm("image", "pull", name)
    views = ls(host)
    earlier = f"{name}@{view['digest']}"
    assert views[earlier]["earlier"] and views[earlier]["instances"] == 1
    assert views[name]["digest"] != view["digest"]
    assert f"{name} (earlier)" in host.holm("image", "ls")
    done = host.run("image", "rm", earlier)
    assert done.returncode == FAILED and "is used by" in done.stderr
    assert "nothing to remove" in host.holm("image", "prune")
    host.end_instance(view["address"], "exit?code=1")
    again = host.wait_running("box", view["pid"])
    assert again["digest"] == view["digest"]
    assert host.page(again["address"], "file?path=/etc/version") == "v1\n"
    host.kill()
    host.up()
    host.end_instance(again["address"], "exit?code=1")
    third = host.wait_running("box", again["pid"])
    assert third["digest"] == view["digest"]
    host.holm("delete", "app", "shop.prod", "--wait")
    assert f"removed {earlier}" in host.holm("image", "prune")
    assert set(ls(host)) == {name}


def test_prune_by_age(host, images):
    name = images.container("v1")
    host.holm("image", "pull", name)
    assert "nothing to remove" in host.holm("image", "prune")
    assert "nothing to remove" in host.holm("image", "prune", "--all", "--older-than", "1h")
    done = host.run("image", "prune", "--older-than", "yesterday")
    assert done.returncode == USAGE and "90s" in done.stderr
    assert f"removed {name}" in host.holm("image", "prune", "--all", "--older-than", "0s")


def test_unikernels_are_images_too(host, images):
    url = images.unikernel
    host.holm("image", "pull", url)
    view = ls(host)[url]
    assert view["kind"] == "unikernel" and view["digest"] == f"sha256:{images.unikernel_digest}"
    folder = host.data_dir / "unikernels" / images.unikernel_digest
    assert folder.is_dir()
    host.deploy(service("uni", "unikernel", url, memory=64))
    done = host.run("image", "rm", images.unikernel_digest[:12])
    assert done.returncode == FAILED and "is used by shop.prod.uni.test.instance.0" in done.stderr
    host.holm("delete", "app", "shop.prod", "--wait")
    assert freed(host.holm("image", "rm", images.unikernel_digest[:12])) > 2**16
    assert not folder.exists() and ls(host) == {}


def test_refused_words(host, images):
    done = host.run("image", "pull", "nginx")
    assert done.returncode == FAILED and "fully qualified" in done.stderr
    done = host.run("image", "pull", images.container("none"))
    assert done.returncode == FAILED and "none" in done.stderr
    done = host.run("image", "pull", images.container("v1"), "--platform", "linux/riscv64")
    assert done.returncode == FAILED and "riscv64" in done.stderr
    done = host.run("image", "ls", "--node", "elsewhere")
    assert done.returncode == FAILED and "elsewhere" in done.stderr
    assert ls(host) == {}


def test_what_runs_starts_again_without_its_image(host, images):
    """Removed behind holm's back: the next start fetches it again."""
    name = images.container("v1")
    view = host.deploy(service("box", "container", name))[0]
    sock = f"/run/holm-{host.node_id[:8]}/containerd/containerd.sock"
    subprocess.run(["ctr", "-a", sock, "-n", "holm", "images", "rm", "--sync", name], check=True,
                   stdout=subprocess.DEVNULL)
    host.end_instance(view["address"], "exit?code=1")
    again = host.wait_running("box", view["pid"])
    assert host.page(again["address"], "file?path=/etc/version") == "v1\n"
    assert name in ls(host)
