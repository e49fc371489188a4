import fixture


class Banned(fixture.ToolTest):
    tool = "check_banned.py"

    def check(self, text, *errors, name="src/base/x.c"):
        self.write(name, text)
        if errors:
            self.assert_fails(*errors)
        else:
            self.assert_passes()

    def test_clean_file_passes(self):
        self.check(
            "/* What it owns: a = b; and why. */\n"
            "static const char *const names[] = { \"a\" };\n"
            "static const struct {\n\tint a;\n} table[] = {\n\t{ 1 },\n};\n"
            "extern const struct driver driver;\n"
            "static int f(int a);\nvoid g(int a, void (*done)(int b));\ntypedef int (*fn)(int a);\nstruct x;\n"
            "struct y {\n\tint (*f)(int a);\n\tint *p;\n};\nenum z { A, B };\n"
            "static_assert(sizeof(int) == 4, \"int\");\n"
            "struct tm *t(void)\n{\n\tstatic const int y = 1;\n\treturn gmtime_r(&x, &y);\n}\n"
        )

    def test_banned_function_fails(self):
        self.check("int f(void)\n{\n\treturn atoi(x);\n}\n", "x.c:3: atoi() is banned")

    def test_banned_function_in_tests_fails(self):
        self.check("int f(void)\n{\n\tusleep(1);\n}\n", "usleep()", name="tests/unit/test_x.c")

    def test_name_in_string_or_comment_passes(self):
        self.check('/* Not atoi(). */\nconst char *const x = "system()";\n')

    def test_member_of_that_name_passes(self):
        self.check("int f(void)\n{\n\treturn d->system(x) + d.sleep(1);\n}\n")

    def test_commented_out_code_fails(self):
        self.check("/*\n * x = f(y);\n * return x;\n */\n", "x.c:1: commented-out code")

    def test_line_comment_fails(self):
        self.check("// x\n", "// comments")

    def test_address_in_a_string_passes(self):
        self.check('const char *const x = "http://a/b";\n')

    def test_switched_off_code_fails(self):
        self.check("#if 0\n#endif\n", "switched off")

    def test_note_for_later_fails(self):
        self.check("/* TODO: handle error */\n", "later")

    def test_banner_fails(self):
        self.check("/* ======== HELPERS ======== */\n", "banner")

    def test_variable_fails(self):
        self.check("int x;\n\nstatic struct map cache = { 0 };\n", "x.c:1: a var", "x.c:3: a var")

    def test_variable_pointer_to_const_fails(self):
        self.check('static const char *x = "y";\n', "x.c:1: a variable")

    def test_variable_function_pointer_fails(self):
        self.check("static int (*hook)(int a);\n", "x.c:1: a variable")

    def test_variable_after_a_function_fails(self):
        self.check("int f(void)\n{\n\tif (x) {\n\t}\n}\nint x[4];\n", "x.c:6: a variable")

    def test_variable_inside_a_function_fails(self):
        self.check("int f(void)\n{\n\tstatic int x;\n}\n", "x.c:3: a static variable in f()")

    def test_variable_of_a_test_passes(self):
        self.check("static int calls;\n", name="tests/unit/test_x.c")

    def test_log_level_passes(self):
        self.check("static int level;\n", name="src/base/log.c")

    def check_body(self, body, *errors):
        lines = "".join(f"\t{line}\n" for line in body.split("\n"))
        self.check(f"int f(int x)\n{{\n{lines}}}\n", *errors)

    def test_cleanup_before_a_value_fails(self):
        early = "released before it has a value"
        self.check_body("auto_buf struct buf b;\n\nif (x)\n\treturn 0;\nbuf_init(&b, 1);\nreturn 1;", f"x.c:3: b is {early}")
        self.check_body("auto_free char *a = f(1);\nauto_(x_free) struct x *b;\nif (x)\n\tgoto out;\nb = x_new();", f"x.c:4: b is {early}")
        self.check_body("for (;;) {\n\tauto_close int fd;\n\tif (x)\n\t\tcontinue;\n\tfd = open(y);\n}", f"fd is {early}")
        self.check_body("auto_buf struct buf b;\nif (x)\n\tbreak;\nreturn 0;", f"b is {early}")
        self.check_body('__attribute__((cleanup(y_fini))) struct y y;\nif (x)\n\treturn 0;\ny_init(&y);', f"y is {early}")

    def test_cleanup_that_a_failure_leaves_without_value_fails(self):
        without = "may be released without a value"
        self.check_body("auto_free char *text;\nint r = read_text(&text);\nreturn r;", f"text {without}")
        self.check_body("auto_buf struct buf b;\n\nif (x)\n\tbuf_init(&b, 1);\nreturn 0;", f"b {without}")
        self.check_body("auto_strv struct strv words;\nreturn x;", "words is released before")

    def test_cleanup_with_a_value_passes(self):
        self.check_body("auto_buf struct buf b = { 0 };\n\nif (x)\n\treturn 0;\nbuf_init(&b, 1);\nreturn 1;")
        self.check_body("auto_buf struct buf a;\nauto_buf struct buf b;\nint r = x;\n\nbuf_init(&a, 1);\nbuf_init(&b, 1);\nreturn r;")
        self.check_body("auto_free char *a;\n\na = xstrdup(x);\nreturn 1;")
        self.check_body("auto_strv struct strv words = { 0 };\nreturn g(&words);")
        self.check("struct x {\n\tint auto_start;\n\tbool is_auto;\n};\n")

    def test_typedef_of_struct_fails(self):
        self.check("typedef struct x x_t;\n", "typedef")

    def test_file_name_fails(self):
        self.check("", "named utils.c", name="src/base/utils.c")

    def test_empty_tree_fails(self):
        self.assert_fails("no file")
