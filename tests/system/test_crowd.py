"""A crowd of connections that ask nothing, too slowly or too much, while others go on being answered."""
import contextlib
import http.client
import resource

CROWD = 2000
HEAD = "POST /api/v1/apply HTTP/1.1\r\nHost: 127.0.0.1:10000\r\nContent-Type: application/json\r\n"


def get(connection, token):
    """By this connection, which stays open."""
    connection.request("GET", "/api/v1/apps", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_crowd_keeps_nobody_out(new_host):
    host = new_host
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * CROWD), hard))
    token = host.holm("token", "create", "ci", "--user", "Admin").strip()
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        connection = http.client.HTTPConnection("127.0.0.1", 10000)
        connection.sock = stack.enter_context(host.ns.dial("127.0.0.1", 10000, seconds=60))
        assert get(connection, token) == 200

        # Whose length is too large is told so before he has sent anything of it.
        large = stack.enter_context(host.ns.dial("127.0.0.1", 10000, seconds=60))
        large.sendall(f"{HEAD}Content-Length: 100000000\r\n\r\n".encode())
        assert large.recv(100).startswith(b"HTTP/1.1 413 ")

        for i in range(CROWD):
            one = stack.enter_context(host.ns.dial("127.0.0.1", 10000, seconds=60))
            if i % 2:
                one.sendall(HEAD.encode()[:1 + i % len(HEAD)])
        # A client that was here before has kept its connection; the command line and a new one come in.
        assert get(connection, token) == 200
        host.holm("get", "apps")
        status, _ = host.ns.get("http://127.0.0.1:10000/api/v1/apps", seconds=60,
                                headers={"Authorization": f"Bearer {token}"})
        assert status == 200
        # The first of the crowd has had to go.
        with contextlib.suppress(ConnectionResetError):
            large.settimeout(60)
            while large.recv(1000):
                pass

        # Depth is refused before anything is made of it.
        deep = "[" * 100000
        status, text = host.ns.get("http://127.0.0.1:10000/api/v1/apply", method="POST", seconds=60,
                                   body=deep, headers={"Authorization": f"Bearer {token}",
                                                       "Content-Type": "application/json"})
        assert status == 400, text
