import json

import fixture


class Headers(fixture.ToolTest):
    tool = "check_headers.py"

    def check(self, header, *errors):
        self.write("src/base/x.h", header)
        entry = {"file": "../src/x.c", "command": "cc -DLIMIT=4 -std=gnu17 -o x.o -c ../src/x.c"}
        self.write("build/compile_commands.json", json.dumps([entry]))
        code, output = self.run_tool(self.root, self.root / "build")
        self.assertEqual(code, 1 if errors else 0, output)
        for error in errors:
            self.assertIn(error, output)

    def test_complete_header_passes(self):
        self.check("#pragma once\n#include <stddef.h>\nstruct x {\n\tsize_t n[LIMIT];\n};\n")

    def test_missing_include_fails(self):
        self.check("#pragma once\nstruct x {\n\tsize_t n;\n};\n", "src/base/x.h", "size_t")

    def test_missing_guard_fails(self):
        self.check("struct x {\n\tint n;\n};\n", "redefinition")

    def test_no_header_fails(self):
        self.write("build/compile_commands.json", "[]")
        self.assertEqual(self.run_tool(self.root, self.root / "build")[0], 1)
