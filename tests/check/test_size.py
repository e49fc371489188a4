import fixture

FUNCTION = "int f(void)\n{{\n{}}}\n"


class Size(fixture.ToolTest):
    tool = "check_size.py"

    def check(self, text, *errors, name="src/base/x.c"):
        self.write(name, text)
        if errors:
            self.assert_fails(*errors)
            return ""
        return self.assert_passes()

    def test_small_file_passes(self):
        self.check("/* Why. */\n" + FUNCTION.format("\treturn 0;\n" * 20))

    def test_long_file_fails(self):
        self.check("int x;\n" * 800, "x.c: 800 lines in the file")

    def test_long_file_warns(self):
        self.assertIn("warning: src/base/x.c: 799 lines", self.check("int x;\n" * 799))

    def test_long_header_fails(self):
        self.check("int x;\n" * 300, "300 lines in the header", name="src/base/x.h")

    def test_long_function_fails(self):
        self.check(FUNCTION.format("\tx();\n" * 97), "x.c:1: f: 100 lines in the function")

    def test_long_function_warns(self):
        self.assertIn("warning", self.check(FUNCTION.format("\tx();\n" * 96)))

    def test_branches_fail(self):
        body = "\tif (a && b)\n\t\tx();\n" * 12
        self.check(FUNCTION.format(body), "25 cyclomatic complexity")

    def test_loop_macros_count(self):
        self.check(FUNCTION.format("\tlist_for_each(a, b, c)\n\t\tx();\n" * 24), "25 cyclomatic")

    def test_branches_in_strings_and_comments_do_not_count(self):
        self.check(FUNCTION.format('\tx("if (a && b)"); /* if (a || b) */\n' * 30))

    def test_cases_of_a_switch_do_not_count(self):
        cases = "".join(f"\tcase {i}:\n" for i in range(30))
        self.check(FUNCTION.format(f"\tswitch (x) {{\n{cases}\t\tbreak;\n\t}}\n"))

    def test_parameters_fail(self):
        self.check("int f(int a, int b, int c, int d, int e,\n      int g)\n{\n}\n", "f: 6 param")

    def test_parameters_after_an_attribute(self):
        self.check(
            "static __attribute__((x(1, 2))) int f(int a, int (*b)(int, int), int c, int d,\n"
            "\tint e, int g)\n{\n}\nint y(void)\n{\n\treturn f(0);\n}\n",
            "f: 6 parameters",
        )

    def test_callback_of_a_library_is_free(self):
        self.check(
            "static int f(int a, int b, int c, int d, int e, int g);\n"
            "static int f(int a, int b, int c, int d, int e, int g)\n{\n}\n"
            "int y(void)\n{\n\treturn set(f);\n}\n"
        )

    def test_callback_type_of_ours_is_not(self):
        self.check("typedef int (*fn)(int a, int b, int c, int d, int e, int f);\n", "fn: 6 param")

    def test_driver_table_fails(self):
        members = "".join(f"\tint (*f{i})(int a);\n" for i in range(16))
        self.check(f"struct x_driver {{\n{members}}};\n", "x_driver: 16 driver functions")

    def test_full_folder_fails(self):
        for i in range(20):
            self.write(f"src/base/f{i}.c", "int x;\n")
        self.assert_fails("src/base: 20 .c files in the folder")

    def test_comment_share_warns(self):
        self.assertIn("0.0 % comment lines", self.check("int x;\n"))

    def test_empty_tree_fails(self):
        self.assert_fails("no source")
