"""Memory of many containers beyond what their own processes take: proportional set sizes (PSS) of all
that runs for them, before and with a hundred."""
import os

from figures import Row
from memory import pss

REPLICAS = 100
SHIMS = ('holm-shim', 'containerd-shim-runc-v2')


def command(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as file:
            return file.read().decode(errors='replace').split('\0')
    except OSError:
        return ['']


def size(pid):
    """Of one that may end at this moment, as containers by which the node tries its runtimes do."""
    try:
        return pss(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def parents():
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
                found[int(pid)] = int(file.read().rpartition(')')[2].split()[1])
        except OSError:
            continue
    return found


def kinds(holm, state_dir):
    """Bytes by kind of process: of this Holm alone."""
    sums = {'holm': pss(holm.pid), 'containerd': 0, 'shim': 0, 'helper': 0, 'workload': 0}
    tree = parents()
    shims = set()
    for pid in tree:
        argv = command(pid)
        name = os.path.basename(argv[0])
        if name == 'containerd' and any(holm.dir in word for word in argv):
            sums['containerd'] += size(pid)
        elif name in SHIMS and any(state_dir in word for word in argv):
            shims.add(pid)
            sums['shim'] += size(pid)
        elif name == 'holm-helper' and any(holm.dir in word for word in argv):
            sums['helper'] += size(pid)
    for pid, parent in tree.items():
        if parent in shims and os.path.basename(command(pid)[0]) != 'holm-helper':
            sums['workload'] += size(pid)
    return sums


def measure(holm, options):
    with open(f'{holm.dir}/node-id', encoding='utf-8') as file:
        state_dir = f'/run/holm-{file.read()[:8]}'
    if not os.path.exists(state_dir):
        state_dir = '/run/containerd'
    holm.apply(holm.container())
    holm.delete('box')
    before = kinds(holm, state_dir)
    descriptor = holm.descriptor('many', virtualization='container',
                                 code=f'oci:{holm.images}/busybox:latest', replicas=REPLICAS)
    holm.apply(descriptor)
    after = kinds(holm, state_dir)
    holm.delete('many')
    rows = []
    for kind in ('shim', 'helper', 'containerd', 'holm'):
        grown = (after[kind] - before[kind]) / REPLICAS
        rows.append(Row(f'density: {kind}, per container', [grown], 'MB', digits=2))
    beyond = sum(row.values[0] for row in rows)
    rows.append(Row(f'density: beyond the workload, one of {REPLICAS}', [beyond], 'MB', digits=2))
    rows.append(Row('density: the workload itself (sleep)', [after['workload'] / REPLICAS], 'MB',
                    digits=2))
    return rows
