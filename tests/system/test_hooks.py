"""Hooks as whoever is called has them: over sockets, signed, and not forgotten by a kill."""
import hashlib
import hmac
import http.server
import json
import queue
import threading

from harness import api
from harness.deadline import PATIENCE_S

PORT = 8099


class Listener:
    """Is called by hooks: what it got, and what it says."""

    def __init__(self, ns):
        calls = self.calls = queue.Queue()
        answers = self.answers = queue.Queue()  # status and body; 200 when there is none

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = (200, b"") if answers.empty() else answers.get()
                calls.put((self.path, dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words):
                pass

        with ns.entered():
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self, path, *old):
        """Of that path; not one of these deliveries, which may come again."""
        while True:
            at, headers, body = self.calls.get(timeout=PATIENCE_S)
            if at == path and headers["Holm-Delivery"] not in old:
                return headers, body

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def is_signed(secret, headers, body):
    t, v1 = (part.split("=", 1)[1] for part in headers["Holm-Signature"].split(","))
    expected = hmac.new(secret.encode(), t.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(v1, expected)


def ask(host, path, body, status):
    got, value, _ = api.ask(host.socket, path, method="POST", body=json.dumps(body),
                            seconds=PATIENCE_S)
    assert got == status, value
    return value


def apply(host, name, status=200):
    return ask(host, "/api/v1/apply", {
        "sla_version": "v2.0", "customerID": "Admin", "applications": [
            {"application_name": name, "application_namespace": "prod", "microservices": []}],
    }, status)


def make_hook(host, name, *events):
    return ask(host, "/api/v1/hooks", {
        "hook_name": name, "webhook_url": f"http://127.0.0.1:{PORT}/{name}",
        "entity": "applications", "events": events}, 201)


def test_hooks(new_host):
    host = new_host
    told = make_hook(host, "told", "post_create")
    listener = Listener(host.ns)
    try:
        # Refused, and then the server is killed: the same message comes again.
        listener.answers.put((500, b""))
        apply(host, "shop")
        headers, body = listener.next("/told")
        assert is_signed(told["secret"], headers, body)
        message = json.loads(body)
        assert message["event"] == "post_create" and message["entity"] == "applications"
        assert message["entity_id"] == host.list("apps")[0]["id"]
        assert message["id"] == headers["Holm-Delivery"]
        host.kill()
        host.up()
        headers, again = listener.next("/told")
        assert again == body and is_signed(told["secret"], headers, again)

        # Who is asked may say no.
        gate = make_hook(host, "gate", "pre_create")
        listener.answers.put((403, b'{"message": "not on a Friday"}'))
        refused = apply(host, "other", 403)
        assert refused["message"] == "hook gate refuses: not on a Friday"
        headers, body = listener.next("/gate")
        assert is_signed(gate["secret"], headers, body)
        assert json.loads(body)["application_name"] == "other"
        apply(host, "other")
        listener.next("/gate")
        listener.next("/told", message["id"])
    finally:
        listener.close()
    # Nobody is there: it goes on.
    apply(host, "third")
    assert len(host.list("apps")) == 3
    log = host.log(100000)
    assert told["secret"] not in log and gate["secret"] not in log
