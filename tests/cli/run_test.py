#!/usr/bin/python3
"""Jobs by the program `starminer`, from quote to proof, on a real node and a real agent of preset dev: results, bills,
failures, kills, restarts.  REQ: WRK-2, WRK-3, WRK-4, MTP-9

Usage: run_test.py --bin DIR [unittest arguments]
"""

import hashlib
import json
import re
import signal
import subprocess
import sys
import time
import unittest

from cli_case import PATIENCE_S, PROGRAMS, CliTest, job_text


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
            time.sleep(0.02)

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

    def test_a_command_that_is_not_there_is_no_fault_of_the_provider(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("absent").replace("[/bin/sh, -c, ", "[/usr/bin/absent, "))
        done = self.cli("run", job, code=6)
        self.assertIn("cannot start /usr/bin/absent: No such file or directory", done.stdout)
        for part in ("[bad_payload]", "responsible: requester", "exited with code 127"):
            self.assertIn(part, done.stderr)

    def provider_fails(self, *arguments, code, says, name="quarry", url=None):
        done = subprocess.run([str(PROGRAMS / "starminer-provider"), *arguments, *self.market.state_of(name), "--api-url",
                               url or self.market.url], cwd=self.folder, env=self.environment(), capture_output=True,
                              text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for part in says:
            self.assertIn(part, done.stderr)
        self.assertNotIn("this is a bug", done.stderr)
        return done

    def test_two_agents_cannot_serve_from_one_folder(self):
        self.ensure_agent()
        self.provider_fails("run", code=1, says=["another agent serves from", "--state-dir"])

    def test_setup_refuses_an_offer_before_it_measures_or_sends(self):
        for name in ("quarry", "newcomer"):
            for flag, value, says in (("--offer-region", "nowhere", 'no region "nowhere": expected'),
                                      ("--offer-country", "Germany", "two capital letters"),
                                      ("--provider-payout", "sm1foo", '"sm1foo" is no address')):
                done = self.provider_fails("setup", flag, value, code=2, says=[says], name=name)
                self.assertNotIn("benchmark", done.stdout)
        self.assertEqual(len(self.market.get("/v1/nodes")["nodes"]), 1)

    def test_setup_does_not_pretend_to_change_who_is_paid(self):
        own = self.market.get("/v1/nodes")["nodes"][0]["provider"]
        self.provider_fails("setup", "--provider-payout", self.login(), code=2,
                            says=[f"registered already and paid to {own}, which cannot be changed"])

    def test_commands_of_a_machine_that_is_not_registered_say_so(self):
        for command in ("run", "status", "drain", "resume", "leave"):
            self.provider_fails(command, code=5, says=["not registered", "starminer-provider setup"], name="nobody")
        self.provider_fails("setup", code=4, says=["No connection"], name="nobody", url="http://127.0.0.1:1")
        (self.market.folder / "file").write_text("")
        self.provider_fails("status", code=1, says=["the state folder cannot be used", "--state-dir"], name="file/below")

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
        self.assertRegex(self.cli("explain", job_id).stdout,
                         r"Match +node n1\w+, \d+ points in block \d+\n +[a-z]+ \d+ x \d+, ")
        self.cli("cancel", job_id, code=9)
        self.assertEqual(self.json("cancel", job_id, "--yes")["job"]["end_reason"], "cancelled_requester")
        rest, _ = run.communicate(timeout=PATIENCE_S)
        self.assertEqual(run.returncode, 6)
        self.assertIn("the requester cancelled the job", rest)

    def test_premium_work_pre_empts_economy_that_agreed(self):
        self.ensure_agent()
        self.login()
        cheap = self.write("cheap.yaml", job_text("cheap", "echo began; sleep 60") + "tier: economy\npreemptible: true\n")
        run = self.start("run", cheap)
        cheap_id = re.search(r"submitted (j1\w+)", self.read_until(run, "running")).group(1)
        first = self.json("status", cheap_id)["contract"]["id"]
        urgent = self.write("urgent.yaml", job_text("urgent", "echo now > /job/out/a.txt") + "tier: premium\n")
        plan = self.cli("plan", urgent).stdout
        self.assertRegex(plan, r"gives notice to 1 job.*\n.*takes \S+ AGPU out of its cap")
        self.assertRegex(plan, r"Promise +it starts within \d.*, or a part of the bill is credited")
        end = self.json("run", urgent)
        self.assertEqual(end["state"], "settled")
        self.assertEqual((self.folder / "urgent/a.txt").read_text(), "now\n")
        status = self.cli("status", end["job"]).stdout
        self.assertIn("Compensation", status)
        self.assertRegex(status, r"Promise +starts by .*: (kept|missed)")
        # The agent itself gave the place back; the job is queued again, and starts once more.
        left = self.market.get(f"/v1/contracts/{first}")
        self.assertEqual((left["state"], left["end_reason"]), ("requeued", "preempted"))
        self.assertLess(left["ended_ms"], left["notice"]["due_ms"])
        self.assertEqual(int(left["bill"]["pay"]), 0)
        self.assertGreater(int(left["notice"]["provider"]), 0)
        self.assertIn("Pre-empted", self.cli("status", cheap_id).stdout)
        self.json("cancel", cheap_id, "--yes")
        run.communicate(timeout=PATIENCE_S)

    def kill_node(self):
        node = next(entry for entry in self.market.processes if entry[0] == "starminerd")
        self.market.processes.remove(node)
        node[2].kill()
        node[2].wait()

    def test_a_node_that_is_away_while_inputs_are_fetched_is_no_missing_input(self):
        self.ensure_agent()
        self.login()
        (self.folder / "in.bin").write_bytes(bytes(64 << 20))
        job = self.write("job.yaml", job_text("away", "cat /job/in/in.bin | wc -c > /job/out/a.txt")
                         .replace("disk: 16 MiB", "disk: 128 MiB") + "inputs: [in.bin]\n")
        run = self.start("run", job)
        contract = re.search(r"contract (c1\w+)", self.read_until(run, "matched")).group(1)
        # Not earlier: a job whose provider cannot acknowledge in time goes to another one, rightly.
        self.wait_until("acknowledging", lambda: self.market.get(f"/v1/contracts/{contract}")["state"] != "assigned")
        self.kill_node()
        time.sleep(8)
        self.market.start_node(int(self.market.url.rsplit(":", 1)[1]))
        rest, _ = run.communicate(timeout=PATIENCE_S)
        self.assertEqual(run.returncode, 0, rest)
        self.assertEqual((self.folder / "away/a.txt").read_text(), f"{64 << 20}\n")
        self.assertEqual(self.market.get(f"/v1/contracts/{contract}")["state"], "settled")

    def test_a_run_survives_a_restart_of_the_node(self):
        self.ensure_agent()
        self.login()
        job = self.write("job.yaml", job_text("restart", "sleep 6; echo done > /job/out/a.txt"))
        run = self.start("run", job)
        self.read_until(run, "running")
        self.kill_node()
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


class OfferTest(CliTest):
    """What an owner offers changes by its settings, and only where they state something.  REQ: REG-1, REG-3"""

    provider = "quarry"

    def agent_says(self, command, *arguments):
        done = subprocess.run([str(PROGRAMS / "starminer-provider"), command, *arguments,
                               *self.market.state_of(self.provider), "--api-url", self.market.url],
                              env=self.environment(), capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def nodes(self):
        return self.market.get("/v1/nodes")["nodes"]

    def test_set_up_again_changes_what_is_stated(self):
        node = self.nodes()[0]
        self.assertEqual((node["region"], node["floor_32nds"]), ("local", 0))
        self.assertIn("floor 0/32 -> 8/32", self.agent_says("setup", "--offer-floor", "8"))
        self.assertNotIn("offers now", self.agent_says("setup"), "what is not stated stays")
        said = self.agent_says("setup", "--offer-floor", "4", "--offer-region", "eu-central", "--offer-country", "DE")
        self.assertIn("keeps its offer", said)
        self.assertIn("floor 8/32 of the anchor since epoch", said, "a floor changes once an epoch")
        self.assertIn("country ZZ -> DE", self.agent_says("setup", "--offer-country", "DE", "--offer-region", "eu-central"))
        node = self.nodes()[0]
        self.assertEqual((node["region"], node["country"], node["floor_32nds"]), ("eu-central", "DE", 8))
        # The runtimes that serving finds are told by `run`, which keeps what set-up stated.
        self.market.start_provider(self.provider)
        self.market.wait_for_nodes()
        offered = ("region", "country", "site_tier", "floor_32nds", "runtimes", "ratings")
        self.assertEqual([self.nodes()[0][name] for name in offered], [node[name] for name in offered])

        self.agent_says("leave")
        self.assertEqual(self.nodes()[0]["status"], "left")
        self.assertIn("has left before", self.agent_says("leave"))
        self.assertIn("registered", self.agent_says("setup", "--benchmark-quick"))
        self.assertEqual([node["status"] for node in self.nodes()].count("left"), 1)
        self.assertEqual(len(self.nodes()), 2, "a node that has left is registered anew")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
