"""From a unikernel's start to the first line of its console, against QEMU by hand with the
arguments, kernel and tap that the node uses. A line counts when its end has been read from QEMU's
standard output: by the helper, which stamps it in the log, and by us. Then to the first answer by
HTTP: of QEMU by hand on the node's bridge, of a cold start, of one from a saved state, and of one from
a machine that waits."""
import contextlib
import datetime
import errno
import fcntl
import glob
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

from figures import Row, ratio

AIM = 1.15
AIM_ANSWER = 1.05
AIM_SNAPSHOT_MS = 70
AIM_WARM_MS = 30
POOL_WITHIN_S = 60
ATTEMPT_S = 0.004  # between attempts
ATTEMPTS = 50  # at once
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


def knock(address):
    """A connection under way, or None: a guest that is not there yet may be without a neighbour."""
    asker = socket.socket()
    asker.setblocking(False)
    if asker.connect_ex((address, 80)) in (0, errno.EINPROGRESS):
        return asker
    asker.close()
    return None


def is_answered(asker):
    """Whether the connection was taken, and what was asked answered."""
    if asker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    asker.settimeout(5)
    asker.sendall(b'GET /health HTTP/1.0\r\n\r\n')
    return asker.recv(64).startswith(b'HTTP/')


def first_answer(address):
    """Unix time of the first answer of a guest that may not be there yet. None of many attempts is given
    up for the next one: the moment at which one begins would decide."""
    deadline = time.monotonic() + LINE_WITHIN_S
    with contextlib.ExitStack() as stack:
        waiting = []
        while time.monotonic() < deadline:
            asker = knock(address)
            if asker:
                waiting.append(stack.enter_context(asker))
            _, ready, _ = select.select([], waiting, [], ATTEMPT_S)
            for asker in ready:
                waiting.remove(asker)
                with contextlib.suppress(OSError):
                    if is_answered(asker):
                        return time.time()
            waiting = waiting[-ATTEMPTS:]
    raise SystemExit(f'bench: {address}: no answer within {LINE_WITHIN_S} s')


class Asker(threading.Thread):
    """Asks from now on, beside whatever starts the guest."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.moment = None
        self.start()

    def run(self):
        self.moment = first_answer(self.address)

    def wait(self):
        self.join(LINE_WITHIN_S)
        if not self.moment:
            raise SystemExit(f'bench: {self.address}: no answer')
        return self.moment


def bridge():
    """The node's, on which neighbours are asked for soon again from here on."""
    name = next(n for _, n in socket.if_nameindex() if n.startswith('holm-'))
    with open(f'/proc/sys/net/ipv4/neigh/{name}/retrans_time_ms', 'w', encoding='ascii') as file:
        file.write('10')
    return name


class ByHand:
    """QEMU as the node runs it, copied from a running instance."""

    def __init__(self, holm, pid):
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            self.argv = file.read().decode().split('\0')[:-1]
        self.dir = f'{holm.dir}/by-hand'
        shutil.copytree(f'/proc/{pid}/cwd/', self.dir)
        subprocess.run(['ip', 'tuntap', 'add', TAP, 'mode', 'tap', 'vnet_hdr'], check=True)
        subprocess.run(['ip', 'link', 'set', TAP, 'master', bridge(), 'up'], check=True)

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
        return self.run(lambda qemu: self.wait_line(qemu.stdout.fileno()))

    def answer(self, address):
        """Seconds from the start to the first answer."""
        asker = Asker(address)
        return self.run(lambda qemu: asker.wait())

    def run(self, wait):
        """Seconds from the start to what is waited for."""
        # Numbers out of the way first: 4, 5 and 8 are what the arguments name.
        fds = {}
        listener, events = socket.socketpair()
        for number, fd in ((4, self.open_qmp()), (5, self.open_tap()), (8, events.detach())):
            fds[number] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 32)
            os.close(fd)

        def place():
            for number, fd in fds.items():
                os.dup2(fd, number, inheritable=True)

        begin = time.time()
        with subprocess.Popen(self.argv, cwd=self.dir, preexec_fn=place, close_fds=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as qemu:
            end = wait(qemu)
            qemu.kill()
        for fd in fds.values():
            os.close(fd)
        listener.close()
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


def since_start(holm, instance, answer):
    """Seconds from the step `start` to the answer."""
    events = holm.events(instance['id'])
    if any('no machine that waits' in text for _, text in events):
        raise SystemExit('bench: warm: it was started from the saved state')
    return answer - next(moment for moment, text in events if text == 'start')


def answer_ours(holm, descriptor, address):
    """Nothing is asked of Holm until the guest has answered: QEMU by hand has the machine to itself."""
    asker = Asker(address)
    holm.apply(descriptor)
    answer = asker.wait()
    instance = next(i for i in holm.instances() if i['service'].startswith('uni.'))
    seconds = since_start(holm, instance, answer)
    holm.delete('uni')
    return seconds


class Warm:
    """A service whose second instance comes and goes; the first keeps machines waiting."""

    def __init__(self, holm, options, address):
        self.holm = holm
        self.options = options
        self.address = address
        holm.apply(holm.unikernel(options.unikernel))
        holm.apply(self.descriptor(1))
        holm.delete('uni')  # the address that is free first

    def descriptor(self, replicas):
        return self.holm.unikernel(self.options.unikernel, 'pool', start='warm', port='18081:80',
                                   replicas=replicas)

    def await_machine(self):
        deadline = time.monotonic() + POOL_WITHIN_S
        while time.monotonic() < deadline:
            node = json.loads(self.holm.run('node', 'show', '--output', 'json'))
            if node['warm']['machines'] == 2:
                return
            time.sleep(0.2)
        raise SystemExit(f'bench: no two machines wait within {POOL_WITHIN_S} s')

    def answer(self):
        self.await_machine()
        asker = Asker(self.address)
        self.holm.apply(self.descriptor(2))
        answer = asker.wait()
        instance = next(i for i in self.holm.instances() if i['address'] == self.address)
        seconds = since_start(self.holm, instance, answer)
        self.holm.apply(self.descriptor(1))
        return seconds


def measure_answers(holm, options, by_hand, address):
    def cold():
        return answer_ours(holm, holm.unikernel(options.unikernel), address)

    def snapshot():
        return answer_ours(holm, holm.unikernel(options.unikernel, start='snapshot',
                                                port='18080:80'), address)

    pool = Warm(holm, options, address)
    hand, ours, restored, warm = [], [], [], []
    for i in range(-WARM_UP, options.n):
        values = by_hand.answer(address), cold(), snapshot(), pool.answer()
        if i >= 0:
            for rows, seconds in zip((hand, ours, restored, warm), values):
                rows.append(seconds * 1000)
    return [Row('unikernel: QEMU by hand to first answer', hand, 'ms'),
            Row('unikernel: cold, step start to first answer', ours, 'ms'),
            Row('unikernel: snapshot, step start to first answer', restored, 'ms',
                AIM_SNAPSHOT_MS),
            Row('unikernel: warm, step start to first answer', warm, 'ms', AIM_WARM_MS),
            ratio('unikernel: ratio cold (first answer)', ours, hand, AIM_ANSWER),
            ratio('unikernel: ratio snapshot (first answer)', restored, hand),
            ratio('unikernel: ratio warm (first answer)', warm, hand)]


def measure(holm, options):
    descriptor = holm.unikernel(options.unikernel)
    _, _, pid = run_ours(holm, descriptor)
    address = holm.instances()[0]['address']
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
            ratio('unikernel: ratio (holm apply)', command, theirs),
            *measure_answers(holm, options, by_hand, address)]
