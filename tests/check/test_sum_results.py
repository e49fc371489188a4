import json

import fixture


def entry(name, stdout, result="OK", code=0):
    return {"name": f"holm:unit / {name}", "stdout": stdout, "result": result, "returncode": code}


class SumResults(fixture.ToolTest):
    tool = "sum_results.py"

    def meson(self, entries, protocol="tap", more=()):
        names = [e["name"].rpartition(" / ")[2] for e in entries] + list(more)
        known = [{"name": n, "suite": ["holm:unit"], "protocol": protocol} for n in names]
        self.write("b/meson-info/intro-tests.json", json.dumps(known))
        log = "\n".join(json.dumps(e) for e in entries)
        self.write("b/meson-logs/testlog.json", log)
        return self.total("--meson", self.root / "b")

    def junit(self, cases, code=0):
        path = self.write("s.xml", f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        return self.total("--junit", "system", path, str(code))

    def total(self, *args):
        code, self.output = self.run_tool(*args)
        return code, self.output.splitlines()[-1]

    def test_each_tap_point_counts(self):
        got = self.meson([entry("a", "1..2\nok 1 - x\nok 2 - y\n"), entry("b", "1..1\nok 1 - z\n")])
        self.assertEqual(got, (0, "3 passed, 0 failed, 0 skipped"))
        self.assertIn("unit       3 passed", self.output)

    def test_failed_point_shows_output(self):
        got = self.meson([entry("a", "1..2\nok 1 - x\nnot ok 2 - y\n# 1 != 2\n", "FAIL", 1)])
        self.assertEqual(got, (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("# 1 != 2", self.output)

    def test_skip_of_cmocka_is_no_failure(self):
        got = self.meson([entry("a", "1..2\nok 1 - x\n# no kvm\nnot ok 2 # SKIP y\n", "FAIL")])
        self.assertEqual(got, (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("no kvm", self.output)

    def test_leak_at_exit_is_a_failure(self):
        got = self.meson([entry("a", "1..1\nok 1 - x\n", "ERROR", 23)])
        self.assertEqual(got, (1, "1 passed, 1 failed, 0 skipped"))

    def test_missing_points_are_a_failure(self):
        got = self.meson([entry("a", "1..2\nok 1 - x\n", "ERROR")])
        self.assertEqual(got, (1, "1 passed, 1 failed, 0 skipped"))

    def test_silent_program_is_a_failure(self):
        got = self.meson([entry("a", "", "SKIP")])
        self.assertEqual(got, (1, "0 passed, 1 failed, 0 skipped"))

    def test_test_that_did_not_run_is_a_failure(self):
        got = self.meson([entry("a", "1..1\nok 1 - x\n")], more=["b"])
        self.assertEqual(got, (1, "1 passed, 1 failed, 0 skipped"))

    def test_exit_codes_count(self):
        entries = [
            entry("a", ""),
            entry("b", "no tool\n", "SKIP", 77),
            entry("c", "bad\n", "FAIL", 1),
            entry("d", "", "TIMEOUT", -15),
        ]
        got = self.meson(entries, protocol="exitcode")
        self.assertEqual(got, (1, "1 passed, 2 failed, 1 skipped"))

    def test_missing_results_are_a_failure(self):
        got = self.total("--meson", self.root / "none")
        self.assertEqual(got, (1, "0 passed, 1 failed, 0 skipped"))

    def test_all_skipped_fails(self):
        got = self.meson([entry("a", "1..1\nok 1 # SKIP no root\n", "SKIP")])
        self.assertEqual(got, (1, "0 passed, 0 failed, 1 skipped"))
        self.assertIn("nothing passed", self.output)

    def test_junit_counts(self):
        got = self.junit(
            '<testcase classname="a" name="x"/>'
            '<testcase classname="a" name="y"><failure message="m">text</failure></testcase>'
            '<testcase classname="a" name="z"><error>setup</error></testcase>'
            '<testcase classname="a" name="s"><skipped message="no qemu"/></testcase>',
            1,
        )
        self.assertEqual(got, (1, "1 passed, 2 failed, 1 skipped"))
        self.assertIn("skipped system: a.s: no qemu", self.output)

    def test_runner_that_broke_is_a_failure(self):
        got = self.junit('<testcase classname="a" name="x"/>', 1)
        self.assertEqual(got, (1, "1 passed, 1 failed, 0 skipped"))

    def test_runner_that_was_stopped_fails_its_last_test(self):
        case = '<testcase classname="a" name="%s"/>'
        got = self.junit(case % "x" + case % "y", 124)
        self.assertEqual(got, (1, "1 passed, 2 failed, 0 skipped"))
        self.assertIn("not all tests ran", self.output)

    def test_missing_junit_is_a_failure(self):
        got = self.total("--junit", "system", self.root / "none.xml", "0")
        self.assertEqual(got, (1, "0 passed, 1 failed, 0 skipped"))

    FAILED_TWICE = (
        '<testcase classname="tests.system.test_a" name="x[a.b]"><failure>one</failure></testcase>'
        '<testcase classname="tests.system.test_a" name="x[a.b]"><error>end</error></testcase>'
        '<testcase classname="tests.system.test_a" name="y"><failure>two</failure></testcase>'
    )

    def again(self, cases):
        path = self.write("again.xml", f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        first = self.write("s.xml", f"<testsuites>{self.FAILED_TWICE}</testsuites>")
        return self.total("--junit", "system", first, "1", "--again", path)

    def test_second_try_counts_and_shows_the_first(self):
        got = self.again('<testcase classname="tests.system.test_a" name="x[a.b]"/>'
                         '<testcase classname="tests.system.test_a" name="y"/>')
        self.assertEqual(got, (0, "3 passed, 0 failed, 0 skipped"))
        self.assertIn("passed at the second try: system: tests.system.test_a.y\n    two", self.output)

    def test_failed_at_both_tries(self):
        got = self.again('<testcase classname="tests.system.test_a" name="x[a.b]"/>'
                         '<testcase classname="tests.system.test_a" name="x[a.b]"><error>end</error></testcase>'
                         '<testcase classname="tests.system.test_a" name="y"/>')
        self.assertEqual(got, (1, "1 passed, 2 failed, 0 skipped"))

    def test_second_try_without_results(self):
        self.assertEqual(self.again("<testcase")[0], 1)

    def test_names_of_what_failed(self):
        path = self.write("s.xml", f"<testsuites>{self.FAILED_TWICE}</testsuites>")
        code, output = self.run_tool("--failed", path)
        self.assertEqual(code, 0)
        self.assertEqual(output, "tests/system/test_a.py::x[a.b]\ntests/system/test_a.py::y\n")

    def test_names_of_an_unreadable_file(self):
        self.assertEqual(self.run_tool("--failed", self.root / "none.xml"), (0, ""))

    def test_failed_step_counts(self):
        got = self.total("--step", "build:release", "1", "--step", "check:clang", "0")
        self.assertEqual(got, (1, "1 passed, 1 failed, 0 skipped"))
