"""A source tree in a temporary folder, and a way to run one of tools/ on it."""
import pathlib
import subprocess
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


class ToolTest(unittest.TestCase):
    tool = ""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_tool(self, *args, env=None):
        command = [TOOLS / self.tool, *(args or [self.root])]
        result = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=60, check=False
        )
        return result.returncode, result.stdout + result.stderr

    def assert_passes(self, *args):
        code, output = self.run_tool(*args)
        self.assertEqual(code, 0, output)
        return output

    def assert_fails(self, *texts):
        code, output = self.run_tool()
        self.assertEqual(code, 1, output)
        for text in texts:
            self.assertIn(text, output)
