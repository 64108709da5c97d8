#!/usr/bin/python3
"""A job that really ran, after time has taken it out of the state: every command still answers for it, and what they say
is proven, also after a restart of the node.
REQ: AUD-1, AUD-2

Usage: archive_test.py --bin DIR [unittest arguments]
"""

import json
import signal
import sys
import time
import unittest

from cli_case import CliTest, job_text


class ArchiveTest(CliTest):
    provider = "quarry"
    # Archived soon, but nobody is late on a busy machine.
    parameters = ["ArchiveAfterMs=3000", "AckMs=30000", "StartMs=60000", "SilenceMs=180000"]

    def wait_for_archive(self, job):
        while not self.json("status", job)["job"]["archived"]:
            time.sleep(0.05)

    def test_every_command_answers_for_a_job_that_has_left_the_state(self):
        self.market.start_provider(self.provider)
        self.market.wait_for_nodes()
        address = self.login()
        end = self.json("run", self.write("job.yaml", job_text("once", "echo some output; echo result > /job/out/a.txt")))
        self.assertEqual(end["end_reason"], "accepted")
        before = self.json("status", end["job"])
        self.wait_for_archive(end["job"])
        for restarted in (False, True):
            with self.subTest(restarted=restarted):
                if restarted:
                    name, log, node = next(entry for entry in self.market.processes if entry[0] == "starminerd")
                    node.send_signal(signal.SIGKILL)
                    node.wait()
                    self.market.processes.remove((name, log, node))
                    self.market.start_node(int(self.market.url.rsplit(":", 1)[1]))
                self.look_at(end, before, address, "again" if restarted else "first")
        self.fails("cancel", end["job"], "--yes", code=3, says=["[E4110]"])

    def look_at(self, end, before, address, name):
        job = end["job"]
        shown = self.json("status", job)
        place = shown["job"]["archived"]
        for part in ("job", "contract"):
            self.assertIsNotNone(shown[part].pop("archived"))
            self.assertEqual(shown[part], {key: value for key, value in before[part].items() if key != "archived"})
        text = self.cli("status", job[:12]).stdout
        self.assertIn(f"block {place['height']}", text)
        self.assertIn(f"leaf {place['leaf_index']}", text)
        self.assertEqual([entry["id"] for entry in self.json("list")["jobs"]], [job])
        self.assertEqual(self.json("list", "--running")["jobs"], [])
        self.assertIn("the job is over", self.cli("explain", job).stdout)
        self.assertEqual(self.cli("logs", job).stdout, "some output\n")
        self.json("results", job, "--out", name)
        self.assertEqual((self.folder / name / "a.txt").read_text(), "result\n")
        self.json("audit", "receipt", job, "--out", f"{name}.receipt.json")
        proven = self.json("audit", "verify", f"{name}.receipt.json")
        self.assertEqual(proven["facts"]["job"], job)
        made = self.json("audit", "bundle", job, shown["contract"]["id"], "--out", f"{name}.json")
        items = {item["what"]: item for item in
                 json.loads(self.cli("audit", "verify", f"{name}.json", "--root", made["app_hash"], "--json").stdout)["items"]}
        self.assertFalse(items["job"]["present"] or items["contract"]["present"], "the state proves that they have left")
        self.assertEqual(items["job_end"]["facts"]["requester"], address)
        self.assertEqual(items["job_end"]["facts"]["paid"], end["paid"])
        self.assertEqual(items["settlement"]["facts"]["job"], job)
        self.cli("audit", "log", "--out", name + "-chain")
        self.cli("audit", "replay", "--log", name + "-chain", "--root", made["app_hash"])
        statement = self.json("audit", "statement", address, "--log", name + "-chain")
        self.assertTrue(statement["adds_up"])
        exported = self.json("audit", "export", "--party", address, "--log", name + "-chain", "--out", name + "-tables")
        self.assertEqual(exported["tables"]["settlements"]["rows"], 1)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
