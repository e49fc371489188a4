#!/usr/bin/python3
"""Runs the unittest module named on the command line and prints TAP."""
import sys
import unittest

sys.dont_write_bytecode = True


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0

    def point(self, ok, test, note="", text=""):
        self.count += 1
        name = test.id().partition(".")[2]
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}{note}")
        for line in text.splitlines():
            print(f"# {line}")

    def addSuccess(self, test):
        self.point(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.point(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.point(False, test, text=self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self.point(False, test, text=self._exc_info_to_string(err, test))


def main():
    suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])
    print(f"1..{suite.countTestCases()}")
    result = TapResult()
    suite.run(result)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
