"""From `holm apply` to a running container, against `ctr run --detach` of the same image on the same
containerd. Both clocks run from the client's start to its end, when the process runs."""
import contextlib
import glob
import os
import subprocess
import time

from figures import Row, ratio

AIM = 1.1
WARM_UP = 2


class Ctr:
    """containerd's own client, in the namespace in which Holm keeps the image."""

    def __init__(self, holm):
        with open(f'{holm.dir}/node-id', encoding='utf-8') as file:
            node = file.read()[:8]
        places = (glob.glob(f'{holm.dir}/**/containerd.sock', recursive=True) +
                  glob.glob(f'/run/holm-{node}/**/containerd.sock', recursive=True) +
                  ['/run/containerd/containerd.sock'])
        self.socket = places[0]
        self.argv = ['ctr', '--address', self.socket, '--namespace', 'holm']
        images = self.run('images', 'ls', '-q').split()
        self.image = next(name for name in images if 'busybox' in name)

    def run(self, *words):
        return subprocess.run([*self.argv, *words], capture_output=True, text=True,
                              check=True).stdout

    def start(self, name, *options):
        begin = time.monotonic()
        self.run('run', '--detach', *options, self.image, name)
        return time.monotonic() - begin

    def remove(self, name):
        self.run('tasks', 'rm', '--force', name)
        self.run('containers', 'rm', name)

    @staticmethod
    def close():
        """Removes the control groups above those of its containers, which it leaves."""
        for path in ['/sys/fs/cgroup/holm', *glob.glob('/sys/fs/cgroup/*/holm')]:
            with contextlib.suppress(OSError):
                os.rmdir(path)


def measure(holm, options):
    descriptor = holm.container()
    holm.apply(descriptor)
    ctr = Ctr(holm)
    holm.delete('box')
    ours, theirs = [], []
    for i in range(-WARM_UP, options.n):
        seconds, _ = holm.apply(descriptor)
        holm.delete('box')
        ctr_seconds = ctr.start(f'bench-{i + WARM_UP}')
        ctr.remove(f'bench-{i + WARM_UP}')
        if i >= 0:
            ours.append(seconds * 1000)
            theirs.append(ctr_seconds * 1000)
    ctr.close()
    return [Row('container: holm apply --wait', ours, 'ms'),
            Row('container: ctr run --detach', theirs, 'ms'),
            ratio('container: ratio', ours, theirs, AIM)]
