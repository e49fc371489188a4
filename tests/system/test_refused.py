"""What the descriptor and the server's own state show is refused: a non-zero exit code, one clear
sentence, and nothing is stored."""
import json
import re
import subprocess

import pytest

from harness import descriptor
from harness.descriptor import application, one_app, service
from harness.host import FAILED, OK, USAGE


def assert_refused(host, text, *patterns, code=FAILED):
    revision = len(host.list("services"))
    done = host.run("apply", "-", stdin=text if isinstance(text, str) else json.dumps(text))
    assert done.returncode == code, done.stdout + done.stderr
    sentences = done.stderr.strip().splitlines()
    assert len(sentences) <= 2 and len(done.stderr) < 1000, done.stderr
    for pattern in patterns:
        assert re.search(pattern, done.stderr), f"no {pattern!r} in {done.stderr!r}"
    assert len(host.list("services")) == revision
    return done


@pytest.fixture
def box(images):
    """A service with some fields changed."""
    def make(**fields):
        return service(fields.pop("name", "box"), fields.pop("virtualization", "container"),
                       fields.pop("code", images.container()), **fields)
    return make


def test_malformed_json_by_line_and_column(host):
    text = '{\n "sla_version": "v2.0",\n "applications" [] }'
    assert_refused(host, text, "line 3", r"column 1\d")


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "nonsense", '"v2.0"', "\x00",
                                  "{" * 100000, '{"a":' * 5000,
                                  '{"sla_version": "v2.0", "applications": 1}',
                                  '{"sla_version": 1' + "0" * 400 + "}"])
def test_something_else(host, text):
    assert_refused(host, text)


def test_bytes_that_are_no_text(host):
    done = subprocess.run(host.command("apply", "-"), input=b'{"sla_version": "\xff\xfe"}',
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == FAILED and b"0xff" in done.stderr, done.stderr


def test_trailing_commas_are_a_warning(host, box):
    text = json.dumps(one_app(box())).replace("}]", "},]")
    done = host.run("apply", "-", "--wait", stdin=text)
    assert done.returncode == OK, done.stderr
    assert "comma" in done.stdout + done.stderr
    assert host.instance("box")["state"] == "RUNNING"


@pytest.mark.parametrize("field, value", [
    ("memory", "lots"), ("memory", -1), ("memory", 1.5), ("memory", 10 ** 15), ("vcpus", True),
    ("cmd", "/bin/sh"), ("cmd", [1]), ("port", 80), ("code", None), ("code", 1),
    ("environment", {"A": "1"}), ("replicas", "3"), ("addresses", []), ("one_shot", "yes")])
def test_wrong_type_by_path(host, box, field, value):
    assert_refused(host, one_app(box(**{field: value})),
                   rf"applications\[0\]\.microservices\[0\]\.{field}")


def test_missing_field(host, box):
    wish = box()
    del wish["code"]
    assert_refused(host, one_app(wish), r"applications\[0\]\.microservices\[0\]", "code")


def test_version(host, box):
    assert_refused(host, {**one_app(box()), "sla_version": "v1.0"}, "sla_version", "v2.0", "v1.0")


def test_unknown_runtime_with_those_there_are(host, box):
    assert_refused(host, one_app(box(virtualization="warp")), "warp", "docker|container",
                   "unikernel")


@pytest.mark.parametrize("name", ["", "a b", "web_1", "web-1", "é", "a" * 31, "web.x", "../x",
                                  "a\nb"])
def test_names(host, box, name):
    assert_refused(host, one_app(box(name=name)), "microservice_name")
    assert_refused(host, one_app(box(ns=name)), "microservice_namespace")
    assert_refused(host, one_app(box(), name=name), "application_name")


def test_the_same_name_twice(host, box):
    assert_refused(host, one_app(box(), box()), "microservice_name", "box.test")
    assert_refused(host, descriptor.descriptor(application("a", box()), application("a", box())),
                   "application_name", "a.prod")


def test_service_address(host, box):
    for address in ("10.18.0.1", "10.31.0.1", "10.30.0.0", "10.30.255.255", "10.30.1", "::1", "x"):
        assert_refused(host, one_app(box(addresses={"rr_ip": address})), "rr_ip",
                       re.escape(address))
    assert_refused(host, one_app(box(addresses={"rr_ip": "10.30.3.3"}),
                                 box(name="two", addresses={"rr_ip": "10.30.3.3"})), "rr_ip")


def test_service_address_of_another(host, box):
    host.deploy(box(addresses={"rr_ip": "10.30.3.3"}), name="first")
    assert_refused(host, one_app(box(addresses={"rr_ip": "10.30.3.3"}), name="second"),
                   "10.30.3.3", "first.prod.box.test")


@pytest.mark.parametrize("port", ["0:80", "80:0", "65536:80", "80:65536", "x", "80:80/sctp",
                                  "80:80:80", "8080:80;8080:81", ":", "-1:80", "50103:1/udp"])
def test_port_form(host, box, port):
    assert_refused(host, one_app(box(port=port)), r"microservices\[0\]\.port")


def test_port_of_another(host, box):
    host.deploy(box(port="9080:80"), name="first")
    assert_refused(host, one_app(box(port="9080:81"), name="second"), "9080", "first.prod.box.test")
    assert_refused(host, one_app(box(name="a", port="9081"), box(name="b", port="9081"),
                                 name="second"), "9081")
    host.deploy(box(port="9080:80/udp"), name="second")


def test_port_of_holm(host, box):
    assert_refused(host, one_app(box(port="10000:80")), "10000")


def test_more_than_any_node_has(host, box):
    has = host.list("nodes")[0]["memory_mib"]
    assert_refused(host, one_app(box(memory=has + 1)), str(has + 1), str(has))
    assert_refused(host, one_app(box(vcpus=4096)), "4096")
    assert_refused(host, one_app(box(vgpus=1)), "GPU")


@pytest.mark.parametrize("code", ["nginx", "nginx:latest", "library/nginx", "oci:relative/x",
                                  "oci:/a/../b", "-x/y", "http://a/b.tar.gz", "a b/c"])
def test_image_form(host, box, code):
    assert_refused(host, one_app(box(code=code)), r"microservices\[0\]\.code", "image")


@pytest.mark.parametrize("code", ["http://h/x.zip", "file://h/x.tar.gz",
                                  "ftp://h/x.tar.gz", "http:///x.tar.gz",
                                  "http://h/x.tar.gz#sha256=12",
                                  "http://h/a.tar.gz,http://h/b.tar.gz"])
def test_archive_form(host, box, code):
    assert_refused(host, one_app(box(virtualization="unikernel", code=code)),
                   r"microservices\[0\]\.code")


def test_size(host, box):
    wish = one_app(box())
    wish["applications"][0]["application_desc"] = "x" * (10 << 20)
    assert_refused(host, wish, r"1\d{7}|bytes|MiB")
    assert_refused(host, one_app(*(box(name=f"b{i}") for i in range(1001))), "1000|1001")


def test_unknown_field_is_a_warning_with_the_nearest_name(host, box):
    done = host.apply(box(memroy=64))
    assert done.returncode == OK, done.stderr
    assert re.search("memroy.*memory", done.stdout + done.stderr)


def test_a_refused_part_refuses_the_whole(host, box):
    assert_refused(host, one_app(box(name="good"), box(name="bad", port="10000:80")), "10000")
    assert (host.list("apps"), host.list("instances")) == ([], [])


def test_no_such_file(host):
    done = host.run("apply", "/nonexistent.json")
    assert done.returncode in (FAILED, USAGE)
    assert "/nonexistent.json" in done.stderr and "No such file" in done.stderr
