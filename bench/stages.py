"""Where the time from `holm apply` to RUNNING goes, from the debug lines of the log."""
from figures import Row

WARM_UP = 2
LOG_LEVEL = 'debug'


def parts(events, wall, seconds):
    """(name, milliseconds) between the moments that the log tells."""
    last, found = wall, []
    names = {'fetch': 'look for the image', 'advance': 'save the spec', 'attach': 'attach the link',
             'start': 'start the process'}
    label = 'client, store, placement'
    for moment, text in events:
        if text in names:
            found.append((label, moment - last))
            label, last = names[text], moment
        elif text.startswith('started'):
            found.append((label, moment - last))
            label, last = 'publish addresses', moment
        elif text == 'RUNNING':
            found.append((label, moment - last))
            last = moment
            break
    found.append(('answer to the client', wall + seconds - last))
    return [(name, value * 1000) for name, value in found]


def measure(holm, options):
    descriptor = holm.container()
    columns = {}
    for i in range(-WARM_UP, options.n):
        seconds, wall = holm.apply(descriptor)
        instance = holm.instances()[0]
        events = holm.events(instance['id'])
        holm.delete('box')
        for name, value in parts(events, wall, seconds):
            if i >= 0:
                columns.setdefault(name, []).append(value)
    return [Row(f'stages: {name}', values, 'ms') for name, values in columns.items()]
