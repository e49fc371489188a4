import shutil

import fixture


class Format(fixture.ToolTest):
    tool = "check_format"

    def setUp(self):
        super().setUp()
        shutil.copy(fixture.TOOLS.parent / ".clang-format", self.root)

    def run_on(self, text, *args):
        path = self.write("src/base/x.c", text)
        code, output = self.run_tool(*args, self.root)
        if code == 77:
            self.skipTest(output.strip())
        return code, output, path.read_text()

    def test_formatted_file_passes(self):
        code, output, _ = self.run_on("int f(void)\n{\n\treturn 0;\n}\n")
        self.assertEqual(code, 0, output)

    def test_other_layout_fails(self):
        code, output, _ = self.run_on("int f(void) {\n  return 0;\n}\n")
        self.assertNotEqual(code, 0)
        self.assertIn("src/base/x.c:1", output)

    def test_includes_out_of_order_fail(self):
        self.assertNotEqual(self.run_on('#include "base/err.h"\n#include <errno.h>\n')[0], 0)

    def test_fix_rewrites(self):
        code, output, text = self.run_on("int f(void) {\n  return 0;\n}\n", "--fix")
        self.assertEqual((code, text), (0, "int f(void)\n{\n\treturn 0;\n}\n"), output)

    def test_empty_tree_fails(self):
        code, output = self.run_tool(self.root)
        if code == 77:
            self.skipTest(output.strip())
        self.assertEqual(code, 1, output)

    def test_missing_tool_is_skipped_with_a_reason(self):
        bin_dir = self.root / "bin"
        bin_dir.mkdir()
        for name in ("sh", "dirname", "grep"):
            (bin_dir / name).symlink_to(shutil.which(name))
        code, output = self.run_tool(self.root, env={"PATH": str(bin_dir)})
        self.assertEqual(code, 77, output)
        self.assertIn("clang-format 14 is not installed", output)
