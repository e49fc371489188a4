"""Memory of a unikernel's control group beyond what its guest was given, at most: after the guest has
touched all of its memory, spun, and flooded console and network. By machine, as the kernel's variants
choose it. It is what src/runtime/qemu/machine.c adds to the limit."""
import os
import shutil
import urllib.error
import urllib.request

from figures import Row

ADDED_MIB, ADDED_PART = 96, 256
GUESTS_MIB = (64, 1024)
VARIANTS = ('', '-no-mmio')  # of the example: microvm and pc
RUNS_MAX = 5
WORK = ('burn?ms=500', 'flood?lines=20000', 'flood-net?to=10.99.0.1:9&packets=2000&bytes=1000')


def group_file(pid, names):
    with open(f'/proc/{pid}/cgroup', encoding='utf-8') as file:
        lines = [line.rstrip('\n').split(':', 2) for line in file]
    for _, controllers, path in lines:
        for root in ('/sys/fs/cgroup/memory', '/sys/fs/cgroup'):
            if controllers in ('memory', ''):
                for name in names:
                    if os.path.exists(f'{root}{path}/{name}'):
                        return f'{root}{path}/{name}'
    raise SystemExit(f'bench: no memory group of process {pid}')


def most_mib(pid):
    with open(group_file(pid, ('memory.max_usage_in_bytes', 'memory.peak')),
              encoding='utf-8') as file:
        return int(file.read()) / 2**20


def get(address, path):
    with urllib.request.urlopen(f'http://{address}/{path}', timeout=60) as answer:
        return answer.read()


def work(address):
    for path in WORK:
        get(address, path)
    for mib in (128, 16, 8, 4, 2, 1):  # all there is, by pieces
        try:
            while True:
                get(address, f'alloc?mib={mib}')
        except urllib.error.HTTPError as error:
            if error.code != 507:
                raise


def machine_of(pid):
    with open(f'/proc/{pid}/cmdline', 'rb') as file:
        words = file.read().decode().split('\0')
    return words[words.index('-machine') + 1]


def measure_variant(holm, archive, guest_mib, n):
    values, name = [], ''
    image = f'{holm.images}/{os.path.basename(archive)}'
    shutil.copy(archive, image)
    for _ in range(n):
        holm.apply(holm.descriptor('uni', virtualization='unikernel', code=f'file:{image}',
                                   arch=['amd64'], memory=guest_mib))
        view = holm.instances()[0]
        name = machine_of(view['pid'])
        work(view['address'])
        values.append(most_mib(view['pid']) - guest_mib)
        holm.delete('uni')
    return Row(f'overhead: {name}, beyond {guest_mib} MiB of the guest, most', values, 'MiB',
               ADDED_MIB + guest_mib / ADDED_PART)


def measure(holm, options):
    rows = []
    for variant in VARIANTS:
        archive = options.unikernel.replace('.tar.gz', f'{variant}.tar.gz')
        for guest_mib in GUESTS_MIB:
            rows.append(measure_variant(holm, archive, guest_mib, min(options.n, RUNS_MAX)))
    return rows
