import fixture


class Shell(fixture.ToolTest):
    tool = "check_shell"

    def test_good_script_passes(self):
        self.write("tools/x", '#!/bin/sh\nset -eu\necho "$1"\n')
        self.assert_passes()

    def test_syntax_error_fails(self):
        self.write("tools/x", "#!/bin/sh\nif true; then\n")
        self.assert_fails("tools/x")

    def test_no_script_fails(self):
        self.assert_fails("found no script")
