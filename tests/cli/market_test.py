"""What the command line shows of supply and demand: a real node with one provider behind it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import unittest

from cli_case import PATIENCE_S, PROGRAMS, CliTest, job_text


class Live:
    """A live view of the program, its output read line by line."""

    def __init__(self, case, *arguments):
        self.process = subprocess.Popen([str(PROGRAMS / "starminer"), *arguments], cwd=case.folder,
                                        env=case.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        self.watchdog.start()

    def line(self, fits=lambda line: True):
        """The next line that fits; the watchdog ends the program, and with it this loop, if there is none."""
        for line in self.process.stdout:
            if fits(line):
                return line
        raise AssertionError("the view ended: " + self.process.stderr.read())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE_S)
        self.watchdog.cancel()
        return self.process.returncode


class SupplyTest(CliTest):
    provider = "anna"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.market.start_provider("anna")
        cls.market.wait_for_nodes()

    def test_nodes_are_found_and_sorted(self):
        for where, count in (("class=CPU and status=active", 1), ("class in [H100,A100] and region=eu and free>=4", 0),
                             ("ram >= 1 GiB and free >= 1 and jobs = 0", 1), ("not class = cpu", 0),
                             ("price > 0 and price.premium > 0 and floor = 0", 1)):
            with self.subTest(where=where):
                self.assertEqual(len(self.json("nodes", "--where", where, "--sort", "price,-free")["nodes"]), count)
        shown = self.cli("nodes", "--where", "class=CPU", "--sort", "price").stdout
        self.assertRegex(shown, r"NODE +NAME +CLASS +GPUS +FREE")
        self.assertIn("CPU", shown)
        self.assertIn("no node matches", self.cli("nodes", "--where", "class=H100").stdout)

    def test_a_node_is_named_by_the_start_of_its_id(self):
        node = self.json("nodes")["nodes"][0]["id"]
        self.assertEqual(self.json("nodes", node[:10])["id"], node)
        self.assertIn("for a plain job now", self.cli("nodes", node[:10]).stdout)
        self.fails("nodes", "n1qqqq", code=5, says=["no id begins so"])

    def test_a_wrong_filter_is_pointed_at(self):
        text = self.fails("nodes", "--where", "class=CPU and vrma > 24", code=3,
                          says=["[bad_filter]", "column 15", "did you mean 'vram'?"])
        self.assertIn("\n  class=CPU and vrma > 24\n  " + " " * 14 + "^\n", text)
        self.fails("nodes", "--sort", "price,-fre", code=3, says=["[bad_sort]", "did you mean 'free'?"])
        self.fails("nodes", "--where", "class=H10O", "--watch", code=3, says=["did you mean 'H100'?"])
        error = json.loads(self.cli("nodes", "--where", "(", "--json", code=3).stderr)["error"]
        self.assertEqual(error["code"], "bad_filter")

    def test_watched_nodes_show_their_changes(self):
        self.login()
        view = Live(self, "nodes", "--watch", "--where", "class=CPU")
        self.assertIn("active CPU", view.line())
        events = Live(self, "nodes", "--watch", "--json", "--sort", "name")
        first = json.loads(events.line())
        self.assertEqual([node["id"] for node in first["nodes"]], first["order"])
        self.market.run("starminer-provider", "drain", *self.market.state_of("anna"), "--api-url", self.market.url,
                        show=False)
        try:
            view.line(lambda line: "draining CPU" in line)
            changed = json.loads(events.line(lambda line: "draining" in line))
            self.assertEqual(changed["nodes"][0]["status"], "draining")
        finally:
            self.market.run("starminer-provider", "resume", *self.market.state_of("anna"), "--api-url", self.market.url,
                            show=False)
        view.line(lambda line: "active CPU" in line)
        self.assertEqual(view.interrupt(), 130)
        self.assertEqual(events.interrupt(), 130)

    def test_the_market_on_one_page(self):
        shown = self.cli("market", "--once").stdout
        self.assertRegex(shown, r"1 node, 1 GPU: 0 busy, 1 free \(0 % load\), 0 jobs run")
        self.assertRegex(shown, r"CLASS +LOAD +FREE +WAITING +FIRST +START IN +ECONOMY +STANDARD +PREMIUM")
        figures = self.json("market", "--once")
        self.assertIn("CPU", [row["class"] for row in figures["queues"]])
        self.assertIn("matches", figures)
        queues = self.cli("queues").stdout
        self.assertIn("H100", queues)

    def test_a_job_over_its_price_is_explained_and_seen_to_wait(self):
        self.login()
        live = Live(self, "market", "--json")
        self.assertIn("queues", json.loads(live.line()))
        self.write("job.yaml", job_text("cheap"))
        job = self.json("submit", "job.yaml", "--max-price", "0.01 AGPU", "--yes")["job"]

        def parked(line):
            return any(row["parked"] for row in json.loads(line).get("queues", []))
        live.line(parked)
        self.assertEqual(live.interrupt(), 130)
        shown = self.cli("explain", job[:12]).stdout
        self.assertIn("1 free but over your max_price by", shown)
        self.assertRegex(shown, r"Would do +max_price \d+\.\d+ AGPU instead of 0\.0100 AGPU: CPU n1")
        answer = self.json("explain", job)
        change = answer["relaxations"][0]["changes"][0]
        self.assertEqual((change["field"], change["from"]), ("max_price", "10000000"))
        self.fails("raise", job, code=2, says=["name --budget or --max-price"])
        self.fails("raise", job, "--max-price", "much", code=2, says=["--max-price"])
        self.fails("raise", job, "--max-price", "0.01 AGPU", code=3, says=["[E4116]", "cancel the job and submit it anew"])
        self.fails("raise", "j1zzzz", "--budget", "5 AGPU", code=5, says=["none of your jobs begins so"])
        self.assertIn("0.0150 AGPU per GPU-hour", self.cli("raise", job[:12], "--max-price", "0.015 AGPU").stdout)
        raised = self.json("raise", job, "--max-price", "0.016 AGPU", "--budget", "60 AGPU")["job"]
        self.assertEqual((raised["max_price"], raised["state"]), ("16000000", "queued"))
        self.cli("cancel", job, "--yes")
        self.assertIn("the job is over", self.cli("explain", job).stdout)
        self.fails("raise", job, "--max-price", "1 AGPU", code=3, says=["[E4112]"])

    def test_a_terminal_is_redrawn(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(PROGRAMS / "starminer", ["starminer", "nodes", "--watch"],
                      self.environment(TERM="xterm", COLUMNS="80"))
        shown = b""
        while b"Ctrl-C ends" not in shown:
            shown += os.read(terminal, 4096)
        os.kill(pid, signal.SIGINT)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(status), 130)
        lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown.decode()).replace("\r", "").split("\n")
        self.assertTrue(all(len(line) <= 80 for line in lines), lines)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
