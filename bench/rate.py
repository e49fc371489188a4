"""How many containers a second start and end: one service of many replicas, against a bare client of
the same containerd with eight containers in flight, without and with Holm's filter of system calls."""
import contextlib
import glob
import os
import time

from bare import Bare
from container import Ctr
from figures import Row, ratio

AIM = 0.9
REPLICAS = 100
IN_FLIGHT = 8
ROUNDS_MAX = 5


def remove_groups():
    for top in glob.glob('/sys/fs/cgroup/*/holm-bare') + ['/sys/fs/cgroup/holm-bare']:
        for path, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)


def round_of_holm(holm, descriptor):
    """Rates a second: of starts from the command's begin to the last RUNNING, and of ends."""
    seconds, _ = holm.apply(descriptor)
    begin = time.monotonic()
    holm.delete('many')
    return REPLICAS / seconds, REPLICAS / (time.monotonic() - begin)


def measure(holm, options):
    holm.apply(holm.container())
    ctr = Ctr(holm)
    bare = Bare(holm, ctr)
    filtered = Bare(holm, ctr, holm.instances()[0]['id'])
    holm.delete('box')
    descriptor = holm.descriptor('many', virtualization='container',
                                 code=f'oci:{holm.images}/busybox:latest', replicas=REPLICAS)
    starts, ends, bare_starts, bare_ends, filtered_starts = [], [], [], [], []
    for _ in range(min(options.n, ROUNDS_MAX)):
        started, ended = round_of_holm(holm, descriptor)
        starts.append(started)
        ends.append(ended)
        start_s, delete_s = bare.run(REPLICAS, IN_FLIGHT)
        bare_starts.append(REPLICAS / start_s)
        bare_ends.append(REPLICAS / delete_s)
        filtered_starts.append(REPLICAS / filtered.run(REPLICAS, IN_FLIGHT)[0])
    remove_groups()
    ctr.close()
    return [Row(f'rate: holm apply, {REPLICAS} replicas', starts, 'starts/s'),
            Row(f'rate: bare client, {IN_FLIGHT} in flight', bare_starts, 'starts/s'),
            Row('rate: bare client, with the filter', filtered_starts, 'starts/s'),
            ratio('rate: ratio of starts', starts, bare_starts, AIM, is_least=True),
            ratio('rate: ratio with the filter', starts, filtered_starts, AIM, is_least=True),
            Row('rate: holm delete', ends, 'ends/s'),
            Row('rate: bare client, ends', bare_ends, 'ends/s'),
            ratio('rate: ratio of ends', ends, bare_ends)]
