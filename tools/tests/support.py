"""A throw-away project tree, and a way to run a tool on it."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


class ToolTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "project"
        self.root.mkdir()

    def write(self, path, text, executable=False):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if executable:
            target.chmod(0o755)
        return target

    def run_tool(self, name, *arguments, env=None):
        done = subprocess.run([str(ROOT / name), *map(str, arguments)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        return done.returncode, done.stdout + done.stderr

    def passes(self, name, *arguments):
        code, output = self.run_tool(name, "--root", self.root, *arguments)
        self.assertEqual(code, 0, output)
        return output

    def refuses(self, expected, name, *arguments):
        code, output = self.run_tool(name, "--root", self.root, *arguments)
        self.assertEqual(code, 1, output)
        self.assertIn(expected, output)
