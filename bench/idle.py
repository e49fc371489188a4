"""Processor time of Holm with nothing to do, over a minute in six parts."""
import time

from figures import Row

AIM_PERCENT = 0.3
PARTS = 6
PART_S = 10
SETTLE_S = 5


def cpu_seconds(pid):
    """The clock of a process: all its threads, those that have ended too. As in
    clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def measure(holm, options):
    time.sleep(SETTLE_S)
    values = []
    for _ in range(PARTS):
        wall, cpu = time.monotonic(), cpu_seconds(holm.pid)
        time.sleep(PART_S)
        used = cpu_seconds(holm.pid) - cpu
        values.append(100 * used / (time.monotonic() - wall))
    return [Row('idle: processor time of holm up', values, '% of a core', AIM_PERCENT, digits=3)]
