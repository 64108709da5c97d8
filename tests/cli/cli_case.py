"""What the tests of the command line share: one market for the tests of a class, a requester and folder for each test."""

import json
import os
import pathlib
import pty
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from local_market import Market  # noqa: E402

PATIENCE_S = 120
AGPU = 10**9

JOB = """\
name: {name}
kind: simulation
runtime: {runtime}
command: [/bin/sh, -c, '{script}']
resources: {{class: [CPU], gpus: 1, memory: 64 MiB, cpus: 1, disk: 16 MiB}}
time: {{expected: 10 s, max: 2 min}}
budget: {budget}
"""

PROGRAMS = pathlib.Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["--bin"] else None


def job_text(name, script="echo out; echo err >&2; echo result > /job/out/a.txt", runtime="debian/base",
             budget="50 AGPU"):
    return JOB.format(name=name, script=script, runtime=runtime, budget=budget)


class CliTest(unittest.TestCase):
    """One market for all tests of a class; every test its own requester and folder."""

    provider = None
    parameters = []  # of the genesis, other than the preset's

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="starminer-cli-")
        cls.market = Market(PROGRAMS, pathlib.Path(cls.holder.name))
        try:
            cls.market.make_chain("dev", [cls.provider] if cls.provider else [], cls.parameters)
            cls.market.start_node()
            if cls.provider:
                cls.market.set_up_provider(cls.provider, show=False)
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.market.stop()
        cls.holder.cleanup()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.holder.name))
        self.home = self.folder / "home"
        self.home.mkdir()

    def environment(self, **extra):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STARMINER_", "XDG_"))}
        return {**kept, "HOME": str(self.home), "STARMINER_API_URL": self.market.url, "LANG": "C.UTF-8", **extra}

    def cli(self, *arguments, code=0, stdin="", env=None):
        """Runs the program; the exit code must be the expected one."""
        done = subprocess.run([str(PROGRAMS / "starminer"), *arguments], cwd=self.folder, input=stdin,
                              env=env or self.environment(), capture_output=True, text=True)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments, code=0):
        return json.loads(self.cli(*arguments, "--json", code=code).stdout)

    def on_terminal(self, *arguments, question, answer, code=0):
        """Runs the program on a terminal of its own, answers one question and gives all that it showed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(PROGRAMS / "starminer", ["starminer", *arguments], self.environment(TERM="xterm"))
        shown, answered = b"", False
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the terminal closes with the program
                piece = b""
            if not piece:
                break
            shown += piece
            if not answered and question.encode() in shown:
                os.write(terminal, answer.encode())
                answered = True
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        text = shown.decode(errors="replace")
        self.assertTrue(answered, text)
        self.assertEqual(os.waitstatus_to_exitcode(status), code, text)
        return text

    def fails(self, *arguments, code, says, stdin=""):
        """The failure as text and, the same, as JSON."""
        text = self.cli(*arguments, code=code, stdin=stdin).stderr
        for part in says:
            self.assertIn(part, text)
        self.assertIn("✖ ", text)
        return text

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def login(self):
        return self.json("login")["address"]

    def balance(self):
        return int(self.json("balance")["balances"]["AGPU"])
