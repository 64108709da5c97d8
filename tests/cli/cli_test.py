#!/usr/bin/python3
"""The program `starminer` as a user meets it, against a real starminerd and a real provider agent of preset dev.
REQ: WRK-2, WRK-3, WRK-4, MTP-9

Usage: cli_test.py --bin DIR [unittest arguments]
"""

import hashlib
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
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

PROGRAMS = None  # folder of the programs; set by main


def job_text(name, script="echo out; echo err >&2; echo result > /job/out/a.txt", runtime="debian/base",
             budget="50 AGPU"):
    return JOB.format(name=name, script=script, runtime=runtime, budget=budget)


class CliTest(unittest.TestCase):
    """One market for all tests of a class; every test its own requester and folder."""

    provider = None

    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="starminer-cli-")
        cls.market = Market(PROGRAMS, pathlib.Path(cls.holder.name))
        try:
            cls.market.make_chain("dev", [cls.provider] if cls.provider else [])
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


class AccountTest(CliTest):
    def test_login_makes_a_key_once_and_says_how_to_keep_it(self):
        first = self.cli("login").stdout
        key = self.home / ".config/starminer/key.json"
        self.assertIn(str(key), first)
        self.assertIn("back it up", first)
        self.assertIn("the faucet gave", first)
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        before = key.read_bytes()
        again = self.json("login")
        self.assertFalse(again["key_made"])
        self.assertIsNone(again["faucet_gave"])
        self.assertEqual(key.read_bytes(), before)
        self.assertEqual(self.json("address")["address"], again["address"])

    def test_a_sealed_key_opens_with_its_passphrase_only(self):
        sealed = self.environment(STARMINER_KEY_PASSPHRASE="open sesame")
        self.cli("login", env=sealed)
        self.assertNotIn('"seed"', (self.home / ".config/starminer/key.json").read_text())
        self.cli("address", env=sealed)
        wrong = self.cli("address", env=self.environment(STARMINER_KEY_PASSPHRASE="guess"), code=1)
        self.assertIn("the passphrase is wrong", wrong.stderr)
        self.fails("address", code=1, says=["STARMINER_KEY_PASSPHRASE"])

    def test_commands_that_need_a_key_say_how_to_get_one(self):
        for command in (["balance"], ["address"], ["list"], ["submit", self.write("job.yaml", job_text("a"))]):
            self.fails(*command, code=5, says=["starminer login"])

    def test_a_transfer_arrives(self):
        self.login()
        receiver = self.json("login", "--key-file", "other.json")["address"]
        before = int(self.json("balance", receiver)["balances"]["AGPU"])
        receipt = self.json("transfer", receiver, "2.5", "--yes")
        self.assertEqual(receipt["amount"], str(5 * AGPU // 2))
        self.assertEqual(int(self.json("balance", receiver)["balances"]["AGPU"]), before + 5 * AGPU // 2)
        self.cli("audit", "receipt", receipt["transaction"], "--out", "t.json")
        proven = self.json("audit", "verify", "t.json")
        self.assertEqual(proven["facts"]["operation"], "Transfer")

    def test_amounts_that_are_none(self):
        self.login()
        receiver = self.json("login", "--key-file", "other.json")["address"]
        for amount, says in (("0", "it is zero"), ("-5", "negative"), ("1e9", "no amount"), ("", "no amount"),
                             ("99999999999999999999", "too large"), ("0.0000000001", "too precise"),
                             ("5 USD", "no amount of AGPU")):
            with self.subTest(amount=amount):
                self.fails("transfer", receiver, amount, "--yes", code=2, says=["amount", says])
        text = self.fails("transfer", receiver, "9223372036", "--yes", code=3, says=["[E2104]", "missing"])
        self.assertRegex(text, r"missing 92233719\d\d\.\d+ AGPU")
        self.fails("transfer", receiver, "1", "--asset", "USD", "--yes", code=3, says=["[E2104]"])
        self.fails("transfer", receiver, "1", "--asset", "DOGE", "--yes", code=2, says=["AMAX"])
        self.fails("transfer", "sm1nobody", "1", "--yes", code=2, says=["is no address"])

    def test_a_question_that_cannot_be_asked_is_not_answered(self):
        self.login()
        receiver = self.json("login", "--key-file", "other.json")["address"]
        before = self.balance()
        self.fails("transfer", receiver, "1", code=9, says=["--yes"])
        self.assertEqual(self.balance(), before)

    def test_on_a_terminal_it_asks(self):
        self.login()
        receiver = self.json("login", "--key-file", "other.json")["address"]
        before = self.balance()
        self.on_terminal("transfer", receiver, "1", question="[y/N]", answer="n\n", code=9)
        self.assertEqual(self.balance(), before)
        shown = self.on_terminal("transfer", receiver, "1", question="[y/N]", answer="y\n")
        self.assertIn("sent 1.00 AGPU", shown)
        self.assertLess(self.balance(), before - AGPU)

    def test_without_a_node_there_is_advice(self):
        env = self.environment(STARMINER_API_URL="http://127.0.0.1:1")
        done = self.cli("network", env=env, code=4)
        self.assertIn("--api-url", done.stderr)
        self.assertIn("Write it as http://", self.cli("network", "--api-url", "ftp://x", code=2).stderr)


class MarketTest(CliTest):
    def test_every_listing_is_text_and_json(self):
        self.login()
        for command in (["network"], ["params"], ["codes"], ["prices"], ["queues"], ["nodes"], ["nodes", "--classes"],
                        ["nodes", "--runtimes"], ["list"], ["list", "--all"], ["balance"], ["address"],
                        ["config", "show"]):
            with self.subTest(command=command):
                text = self.cli(*command)
                self.assertTrue(text.stdout.strip())
                self.assertNotIn("\x1b", text.stdout)
                self.assertIsInstance(self.json(*command), dict)

    def test_network_shows_conservation(self):
        self.assertIn("conserved", self.cli("network").stdout)
        self.assertTrue(self.json("network")["supply"]["AGPU"]["conserved"])

    def test_filters_that_name_nothing(self):
        self.fails("nodes", "--class", "NOSUCH", code=3, says=["class"])
        self.fails("nodes", "--status", "odd name&x=1", code=3, says=["status"])

    def test_unknown_ids(self):
        self.login()
        contract = "c1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
        for command in (["status", "j1zzzz"], ["status", "nonsense"], ["attach", "j1zzzz"], ["results", "j1zzzz"],
                        ["logs", "j1zzzz"], ["explain", "j1zzzz"], ["accept", "j1zzzz"], ["cancel", "j1zzzz", "--yes"],
                        ["nodes", "n1nonsense"], ["audit", "receipt", contract],
                        ["audit", "receipt", "0" * 64], ["audit", "verify", "missing.json"]):
            with self.subTest(command=command):
                self.fails(*command, code=5, says=[])

    def test_failures_as_json_are_one_object(self):
        done = self.cli("status", "j1zzzz", "--json", code=5)
        error = json.loads(done.stderr)["error"]
        self.assertEqual(error["exit_code"], 5)
        self.assertTrue(error["what"])
        self.assertEqual(done.stdout, "")

    def test_a_bundle_that_was_changed_is_found(self):
        self.login()
        receiver = self.json("login", "--key-file", "other.json")["address"]
        transaction = self.json("transfer", receiver, "1", "--yes")["transaction"]
        bundle = json.loads(self.cli("audit", "receipt", transaction).stdout)
        block = self.market.get(f"/v1/blocks/{bundle['proof']['height']}")
        self.write("good.json", json.dumps(bundle))
        self.cli("audit", "verify", "good.json", "--root", block["app_hash"])
        self.cli("audit", "verify", "good.json", "--root", block["history_root"])
        self.fails("audit", "verify", "good.json", "--root", "0" * 64, code=8, says=["trusted"])
        self.fails("audit", "verify", "good.json", "--root", "xyz", code=2, says=["--root"])
        bundle["proof"]["height"] += 1
        self.write("bad.json", json.dumps(bundle))
        self.fails("audit", "verify", "bad.json", code=8, says=["the proof does not hold"])
        self.write("none.json", "[]")
        self.fails("audit", "verify", "none.json", code=2, says=["no bundle"])


class JobFileTest(CliTest):
    def test_every_template_is_a_job_with_inputs_to_come(self):
        for kind in ("training", "inference", "rendering", "simulation"):
            text = self.cli("init", kind).stdout
            self.assertIn(f"kind: {kind}", text)
            self.assertIn("#", text)
        self.cli("init", "training", "job.yaml")
        self.fails("init", "training", "job.yaml", code=2, says=["exists already"])
        self.fails("init", "cooking", code=2, says=["training"])

    def test_problems_come_all_at_once_with_line_and_column(self):
        bad = "name: a\nkind: simulation\nresorces: {gpus: 1}\nbudget: 0 AGPU\ntime: {max: -5 s}\n"
        self.fails("plan", self.write("bad.yaml", bad), code=2,
                   says=["bad.yaml:3:1", "did you mean \"resources\"", "bad.yaml:4:9", "bad.yaml:5:13"])

    def test_yaml_that_is_none(self):
        for name, content in (("tab", "name: a\n\tkind: x\n"), ("open", "name: [a\n"), ("text", "hello"),
                              ("alias", "name: &a b\nkind: *a\n"), ("twice", "name: a\nname: b\n")):
            with self.subTest(name=name):
                text = self.fails("plan", self.write(name + ".yaml", content), code=2, says=[name + ".yaml"])
                self.assertRegex(text, name + r"\.yaml:\d+:\d+")

    def test_amounts_of_a_job(self):
        for budget in ("0 AGPU", "-1 AGPU", "5", "1 USD", "99999999999999999999 AGPU", "0.0000000001 AGPU"):
            with self.subTest(budget=budget):
                self.fails("plan", self.write("job.yaml", job_text("a", budget=budget)), code=2, says=["job.yaml:7:9"])

    def test_flags_are_named(self):
        job = self.write("job.yaml", job_text("a"))
        self.fails("plan", job, "--budget", "lots", code=2, says=["flag --budget"])
        self.fails("plan", job, "--budgett", "1 AGPU", code=2, says=["did you mean --budget"])
        self.fails("plan", "missing.yaml", code=5, says=["missing.yaml", "starminer init"])
        self.fails("plan", str(self.folder), code=2, says=["is a folder"])
        self.fails("plan", code=2, says=["no job file was named"])

    def test_a_job_from_standard_input(self):
        self.cli("plan", "-", code=3, stdin=job_text("a"))

    def test_inputs_that_are_not_there(self):
        job = self.write("job.yaml", job_text("a") + "inputs: [nothing.txt]\n")
        self.fails("plan", job, code=2, says=["nothing.txt does not exist"])

    def test_without_nodes_the_plan_says_so(self):
        self.login()
        job = self.write("job.yaml", job_text("a"))
        done = self.cli("plan", job, code=3)
        self.assertIn("no node has debian/base", done.stdout)
        self.assertIn("[E4104]", done.stderr)
        self.fails("run", job, code=3, says=["[E4104]"])
        self.fails("submit", job, code=3, says=["[E4104]"])
        self.assertEqual(self.json("list")["jobs"], [])


class ProgramTest(CliTest):
    def commands(self):
        """Every command of the program, from its help."""
        found = [[]]
        for command in found:
            text = self.cli(*command, "--help").stdout
            block = text.split("\nCommands\n")
            if len(block) > 1:
                found += [[*command, name] for name in re.findall(r"^  ([a-z]+)  ", block[1].split("\n\n")[0], re.M)]
        return found[1:]

    def test_every_command_has_help_with_examples(self):
        commands = self.commands()
        self.assertGreater(len(commands), 20)
        for command in commands:
            with self.subTest(command=command):
                text = self.cli(*command, "--help").stdout
                if "\nCommands\n" not in text:
                    self.assertIn("\nExamples\n", text)
                    self.assertIn("\nExit codes\n", text)

    def test_completion_is_accepted_by_the_shell(self):
        script = self.cli("completion", "bash").stdout
        subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=True)
        for word in ("login", "plan", "--budget", "verify"):
            self.assertIn(word, script)
        for shell in ("zsh", "fish"):
            self.assertIn("starminer", self.cli("completion", shell).stdout)
        self.cli("completion", "cobol", code=2)

    def test_a_manual_page_for_every_command(self):
        self.cli("man", "--out", "man1")
        pages = {page.name for page in (self.folder / "man1").iterdir()}
        self.assertIn("starminer.1", pages)
        for command in self.commands():
            self.assertIn("-".join(["starminer", *command]) + ".1", pages)

    def test_version_and_usage(self):
        self.assertRegex(self.cli("--version").stdout, r"^starminer \d+\.\d+\.\d+\n$")
        self.fails("pln", code=2, says=["did you mean \"plan\""])
        self.assertIn("Usage", self.cli(code=2).stderr)

    def test_configuration_by_file_environment_and_flag(self):
        (self.home / ".config/starminer").mkdir(parents=True)
        (self.home / ".config/starminer/config.toml").write_text('[api]\nurl = "http://127.0.0.1:2"\n')
        plain = self.environment()
        del plain["STARMINER_API_URL"]
        shown = json.loads(self.cli("config", "show", "--json", env=plain).stdout)
        self.assertIn("http://127.0.0.1:2", json.dumps(shown))
        self.cli("network", env=plain, code=4)
        self.cli("network")
        self.cli("network", "--api-url", "http://127.0.0.1:1", code=4)


class RunTest(CliTest):
    """Jobs that really run. The agent is started by the first test that needs it: until then jobs wait."""

    provider = "quarry"
    agent = None

    def ensure_agent(self):
        if RunTest.agent is None:
            RunTest.agent = self.market.start_provider(self.provider)
            self.market.wait_for_nodes()

    def start(self, *arguments):
        return subprocess.Popen([str(PROGRAMS / "starminer"), *arguments], cwd=self.folder, env=self.environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_until(self, what, ready):
        end = time.monotonic() + PATIENCE_S
        while not ready():
            self.assertLess(time.monotonic(), end, f"{what} did not happen")
            time.sleep(0.1)

    def read_until(self, process, text):
        seen = ""
        for line in process.stdout:
            seen += line
            if text in line:
                return seen
        self.fail(f"{text!r} was not printed:\n{seen}")

    def test_a_run_from_quote_to_proof(self):
        self.ensure_agent()
        address = self.login()
        before = self.balance()
        job = self.write("job.yaml", job_text("hello", "cat /job/in/in.txt; echo err >&2; echo result > /job/out/a.txt")
                         + "inputs: [in.txt]\n")
        self.write("in.txt", "some input")
        quote = self.json("plan", job)
        plan = self.cli("plan", job, "--explain").stdout
        for part in ("base", "certain bounds", "provider", "urgency", "quality", "product"):
            self.assertIn(part, plan)
        end = self.json("run", job)
        self.assertEqual(end["state"], "settled")
        self.assertEqual(end["end_reason"], "accepted")
        self.assertTrue(end["settlement_proof_verified"])
        self.assertEqual((self.folder / "hello/a.txt").read_text(), "result\n")
        self.assertEqual((self.folder / "hello/stdout.txt").read_text(), "some input")
        self.assertEqual((self.folder / "hello/stderr.txt").read_text(), "err\n")
        self.assertEqual(end["files"][0]["sha256"], hashlib.sha256(b"result\n").hexdigest())
        # The bill: never above the cap, parts sum to it, and the balance moved by it and the fees.
        bill = {name: int(value) for name, value in end["bill"].items()}
        self.assertEqual(bill["pay"], sum(bill.values()) - bill["pay"])
        self.assertLessEqual(bill["pay"], int(quote["cap"]))
        self.assertEqual(int(end["paid"]) + int(end["refunded"]), int(end["held"]))
        self.assertEqual(self.balance(), before - bill["pay"] - 2 * int(quote["tx_fee"]))
        proven = self.json("audit", "verify", "hello.receipt.json", "--results", "hello")
        self.assertEqual(proven["facts"]["requester"], address)
        self.assertEqual(proven["files_checked"], 1)
        (self.folder / "hello/a.txt").write_text("other\n")
        self.fails("audit", "verify", "hello.receipt.json", "--results", "hello", code=8, says=["a.txt"])
        # Afterwards
        self.assertIn("accepted", self.cli("status", end["job"]).stdout)
        self.assertEqual(self.cli("logs", end["job"]).stdout, "some input")
        self.assertEqual(self.cli("logs", end["job"][:12], "--stderr").stdout, "err\n")
        fetched = self.json("results", end["job"])
        self.assertEqual(fetched["out"], "hello-2", "a file that differs is not overwritten")
        self.assertEqual(fetched["files"], end["files"])
        self.cli("results", end["job"], "--out", "hello")
        self.assertEqual((self.folder / "hello/a.txt").read_text(), "result\n")
        self.cli("accept", end["job"])
        self.fails("cancel", end["job"], "--yes", code=3, says=["[E4112]"])
        self.assertIn("the job is over", self.cli("explain", end["job"]).stdout)
        self.assertEqual([job["id"] for job in self.json("list")["jobs"]], [end["job"]])

    def test_on_a_terminal_the_plan_offers_to_run(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("asked", "sleep 2; echo done > /job/out/a.txt"))
        shown = self.on_terminal("plan", job, question="Run it? [y/N]", answer="\n")
        self.assertNotIn("submitted", shown)
        self.assertEqual(self.json("list")["jobs"], [])
        shown = self.on_terminal("plan", job, question="Run it? [y/N]", answer="y\n")
        for part in ("submitted", "matched", "delivered", "paid"):
            self.assertIn(part, shown)
        self.assertIn("\r\x1b[K", shown, "what goes on is redrawn in one line")
        self.assertRegex(shown, r"AGPU so far  ~00:10 expected  00:0\d")
        self.assertTrue((self.folder / "asked/a.txt").exists())

    def test_a_job_that_fails_names_who_and_why(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("broken", "echo this went wrong >&2; exit 3"))
        done = self.cli("run", job, code=6)
        self.assertIn("this went wrong", done.stdout)
        for part in ("[bad_payload]", "responsible: requester", "exited with code 3"):
            self.assertIn(part, done.stderr)
        end = self.json("run", job, code=6)
        self.assertEqual(end["party"], "requester")
        self.assertTrue(end["settlement_proof_verified"])
        self.cli("audit", "verify", end["bundle"])
        self.fails("results", end["job"], code=5, says=["no results"])

    def test_limits_of_money(self):
        self.ensure_agent()
        self.login()
        small = self.write("small.yaml", job_text("small", budget="0.000001 AGPU"))
        text = self.fails("run", small, code=3, says=["[E4113]", "missing"])
        self.assertRegex(text, r"missing \d+\.\d+ AGPU")
        self.fails("plan", small, code=3, says=["[E4113]"])
        dear = self.write("dear.yaml", job_text("dear").replace("max: 2 min", "max: 20 h").replace("50 AGPU", "9000 AGPU"))
        self.fails("run", dear, code=3, says=["[E4103]", "missing"])
        missing = self.write("missing.yaml", job_text("missing", runtime="debian/none-1"))
        done = self.cli("plan", missing, code=3)
        self.assertIn("no node has debian/none-1; ", done.stdout)
        self.assertIn("has debian/base", done.stdout)
        self.assertEqual(self.json("list")["jobs"], [])

    def test_a_job_without_a_budget_asks(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("open").replace("budget: 50 AGPU\n", ""))
        self.fails("run", job, code=9, says=["no budget", "--yes"])
        self.assertEqual(self.json("list")["jobs"], [])
        submitted = self.json("submit", job, "--yes")
        self.assertEqual(self.json("status", submitted["job"])["job"]["cap"], submitted["quote"]["cap"])
        self.cli("attach", submitted["job"], "--json")

    def test_a_killed_run_is_taken_up_again(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("long", "sleep 4; echo done > /job/out/a.txt"))
        run = self.start("run", job)
        self.read_until(run, "submitted")
        run.kill()
        run.communicate()
        again = self.cli("run", job)
        self.assertIn("not finished: going on with", again.stdout)
        self.assertEqual((self.folder / "long/a.txt").read_text(), "done\n")
        self.assertEqual(len(self.json("list")["jobs"]), 1, "the job was submitted once")
        self.assertEqual(list((self.home / ".local/state/starminer/jobs").iterdir()), [])

    def test_killed_at_any_moment_it_is_submitted_once(self):
        self.ensure_agent()
        self.login()
        for number, pause_s in enumerate((0.0, 0.005, 0.01, 0.02, 0.04, 0.08)):
            job = self.write("job.yaml", job_text(f"kill-{number}"))
            run = self.start("run", job)
            time.sleep(pause_s)
            run.kill()
            run.communicate()
            self.cli("run", job)
            self.assertEqual(len(self.json("list", "--all")["jobs"]), number + 1)

    def test_the_same_client_id_is_the_same_job(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("named"))
        first = self.json("submit", job, "--client-id", "nightly")["job"]
        self.assertEqual(self.json("submit", job, "--client-id", "nightly")["job"], first)
        other = self.write("other.yaml", job_text("other"))
        self.fails("submit", other, "--client-id", "nightly", code=3, says=["[E4101]"])
        second = self.cli("submit", job).stdout.strip()
        self.assertNotEqual(second, first, "who submits twice wants two")
        for job_id in (first, second):
            self.json("attach", job_id)

    def test_ctrl_c_detaches_and_attach_brings_the_results(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("detached", "sleep 3; echo done > /job/out/a.txt"))
        run = self.start("run", job)
        self.read_until(run, "running")
        run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=PATIENCE_S)
        self.assertEqual(run.returncode, 130)
        job_id = re.search(r"starminer attach (j1\w+)", rest).group(1)
        end = self.json("attach", job_id)
        self.assertEqual(end["state"], "settled")
        self.assertIsNotNone(end["quote"], "the quote is remembered")
        self.assertTrue((self.folder / "detached/a.txt").exists())

    def test_no_accept_leaves_the_window_open(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("looked-at"))
        end = self.json("run", job, "--no-accept")
        self.assertEqual(end["contract_state"], "delivered")
        self.assertTrue((self.folder / "looked-at/a.txt").exists())
        self.assertIn("starminer accept", self.cli("status", end["job"]).stdout)
        accepted = self.json("accept", end["job"])
        self.assertEqual(accepted["job"]["state"], "settled")

    def test_cancel_returns_what_was_held(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("cancelled", "sleep 60"))
        run = self.start("run", job)
        seen = self.read_until(run, "running")
        job_id = re.search(r"submitted (j1\w+)", seen).group(1)
        self.assertIn("running", self.cli("status", job_id).stdout)
        self.cli("cancel", job_id, code=9)
        self.assertEqual(self.json("cancel", job_id, "--yes")["job"]["end_reason"], "cancelled_requester")
        rest, _ = run.communicate(timeout=PATIENCE_S)
        self.assertEqual(run.returncode, 6)
        self.assertIn("the requester cancelled the job", rest)

    def test_a_run_survives_a_restart_of_the_node(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("restart", "sleep 6; echo done > /job/out/a.txt"))
        run = self.start("run", job)
        self.read_until(run, "running")
        node = next(entry for entry in self.market.processes if entry[0] == "starminerd")
        self.market.processes.remove(node)
        node[2].kill()
        node[2].wait()
        port = int(self.market.url.rsplit(":", 1)[1])
        self.market.start_node(port)
        rest, _ = run.communicate(timeout=PATIENCE_S)
        self.assertEqual(run.returncode, 0, rest)
        self.assertEqual((self.folder / "restart/a.txt").read_text(), "done\n")

    def test_logs_of_a_job_cannot_move_the_cursor(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("colours", 'printf "\\\\033[2Jevil\\\\033]0;title\\\\007\\n"'))
        done = self.cli("run", job, "--logs")
        self.assertIn("evil", done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        job_id = re.search(r"submitted (j1\w+)", done.stdout).group(1)
        logs = self.cli("logs", job_id, "--follow").stdout
        self.assertEqual(logs, "evil\n")
        lines = [json.loads(line) for line in self.cli("logs", job_id, "--json").stdout.splitlines()]
        self.assertEqual("".join(line["text"] for line in lines), "evil\n")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    PROGRAMS = pathlib.Path(sys.argv[2]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
