"""Oakestra's API as its clients use it: requests as they are, types as strict clients read them."""
import http.client
import json
import re

PORT = 10000


class Raw(str):
    """A number as it is written."""


def decode(text):
    """A client that is strict sees whether a number has a fraction; twice the same key is no object."""
    def unique(pairs):
        keys = [key for key, _ in pairs]
        assert len(set(keys)) == len(keys), f"keys twice: {sorted(keys)}"
        return dict(pairs)
    return json.loads(text, object_pairs_hook=unique, parse_float=Raw, parse_int=Raw)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def strict(self):
        return decode(self.body)

    @property
    def message(self):
        """Of an error, whose body is complete."""
        assert self.json["code"] == self.status and self.json["status"], self.body
        return self.json["message"]

    def __repr__(self):
        return f"{self.status} {self.body[:400]}"


class Client:
    """A user, or nobody. Each request has a connection of its own."""

    def __init__(self, ns, user=None, password=None, address="127.0.0.1"):
        self.ns = ns
        self.address = address
        self.token = None
        if user:
            self.user = user
            self.tokens = self.post("/api/auth/login", {"username": user, "password": password})
            self.token = self.tokens["token"]

    def connect(self, seconds=60):
        connection = http.client.HTTPConnection(self.address, PORT, timeout=seconds)
        with self.ns.entered():
            connection.connect()
        return connection

    def ask(self, method, path, body=None, headers=None, on=None, **options):
        """body: bytes and iterables as they are, else as JSON; on: a connection that is open."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = on or self.connect()
        try:
            connection.request(method, path, body=body, headers=headers, **options)
            return Answer(connection.getresponse())
        finally:
            if not on:
                connection.close()

    def must(self, method, path, body=None, **options):
        answer = self.ask(method, path, body, **options)
        assert answer.status == 200, f"{method} {path}: {answer}"
        return answer.json

    def get(self, path):
        return self.must("GET", path)

    def post(self, path, body=None):
        return self.must("POST", path, body)

    def delete(self, path):
        return self.must("DELETE", path)

    def create(self, descriptor):
        """The application of a descriptor of one, as it is listed."""
        name = descriptor["applications"][0]["application_name"]
        apps = self.post("/api/application/", descriptor)
        return next(app for app in apps if app["application_name"] == name)

    def service(self, name):
        return next(service for service in self.get("/api/services/")
                    if service["microservice_name"] == name)

    def clear(self):
        for app in self.get("/api/applications/"):
            self.delete(f"/api/application/{app['applicationID']}")


## Types

ID = re.compile("[0-9a-f]{24}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
STATUSES = {
    "REQUESTED", "CLUSTER_SCHEDULED", "NODE_SCHEDULED", "TargetClusterNotFound",
    "TargetClusterNotActive", "TargetClusterNoCapacity", "NoActiveClusterWithCapacity",
    "NO_WORKER_CAPACITY", "NO_QUALIFIED_WORKER_FOUND", "NO_NODE_FOUND", "CREATING", "CREATED",
    "RUNNING", "FAILED", "DEAD", "COMPLETED", "UNDEPLOYED",
}


def text(value):
    return isinstance(value, str) and not isinstance(value, Raw)


def integer(value):
    return isinstance(value, Raw) and re.fullmatch(r"-?\d+", value)


def number(value):
    return isinstance(value, Raw)


def boolean(value):
    return isinstance(value, bool)


def texts(value):
    return isinstance(value, list) and all(map(text, value))


def identity(value):
    return text(value) and ID.fullmatch(value)


def oid(value):
    return isinstance(value, dict) and list(value) == ["$oid"] and identity(value["$oid"])


def numeral(value):
    return text(value) and re.fullmatch(r"\d+(\.\d+)?", value)


def time(value):
    return text(value) and TIME.fullmatch(value)


def status(value):
    return value in STATUSES


def optional(kind):
    return ("optional", kind)


def maybe_null(kind):
    return lambda value: value is None or kind(value)


POINT = {"value": numeral, "timestamp": time}
INSTANCE = {
    "instance_number": integer, "cluster_id": identity, "cluster_location": text,
    "status": status, "status_detail": text, "publicip": text, "host_ip": text,
    "host_port": integer, "worker_id": text, "logs": text, "cpu_history": [POINT],
    "memory_history": [POINT], "cpu_percent": optional(numeral),
    "memory_percent": optional(numeral), "disk": optional(numeral),
    "last_modified_timestamp": optional(number),
}
SERVICE = {
    "_id": oid, "microserviceID": identity, "applicationID": identity, "job_name": text,
    "app_name": text, "app_ns": text, "service_name": text, "service_ns": text,
    "microservice_name": text, "microservice_namespace": text, "virtualization": text,
    "code": text, "image": text, "cmd": texts, "memory": integer, "vcpus": integer,
    "vgpus": integer, "RR_ip": text, "RR_ip_v6": maybe_null(text), "instance_list": [INSTANCE],
    "next_instance_progressive_number": integer, "status": optional(status),
    "status_detail": optional(text),
}
APPLICATION = {
    "_id": oid, "applicationID": identity, "application_name": text, "application_namespace": text,
    "application_desc": text, "microservices": texts, "userId": text,
}
CLUSTER = {
    "_id": identity, "cluster_name": text, "candidate_name": text, "cluster_location": text,
    "candidate_location": text, "ip": text, "port": text, "active": boolean,
    "active_nodes": integer, "last_modified_timestamp": number, "vcpus": integer,
    "total_cpu_cores": integer, "vgpus": integer, "total_gpu_cores": integer, "memory": integer,
    "memory_in_mb": integer, "cpu_percent": number, "aggregated_cpu_percent": number,
    "memory_percent": number, "gpu_percent": number, "gpu_temp": number, "vram": integer,
    "vram_percent": number, "virtualization": texts, "csi_drivers": texts,
    "supported_addons": texts, "gpu_drivers": texts,
    "cpu_history": [{"timestamp": number, "value": number}],
    "memory_history": [{"timestamp": number, "value": number}],
}


def check(value, schema, path="$", may_have_more=False):
    """Every key is there and of its type; others only where the schema's objects may have them."""
    if isinstance(schema, list):
        assert isinstance(value, list), f"{path}: {value!r}"
        for i, item in enumerate(value):
            check(item, schema[0], f"{path}[{i}]", may_have_more)
    elif isinstance(schema, dict):
        assert isinstance(value, dict), f"{path}: {value!r}"
        for key, kind in schema.items():
            is_optional = isinstance(kind, tuple)
            assert key in value or is_optional, f"{path}.{key}: missing"
            if key in value:
                check(value[key], kind[1] if is_optional else kind, f"{path}.{key}")
        more = set(value) - set(schema)
        assert may_have_more or not more, f"{path}: {more}"
    else:
        assert schema(value), f"{path}: {value!r} is no {schema.__name__}"
