"""The distribution of start times of one container by several clients in turn, in one run: `holm apply
--wait` (with network, addresses, log, and a filter of system calls), `ctr run --detach` (an empty
network namespace, output nowhere) without and with its filter, which runc needs 10 ms and more to
make, and `podman run --detach --network none` (with a filter). podman is left out where it is not
installed."""
import contextlib
import glob
import os
import shutil
import subprocess
import time

from container import Ctr
from figures import Row, percentile, ratio

AIM = 0.9
WARM_UP = 2


class Filtered:
    """ctr with the filter of system calls."""

    def __init__(self, ctr):
        self.ctr = ctr

    def start(self, name):
        return self.ctr.start(name, '--seccomp')

    def remove(self, name):
        self.ctr.remove(name)

    def close(self):
        pass


class Podman:
    """With storage of its own and the limits of this machine, which it would raise."""

    def __init__(self, holm):
        self.root = f'{holm.dir}/podman'
        self.argv = ['podman', '--root', f'{self.root}/root', '--runroot', f'{self.root}/run',
                     '--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none']
        self.run('pull', f'oci:{holm.images}/busybox:latest')
        self.image = self.run('images', '--quiet').split()[0]

    def run(self, *words):
        return subprocess.run([*self.argv, *words], capture_output=True, text=True, check=True).stdout

    def start(self, name):
        begin = time.monotonic()
        self.run('run', '--detach', '--name', name, '--network', 'none', '--ulimit',
                 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', self.image)
        return time.monotonic() - begin

    def remove(self, name):
        self.run('rm', '--force', '--time', '0', name)

    def close(self):
        self.run('rmi', '--force', self.image)
        for path in (f'{self.root}/root/overlay', f'{self.root}/root'):
            subprocess.run(['umount', path], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.root, ignore_errors=True)
        for top in glob.glob('/sys/fs/cgroup/*/libpod_parent') + ['/sys/fs/cgroup/libpod_parent']:
            for path, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(path)


def others(holm, ctr):
    found = {'ctr run': ctr, 'ctr run --seccomp': Filtered(ctr)}
    if shutil.which('podman'):
        found['podman run'] = Podman(holm)
    return found


def measure(holm, options):
    descriptor = holm.container()
    holm.apply(descriptor)
    ctr = Ctr(holm)
    holm.delete('box')
    clients = others(holm, ctr)
    times = {'holm apply': [], **{name: [] for name in clients}}
    for i in range(-WARM_UP, options.n):
        found = {'holm apply': holm.apply(descriptor)[0]}
        holm.delete('box')
        for name, client in clients.items():
            found[name] = client.start(f'bench-{i + WARM_UP}')
            client.remove(f'bench-{i + WARM_UP}')
        for name, seconds in found.items() if i >= 0 else ():
            times[name].append(seconds * 1000)
    for client in clients.values():
        client.close()
    rows = [Row(f'latency: {name}', values, 'ms') for name, values in times.items()]
    rows += [Row(f'latency: {name}, p99', [percentile(values, 99)], 'ms')
             for name, values in times.items()]
    return rows + [ratio(f'latency: holm apply / {name}', times['holm apply'], times[name],
                         AIM if name.startswith('ctr') else None) for name in clients]
