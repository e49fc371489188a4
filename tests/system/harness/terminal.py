"""`holm attach` on a terminal of its own."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from harness.deadline import PATIENCE_S, until
from harness.host import HOLM, OK


class Terminal:
    """A terminal of our own with `holm attach` on it."""

    def __init__(self, host, name, *options):
        self.main, self.other = pty.openpty()
        self.size(24, 80)
        self.before = termios.tcgetattr(self.other)
        self.seen = b""
        words = host.ns.command(HOLM, "--data-dir", host.data_dir, "attach", *options, name)
        self.process = subprocess.Popen(words, stdin=self.other, stdout=self.other,
                                        stderr=self.other, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.other)

    def size(self, rows, columns):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.main, text)

    def wait(self, text):
        """Until this has come; what comes behind it counts for the next one."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.main], [], [], 1)[0]:
                self.seen += os.read(self.main, 4096)
        self.seen = self.seen.split(text, 1)[1]

    def wait_raw(self):
        """Until it is connected: from then on what is typed goes there."""
        until(lambda: not termios.tcgetattr(self.other)[3] & termios.ECHO, "the terminal is raw")

    def leave(self):
        self.type(b"\x10\x11")
        self.wait(b"detached")
        assert self.process.wait(PATIENCE_S) == OK
        assert termios.tcgetattr(self.other) == self.before
