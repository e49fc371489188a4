"""The facts without which a figure means nothing, in one line."""
import os
import platform
import re
import subprocess


def first_line(argv):
    try:
        out = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return '-'
    return out.splitlines()[0] if out else '-'


def version(argv):
    match = re.search(r'\d+\.\d+(\.\d+)*', first_line(argv))
    return match.group() if match else '-'


def cpu_model():
    with open('/proc/cpuinfo', encoding='utf-8') as cpuinfo:
        for line in cpuinfo:
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.machine()


def memory_gib():
    return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30


def size_kib(program):
    """Of the client and the program that it becomes for all else."""
    whole = f'{program}d'
    return (os.path.getsize(program) + (os.path.getsize(whole) if os.path.exists(whole) else 0)) // 1024


def facts(program):
    commit = first_line(['git', '-C', os.path.dirname(os.path.abspath(__file__)), 'describe',
                         '--always', '--dirty'])
    return (f'{cpu_model()}, {os.cpu_count()} cores, {memory_gib():.0f} GiB, '
            f'Linux {platform.release()}, load {os.getloadavg()[0]:.1f}; '
            f'containerd {version(["containerd", "--version"])}, '
            f'runc {version(["runc", "--version"])}, '
            f'QEMU {version(["qemu-system-x86_64", "--version"])}; '
            f'holm {version([program, "version"])} at {commit}, '
            f'{size_kib(program)} KiB')
