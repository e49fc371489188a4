"""A Holm of the bench's own: data directory, descriptors, its processes and its log."""
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import image


class Holm:
    def __init__(self, program, log_level):
        self.program = program
        # Short: paths of sockets below it are bounded to 108 bytes.
        self.dir = tempfile.mkdtemp(prefix='hb', dir='/var/tmp')
        self.images = f'{self.dir}/images'
        os.mkdir(self.images)
        image.make(f'{self.images}/busybox')
        self.run('up', '--detach', '--log-level', log_level)
        with open(f'{self.dir}/lock', encoding='utf-8') as lock:
            self.pid = int(lock.read())

    def argv(self, *words):
        return [self.program, words[0], f'--data-dir={self.dir}', *words[1:]]

    def run(self, *words):
        result = subprocess.run(self.argv(*words), capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise SystemExit(f'bench: holm {" ".join(words)}: {result.stderr.strip()}')
        return result.stdout

    def close(self):
        """Says what is wrong, but lets an earlier failure be the one that is told."""
        try:
            self.run('down', '--purge')
        except SystemExit as failure:
            print(failure, file=sys.stderr)

    def descriptor(self, name, **fields):
        """Writes a descriptor of one service, and returns its path."""
        service = {'microserviceID': '', 'microservice_name': name,
                   'microservice_namespace': 'bench', 'memory': 0, 'vcpus': 0, **fields}
        app = {'applicationID': '', 'application_name': name, 'application_namespace': 'bench',
               'application_desc': '', 'microservices': [service]}
        path = f'{self.dir}/{name}.json'
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({'sla_version': 'v2.0', 'customerID': 'Admin', 'applications': [app]}, file)
        return path

    def container(self, **fields):
        return self.descriptor('box', virtualization='container',
                               code=f'oci:{self.images}/busybox:latest', **fields)

    def unikernel(self, archive, name='uni', **fields):
        link = f'{self.images}/unikernel.tar.gz'
        if not os.path.exists(link):
            subprocess.run(['cp', archive, link], check=True)
        return self.descriptor(name, virtualization='unikernel', code=f'file:{link}',
                               arch=['amd64'], **fields)

    def apply(self, descriptor):
        """Returns when the service is RUNNING: seconds that the command took, and when it began."""
        wall = time.time()
        begin = time.monotonic()
        self.run('apply', '--wait', '--quiet', descriptor)
        return time.monotonic() - begin, wall

    def delete(self, app):
        self.run('delete', '--wait', '--quiet', 'app', f'{app}.bench')

    def instances(self):
        return json.loads(self.run('get', 'instances', '--output', 'json'))

    def events(self, instance_id):
        """What the log says of an instance: (unix time, text)."""
        line = re.compile(r'(\d\d):(\d\d):(\d\d\.\d{3}) \w+ +instance ' + instance_id +
                          r'(?: of \S+)?:? (.*)')
        today = datetime.date.today()
        found = []
        with open(f'{self.dir}/holm.log', encoding='utf-8') as log:
            for match in map(line.match, log):
                if match:
                    hour, minute, second, text = match.groups()
                    moment = datetime.datetime(today.year, today.month, today.day, int(hour),
                                               int(minute)).timestamp() + float(second)
                    found.append((moment, text))
        return found

    def helpers(self, word):
        """Pids of the helpers of this data directory: those that log, or those that run."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    argv = file.read().decode(errors='replace').split('\0')
            except OSError:
                continue
            if argv[0].endswith('holm-helper') and argv[1:2] == [word] and \
                    any(self.dir in a for a in argv):
                found.append(int(pid))
        return found
