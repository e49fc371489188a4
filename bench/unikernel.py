"""From a unikernel's start to the first line of its console, against QEMU by hand with the
arguments, kernel and tap that the node uses. A line counts when its end has been read from QEMU's
standard output: by the helper, which stamps it in the log, and by us."""
import datetime
import fcntl
import glob
import os
import select
import shutil
import socket
import struct
import subprocess
import time

from figures import Row, ratio

AIM = 1.15
WARM_UP = 1
LOG_LEVEL = 'debug'
LINE_WITHIN_S = 60
TAP = 'hbtap'
TUNSETIFF = 0x400454ca
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def stamp(log_path):
    """Unix time of the first record of a log in CRI format."""
    deadline = time.monotonic() + LINE_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with open(log_path, encoding='utf-8', errors='replace') as log:
                line = log.readline()
        except FileNotFoundError:
            line = ''
        if line.endswith('\n'):
            text = line.split(' ', 1)[0]
            moment = datetime.datetime.strptime(text[:26], '%Y-%m-%dT%H:%M:%S.%f')
            return moment.replace(tzinfo=datetime.timezone.utc).timestamp()
        time.sleep(0.01)
    raise SystemExit(f'bench: {log_path}: no line within {LINE_WITHIN_S} s')


class ByHand:
    """QEMU as the node runs it, copied from a running instance."""

    def __init__(self, holm, pid):
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            self.argv = file.read().decode().split('\0')[:-1]
        self.dir = f'{holm.dir}/by-hand'
        shutil.copytree(f'/proc/{pid}/cwd/', self.dir)
        subprocess.run(['ip', 'tuntap', 'add', TAP, 'mode', 'tap', 'vnet_hdr'], check=True)
        subprocess.run(['ip', 'link', 'set', TAP, 'up'], check=True)

    def open_tap(self):
        fd = os.open('/dev/net/tun', os.O_RDWR)
        flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
        fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', TAP.encode(), flags))
        return fd

    def open_qmp(self):
        path = f'{self.dir}/qmp'
        if os.path.exists(path):
            os.unlink(path)
        qmp = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        qmp.bind(path)
        qmp.listen(1)
        return qmp.detach()

    def first_line(self):
        """Seconds from the start to the end of the console's first line."""
        # Numbers out of the way first: 4 and 5 are what the arguments name.
        fds = {}
        for number, fd in ((4, self.open_qmp()), (5, self.open_tap())):
            fds[number] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 32)
            os.close(fd)

        def place():
            for number, fd in fds.items():
                os.dup2(fd, number, inheritable=True)

        begin = time.time()
        with subprocess.Popen(self.argv, cwd=self.dir, preexec_fn=place, close_fds=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as qemu:
            end = self.wait_line(qemu.stdout.fileno())
            qemu.kill()
        for fd in fds.values():
            os.close(fd)
        return end - begin

    def wait_line(self, fd):
        deadline = time.monotonic() + LINE_WITHIN_S
        while select.select([fd], [], [], deadline - time.monotonic())[0]:
            if b'\n' in os.read(fd, 65536):
                return time.time()
        raise SystemExit(f'bench: QEMU by hand: no line within {LINE_WITHIN_S} s')


def log_of(holm, instance_id):
    return glob.glob(f'{holm.dir}/**/logs/{instance_id}.log', recursive=True)[0]


def run_ours(holm, descriptor):
    """Seconds from the step `start`, and from the command, to the first line; and QEMU's pid."""
    _, wall = holm.apply(descriptor)
    instance = holm.instances()[0]
    first = stamp(log_of(holm, instance['id']))
    start = next(moment for moment, text in holm.events(instance['id']) if text == 'start')
    return first - start, first - wall, instance['pid']


def measure(holm, options):
    descriptor = holm.unikernel(options.unikernel)
    _, _, pid = run_ours(holm, descriptor)
    by_hand = ByHand(holm, pid)
    holm.delete('uni')
    step, command, theirs = [], [], []
    for i in range(-WARM_UP, options.n):
        from_step, from_command, _ = run_ours(holm, descriptor)
        holm.delete('uni')
        hand = by_hand.first_line()
        if i >= 0:
            step.append(from_step * 1000)
            command.append(from_command * 1000)
            theirs.append(hand * 1000)
    return [Row('unikernel: step start to first line', step, 'ms'),
            Row('unikernel: holm apply to first line', command, 'ms'),
            Row('unikernel: QEMU by hand to first line', theirs, 'ms'),
            ratio('unikernel: ratio (step start)', step, theirs, AIM),
            ratio('unikernel: ratio (holm apply)', command, theirs)]
