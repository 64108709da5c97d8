#!/usr/bin/python3
"""The program `starminer` as a user meets it, against a real starminerd of preset dev: keys, money, listings, job
files, errors, help.  REQ: WRK-2, WRK-4

Usage: cli_test.py --bin DIR [unittest arguments]
"""

import json
import re
import subprocess
import sys
import unittest

from cli_case import AGPU, PROGRAMS, ROOT, CliTest, job_text


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

    def test_the_governance_key_sets_a_parameter(self):
        self.login()
        self.fails("set-param", "TxFee", "200000", "--yes", code=3, says=["[E7101]"])
        key = ["--key-file", str(self.market.data / "operator.key.json")]
        self.fails("set-param", "TxFe", "200000", "--yes", *key, code=5, says=["TxFe", "starminer params"])
        self.fails("set-param", "TxFee", "1e5", "--yes", *key, code=2, says=["whole number"])
        self.fails("set-param", "TxFee", "1", "--yes", *key, code=3, says=["[E7104]", "10000 to 10000000"])
        self.fails("set-param", "TickMs", "5000", "--yes", *key, code=3, says=["[E7103]"])
        self.fails("set-param", "TxFee", "200000", *key, code=9, says=["--yes"])
        self.assertEqual(self.json("set-param", "TxFee", "200000", "--yes", *key)["value"], "200000")
        row = next(row for row in self.json("params")["parameters"] if row["name"] == "TxFee")
        self.assertEqual((row["value"], row["pending"]), ("100000", "200000"))
        self.assertRegex(self.cli("params").stdout, r"TxFee +100000 +200000")
        self.cli("set-param", "TxFee", "100000", "--yes", *key)
        row = next(row for row in self.json("params")["parameters"] if row["name"] == "TxFee")
        self.assertIsNone(row["pending"])

    def test_stake_says_what_is_missing(self):
        self.login()
        self.assertEqual(self.json("stake", "show")["bonded"], "0")
        shown = self.cli("stake", "show").stdout
        self.assertIn("Smallest stake", shown)
        self.assertIn("0.00, at most 0.00; 0.00 more in an hour", shown)
        self.fails("stake", "lock", "5", "--yes", code=3, says=["[E2104]", "AMAX"])
        self.fails("stake", "unbond", "5 AMAX", "--yes", code=3, says=["[E6102]"])
        self.fails("stake", "lock", "0", "--yes", code=2, says=["above zero"])

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

    def test_the_guide_names_only_what_exists(self):
        guide = (ROOT / "docs/requesters.md").read_text()
        commands = self.commands()
        pages = "".join(self.cli(*command, "--help").stdout for command in [[], ["completion"], ["man"], *commands])
        for flag in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", guide)):
            self.assertIn(flag, pages)
        known = {command[0] for command in commands} | {"completion", "man"}
        self.assertLessEqual(set(re.findall(r"starminer ([a-z]+)", guide)), known)

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
        # The node that is away is passed over.
        self.assertIn("solo, ready", self.cli("network", "--api-url", f"http://127.0.0.1:1, {self.market.url}").stdout)
        self.cli("network", "--api-url", "http://127.0.0.1:1,http://127.0.0.1:2", code=4)
        self.assertIn("Write it as http://", self.cli("network", "--api-url", f"{self.market.url},x", code=2).stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
