"""Registries that want to know who asks, speak TLS with a CA of their own, or have mirrors."""
import crypt
import json
import shutil
import stat

import pytest

from harness.descriptor import service
from harness.host import FAILED, HOST_IP, LAN_IP, OK
from harness.registry import PLAIN_PORT, Authority, Registry, TokenServer

PASSWORD = "Sesame, open: 9"
AUTH, TOKEN, TLS = "127.0.0.1:5001", "127.0.0.1:5002", f"{HOST_IP}:5443"


@pytest.fixture
def plain(host):
    for program in ("docker-registry", "skopeo"):
        if not shutil.which(program):
            pytest.skip(f"no {program}: ./bootstrap deps --test installs it")
    registry = Registry(host.ns)
    yield registry
    registry.close()
    (host.data_dir / "registries.json").unlink(missing_ok=True)
    (host.data_dir / "registry-credentials.json").unlink(missing_ok=True)


def log_in(host, address, password):
    return host.run("registry", "login", address, "-u", "me", "--password-stdin",
                    stdin=password + "\n")


def assert_secret(host):
    """Nothing that anybody may see shows the password."""
    seen = host.log(100000) + json.dumps(host.list("instances")) + \
        host.run("registry", "ls", "-o", "json").stdout
    assert PASSWORD not in seen and "Sesame" not in seen


@pytest.fixture
def kernel(images, tmp_path):
    path = tmp_path / "kernel"
    path.write_bytes(images.kernel)
    return path


def push(host, kernel, name):
    return host.run("image", "build-unikernel", "--kernel", kernel, "--cmd", "name=pushed", name)


def assert_pushed(host, kernel, plain, name):
    """It is sent, and can be had by a node."""
    done = push(host, kernel, name)
    assert done.returncode == OK, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    path = "/v2/{}/manifests/{}".format(*name.split("/", 1)[1].split(":"))
    _, text = plain.get(path, headers={"Accept": "application/vnd.oci.image.index.v1+json"})
    entry = json.loads(text)["manifests"][0]
    assert entry["digest"] == done.stdout.split()[-1]
    assert entry["platform"] == {"os": "qemu", "architecture": "x86_64",
                                 "os.version": "0.17.0~holm"}


def box(code, **fields):
    return service("box", "container", code, **fields)


def test_password(host, images, plain, kernel):
    users = plain.root / "htpasswd"
    users.write_text(f"me:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH))}\n")
    registry = Registry(host.ns, plain.root, AUTH, answer=401,
                        auth={"htpasswd": {"realm": "tests", "path": str(users)}})
    try:
        plain.push(images.container("v1"), "shop/app:v1")
        done = host.apply(box(f"{AUTH}/shop/app:v1"))
        assert done.returncode == FAILED and f"none are stored for {AUTH}" in done.stderr
        done = push(host, kernel, f"{AUTH}/shop/own:v1")
        assert done.returncode == FAILED and f"none are stored for {AUTH}" in done.stderr

        done = log_in(host, AUTH, "wrong one")
        assert done.returncode == FAILED and "refuses the credentials of user me" in done.stderr
        assert "wrong one" not in done.stderr + host.log(100000)
        assert not (host.data_dir / "registry-credentials.json").exists()

        assert log_in(host, AUTH, PASSWORD).stdout == f"logged in to {AUTH} as me\n"
        mode = (host.data_dir / "registry-credentials.json").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        host.wait_running("box")  # by its next try
        listed = json.loads(host.holm("registry", "ls", "-o", "json"))
        assert [r["user"] for r in listed if r["host"] == AUTH] == ["me"]
        assert AUTH in host.holm("registry", "ls")
        assert_pushed(host, kernel, plain, f"{AUTH}/shop/own:v1")
        assert_secret(host)

        host.holm("registry", "logout", AUTH)
        assert host.run("registry", "logout", AUTH).returncode == FAILED
        done = host.apply(box(f"{AUTH}/shop/app@sha256:{'1' * 64}"))
        assert done.returncode == FAILED and "none are stored" in done.stderr
    finally:
        registry.close()


def test_token(host, images, plain, kernel):
    tokens = TokenServer(host.ns, "127.0.0.1:5003", plain.root, "me", PASSWORD)
    registry = Registry(host.ns, plain.root, TOKEN, answer=401, **tokens.settings)
    try:
        plain.push(images.container("v2"), "shop/app:v2")
        done = host.apply(box(f"{TOKEN}/shop/app:v2"))
        assert done.returncode == FAILED and "refuses a token without credentials" in done.stderr
        done = log_in(host, TOKEN, "wrong one")
        assert done.returncode == FAILED and "refuses user me" in done.stderr
        assert log_in(host, TOKEN, PASSWORD).returncode == OK
        host.wait_running("box")
        assert [q["scope"] for q in tokens.given()] == [["repository:shop/app:pull"]]
        # The next pull has the token still.
        host.deploy(box(f"{TOKEN}/shop/app:v2", pull="always", cmd=["/bin/httpd", "name=again"]))
        assert len(tokens.given()) == 1
        # Who may read may not write yet: another token.
        assert_pushed(host, kernel, plain, f"{TOKEN}/shop/own:v1")
        # The registry has no order of them.
        assert {"pull", "push"} in [set(scope.rpartition(":")[2].split(","))
                                    for q in tokens.given() for scope in q["scope"]]
        assert_secret(host)
    finally:
        registry.close()
        tokens.close()


def test_own_authority(host, images, plain):
    authority = Authority(plain.root)
    cert, key = authority.issue(HOST_IP)
    registry = Registry(host.ns, plain.root, TLS,
                        http={"tls": {"certificate": str(cert), "key": str(key)}})
    try:
        digest = plain.push(images.container("v1"), "shop/app:v1")
        done = host.apply(box(f"{TLS}/shop/app:v1"))
        assert done.returncode == FAILED and "certificate" in done.stderr
        (host.data_dir / "registries.json").write_text(json.dumps(
            {"registries": [{"host": TLS, "ca_file": str(authority.ca)}]}))
        assert host.wait_running("box")["digest"] == digest
    finally:
        registry.close()


def test_mirror(host, images, plain):
    """The origin is not there at all."""
    plain.push(images.container("v1"), "shop/app:v1")
    digest = plain.push(images.container("v2"), "shop/app:v2")
    origin = f"{LAN_IP}:5999"
    (host.data_dir / "registries.json").write_text(json.dumps({"registries": [
        {"host": origin, "mirrors": ["127.0.0.1:5998", f"127.0.0.1:{PLAIN_PORT}"]}]}))
    assert host.deploy(box(f"{origin}/shop/app:v2"))[0]["digest"] == digest
    done = host.apply(box(f"{origin}/shop/none:v1"))
    assert done.returncode == FAILED
    assert "mirror 127.0.0.1:5998" in done.stderr and f"{origin}/v2/shop/none" in done.stderr
    (host.data_dir / "registries.json").write_text('{"registries": [{"hots": "x"}]}')
    done = host.apply(box(f"{origin}/shop/other:v1"))
    assert done.returncode == FAILED and "registries.json" in done.stderr


def test_zstd(host, images, plain):
    plain.push(images.container("v3"), "shop/zstd:v3", "--dest-compress-format", "zstd")
    _, text = plain.get("/v2/shop/zstd/manifests/v3", headers={
        "Accept": "application/vnd.oci.image.manifest.v1+json"})
    assert json.loads(text)["layers"][0]["mediaType"].endswith(".tar+zstd")
    view = host.deploy(box(f"127.0.0.1:{PLAIN_PORT}/shop/zstd:v3"))[0]
    assert host.page(view["address"], "file?path=/etc/version") == "v3\n"


def test_pull_policy(host, images, plain):
    name = f"127.0.0.1:{PLAIN_PORT}/shop/policy:latest"
    done = host.apply(box(name, pull="never"))
    assert done.returncode == FAILED and "its pull policy is never" in done.stderr
    host.delete_all()
    plain.push(images.container("v1"), "shop/policy:latest")
    host.deploy(box(name))
    moved = plain.push(images.container("v2"), "shop/policy:latest")
    # What is here is good enough, be it missing or never; a change asks only with always.
    view = host.deploy(box(name, pull="never", environment=["X=1"]))[0]
    assert host.page(view["address"], "file?path=/etc/version") == "v1\n"
    view = host.deploy(box(name, pull="always", environment=["X=2"]))[0]
    assert host.page(view["address"], "file?path=/etc/version") == "v2\n"
    assert view["digest"] == moved
    # A restart asks nobody.
    plain.process.terminate()
    plain.process.wait(10)
    host.end_instance(view["address"], "exit?code=1")
    host.wait_running("box", view["pid"])
    done = host.apply(box(name, pull="always", environment=["X=3"]))
    assert done.returncode == FAILED and "onnection refused" in done.stderr
    assert host.instance("box")["digest"] == moved
