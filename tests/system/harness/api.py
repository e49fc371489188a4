"""Holm's API over the unix socket: lists, and changes as they happen."""
import contextlib
import http.client
import json
import queue
import socket
import threading

from harness.deadline import PATIENCE_S, Late


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, seconds=None):
        super().__init__("localhost", timeout=seconds)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, url, method="GET", body=None, seconds=30):
    """Status, value and headers of an answer."""
    connection = UnixConnection(path, seconds)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, url, body=body, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, json.loads(text) if text else None, response.headers
    finally:
        connection.close()


class Events:
    """The event stream, read by a thread from the moment it is made."""

    def __init__(self, path, since):
        self.connection = UnixConnection(path, None)
        self.connection.request("GET", f"/api/v1/events?since={since}")
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.queue = queue.Queue()
        self.seen = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        kind = ""
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            for line in self.response:
                name, _, value = line.decode().rstrip("\n").partition(":")
                value = value.removeprefix(" ")
                if name == "event":
                    kind = value
                elif name == "data":
                    self.queue.put((kind, json.loads(value)))
        self.queue.put(None)

    def wait(self, check, what, seconds=PATIENCE_S):
        """The first change of an instance for which check(view) is true."""
        while True:
            try:
                item = self.queue.get(timeout=seconds)
            except queue.Empty:
                item = None
            if item is None:
                seen = "\n".join(f"{v.get('service')} {v['state']}: {v.get('reason')}"
                                 for v in self.seen)
                raise Late(f"no event within {seconds} s: {what}; seen:\n{seen}")
            kind, view = item
            if kind != "instance" or "state" not in view:
                continue
            self.seen.append(view)
            if check(view):
                return view

    def wait_state(self, state, service=None, seconds=PATIENCE_S):
        return self.wait(lambda v: v["state"] == state and
                         (service is None or v["service"].startswith(f"{service}.")),
                         f"{service or 'an instance'} is {state}", seconds)

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)
        self.connection.close()
