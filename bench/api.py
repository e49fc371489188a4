"""Lists of a server with 1,000 services of two instances each (api_server.c), without histories and
with a hundred points of each: how long they take, how long turns of the loop are meanwhile, and what
other clients notice of it. Both programs run on the same machine: times are those that a client sees."""
import json
import os
import subprocess
import threading
import time
from http.client import HTTPConnection

from figures import Row, ratio

SERVICES = 1000
REPLICAS = 2
POINTS = 100
TOKEN = 'bench'
AIM_MS = 10
LIMIT_MS = 10  # of a turn
LISTS = ('/api/applications/', '/api/services/', '/api/v1/apps', '/api/v1/services',
         '/api/v1/instances')
ROUNDS_MAX = 10


class Server:
    def __init__(self, program, points):
        build = os.path.dirname(os.path.dirname(os.path.dirname(program)))
        subprocess.run(['ninja', '-C', build, 'bench/api_server'], check=True,
                       stdout=subprocess.DEVNULL)
        argv = [f'{build}/bench/api_server', str(SERVICES), str(REPLICAS), str(points), TOKEN]
        self.child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.child.stdout.readline() or 0)
        if not self.port:
            raise SystemExit(f'bench: api_server ended with {self.child.wait()}')
        self.connection = self.connect()

    def connect(self):
        return HTTPConnection('127.0.0.1', self.port, timeout=60)

    def close(self):
        self.connection.close()
        self.child.communicate()

    def get(self, path, connection=None):
        """The body, and ms to its first and to its last byte."""
        connection = connection or self.connection
        begin = time.perf_counter()
        connection.request('GET', path, headers={'Authorization': f'Bearer {TOKEN}'})
        answer = connection.getresponse()
        first = time.perf_counter()
        body = answer.read()
        last = time.perf_counter()
        if answer.status != 200:
            raise SystemExit(f'bench: GET {path}: {answer.status} {body[:200]}')
        return body, 1000 * (first - begin), 1000 * (last - begin)

    def turns(self):
        """What /api/v1/turns counts, by bound in ms."""
        counts = json.loads(self.get('/api/v1/turns')[0])
        return {clock: {row.get('up_to_ms', 10**6): row['turns'] for row in rows}
                for clock, rows in counts.items()}


def longest(before, after, clock):
    """The bound of the longest turn in between."""
    return max(bound for bound, n in after[clock].items() if n > before[clock][bound])


def measure_list(server, path, name, rounds, aim):
    firsts, lasts, walls, cpus = [], [], [], []
    size = 0
    for _ in range(rounds):
        before = server.turns()
        body, first, last = server.get(path)
        after = server.turns()
        firsts.append(first)
        lasts.append(last)
        walls.append(longest(before, after, 'wall'))
        cpus.append(longest(before, after, 'cpu'))
        size = len(body)
    json.loads(body)
    title = f'api: {path}{name}'
    return [Row(f'{title}, {size / 1e6:.2f} MB', lasts, 'ms', aim),
            Row(f'{title}, first byte', firsts, 'ms'),
            Row(f'{title}, longest turn up to', walls, 'ms', digits=0),
            Row(f'{title}, the same in processor time', cpus, 'ms', LIMIT_MS, digits=0)]


def ask(server, times, n):
    connection = server.connect()
    for _ in range(n):
        times.append(server.get('/api/v1/health', connection)[2])
    connection.close()


def measure_others(server, rounds):
    """The same question while nobody else asks, and while two clients read the longest list."""
    alone, beside = [], []
    for _ in range(rounds):
        times = []
        ask(server, times, 50)
        alone.append(max(times))
        times, readers = [], []
        for _ in range(2):
            reader = threading.Thread(target=lambda: server.get('/api/services/', server.connect()))
            reader.start()
            readers.append(reader)
        while any(reader.is_alive() for reader in readers):
            ask(server, times, 10)
        beside.append(max(times))
    return [Row('api: health, the slowest of 50 alone', alone, 'ms'),
            Row('api: health, the slowest beside two long lists', beside, 'ms'),
            ratio('api: ratio of the two', beside, alone)]


def measure(holm, options):
    rounds = min(options.n, ROUNDS_MAX)
    rows = []
    server = Server(holm.program, 0)
    for path in LISTS:
        rows += measure_list(server, path, '', rounds, AIM_MS)
    server.close()
    server = Server(holm.program, POINTS)
    rows += measure_list(server, '/api/services/', ' with histories', rounds, None)
    rows += measure_others(server, rounds)
    server.close()
    return rows
