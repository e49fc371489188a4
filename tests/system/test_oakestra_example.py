"""Oakestra's published example, a unikernel that serves and a container whose curl asks it by the address
of its service, as its users deploy it: the descriptor is as it is but for where the images are."""
import pytest

from harness.deadline import until
from harness.host import LAN_IP, PageServer
from harness.oakestra import Client


def example(nginx, curl):
    zeros = {"vgpus": 0, "vtpus": 0, "bandwidth_in": 0, "bandwidth_out": 0, "storage": 0}
    return {
        "sla_version": "v2.0", "customerID": "Admin", "applications": [{
            "applicationID": "", "application_name": "clientsrvr", "application_namespace": "test",
            "application_desc": "Simple demo with curl client and Nginx server",
            "microservices": [
                {"microserviceID": "", "microservice_name": "nginx",
                 "microservice_namespace": "nginx", "virtualization": "unikernel", "cmd": [""],
                 "memory": 400, "vcpus": 1, **zeros, "port": "9000:80", "code": nginx,
                 "arch": ["amd64"], "state": "", "addresses": {"rr_ip": "10.30.30.31"},
                 "added_files": []},
                {"microserviceID": "", "microservice_name": "curl",
                 "microservice_namespace": "nginx", "virtualization": "container",
                 "cmd": ["sh", "-c", "curl 10.30.30.31 ; sleep 15"], "memory": 100, "vcpus": 1,
                 **zeros, "code": curl, "state": "", "port": "", "added_files": []}]}]}


@pytest.fixture
def archive(host, images):
    path = "/oakestra/releases/nginx_amd64.tar.gz"
    server = PageServer(host.lan, LAN_IP, 80, {path: images.unikernel_path.read_bytes()})
    yield f"http://{LAN_IP}{path}"
    server.close()


def test_a_unikernel_answers_curl(host, images, archive):
    client = Client(host.ns, "Admin", "Admin")
    app = client.create(example(archive, images.curl))
    for service in app["microservices"]:
        client.post(f"/api/service/{service}/instance")

    curl = client.service("curl")["microserviceID"]

    def logs():
        return client.get(f"/api/service/{curl}")["instance_list"][0]["logs"]
    # Its first try may come before the unikernel is there; then it ends, and is started again.
    until(lambda: "name: unikernel-web\n" in logs(), "curl prints the page", seconds=180)
    nginx = client.get("/api/service/nginx")
    assert (nginx["RR_ip"], nginx["status"]) == ("10.30.30.31", "RUNNING")
    assert "GET / 200 " in nginx["instance_list"][0]["logs"]
