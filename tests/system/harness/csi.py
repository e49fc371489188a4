"""The CSI test plugin of tests/csi as a process; see its plugin.h for the orders that it takes."""
import pathlib
import shutil
import subprocess
import tempfile

from harness import leftovers
from harness.images import BUILD

PROGRAM = BUILD / "tests" / "csi" / "holm-test-csi"
NAME = "csi.example.org"


class Plugin:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="htc-", dir="/tmp"))
        self.socket = self.dir / "csi.sock"
        self.process = None

    def start(self):
        self.process = subprocess.Popen([PROGRAM, self.socket, self.dir, NAME], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"
        return self

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def order(self, name, text=""):
        (self.dir / name).write_text(text)

    def relieve(self, name):
        (self.dir / name).unlink()

    def calls(self, word="Node"):
        path = self.dir / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(word)]

    def files(self, volume):
        return self.dir / "volumes" / volume

    def close(self):
        if self.is_alive():
            self.kill()
        for point in reversed(leftovers.mounts([str(self.dir)])):
            subprocess.run(["umount", "-l", point], check=False)
        shutil.rmtree(self.dir)
