"""A body of a registry's double that comes to a halt."""
import threading


class Stall:
    """Sends a part, and then nothing until it is released."""

    def __init__(self, registry, digest, most):
        self.registry, self.most = registry, most
        self.is_reached, self.release = threading.Event(), threading.Event()
        registry.behaviors[digest] = self

    def __call__(self, handler, body, start):
        if self.release.is_set():
            self.registry.send_body(handler, body, start)
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body) - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.end_headers()
        handler.wfile.write(body[start:start + self.most])
        handler.wfile.flush()
        self.is_reached.set()
        self.release.wait(120)
        handler.close_connection = True
