"""TLS on the API: certificates of the server's own authority, as curl and `holm` elsewhere meet them."""
import signal
import stat
import subprocess

from harness.host import API_PORT, HOLM, HOST_IP, OK, UNREACHABLE

LOCAL = f"http://127.0.0.1:{API_PORT}"
REMOTE = f"https://{HOST_IP}:{API_PORT}"
NAMED = f"https://holm.example:{API_PORT}"


def curl(namespace, url, *options):
    """Status of the answer, 0 if there was none."""
    done = subprocess.run(namespace.command("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                                            "--max-time", "60", *options, url),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return int(done.stdout or 0)


def ask(host, *options, token="", data_dir="/nonexistent"):
    """`holm get nodes` on another machine."""
    return subprocess.run(host.lan.command("env", f"HOLM_TOKEN={token}", HOLM, "--api", REMOTE,
                                           "--data-dir", data_dir, *options, "get", "nodes"),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def test_tls(idle_host):
    host = idle_host
    host.up("--api", f"https://0.0.0.0:{API_PORT}", "--tls-name", "holm.example")
    folder = host.data_dir / "tls"
    ca = folder / "ca.pem"
    token = (host.data_dir / "token").read_text().strip()
    bearer = ("-H", f"Authorization: Bearer {token}")
    trust = ("--cacert", ca, "--capath", "/nonexistent")
    assert [stat.S_IMODE((folder / name).stat().st_mode)
            for name in ("ca.key", "server.key", "ca.pem")] == [0o600, 0o600, 0o644]

    # By address and by name, with the authority; nobody else is trusted, nobody else is let in.
    assert curl(host.lan, f"{REMOTE}/api/v1/apps", *trust, *bearer) == 200
    assert curl(host.lan, f"{NAMED}/api/v1/apps", *trust, *bearer, "--resolve",
                f"holm.example:{API_PORT}:{HOST_IP}") == 200
    assert curl(host.lan, f"{REMOTE}/api/v1/apps", *bearer) == 0
    assert curl(host.lan, f"{REMOTE}/api/v1/apps", *trust) == 401
    # Without TLS: from this machine alone.
    assert curl(host.ns, f"{LOCAL}/api/v1/apps", *bearer) == 200
    assert curl(host.lan, f"http://{HOST_IP}:{API_PORT}/api/v1/apps", *bearer) == 400

    # holm: distrusts, is told the authority, finds it where the server is, or is told the key.
    done = ask(host, token=token)
    assert done.returncode == UNREACHABLE and "--ca" in done.stderr, done.stderr
    for options in ({"data_dir": host.data_dir}, {}):
        words = () if options else ("--ca", ca)
        done = ask(host, *words, token=token, **options)
        assert done.returncode == OK and host.name in done.stdout, done.stderr
    log = (host.data_dir / "holm.log").read_text()
    pin = next(word for line in log.splitlines() if "certificate of the API" in line
               for word in line.split() if word.startswith("sha256//"))
    done = ask(host, "--pin", pin, token=token)
    assert done.returncode == OK and host.name in done.stdout, done.stderr
    assert ask(host, "--pin", f"sha256//{'A' * 43}=", token=token).returncode == UNREACHABLE

    # The next start has the same authority and key.
    before = ca.read_text()
    host.end(signal.SIGTERM)
    host.up("--api", f"https://0.0.0.0:{API_PORT}", "--tls-name", "holm.example")
    assert ca.read_text() == before
    assert ask(host, "--pin", pin, token=token).returncode == OK
