"""Rows of a result: medians, spread, ratio, and what was aimed at."""
import statistics


def quartiles(values):
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return low, high


def spread(values, digits):
    low, high = quartiles(values)
    return f'{low:.{digits}f} – {high:.{digits}f}'


class Row:
    """One line of the table. `aim` is an upper bound of the median, or None; with `is_least` a lower
    one."""

    def __init__(self, name, values, unit, aim=None, digits=1, is_least=False):
        self.is_least = is_least
        self.name = name
        self.values = values
        self.unit = unit
        self.aim = aim
        self.digits = digits

    def median(self):
        return statistics.median(self.values)

    def cells(self):
        verdict = ''
        if self.aim is not None:
            is_met = self.median() >= self.aim if self.is_least else self.median() <= self.aim
            verdict = f'{"≥" if self.is_least else "≤"} {self.aim:g}: {"met" if is_met else "missed"}'
        return (self.name, f'{self.median():.{self.digits}f} {self.unit}'.rstrip(),
                spread(self.values, self.digits), str(len(self.values)), verdict)


def ratio(name, ours, theirs, aim=None, is_least=False):
    """Of pairs that were measured one after the other, so that a slow moment hits both."""
    return Row(name, [a / b for a, b in zip(ours, theirs)], '', aim, digits=2, is_least=is_least)


def percentile(values, percent):
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def table(rows):
    lines = [('', 'median', 'quartiles', 'n', 'aim')] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return '\n'.join('  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)
