"""Containers through containerd's API with nothing around it (bare_client.c), on the containerd and
with the image that Holm uses."""
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SPEC = {
    'ociVersion': '1.0.2',
    'process': {'user': {'uid': 0, 'gid': 0}, 'args': ['/bin/sleep', '100000'],
                'env': ['PATH=/bin'], 'cwd': '/', 'noNewPrivileges': True},
    'root': {'path': 'rootfs'},
    'mounts': [
        {'destination': '/proc', 'type': 'proc', 'source': 'proc'},
        {'destination': '/dev', 'type': 'tmpfs', 'source': 'tmpfs',
         'options': ['nosuid', 'strictatime', 'mode=755', 'size=65536k']},
        {'destination': '/sys', 'type': 'sysfs', 'source': 'sysfs',
         'options': ['nosuid', 'noexec', 'nodev', 'ro']},
    ],
    'linux': {
        'cgroupsPath': '/holm-bare/%ID%',
        'namespaces': [{'type': kind} for kind in ('pid', 'network', 'ipc', 'uts', 'mount')],
    },
}


class Bare:
    """`ctr` is container.Ctr: it knows socket and image. `like` is a running container of Holm, whose
    filter of system calls is taken over, or None: none is made."""

    def __init__(self, holm, ctr, like=None):
        build = os.path.dirname(os.path.dirname(os.path.dirname(holm.program)))
        subprocess.run(['ninja', '-C', build, 'bench/bare_client'], check=True,
                       stdout=subprocess.DEVNULL)
        self.program = f'{build}/bench/bare_client'
        self.socket = ctr.socket
        self.spec = f'{holm.dir}/bare{"-filtered" if like else ""}.json'
        spec = json.loads(json.dumps(SPEC))
        if like:
            info = json.loads(ctr.run('containers', 'info', like))
            spec['linux']['seccomp'] = info['Spec']['linux']['seccomp']
        with open(self.spec, 'w', encoding='utf-8') as file:
            json.dump(spec, file)
        lines = ctr.run('snapshots', 'ls').splitlines()[1:]
        image = ctr.run('images', 'ls', f'name=={ctr.image}').splitlines()[1].split()[2]
        manifest = json.loads(ctr.run('content', 'get', image))
        config = json.loads(ctr.run('content', 'get', manifest['config']['digest']))
        # Of one layer: its chain is its own digest.
        self.parent = config['rootfs']['diff_ids'][0]
        if not any(line.split()[0] == self.parent for line in lines):
            raise SystemExit(f'bench: no snapshot {self.parent}')

    def run(self, n, in_flight):
        """Seconds for starting, and for ending, all of them."""
        result = subprocess.run([self.program, self.socket, 'holm', self.parent, self.spec, str(n),
                                 str(in_flight)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise SystemExit(f'bench: {result.stderr.strip()}')
        seconds = json.loads(result.stdout)
        return seconds['start_s'], seconds['delete_s']
