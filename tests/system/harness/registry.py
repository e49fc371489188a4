"""Registries of the tests: Debian's docker-registry in its guises, a token server, and one of our own
that misbehaves."""
import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.parse

from harness.deadline import until

PLAIN_PORT = 5000
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """Several of these may serve the same root: what is pushed to one, all have."""

    def __init__(self, ns, root=None, address=f"127.0.0.1:{PLAIN_PORT}", answer=200, **settings):
        self.ns = ns
        self.address = address
        self.is_owner = root is None
        self.root = root or pathlib.Path(tempfile.mkdtemp(prefix="htr-", dir="/tmp"))
        name = address.replace(":", "-")
        config = self.root / f"config-{name}.yml"
        http_settings = {"addr": address, **settings.pop("http", {})}
        # JSON is YAML too.
        config.write_text(json.dumps({
            "version": "0.1", "log": {"level": "error"}, "http": http_settings,
            "storage": {"filesystem": {"rootdirectory": str(self.root / "data")},
                        "delete": {"enabled": True}}, **settings}))
        self.log = open(self.root / f"log-{name}", "wb")
        self.process = subprocess.Popen(ns.command("docker-registry", "serve", config),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        if "tls" in http_settings:
            until(self.dial, "the registry listens")
        else:
            until(lambda: self.get("/v2/")[0] == answer, "the registry answers")

    def dial(self):
        host, _, port = self.address.partition(":")
        try:
            self.ns.dial(host, int(port)).close()
        except OSError as error:
            raise AssertionError(str(error)) from error
        return True

    def get(self, path, **options):
        try:
            return self.ns.get(f"http://{self.address}{path}", **options)
        except OSError as error:
            raise AssertionError(str(error)) from error

    def push(self, image, name, *options):
        """Returns the digest of the manifest."""
        file = self.root / "digest"
        subprocess.run(self.ns.command("skopeo", "copy", "--quiet", "--dest-tls-verify=false",
                                       "--digestfile", file, *options, image,
                                       f"docker://{self.address}/{name}"),
                       check=True, stdin=subprocess.DEVNULL)
        return file.read_text().strip()

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        if self.is_owner:
            shutil.rmtree(self.root)


def openssl(*words, data=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Authority:
    """A CA, and certificates for addresses."""

    def __init__(self, root):
        self.root = root
        self.ca = root / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", root / "ca.key", "-out", self.ca, "-days", 2, "-subj", "/CN=test CA")

    def issue(self, address):
        key, request, cert = (self.root / f"{address}.{end}" for end in ("key", "csr", "pem"))
        names = self.root / f"{address}.ext"
        names.write_text(f"subjectAltName=IP:{address}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                key, "-out", request, "-subj", f"/CN={address}")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.root / "ca.key",
                "-CAcreateserial", "-days", 2, "-extfile", names, "-out", cert)
        return cert, key


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class Server:
    """An HTTP server in a namespace; subclasses answer."""

    def __init__(self, ns, address):
        host, _, port = address.partition(":")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with contextlib.suppress(OSError):
                    outer.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, int(port)), Handler,
                                                      bind_and_activate=False)
        self.server.daemon_threads = True
        with ns.entered():
            self.server.socket = __import__("socket").create_server((host, int(port)))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


def send(handler, status, body=b"", headers=None, length=None):
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    if handler.command != "HEAD":
        handler.wfile.write(body)


class TokenServer(Server):
    """Gives tokens that docker-registry believes to those who know the password."""

    def __init__(self, ns, address, root, user, password):
        self.key, self.cert = root / "token.key", root / "token.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out",
                self.cert, "-days", 2, "-subj", "/CN=token")
        self.wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.url = f"http://{address}/token"
        self.asked = []
        super().__init__(ns, address)

    @property
    def settings(self):
        return {"auth": {"token": {"realm": self.url, "service": "tests", "issuer": "holm tests",
                                   "rootcertbundle": str(self.cert)}}}

    def given(self):
        """Questions about a repository by somebody with a name."""
        return [q for q in self.asked if "account" in q and "scope" in q]

    def _sign(self, claims):
        der = openssl("x509", "-in", self.cert, "-outform", "DER")
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        text = b".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = openssl("dgst", "-sha256", "-sign", self.key, data=text)
        return (text + b"." + base64url(signature)).decode()

    def answer(self, handler):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        self.asked.append(query)
        if handler.headers.get("Authorization") != self.wanted:
            send(handler, 401, b"who?")
            return
        now = int(time.time())
        access = [dict(zip(("type", "name", "actions"), (kind, name, actions.split(","))))
                  for kind, name, actions in (scope.split(":") for scope in query.get("scope", []))]
        token = self._sign({"iss": "holm tests", "sub": "me", "aud": query["service"][0],
                            "exp": now + 60, "nbf": now - 60, "iat": now,
                            "jti": os.urandom(8).hex(), "access": access})
        send(handler, 200, json.dumps({"token": token, "expires_in": 60}).encode(),
             {"Content-Type": "application/json"})


def layer_of(files):
    """name → bytes as an uncompressed layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o755
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Image:
    """Busybox that sleeps, and layers of the test's own, which nobody has seen before."""

    def __init__(self, *layers, sizes=(1 << 20,), is_packed=True):
        busybox = pathlib.Path("/bin/busybox").read_bytes()
        base = layer_of({"bin/busybox": busybox, "tag": os.urandom(16)})
        mine = layers or [layer_of({f"data{i}": os.urandom(size)}) for i, size in enumerate(sizes)]
        self.blobs, self.layers, diff_ids = {}, [], []
        for layer in (base, *mine):
            # What is random does not compress: mtime 0 keeps the digest to the content.
            packed = gzip.compress(layer, 1, mtime=0) if is_packed else layer
            self.layers.append(self._add(packed))
            diff_ids.append(digest_of(layer))
        config = json.dumps({"architecture": "amd64", "os": "linux",
                             "config": {"Cmd": ["/bin/busybox", "sleep", "100000"]},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode()
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                       "digest": self._add(config), "size": len(config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar" +
                        ("+gzip" if is_packed else ""),
                        "digest": d, "size": len(self.blobs[d])} for d in self.layers]}).encode()

    def _add(self, data):
        digest = digest_of(data)
        self.blobs[digest] = data
        return digest


class BadRegistry(Server):
    """Serves one image under any name. `behaviors`: digest, "manifest" or "blob" → what happens to a
    request, called as f(handler, body, start) when it is no plain answer."""

    def __init__(self, ns, address, image):
        self.address = address
        self.image = image
        self.behaviors = {}
        self.requests = []  # (what, start)
        self.n_sent = {}    # digest → bytes of the body
        # What a node has under a name it does not ask for again.
        self.name = f"team/app-{os.urandom(4).hex()}"
        super().__init__(ns, address)

    @property
    def ref(self):
        return f"{self.address}/{self.name}:v1"

    def count(self, what):
        return sum(asked == what for asked, _ in self.requests)

    def answer(self, handler):
        kind, _, name = handler.path.removeprefix("/v2/").rpartition("/")
        is_manifest = kind.endswith("/manifests")
        body = self.image.manifest if is_manifest else self.image.blobs.get(name)
        what = "manifest" if is_manifest else name
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.requests.append((what, start))
        behavior = self.behaviors.get(what) or self.behaviors.get(
            "manifest" if is_manifest else "blob")
        if body is None:
            send(handler, 404)
        elif behavior:
            behavior(handler, body, start)
        else:
            self.send_body(handler, body, start)

    def send_body(self, handler, body, start=0, most=None):
        """All from start on, or at most so many bytes of it before the connection breaks."""
        rest = body[start:]
        headers = {"Content-Type": MANIFEST_TYPE if body is self.image.manifest else
                   "application/octet-stream"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = rest if most is None else rest[:most]
        digest = digest_of(body)
        self.n_sent[digest] = self.n_sent.get(digest, 0) + len(part)
        send(handler, 206 if start else 200, part, headers, len(rest))
