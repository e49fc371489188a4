"""Oakestra's API on a real server, asked as its clients ask, and as they should not: what a
descriptor may say, how requests may be written, whose objects they are."""
import contextlib
import json
import re

import pytest

from harness import oakestra
from harness.oakestra import Client, check

PASSWORD = "correct horse"
SOMEBODY = "0123456789abcdef01234567"
ORIGIN = {"Origin": "http://dashboard.example"}
CODE = "docker.io/library/nginx:1"


@pytest.fixture(scope="module")
def admin(module_host):
    return Client(module_host.ns, "Admin", "Admin")


@pytest.fixture
def client(admin):
    admin.clear()
    yield admin
    admin.clear()


@pytest.fixture(scope="module")
def nobody(module_host):
    return Client(module_host.ns)


def make_user(admin, name):
    admin.post("/api/auth/register", {"name": name, "password": PASSWORD, "email": "",
                                      "created_at": "", "roles": ["Application_Provider"]})
    return Client(admin.ns, name, PASSWORD)


@pytest.fixture(scope="module")
def ann(admin):
    return make_user(admin, "ann")


@pytest.fixture(scope="module")
def bob(admin):
    return make_user(admin, "bob")


def web(name="web", **fields):
    return {"microserviceID": "", "microservice_name": name, "microservice_namespace": "test",
            "virtualization": "container", "cmd": [], "memory": 10, "vcpus": 1, "code": CODE,
            **fields}


def shop(*services, **fields):
    return {"sla_version": "v2.0", "customerID": "Admin", "applications": [
        {"applicationID": "", "application_name": "shop", "application_namespace": "test",
         "application_desc": "", "microservices": list(services), **fields}]}


def refused(client, descriptor, *words, status=422):
    """And nothing is left of it."""
    before = client.get("/api/applications/"), client.get("/api/services/")
    body = descriptor if isinstance(descriptor, (bytes, dict)) else descriptor.encode()
    answer = client.ask("POST", "/api/application/", body)
    assert answer.status == status, answer
    for word in words:
        assert word in answer.message, answer
    assert (client.get("/api/applications/"), client.get("/api/services/")) == before
    return answer


## Descriptors

@pytest.mark.parametrize("path", [
    "sla_version", "customerID", "applications", "applications[0].application_name",
    "applications[0].application_namespace", "applications[0].microservices",
    "applications[0].microservices[0].microservice_name",
    "applications[0].microservices[0].microservice_namespace",
    "applications[0].microservices[0].virtualization", "applications[0].microservices[0].code"])
def test_what_is_required(client, path):
    descriptor = shop(web())
    *way, key = re.findall(r"\w+", path)
    at = descriptor
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    del at[key]
    refused(client, descriptor, f"{path}: required")


@pytest.mark.parametrize("name, is_good", [
    ("a", True), ("A1", True), ("x" * 30, True), ("x" * 31, False), ("a-b", False), ("", False),
    ("a_b", False), ("a.b", False), ("a b", False), ("é", False), ("a\n", False)])
def test_names(client, name, is_good):
    for field in ("application_name", "application_namespace"):
        descriptor = shop(web(), **{field: name})
        if is_good:
            client.post("/api/application/", descriptor)
            assert client.get("/api/applications/")[0][field] == name
            client.clear()
        else:
            refused(client, descriptor, f"applications[0].{field}")
    for field in ("microservice_name", "microservice_namespace"):
        descriptor = shop(web(**{field: name}))
        if is_good:
            client.post("/api/application/", descriptor)
            assert client.get("/api/services/")[0][field] == name
            client.clear()
        else:
            refused(client, descriptor, f"applications[0].microservices[0].{field}")


def test_versions(client):
    for version in ("v1.0", "2.0", "", "v2.0.0", 2):
        refused(client, {**shop(), "sla_version": version}, "sla_version")


def test_whole_numbers_with_a_fraction(client):
    """1.0 passes upstream, and is stored as it is, which strict clients cannot read."""
    body = json.dumps(shop(web())).replace('"vcpus": 1', '"vcpus": 1.0') \
        .replace('"memory": 10', '"memory": 1e1')
    assert client.ask("POST", "/api/application/", body.encode()).status == 200
    service = client.ask("GET", "/api/services/").strict[0]
    assert (service["vcpus"], service["memory"]) == ("1", "10")
    for path in ("/api/services", f"/api/service/{service['microserviceID']}"):
        answer = client.ask("GET", path).strict
        check(answer if isinstance(answer, list) else [answer], [oakestra.SERVICE],
              may_have_more=True)


@pytest.mark.parametrize("field", ["memory", "vcpus", "vgpus", "vtpus", "bandwidth_in",
                                   "bandwidth_out", "storage"])
def test_no_numbers(client, field):
    for value in (0.5, -1, "1", 1e300, [1], True):
        refused(client, shop(web(**{field: value})),
                f"applications[0].microservices[0].{field}: expected a whole number")


@pytest.mark.parametrize("field, value", [
    ("cmd", "ls"), ("cmd", [1]), ("environment", ["A"]), ("environment", {"A": "b"}),
    ("port", 80), ("port", "80:x"), ("port", "70000:80"), ("one_shot", "yes"), ("addresses", []),
    ("volumes", {}), ("constraints", [{"cluster": "x"}]), ("constraints", [{"type": "moon"}]),
    ("code", ""), ("code", "no image at all"), ("virtualization", ""), ("microserviceID", "1"),
    ("microserviceID", SOMEBODY), ("microservice_name", 1)])
def test_values_of_another_type(client, field, value):
    refused(client, shop(web(**{field: value})), f"applications[0].microservices[0].{field}")


@pytest.mark.parametrize("address", ["10.31.0.1", "10.30.999.1", "10.30.1", "10.30.0.0",
                                     "10.30.255.255", "192.168.1.1", "x", "10.30.0.1/16",
                                     "fdff:2000::1"])
def test_addresses_out_of_the_pool(client, address):
    refused(client, shop(web(addresses={"rr_ip": address})), "rr_ip", address)


def test_addresses_that_are_taken(client, ann):
    client.post("/api/application", shop(web(addresses={"rr_ip": "10.30.9.9"})))
    other = shop(web("other", addresses={"rr_ip": "10.30.9.9"}), application_name="other")
    refused(client, other, "10.30.9.9", status=409)
    refused(ann, other, "10.30.9.9", status=409)
    refused(ann, shop(web("a", addresses={"rr_ip": "10.30.9.8"}),
                      web("b", addresses={"rr_ip": "10.30.9.8"})), "10.30.9.8")
    # Free again with what had it.
    client.clear()
    ann.post("/api/application", other)
    assert ann.service("other")["RR_ip"] == "10.30.9.9"
    ann.clear()


def test_a_unikernel_without_an_architecture(client):
    unikernel = web("u", virtualization="unikernel", code="http://10.99.0.2/u.tar.gz")
    refused(client, shop(web(), unikernel), "arch", "u.test")
    refused(client, shop({**unikernel, "arch": ["amd64", "arm64"]}), "arch")
    refused(client, shop({**unikernel, "arch": ["mips"]}), "arch", "mips")
    client.post("/api/application/", shop({**unikernel, "arch": ["amd64"]}))
    assert client.service("u")["arch"] == ["amd64"]


def test_synonyms(client):
    service = web(vcpu=2, vgpu=1, env=["A=b"], image="docker.io/library/busybox:1")
    for key in ("vcpus", "code"):
        del service[key]
    client.post("/api/application/", shop(service))
    made = client.service("web")
    assert (made["vcpus"], made["vgpus"], made["environment"]) == (2, 1, ["A=b"])
    assert made["code"] == made["image"] == "docker.io/library/busybox:1"
    assert not {"vcpu", "vgpu", "env"} & set(made)
    client.clear()
    # The field's own name counts where there are both.
    client.post("/api/application/", shop(web(vcpu=7, image="docker.io/library/busybox:1")))
    made = client.service("web")
    assert (made["vcpus"], made["code"], made["image"]) == (1, CODE, CODE)


def test_unknown_fields_are_read_back(client):
    """But nothing that the server says itself: a key twice would be no object."""
    theirs = {key: "x" for key in (*oakestra.SERVICE, "application_name", "userId")
              if key not in web() and key not in ("vgpus",)}
    app = client.create(shop(web(latencies=[1.5, {"a": None}], **theirs), labels={"tier": "front"},
                             _id="x", userId="somebody"))
    assert (app["labels"], app["userId"]) == ({"tier": "front"}, "Admin")
    services = client.ask("GET", "/api/services")
    check(services.strict, [oakestra.SERVICE], may_have_more=True)
    service = services.json[0]
    assert service["latencies"] == [1.5, {"a": None}] and "status" not in service
    client.must("PUT", f"/api/application/{app['applicationID']}", {"application_desc": "new"})
    assert client.get("/api/applications")[0]["labels"] == {"tier": "front"}
    client.clear()
    refused(client, shop(web(more="x" * 16384)), "unknown fields", "16384")


def test_equal_names(client):
    refused(client, shop(web(), web()), "applications[0].microservices[1].microservice_name",
            "web.test")
    twice = shop(web())
    twice["applications"] *= 2
    refused(client, twice, "applications[1].application_name", "shop.test")
    client.post("/api/application", shop(web()))
    refused(client, shop(), "shop.test", status=409)
    app = client.get("/api/applications")[0]
    more = shop(web(), web("new"), applicationID=app["applicationID"])
    answer = client.post("/api/service", more)
    assert [s["service_name"] for s in answer["deployed_services"]] == ["new"]
    assert [(s["service_name"], s["status"]) for s in answer["failed_services"]] == [("web", 409)]
    assert "web.test" in answer["failed_services"][0]["message"]
    assert answer["job_id"] == client.service("new")["microserviceID"]
    assert len(client.get("/api/services")) == 2


@pytest.mark.parametrize("text, words", [
    (b"", ()), (b"{", ("line 1",)), (b"[]x", ()), (b"\xff\xfe", ()), (b'{"a":1,"a":2}', ("a",)),
    (b"[" * 100000, ("deep",)), (b'{"sla_version":"v2.0"', ()), (b"nothing", ())])
def test_no_json(client, text, words):
    refused(client, text, *words, status=400)


def test_a_comma_too_many(client):
    """As in examples that are published: read, whatever the standard says."""
    text = json.dumps(shop(web())).replace('"cmd": []', '"cmd": [],,')
    refused(client, text, "line", status=400)
    text = re.sub(r"([\]}])", r",\1", json.dumps(shop(web(cmd=["a"]))))
    assert client.ask("POST", "/api/application/", text.encode()).status == 200
    assert client.service("web")["cmd"] == ["a"]


def test_two_users_with_equal_names(client, ann, bob):
    for user in (ann, bob):
        user.post("/api/application/", shop(web()))
        user.post(f"/api/service/{user.service('web')['microserviceID']}/instance")
    hers, his = ann.service("web"), bob.service("web")
    assert hers["job_name"] == his["job_name"] == "shop.test.web.test"
    assert hers["microserviceID"] != his["microserviceID"]
    assert hers["RR_ip"] != his["RR_ip"]
    assert len(client.get("/api/applications/")) == len(client.get("/api/services")) == 2
    bob.clear()
    assert ann.service("web")["instance_list"] and not bob.get("/api/services")


## Instances

def test_many_at_once(client):
    app = client.create(shop(web(memory=1)))
    path = f"/api/service/{app['microservices'][0]}"
    open_ones = [client.connect() for _ in range(50)]
    for connection in open_ones:
        connection.request("POST", f"{path}/instance",
                           headers={"Authorization": f"Bearer {client.token}"})
    for connection in open_ones:
        assert connection.getresponse().status == 200
        connection.close()
    service = client.get(path)
    assert sorted(i["instance_number"] for i in service["instance_list"]) == list(range(50))
    assert service["next_instance_progressive_number"] == 50
    client.delete(f"{path}/instance/-1")
    assert client.get(path)["instance_list"] == []


def test_four_are_deleted_with_their_service(client):
    app = client.create(shop(web(memory=1)))
    path = f"/api/service/{app['microservices'][0]}"
    for _ in range(4):
        client.post(f"{path}/instance")
    assert len(client.get(path)["instance_list"]) == 4
    client.delete(path)
    assert client.get("/api/services") == []
    assert client.get("/api/applications/")[0]["microservices"] == []
    assert client.ask("GET", path).status == 404


def test_the_status_of_a_service(client):
    app = client.create(shop(web(memory=1)))
    path = f"/api/service/{app['microservices'][0]}"
    assert "status" not in client.get(path)
    client.post(f"{path}/instance")
    service = client.get(path)
    assert service["status"] in oakestra.STATUSES and len(service["instance_list"]) == 1
    check(client.ask("GET", path).strict, oakestra.SERVICE, may_have_more=True)
    client.delete(f"{path}/instance/0")
    assert client.get(path)["status"] == "UNDEPLOYED"
    client.post(f"{path}/instance")
    assert [i["instance_number"] for i in client.get(path)["instance_list"]] == [1]


def test_one_that_fits_nowhere_is_there_with_the_reason(client):
    app = client.create(shop(web(constraints=[{"type": "direct", "node": "elsewhere"}])))
    path = f"/api/service/{app['microservices'][0]}"
    client.post(f"{path}/instance")
    instance = client.get(path)["instance_list"][0]
    assert instance["status"] == "NO_WORKER_CAPACITY"
    assert "elsewhere" in instance["status_detail"] and instance["worker_id"] == ""
    assert client.get(path)["status"] == "NO_WORKER_CAPACITY"
    check(client.ask("GET", path).strict, oakestra.SERVICE, may_have_more=True)


@pytest.mark.parametrize("number, status", [("0", 404), ("1", 404), ("x", 400), ("-2", 400),
                                            ("1.0", 400), ("99999999999", 400), ("-1", 200)])
def test_undeploying_what_is_not_there(client, number, status):
    app = client.create(shop(web()))
    path = f"/api/service/{app['microservices'][0]}/instance/{number}"
    assert client.ask("DELETE", path).status == status


## How requests are written

def collections(client):
    app = client.create(shop(web()))
    return ["/api/applications", "/api/services", f"/api/services/{app['applicationID']}",
            f"/api/application/{app['applicationID']}",
            f"/api/service/{app['microservices'][0]}", "/api/clusters", "/api/clusters/active",
            "/api/users", "/api/organization", "/api/user/Admin", "/api/permission/Admin"]


def test_slashes_and_queries(client):
    for path in collections(client):
        plain = client.ask("GET", path)
        assert plain.status == 200, path
        assert plain.headers["Content-Type"] == "application/json"
        for way in (f"{path}/", f"{path}?", f"{path}/?", f"{path}?page=1&x", f"{path}/?a=b"):
            other = client.ask("GET", way)
            assert other.status == 200, way
            assert type(other.json) is type(plain.json)
    for way in ("/api/application", "/api/application/", "/api/application?"):
        client.clear()
        client.post(way, shop(web()))
    app = client.get("/api/applications")[0]
    service = app["microservices"][0]
    for way in ("", "/", "?", "/?"):
        client.post(f"/api/service/{service}/instance{way}")
        client.delete(f"/api/service/{service}/instance/-1{way}")
        client.must("PUT", f"/api/application/{app['applicationID']}{way}", app)
    client.delete(f"/api/application/{app['applicationID']}/?")
    assert client.get("/api/applications") == []


def test_head(client):
    for path in collections(client):
        for way in (path, f"{path}/"):
            got, head = client.ask("GET", way), client.ask("HEAD", way)
            assert (head.status, head.body) == (200, b"")
            assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert client.ask("HEAD", "/api/nothing").status == 404
    assert Client(client.ns).ask("HEAD", "/api/services").status == 401


def test_preflights(client, nobody):
    """Browsers send them without a token, and follow no redirect."""
    asks = {**ORIGIN, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type"}
    paths = [*collections(client), "/api/auth/login", "/api/application",
             f"/api/service/{SOMEBODY}/instance", f"/api/service/{SOMEBODY}/instance/0"]
    for path in paths:
        for way in (path, f"{path}/"):
            answer = nobody.ask("OPTIONS", way, headers=asks)
            assert answer.status in (200, 204), way
            assert answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN["Origin"])
            headers = answer.headers["Access-Control-Allow-Headers"].lower()
            assert "authorization" in headers and "content-type" in headers
            methods = set(answer.headers["Access-Control-Allow-Methods"].split(", "))
            assert {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"} <= methods


def test_errors_are_shown_to_browsers_too(client, nobody):
    for asker, method, path, body, status in (
            (nobody, "GET", "/api/services", None, 401), (client, "GET", "/api/nothing", None, 404),
            (client, "PATCH", "/api/services", None, 405),
            (client, "POST", "/api/application", b"{", 400),
            (client, "POST", "/api/application", b"{}", 422),
            (client, "GET", f"/api/service/{SOMEBODY}", None, 404),
            (nobody, "POST", "/api/auth/login", {"username": "x", "password": "y"}, 401)):
        answer = asker.ask(method, path, body, headers=ORIGIN)
        assert answer.status == status, answer
        assert answer.headers["Access-Control-Allow-Origin"] in ("*", ORIGIN["Origin"]), answer
        assert answer.message
        assert answer.headers["Content-Type"] == "application/json"
    assert "GET" in client.ask("PATCH", "/api/services").headers["Allow"]


def test_a_deployment_with_a_body(client):
    """The dashboard sends all of the service, with its histories."""
    service = client.create(shop(web(memory=1)))["microservices"][0]
    path = f"/api/service/{service}/instance"
    for body in (b"", b"{}", b"no json", b"x" * (1 << 20), b'{"a":"' + b"y" * (1 << 20) + b'"}'):
        assert client.ask("POST", path, body).status == 200
    assert len(client.get(f"/api/service/{service}")["instance_list"]) == 5


def test_connections_that_stay_and_that_do_not(client):
    with contextlib.closing(client.connect()) as connection:
        for i in range(20):
            answer = client.ask("GET", "/api/services" + "/" * (i % 2), on=connection)
            assert answer.status == 200 and answer.headers.get("Connection") != "close"
        # Errors do not end it.
        assert client.ask("GET", "/api/nothing", on=connection).status == 404
        assert client.ask("POST", "/api/application", b"{", on=connection).status == 400
        assert client.ask("HEAD", "/api/services", on=connection).status == 200
        assert client.ask("GET", "/api/services", on=connection).status == 200
    with contextlib.closing(client.connect()) as connection:
        answer = client.ask("GET", "/api/services", headers={"Connection": "close"}, on=connection)
        assert answer.status == 200
        assert answer.headers["Connection"].lower() == "close"


def pieces(data, size):
    for start in range(0, len(data), size):
        yield data[start:start + size]


def test_bodies_in_chunks(client):
    data = json.dumps(shop(web())).encode()
    answer = client.ask("POST", "/api/application", pieces(data, 7), encode_chunked=True,
                        headers={"Transfer-Encoding": "chunked"})
    assert answer.status == 200 and client.service("web")
    service = client.service("web")["microserviceID"]
    with contextlib.closing(client.connect()) as connection:
        for _ in range(3):
            answer = client.ask("POST", f"/api/service/{service}/instance",
                                pieces(b"z" * (1 << 20), 1 << 16), encode_chunked=True,
                                headers={"Transfer-Encoding": "chunked"}, on=connection)
            assert answer.status == 200


## Whose

def test_tokens(client, nobody):
    access, refresh = client.tokens["token"], client.tokens["refresh_token"]

    def ask(path, token, method="GET", body=None):
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return nobody.ask(method, path, body, headers=headers).status

    assert access.count(".") == refresh.count(".") == 2
    for garbage in ("", "x", "a.b.c", access[:-8] + "AAAAAAAA", access + "x",
                    ".".join(["e30", *access.split(".")[1:]]), access.rpartition(".")[0] + "."):
        assert ask("/api/services", garbage) in (401, 422), garbage
    # An access token is no refresh token, nor the other way round.
    assert ask("/api/services", refresh) in (401, 422)
    assert ask("/api/auth/refresh", access, "POST", {}) == 422
    assert ask("/api/auth/refresh", None, "POST", {}) == 401
    assert ask("/api/auth/refresh", "a.b.c", "POST", {}) in (401, 422)
    assert ask("/api/services", None) == 401
    with_refresh = Client(client.ns)
    with_refresh.token = refresh
    with_refresh.token = with_refresh.post("/api/auth/refresh", {})["token"]
    assert with_refresh.get("/api/services") == []
    for header in ("Basic QWRtaW46QWRtaW4=", "Bearer", access):
        assert nobody.ask("GET", "/api/services",
                          headers={"Authorization": header}).status in (401, 422)


@pytest.mark.parametrize("method, path", [
    ("GET", "/api/users"), ("GET", f"/api/users/{SOMEBODY}"), ("GET", "/api/organization"),
    ("POST", "/api/organization"), ("PUT", f"/api/organization/{SOMEBODY}"),
    ("DELETE", f"/api/organization/{SOMEBODY}"), ("POST", "/api/auth/register"),
    ("PUT", "/api/user/Admin"), ("DELETE", "/api/user/Admin"), ("GET", "/api/user/Admin"),
    ("GET", "/api/permission/Admin"), ("GET", "/api/v1/apps"), ("POST", "/api/v1/apply"),
    ("GET", "/api/v1/audit"), ("GET", "/api/v1/nodes"), ("POST", "/api/v1/down")])
def test_what_is_for_administrators(client, ann, nobody, method, path):
    for way in (path, f"{path}/") if "/v1/" not in path else (path,):
        assert ann.ask(method, way, {} if method in ("POST", "PUT") else None).status == 403
    assert nobody.ask(method, path, {} if method in ("POST", "PUT") else None).status == 401


def test_nothing_is_told_without_a_token(nobody, client):
    for path in collections(client):
        assert nobody.ask("GET", path).status == 401, path
    for path in ("/api/information/x", "/api/result/deploy", "/frontend/uploader", "/create"):
        assert nobody.ask("POST", path, {}).status in (401, 404), path


def test_another_users_objects_are_not_there(client, ann, bob):
    app = ann.create(shop(web()))
    service = app["microservices"][0]
    ann.post(f"/api/service/{service}/instance")
    own = f"/api/application/{app['applicationID']}"
    for method, path, body in (
            ("GET", own, None), ("PUT", own, {**app, "application_desc": "his"}),
            ("DELETE", own, None), ("GET", f"/api/services/{app['applicationID']}", None),
            ("POST", "/api/service", shop(web("his"), applicationID=app["applicationID"])),
            ("GET", f"/api/service/{service}", None), ("DELETE", f"/api/service/{service}", None),
            ("PUT", f"/api/service/{service}", shop(web(memory=1))),
            ("POST", f"/api/service/{service}/instance", None),
            ("DELETE", f"/api/service/{service}/instance/-1", None),
            ("DELETE", f"/api/service/{service}/instance/0", None)):
        assert bob.ask(method, path, body).status == 404, (method, path)
    assert bob.get("/api/applications") == bob.get("/api/services") == []
    # An administrator takes nothing over by looking after it.
    client.must("PUT", own, {"application_desc": "looked after"})
    shown = ann.get(own)
    assert shown == {**app, "application_desc": "looked after"}
    assert len(ann.service("web")["instance_list"]) == 1
    assert client.get(own)["userId"] == "ann"


def test_no_password_leaves_the_server(client, ann):
    for path in ("/api/users", "/api/user/Admin"):
        answer = client.get(path)
        for user in answer if isinstance(answer, list) else [answer]:
            assert not user.get("password"), user
    profile = ann.get("/api/user/ann")
    assert profile["password"] == ""
    # What a profile page sends back changes no password.
    client.must("PUT", "/api/user/ann", {**profile, "email": "ann@example.org"})
    again = Client(client.ns, "ann", PASSWORD)
    assert again.get("/api/user/ann")["email"] == "ann@example.org"


def test_a_successor_inherits_nothing(client):
    carl = make_user(client, "carl")
    carl.post("/api/application", shop(web()))
    answer = client.ask("DELETE", "/api/user/carl")
    if answer.status != 200:
        assert answer.status == 409 and answer.message
        carl.clear()
        client.delete("/api/user/carl")
    assert carl.ask("GET", "/api/services").status == 401
    carl = make_user(client, "carl")
    assert carl.get("/api/applications") == carl.get("/api/services") == []
    client.delete("/api/user/carl")


def test_types_of_the_lists(client, ann, module_host):
    app = client.create(shop(web(memory=1), web("idle")))
    client.post(f"/api/service/{app['microservices'][0]}/instance")
    ann.post("/api/application", shop())
    for asker in (client, ann):
        check(asker.ask("GET", "/api/applications").strict, [oakestra.APPLICATION])
        check(asker.ask("GET", "/api/services").strict, [oakestra.SERVICE], may_have_more=True)
        for path in ("/api/clusters", "/api/clusters/active"):
            clusters = asker.ask("GET", path).strict
            check(clusters, [oakestra.CLUSTER])
            assert len(clusters) == 1
    check(client.ask("GET", f"/api/application/{app['applicationID']}").strict,
          oakestra.APPLICATION)
    ann.clear()
