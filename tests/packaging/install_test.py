#!/usr/bin/python3
"""What `cmake --install` puts on a machine: programs that run, manual pages of every command, completion, units.

Usage: install_test.py --build DIR
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAMS = ("starminerd", "starminer", "starminer-provider", "starminer-sim")
BUILD = None


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="starminer-install-")
        cls.root = pathlib.Path(cls.folder.name)
        subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(cls.root)], check=True,
                       stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_installed_programs_run_from_where_they_lie(self):
        for program in PROGRAMS:
            done = subprocess.run([self.root / "bin" / program, "--version"], capture_output=True, text=True, check=True)
            self.assertRegex(done.stdout, r"\d+\.\d+")

    def test_every_command_in_the_help_has_a_page(self):
        for program in PROGRAMS:
            shown = subprocess.run([self.root / "bin" / program, "--help"], capture_output=True, text=True, check=True)
            block = shown.stdout.split("\nCommands\n")[1].split("\n\n")[0]
            commands = [line.split()[0] for line in block.splitlines() if line.startswith("  ") and line[2] != " "]
            self.assertGreaterEqual(len(commands), 2, program)
            for command in commands:
                page = self.root / "share/man/man1" / f"{program}-{command}.1"
                self.assertIn(".TH", page.read_text(), command)

    def test_completion_scripts_are_sound(self):
        for program in PROGRAMS:
            script = self.root / "share/bash-completion/completions" / program
            subprocess.run(["bash", "-n", str(script)], check=True)
            self.assertIn(program, (self.root / f"share/zsh/site-functions/_{program}").read_text())
            self.assertIn(program, (self.root / f"share/fish/vendor_completions.d/{program}.fish").read_text())

    def test_units_name_the_installed_programs(self):
        for unit in ("starminerd", "starminer-provider"):
            path = self.root / f"lib/systemd/system/{unit}.service"
            text = path.read_text()
            self.assertIn(f"ExecStart={self.root}/bin/{unit} run", text)
            self.assertNotIn("@", text)
            if shutil.which("systemd-analyze"):
                done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True)
                problems = [line for line in done.stderr.splitlines() if unit in line]
                self.assertEqual(problems, [])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True, type=pathlib.Path)
    options, rest = parser.parse_known_args()
    BUILD = options.build.resolve()
    unittest.main(argv=[sys.argv[0], *rest])
