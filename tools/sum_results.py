#!/usr/bin/python3
"""Adds up the results of a whole test run from what the test runners wrote for machines.

Sources: a meson build directory (each TAP point is one test; a program of another protocol is one
test), a JUnit file of pytest, and single steps. Prints what failed with its output, why tests were
skipped, one line per suite, and as the last line "N passed, N failed, N skipped". A source without
results, a test that did not run, or a runner that failed without naming a test is a failure, so
that nothing can go missing. Exit code 0 only if something passed and nothing failed.

A few system tests that failed may be run once more, alone; one that passes then has passed, but is
shown with what it said at first (docs/decisions/0022-second-try.md).
"""
import argparse
import collections
import dataclasses
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as et

OUTPUT_LINES = 120
POINT = re.compile(r"^(not )?ok\b\s*\d*\s*(?:- )?([^#\n]*)(?:#\s*(SKIP|TODO)\b[ \t]*(.*))?", re.I)
SKIPPED_EXIT = 77


@dataclasses.dataclass
class Test:
    suite: str
    name: str
    result: str  # passed, failed, skipped
    output: str = ""  # of a failure, also of one that passed at the second try; the reason of a skip


def parse_tap(suite, program, text):
    """The tests of one TAP program; a skipped one takes the comment before it as its reason."""
    comment = ""
    for line in text.splitlines():
        if line.startswith("#"):
            comment = line.lstrip("# ")
            continue
        m = POINT.match(line)
        if not m:
            continue
        is_bad, name, directive, reason = m[1], m[2].strip(), (m[3] or "").upper(), m[4] or ""
        if directive == "SKIP":
            # cmocka writes "not ok 2 # SKIP name", and what was printed before it.
            yield Test(suite, f"{program}: {name or reason}", "skipped", comment or reason)
        elif is_bad and directive != "TODO":
            yield Test(suite, f"{program}: {name}", "failed", text)
        else:
            yield Test(suite, f"{program}: {name}", "passed")
        comment = ""


def judge_program(entry, suite, program, is_tap):
    """All tests of one entry of meson's testlog.json."""
    stdout, code, result = entry["stdout"], entry["returncode"], entry["result"]
    output = stdout + entry.get("stderr", "")
    tests = list(parse_tap(suite, program, stdout)) if is_tap else []
    if any(t.result == "failed" for t in tests):
        for t in tests:
            t.output = output if t.result == "failed" else t.output
        return tests
    if is_tap:
        if code == 0 and tests and result not in ("ERROR", "TIMEOUT", "INTERRUPT"):
            return tests
        cause = f"exit code {code}, {result.lower()}" if tests or code else "no test in its output"
        return tests + [Test(suite, f"{program} ({cause})", "failed", output)]
    if result == "SKIP" and code == SKIPPED_EXIT:
        lines = output.strip().splitlines()
        return [Test(suite, program, "skipped", lines[-1] if lines else "")]
    if result in ("OK", "EXPECTEDFAIL"):
        return [Test(suite, program, "passed")]
    return [Test(suite, f"{program} (exit code {code}, {result.lower()})", "failed", output)]


def read_meson(build):
    build = pathlib.Path(build)
    try:
        known = json.loads((build / "meson-info/intro-tests.json").read_text())
        log = (build / "meson-logs/testlog.json").read_text(errors="replace").splitlines()
        entries = [json.loads(line) for line in log if line.strip()]
    except (OSError, ValueError) as error:
        return [Test("meson", f"{build}: no results", "failed", str(error))]
    # An entry is named "project:suite / name" or "name".
    ran = {entry["name"].rpartition(" / ")[2]: entry for entry in entries}
    tests = []
    for test in known:
        suite = (test["suite"] or ["other"])[0].rpartition(":")[2]
        entry = ran.get(test["name"])
        if entry is None:
            tests.append(Test(suite, f"{test['name']} (did not run)", "failed"))
        else:
            tests += judge_program(entry, suite, test["name"], test["protocol"] == "tap")
    return tests or [Test("meson", f"{build}: no tests", "failed")]


def read_junit(suite, path, code):
    try:
        cases = list(et.parse(path).getroot().iter("testcase"))
    except (OSError, et.ParseError) as error:
        return [Test(suite, f"{path}: no results", "failed", str(error))]
    tests = []
    for case in cases:
        name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".") or "interrupted test"
        bad = [e for kind in ("failure", "error") for e in case.findall(kind)]
        skipped = case.find("skipped")
        if bad:
            text = "\n".join(e.text or e.get("message", "") for e in bad)
            text += "".join(f"\n{e.text or ''}" for e in case.iter() if e.tag.startswith("system-"))
            tests.append(Test(suite, name, "failed", text))
        elif skipped is not None:
            tests.append(Test(suite, name, "skipped", skipped.get("message", "")))
        else:
            tests.append(Test(suite, name, "passed"))
    if code > 1:
        # Stopped on the way: the last test ended with it, and some may never have begun.
        if tests and tests[-1].result == "passed":
            tests[-1].result = "failed"
        tests.append(Test(suite, f"test runner (exit code {code}): not all tests ran", "failed"))
    elif code and not any(t.result == "failed" for t in tests):
        tests.append(Test(suite, f"test runner (exit code {code})", "failed"))
    return tests


def failed_ids(path):
    """What pytest calls the tests that failed; none if the file does not tell."""
    tests = read_junit("", path, 0)
    names = dict.fromkeys(t.name for t in tests if t.result == "failed")
    found = [re.fullmatch(r"([\w.]+)\.(\w+(?:\[.*\])?)", name) for name in names]
    return [f"{m[1].replace('.', '/')}.py::{m[2]}" for m in found] if all(found) else []


def try_again(tests, second):
    """Counts as passed what failed in the first list and passed in the second."""
    passed = {t.name for t in second if t.result == "passed"}
    passed -= {t.name for t in second if t.result == "failed"}
    for test in tests:
        if test.result == "failed" and test.name in passed:
            test.result = "passed"
    return tests


def read_step(name, code):
    suite, _, what = name.rpartition(":")
    return [Test(suite or "build", what, "failed" if code else "passed")]


def tail(text):
    lines = text.rstrip().splitlines()
    cut = [f"… {len(lines) - OUTPUT_LINES} lines before"] if len(lines) > OUTPUT_LINES else []
    return "\n".join("    " + line for line in cut + lines[-OUTPUT_LINES:])


def report(tests):
    """Prints everything; returns the exit code."""
    shown = set()
    for test in tests:
        if test.result == "failed" or test.result == "passed" and test.output:
            word = "FAILED" if test.result == "failed" else "passed at the second try:"
            print(f"{word} {test.suite}: {test.name}")
            if test.output and test.output not in shown:
                print(tail(test.output))
                shown.add(test.output)
    for test in tests:
        if test.result == "skipped":
            print(f"skipped {test.suite}: {test.name}: {test.output or 'no reason given'}")
    suites = {}
    for test in tests:
        suites.setdefault(test.suite, collections.Counter())[test.result] += 1
    for suite, count in suites.items():
        print(f"{suite:10} {format_count(count)}")
    total = sum(suites.values(), collections.Counter())
    if not total["passed"]:
        print("nothing passed")
    print(format_count(total))
    return 1 if total["failed"] or not total["passed"] else 0


def format_count(count):
    return f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meson", action="append", default=[], metavar="BUILD")
    parser.add_argument(
        "--junit", action="append", default=[], nargs=3, metavar=("SUITE", "FILE", "EXIT")
    )
    parser.add_argument("--again", metavar="FILE", help="JUnit file of the second try")
    parser.add_argument("--failed", metavar="FILE", help="print the names of what failed, no more")
    parser.add_argument("--step", action="append", default=[], nargs=2, metavar=("NAME", "EXIT"))
    args = parser.parse_args()
    if args.failed:
        print("".join(f"{name}\n" for name in failed_ids(args.failed)), end="")
        return 0
    tests = [t for name, code in args.step for t in read_step(name, int(code))]
    tests += [t for build in args.meson for t in read_meson(build)]
    for suite, path, code in args.junit:
        first = read_junit(suite, path, int(code))
        tests += try_again(first, read_junit(suite, args.again, 0)) if args.again else first
    return report(tests)


if __name__ == "__main__":
    sys.exit(main())
