"""A descriptor is a wish: applied again it changes nothing, applied changed it changes that."""
import collections

import pytest

from harness import descriptor
from harness.deadline import until
from harness.descriptor import service
from harness.host import FAILED, OK, value

KEPT = ("id", "number", "address", "service_address", "instance_address", "ports")


def httpd(images, name="box", tag="v1", **fields):
    return service(name, "container", images.container(tag), **fields)


def pids(host):
    return {f"{i['app']}.{i['service']}.{i['number']}": i["pid"] for i in host.instances()}


def numbers(instances):
    return [i["number"] for i in instances]


def test_the_same_again_changes_nothing(host, images):
    wish = [httpd(images, port="9080:80", memory=64),
            service("web", "unikernel", images.unikernel, memory=32)]
    host.deploy(*wish)
    before = host.instances()
    host.deploy(*wish)
    after = host.instances()
    for view in before + after:
        del view["memory_mib"]  # what it uses at the moment
    assert after == before
    assert "unchanged" in host.apply(*wish, wait=False).stdout


def test_a_change_replaces_and_keeps_identity(host, images):
    host.deploy(httpd(images, port="9080:80", cmd=["/bin/httpd", "name=one"]),
                httpd(images, "other"))
    old, other = host.instance("box"), host.instance("other")
    assert value(host.page("127.0.0.1", port=9080), "name") == "one"
    host.deploy(httpd(images, port="9080:80", cmd=["/bin/httpd", "name=two"]),
                httpd(images, "other"))
    new = host.instance("box")
    assert {k: new[k] for k in KEPT} == {k: old[k] for k in KEPT}
    assert new["pid"] != old["pid"]
    assert value(host.page("127.0.0.1", port=9080), "name") == "two"
    assert value(host.page(old["service_address"]), "name") == "two"
    assert host.instance("other")["pid"] == other["pid"]


def test_a_new_image_replaces(host, images):
    host.deploy(httpd(images))
    address = host.instance("box")["address"]
    assert host.page(address, "file?path=/etc/version") == "v1\n"
    host.deploy(httpd(images, tag="v2"))
    assert host.page(address, "file?path=/etc/version") == "v2\n"
    assert "env: VERSION=v2\n" in host.page(address)


def test_environment_is_what_image_and_descriptor_say(host, images):
    host.deploy(httpd(images, environment=["GREETING=hello world", "VERSION=mine"]))
    page = host.page(host.instance("box")["address"])
    env = dict(line.removeprefix("env: ").split("=", 1) for line in page.splitlines()
               if line.startswith("env: "))
    assert (env.pop("GREETING"), env.pop("VERSION")) == ("hello world", "mine")
    assert set(env) <= {"PATH", "HOSTNAME", "HOME", "TERM"}, "nothing of holm's own"


def test_arguments_reach_a_unikernel(host, images):
    host.deploy(service("web", "unikernel", images.unikernel,
                        cmd=["name=web", "two words", "port=8081"]))
    page = host.page(host.instance("web")["address"], port=8081)
    assert "arg: two words\n" in page and value(page, "name") == "web"


def test_container_can_become_a_unikernel(host, images):
    host.deploy(httpd(images, "box", port="9080:80"))
    old = host.instance("box")
    host.deploy(service("box", "unikernel", images.unikernel, port="9080:80", cmd=["name=uk"]))
    new = host.instance("box")
    assert {k: new[k] for k in KEPT} == {k: old[k] for k in KEPT}
    assert new["runtime"] == "unikernel"
    assert value(host.page("127.0.0.1", port=9080), "name") == "uk"


def test_a_missing_service_goes_and_other_applications_stay(host, images):
    host.deploy(httpd(images, "one"), name="first")
    host.deploy(httpd(images, "one"), httpd(images, "two"), name="second")
    before = pids(host)
    host.deploy(httpd(images, "one"), name="second")
    del before["second.prod.two.test.0"]
    assert pids(host) == before


def test_replicas_scale(host, images):
    wish = httpd(images, cmd=["/bin/httpd"], replicas=3)
    first = host.deploy(wish)
    assert numbers(first) == [0, 1, 2]
    assert len({i["address"] for i in first}) == len({i["instance_address"] for i in first}) == 3
    kept = {i["number"]: i["pid"] for i in first}

    host.holm("scale", "box", 5, "--wait")
    assert numbers(host.instances()) == [0, 1, 2, 3, 4]
    host.holm("scale", "box", 1, "--wait")
    assert {i["number"]: i["pid"] for i in host.instances()} == {0: kept[0]}
    # Numbers are never used again, and applying without replicas leaves their number alone.
    host.holm("scale", "shop.prod.box.test", 2, "--wait")
    assert numbers(host.instances()) == [0, 5]
    del wish["replicas"]
    host.deploy(wish)
    assert numbers(host.instances()) == [0, 5]
    host.holm("scale", "box", 0, "--wait")
    assert host.instances() == []
    host.holm("scale", "box", 1, "--wait")
    assert numbers(host.instances()) == [6]


def test_service_address_spreads_over_the_instances(host, images):
    found = host.deploy(httpd(images, replicas=3))
    address = found[0]["service_address"]
    seen = collections.Counter(value(host.page(address), "host") for _ in range(60))
    assert set(seen) == {"box-0", "box-1", "box-2"}
    assert min(seen.values()) >= 5, seen


def test_dry_run_tells_and_does_nothing(host, images):
    done = host.apply(httpd(images), wait=False, words=["--dry-run"])
    assert done.returncode == OK and "shop.prod.box.test" in done.stdout
    assert (host.list("apps"), host.list("services"), host.list("instances")) == ([], [], [])
    host.deploy(httpd(images))
    before = pids(host)
    done = host.apply(httpd(images, cmd=["/bin/httpd", "name=other"]), wait=False,
                      words=["--dry-run"])
    assert done.returncode == OK and "name=other" in done.stdout
    done = host.apply(descriptor.one_app(), wait=False, words=["--dry-run"])
    assert done.returncode == OK and "delete" in done.stdout
    assert pids(host) == before


def test_ports_move_from_one_service_to_another(host, images):
    host.deploy(httpd(images, "one", port="9080:80", addresses={"rr_ip": "10.30.9.9"}))
    host.deploy(httpd(images, "two", port="9080:80", addresses={"rr_ip": "10.30.9.9"}))
    assert value(host.page("127.0.0.1", port=9080), "host") == "two-0"
    assert value(host.page("10.30.9.9"), "host") == "two-0"


def test_several_applications_at_once(host, images):
    wish = descriptor.descriptor(descriptor.application("first", httpd(images)),
                                 descriptor.application("second", httpd(images)))
    found = host.deploy(wish)
    assert [i["app"] for i in found] == ["first.prod", "second.prod"]
    assert [i["state"] for i in found] == ["RUNNING"] * 2


def test_delete(host, images):
    host.deploy(httpd(images), name="first")
    host.deploy(httpd(images), name="second")
    host.holm("delete", "app", "first", "--wait")
    assert [a["name"] for a in host.list("apps")] == ["second.prod"]
    assert [i["app"] for i in host.instances()] == ["second.prod"]
    done = host.run("delete", "app", "first")
    assert done.returncode == FAILED and "first" in done.stderr and "second" in done.stderr


@pytest.mark.parametrize("virtualization", ["runc", "docker"])
def test_runtime_by_other_names(host, images, virtualization):
    view = host.deploy(service("box", virtualization, images.container()))[0]
    assert view["state"] == "RUNNING"
    assert value(host.page(view["address"]), "host") == "box-0"


def test_gvisor(host, images):
    """runsc, where the node found that it works."""
    if "runsc" not in host.list("nodes")[0]["virtualization"]:
        pytest.skip(f"no runsc on this node: {host.list('nodes')[0]['problems']}")
    view = host.deploy(service("box", "runsc", images.container(), memory=256))[0]
    assert (view["runtime"], view["state"]) == ("runsc", "RUNNING")
    assert value(host.page(view["service_address"]), "host") == "box-0"


def test_another_runtime_by_one_word(host, images):
    """The descriptor's `virtualization` changes and nothing else: number and addresses stay."""
    if "runsc" not in host.list("nodes")[0]["virtualization"]:
        pytest.skip(f"no runsc on this node: {host.list('nodes')[0]['problems']}")
    before = host.deploy(service("box", "runc", images.container(), memory=256, port="9080:80"))[0]
    after = host.deploy(service("box", "runsc", images.container(), memory=256, port="9080:80"))[0]
    assert (before["runtime"], after["runtime"]) == ("container", "runsc")
    for kept in ("id", "number", "address", "instance_address", "service_address"):
        assert before[kept] == after[kept], kept
    assert value(host.page(after["service_address"]), "host") == "box-0"


def test_a_cordoned_node_gets_nothing_new(host, images):
    box = service("box", "container", images.container(), grace_s=1)
    before = host.deploy(box)[0]
    host.holm("node", "cordon", host.name)
    assert "READY,CORDONED" in host.holm("get", "nodes")
    host.holm("scale", "box", "2")
    view = host.instance("box", 1)
    assert view["state"] == "NO_WORKER_CAPACITY" and "cordoned" in view["reason"], view
    assert host.instance("box", 0)["pid"] == before["pid"]
    host.holm("node", "uncordon", host.name)
    until(lambda: host.instance("box", 1)["state"] == "RUNNING", "it has its place")
    assert "CORDONED" not in host.holm("get", "nodes")
    assert host.run("node", "cordon", "nowhere").returncode != OK
