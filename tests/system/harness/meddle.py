"""Meddling with a running holm through apps/meddle.c: see there."""
import mmap
import os
import struct

HEAD = struct.Struct("6q64s")
NAMES, NAME = 4096, 16
PID, LEFT, COUNT, SHIFT, ERROR, FAILED = range(6)


class Meddler:
    """The control file of one host. Made before its Holm is started."""

    def __init__(self, host, images):
        self.host = host
        self.path = images.outer / f"meddle-{host.name}"
        self.path.write_bytes(bytes(HEAD.size + NAMES * NAME))
        with open(self.path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        host.environment.update(LD_PRELOAD=images.meddle, HOLM_MEDDLE=self.path)

    def _get(self, field):
        return struct.unpack_from("q", self.memory, field * 8)[0]

    def _set(self, field, value):
        struct.pack_into("q", self.memory, field * 8, value)

    def count(self, kill_before=0):
        """From here on holm's doings are counted, and it is killed before the given one."""
        self._set(PID, 0)
        self._set(COUNT, 0)
        self._set(LEFT, kill_before)
        self.memory[HEAD.size:] = bytes(NAMES * NAME)
        self._set(PID, self.host.pid)

    def done(self):
        """Names of the doings since, in order."""
        names = self.memory[HEAD.size:HEAD.size + self._get(COUNT) * NAME]
        return [names[i:i + NAME].rstrip(b"\0").decode() for i in range(0, len(names), NAME)]

    def has_killed(self):
        """Whether the doing has come that holm is killed before, which may take a moment."""
        return 0 < self._get(LEFT) <= self._get(COUNT)

    def stop_counting(self):
        self._set(PID, 0)

    def shift_clock(self, seconds):
        self._set(SHIFT, seconds)

    def fail_writes(self, error, part):
        """Of files whose path has this part, until told otherwise by error 0."""
        self._set(ERROR, 0)
        self._set(FAILED, 0)
        struct.pack_into("64s", self.memory, 48, part.encode())
        self._set(ERROR, error)

    @property
    def failed(self):
        return self._get(FAILED)

    def close(self):
        self.memory.close()
        os.unlink(self.path)
