import os
import shutil
import subprocess

import fixture

TOP = fixture.TOOLS.parent


class Bootstrap(fixture.ToolTest):
    """The script on a tree whose holm is a program of one line."""

    def setUp(self):
        super().setUp()
        self.tree = self.root / "tree"
        self.write("tree/meson.build", "project('holm', 'c')\nsubdir('src')\n")
        for folder, names in (("daemon", ("holm", "holmd")), ("helper", ("holm-helper",)),
                              ("shim", ("holm-shim",))):
            self.write(f"tree/src/{folder}/meson.build",
                       "".join(f"executable('{name}', 'main.c')\n" for name in names))
            self.write(f"tree/src/{folder}/main.c", "int main(void)\n{\n\treturn 0;\n}\n")
        self.write("tree/src/meson.build", "subdir('daemon')\nsubdir('helper')\nsubdir('shim')\n")
        shutil.copy(TOP / "bootstrap", self.tree)
        shutil.copytree(TOP / "packaging", self.tree / "packaging")
        self.target = self.root / "target"

    def run_bootstrap(self, *args, code=0):
        env = dict(os.environ, DESTDIR=str(self.target))
        result = subprocess.run(
            [self.tree / "bootstrap", *args],
            capture_output=True, text=True, env=env, timeout=100, check=False, cwd="/",
        )
        output = result.stdout + result.stderr
        self.assertEqual(result.returncode, code, output)
        return output

    def files(self):
        return sorted(str(p.relative_to(self.target)) for p in self.target.rglob("*"))

    def test_without_a_command_it_helps(self):
        self.assertIn("uninstall", self.run_bootstrap())

    def test_unknown_command_fails(self):
        self.assertIn("unknown command: fly", self.run_bootstrap("fly", code=1))

    def test_unknown_argument_fails_before_work(self):
        self.assertIn("unknown argument", self.run_bootstrap("clean", "x", code=1))
        self.assertIn("absolute", self.run_bootstrap("install", "--prefix", "x", code=1))
        self.assertFalse((self.tree / "build").exists())

    def test_uninstall_removes_what_install_put(self):
        (self.target / "opt").mkdir(parents=True)
        self.run_bootstrap("install", "--prefix", "/opt/holm")
        files = self.files()
        self.assertIn("opt/holm/bin/holm", files)
        self.assertIn("opt/holm/libexec/holmd", files)
        self.assertIn("opt/holm/libexec/holm-helper", files)
        self.assertIn("opt/holm/libexec/holm-shim", files)
        unit = self.target / "opt/holm/lib/systemd/system/holm.service"
        self.assertIn("ExecStart=/opt/holm/bin/holm up\n", unit.read_text())
        self.run_bootstrap("install", "--prefix=/opt/holm")
        self.assertEqual(self.files(), files)
        self.run_bootstrap("uninstall", "--prefix", "/opt/holm")
        self.assertEqual(self.files(), ["opt"])

    def test_uninstall_leaves_what_is_not_ours(self):
        self.run_bootstrap("install")
        self.write("target/usr/local/bin/other", "")
        self.run_bootstrap("uninstall")
        self.assertEqual(self.files(), ["usr", "usr/local", "usr/local/bin", "usr/local/bin/other"])

    def test_uninstall_without_install_fails(self):
        self.assertIn("lib/holm/manifest", self.run_bootstrap("uninstall", code=1))

    def test_failed_compile_shows_the_log(self):
        self.write("tree/src/daemon/main.c", "int main(void)\n{\n\treturn nothing;\n}\n")
        output = self.run_bootstrap("build", code=1)
        self.assertRegex(output, "nothing. undeclared")

    def test_clean_removes_builds(self):
        self.run_bootstrap("build")
        self.assertTrue((self.tree / "build/src/daemon/holm").exists())
        self.run_bootstrap("clean")
        self.assertFalse((self.tree / "build").exists())
