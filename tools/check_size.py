#!/usr/bin/python3
"""Measures src/ against the size table of docs/STYLE.md; fails past its last column.

There is no list of exceptions. A callback whose signature a library dictates is not counted by its
parameters (it is static and never called by name); the function pointer types we declare are.
"""
import argparse
import collections
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import csource

# measure: (warns at, fails at)
LIMITS = {
    "lines in the file": (500, 800),
    "lines in the header": (200, 300),
    "lines in the function": (60, 100),
    "cyclomatic complexity": (15, 25),
    "parameters": (5, 6),
    "driver functions": (12, 16),
    ".c files in the folder": (15, 20),
}
COMMENT_SHARE = (4, 13)

# A switch counts once, however many cases: it is one decision, and -Wswitch-enum lists them all.
BRANCH = re.compile(r"\b(?:if|for|while|switch)\b|\b\w*for_?each\w*\s*\(|&&|\|\||\?", re.I)
DRIVER = re.compile(r"^struct\s+(\w+_(?:driver|ops))\s*\{(.*?)^\}", re.M | re.S)
POINTER = re.compile(r"\(\s*\*\s*(?:const\s*)?(\w*)\s*\)\s*\(")


class Report:
    def __init__(self, root):
        self.root = root
        self.warnings = []
        self.failures = []

    def measure(self, what, value, path, line=0, name=""):
        warns, fails = LIMITS[what]
        if value < warns:
            return
        where = f"{path.relative_to(self.root)}" + (f":{line}" if line else "")
        text = f"{where}: {name + ': ' if name else ''}{value} {what} (fails at {fails})"
        (self.failures if value >= fails else self.warnings).append(text)


def is_callback(function, bodies):
    return function.is_static and not re.search(rf"\b{function.name}\s*\(", bodies)


def measure_file(source, report):
    is_header = source.path.suffix == ".h"
    what = "lines in the header" if is_header else "lines in the file"
    report.measure(what, source.lines, source.path)
    functions = list(source.functions())
    bodies = "".join(f.body for f in functions)
    for f in functions:
        complexity = 1 + len(BRANCH.findall(f.body))
        report.measure("lines in the function", f.lines, source.path, f.line, f.name)
        report.measure("cyclomatic complexity", complexity, source.path, f.line, f.name)
        if not is_callback(f, bodies):
            report.measure("parameters", f.params, source.path, f.line, f.name)


def measure_pointers(source, report):
    for m in POINTER.finditer(source.plain):
        end = csource.closing(source.plain, m.end() - 1)
        count = csource.count_params(source.plain[m.end() : end])
        report.measure("parameters", count, source.path, source.line_of(m.start()), m[1])
    for m in DRIVER.finditer(source.plain):
        count = len(POINTER.findall(m[2]))
        report.measure("driver functions", count, source.path, source.line_of(m.start()), m[1])


def measure_tree(root):
    report = Report(root)
    folders = collections.Counter()
    comments = lines = 0
    for path in csource.sources(root / "src"):
        source = csource.Source(path)
        measure_file(source, report)
        measure_pointers(source, report)
        folders[path.parent] += path.suffix == ".c"
        comments += source.comment_lines
        lines += source.lines
    for folder, count in folders.items():
        report.measure(".c files in the folder", count, folder)
    share = 100 * comments / lines if lines else 0
    if not COMMENT_SHARE[0] <= share <= COMMENT_SHARE[1]:
        low, high = COMMENT_SHARE
        report.warnings.append(f"src: {share:.1f} % comment lines (aim {low} to {high})")
    return report, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path, help="top of the source tree")
    report, lines = measure_tree(parser.parse_args().root.resolve())
    for text in report.warnings:
        print(f"warning: {text}")
    for text in report.failures:
        print(f"error: {text}")
    print(f"{lines} lines, {len(report.warnings)} warnings, {len(report.failures)} errors")
    if not lines:
        print("error: found no source to measure")
    return 1 if report.failures or not lines else 0


if __name__ == "__main__":
    sys.exit(main())
