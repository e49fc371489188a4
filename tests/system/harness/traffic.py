"""Requests without end, and what became of each."""
import http.client
import threading
import time

from harness.deadline import until

EVERY_S = 0.01
WAIT_S = 10  # for an answer: longer than anything that is allowed to be slow


class Client(threading.Thread):
    """Asks for a page again and again from a network namespace."""

    def __init__(self, ns, url):
        super().__init__(daemon=True)
        self.ns, self.url = ns, url
        self.done = 0
        self.failed = []  # (when, why)
        self.is_stopped = False
        self.start()

    def run(self):
        while not self.is_stopped:
            try:
                status, text = self.ns.get(self.url, seconds=WAIT_S)
                cause = None if status == 200 and text else f"status {status}"
            except (OSError, http.client.HTTPException) as error:
                cause = repr(error)
            if cause:
                self.failed.append((time.monotonic(), cause))
            self.done += 1
            time.sleep(EVERY_S)


class Traffic:
    """Some clients at once."""

    def __init__(self, *targets):
        self.clients = [Client(ns, url) for ns, url in targets]

    def more(self, n=50):
        """Until each client has made this many more requests."""
        wanted = [c.done + n for c in self.clients]
        until(lambda: all(c.done >= w for c, w in zip(self.clients, wanted)), f"{n} more requests")

    def failed(self):
        return [(when, c.url, cause) for c in self.clients for when, cause in c.failed]

    def stop(self):
        for client in self.clients:
            client.is_stopped = True
        for client in self.clients:
            client.join(WAIT_S + 5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
