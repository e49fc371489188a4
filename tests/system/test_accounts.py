"""Users, logins and tokens as scripts and the command line have them, over real sockets and starts."""
import json
import signal
import stat

from harness.host import FAILED, OK

URL = "http://127.0.0.1:10000"
PASSWORD = "correct horse"


def ask(host, path, body=None, token=None, method=None, seconds=60):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    method = method or ("POST" if body is not None else "GET")
    body = None if body is None else json.dumps(body)
    status, text = host.ns.get(URL + path, method=method, headers=headers, body=body,
                               seconds=seconds)
    return status, json.loads(text) if text else None


def login(host, user, password):
    return ask(host, "/api/auth/login", {"username": user, "password": password})


def test_accounts(new_host):
    host = new_host
    # The password that everybody knows, until it is changed.
    status, tokens = login(host, "Admin", "Admin")
    assert status == 200
    assert ask(host, "/api/user/Admin/", token=tokens["token"])[0] == 200
    assert "never changed" in host.holm("user", "ls")
    host.holm("user", "passwd", "Admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert login(host, "Admin", "Admin")[0] == 401
    assert ask(host, "/api/user/Admin", token=tokens["token"])[0] == 401
    status, tokens = login(host, "Admin", PASSWORD)
    assert status == 200

    # A user of no role sees his own, and no more.
    host.holm("user", "add", "bob", "--role", "Application_Provider", "--password-stdin",
              stdin="builder\n")
    bob = login(host, "bob", "builder")[1]["token"]
    assert ask(host, "/api/user/bob", token=bob)[1]["roles"] == ["Application_Provider"]
    assert ask(host, "/api/users/", token=bob)[0] == 403

    # A machine's token is told once, and can be revoked.
    machine = host.holm("token", "create", "ci", "--user", "Admin").strip()
    assert ask(host, "/api/v1/apps", token=machine) == (200, [])
    assert machine.split("_", 2)[2] not in host.holm("token", "ls", "-o", "json")

    # All of it survives an end, the keys as files of root alone.
    host.end(signal.SIGTERM)
    host.up()
    assert ask(host, "/api/user/Admin", token=tokens["token"])[0] == 200
    assert ask(host, "/api/v1/apps", token=machine)[0] == 200
    keys = host.data_dir / "token-keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys.iterdir()] == [0o600]

    # Rotation lets go on what was signed, a sudden one does not.
    host.holm("token", "rotate")
    assert ask(host, "/api/user/Admin", token=tokens["token"])[0] == 200
    host.holm("token", "rotate", "--sudden")
    assert ask(host, "/api/user/Admin", token=tokens["token"])[0] == 401
    host.holm("token", "rm", "ci")
    assert ask(host, "/api/v1/apps", token=machine)[0] == 401
    host.holm("user", "rm", "bob")
    assert login(host, "bob", "builder")[0] == 401
    done = host.run("user", "rm", "Admin")
    assert done.returncode == FAILED and "nobody would be left" in done.stderr

    # Who did it, and no secret anywhere.
    log = host.holm("audit")
    assert "POST /api/v1/users/Admin/password" in log and "local" in log
    assert "POST /api/auth/login" in log and "127.0.0.1" in log
    files = [host.data_dir / "holm.log", *host.data_dir.glob("server.db*")]
    everything = log + "".join(file.read_bytes().decode("latin-1") for file in files)
    for secret in (PASSWORD, "builder", machine, tokens["token"], tokens["refresh_token"]):
        assert secret not in everything
    assert host.run("audit", "--limit", "0").returncode not in (OK, FAILED)
