import fixture


class Docs(fixture.ToolTest):
    tool = "check_docs.py"

    def check(self, text, *errors):
        self.write("src/base/err.c", "int err_set(void)\n{\n}\n")
        self.write("docs/x.md", text)
        if errors:
            self.assert_fails(*errors)
        else:
            self.assert_passes()

    def test_true_names_pass(self):
        self.check("`src/base/err.c`, `src/base`, `err_set()`, [it](../src/base), `holm up`\n")

    def test_missing_path_fails(self):
        self.check("\nsee `src/base/gone.c`\n", "docs/x.md:2: src/base/gone.c does not exist")

    def test_command_with_missing_path_fails(self):
        self.check("`./bench/run memory`\n", "bench/run does not exist")

    def test_missing_function_fails(self):
        self.check("`err_gone()`\n", "err_gone() is not in src")

    def test_dead_link_fails(self):
        self.check("[it](gone.md)\n", "link to gone.md leads nowhere")

    def test_links_to_elsewhere_are_not_looked_at(self):
        self.check("[it](https://example.com/gone)\n")

    def test_fenced_block_is_no_text(self):
        self.check("```\n`src/gone`\n```\n")

    def check_decision(self, name, title, *errors):
        self.write(f"docs/decisions/{name}", title + "\n")
        self.check("", *errors)

    def test_decision_passes(self):
        self.check_decision("0012-images.md", "# 0012: images by use")

    def test_decision_with_another_title_fails(self):
        for title in ("# 12. Images", "# Images", "# 0013: images", "0012: images", "# 0012 images"):
            self.check_decision("0012-images.md", title, "0012-images.md:1: its title does not begin")

    def test_two_decisions_of_one_number_fail(self):
        self.write("docs/decisions/0012-images.md", "# 0012: images\n")
        self.check_decision("0012-runtimes.md", "# 0012: runtimes", "another decision 0012")

    def test_decision_without_number_fails(self):
        self.check_decision("images.md", "# images", "NNNN-words.md")

    def test_no_document_fails(self):
        self.assert_fails("found no document")
