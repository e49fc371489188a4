"""Memory: Holm idle with all its roles, and one helper of each kind, from smaps_rollup."""
import functools
import time

from figures import Row

AIM_HOLM_MB = 25
AIM_HELPER_MB = 1
LOOKS = 5


def rollup(pid):
    """Bytes by field."""
    found = {}
    with open(f'/proc/{pid}/smaps_rollup', encoding='utf-8') as file:
        for line in file:
            words = line.split()
            if words[-1] == 'kB':
                found[words[0].rstrip(':')] = int(words[1]) * 1024
    return found


def pss(pid):
    return rollup(pid)['Pss'] / 1e6


def private(pid):
    fields = rollup(pid)
    return (fields['Private_Clean'] + fields['Private_Dirty']) / 1e6


def looks(measure_one, pid):
    values = []
    for _ in range(LOOKS):
        values.append(measure_one(pid))
        time.sleep(0.2)
    return values


def helper_rows(holm, word, descriptor, app, n):
    """The text of a helper is private while it is the only one, and shared as soon as it is not."""
    holm.apply(descriptor(replicas=n))
    pid = holm.helpers(word)[0]
    rows = [Row(f'memory: holm-helper {word}, private, one of {n}', looks(private, pid), 'MB',
                AIM_HELPER_MB, digits=2)]
    holm.delete(app)
    return rows


def measure(holm, options):
    rows = [Row('memory: holm up idle, PSS', looks(pss, holm.pid), 'MB', AIM_HOLM_MB)]
    for n in (1, 2):
        rows += helper_rows(holm, 'logger', holm.container, 'box', n)
    for n in (1, 2):
        rows += helper_rows(holm, 'run', functools.partial(holm.unikernel, options.unikernel),
                            'uni', n)
    return rows
