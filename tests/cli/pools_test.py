#!/usr/bin/python3
"""Reserve pools as owner, requester and auditor meet them: a real agent stands by, a job draws it, another one is declined.

Usage: pools_test.py --bin DIR [names of tests]
"""

import sys
import unittest

from cli_case import AGPU, CliTest

JOB = """\
name: {name}
kind: simulation
runtime: debian/base
command: [/bin/sh, -c, 'sleep {seconds}; echo done > /job/out/a.txt']
resources: {{class: [CPU], gpus: 1, share: {share}, memory: 32 MiB, cpus: 1, disk: 16 MiB}}
time: {{expected: 30 s, max: 2 min}}
budget: 50 AGPU
"""


class Reserve(CliTest):
    provider = "aurora"
    # Anybody may draw a class that is half taken; a node stays for six seconds at least.
    parameters = ["TickMs=1000", "BeatEveryMs=500", "BeatSilenceMs=60000", "BenchmarkSpotMs=0", "ReserveLevelU=0",
                  "ReserveLoadPpm=500000", "ReserveWindowMinMs=6000", "ReserveStakePerGpu=2000000000"]

    def owner(self, *arguments):
        return self.market.json("starminer-provider", *arguments, "--json", *self.market.state_of(self.provider),
                                "--api-url", self.market.url)

    def owner_fails(self, *arguments):
        done = self.market.run("starminer-provider", *arguments, *self.market.state_of(self.provider), "--api-url",
                               self.market.url, show=False, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return (done.stdout + done.stderr).decode()

    def pool(self):
        return self.json("pools")["pools"][0]

    def submit(self, name, share, seconds=1):
        self.write(f"{name}.yaml", JOB.format(name=name, share=share, seconds=seconds))
        return self.cli("submit", f"{name}.yaml", "--yes").stdout.strip()

    def job(self, job):
        return self.market.get(f"/v1/jobs/{job}")

    def contract(self, job):
        return self.market.get(f"/v1/contracts/{self.job(job)['contract']}")

    def until(self, what, condition):
        self.market.wait_until(what, condition)

    def test_a_node_stands_by_is_drawn_and_pays_for_what_it_declines(self):  # REQ: RSV-1
        self.login()
        self.assertIn("No node stands by yet.", self.cli("pools").stdout)
        own = self.owner("address")["address"]
        self.json("transfer", own, "20", "--yes")
        joined = self.owner("reserve", "join", "--for", "7s", "--yes")["nodes"][0]
        self.assertEqual(int(joined["staked"]), 22 * AGPU // 10, "a tenth above the smallest")
        node = joined["id"]
        self.assertIn("E6201", self.owner_fails("drain"))
        self.assertIn("E6203", self.owner_fails("reserve", "join", "--for", "1s", "--yes"))
        found = self.json("nodes", "--where", "reserve = stands_by and reserve_stake >= 2.2")["nodes"]
        self.assertEqual([one["id"] for one in found], [node])
        self.assertEqual(self.pool()["standing_by"], 1)

        agent = self.market.start_provider(self.provider)
        first = self.submit("first", 600, seconds=15)
        self.until("the first job to run", lambda: self.job(first)["contract"] and self.contract(first)["state"] == "running")
        self.assertEqual(self.contract(first)["match"]["reserve"], 0)
        self.until("a tick that finds the class short", lambda: self.pool()["open"])
        self.write("plan.yaml", JOB.format(name="plan", share=300, seconds=1))
        self.assertIn("is short of GPUs: it prefers nodes that stand by (1 there), and got one", self.cli("plan", "plan.yaml").stdout)
        second = self.submit("second", 300)
        self.until("a match", lambda: self.job(second)["contract"])
        self.assertEqual(self.contract(second)["match"]["reserve"], 240)
        self.assertIn("reserve 240 x 30", self.cli("explain", second).stdout)
        self.until("both jobs to end", lambda: all(self.contract(job)["state"] == "delivered" for job in (first, second)))
        self.assertEqual((self.pool()["draws"], self.pool()["declines"]), (1, 0))
        agent.terminate()
        agent.wait()
        self.market.processes = [started for started in self.market.processes if started[2] is not agent]

        # Nobody acknowledges the next one, which draws nothing.
        self.until("a tick that finds the class idle", lambda: not self.pool()["open"])
        before = self.balance()
        third = self.submit("third", 100)
        self.until("a match", lambda: self.job(third)["contract"])
        contract = self.job(third)["contract"]
        self.until("silence", lambda: self.market.get(f"/v1/contracts/{contract}")["decline"])
        charge = self.market.get(f"/v1/contracts/{contract}")["decline"]
        paid, burned = int(charge["compensated"]), int(charge["burned"])
        # A tenth of the expected price, which is less than half a percent of the stake here; the odd unit burns.
        row = self.market.get(f"/v1/contracts/{contract}")
        price = -(-int(row["unit_price"]) * row["billing_milli"] * row["expected_s"] // (1000 * 3600))
        self.assertEqual(paid + burned, -(-price // 10))
        self.assertLess(paid + burned, 22 * AGPU // 10 // 200)
        self.assertIn(burned - paid, (0, 1))
        self.until("the end", lambda: self.job(third)["state"] == "refunded")
        fee = next(int(row["value"]) for row in self.market.get("/v1/params")["parameters"] if row["name"] == "TxFee")
        self.assertEqual(self.balance(), before + paid - fee)
        self.assertIn("the node paid for it", self.cli("status", third).stdout)
        shown = self.market.get(f"/v1/nodes/{node}")["reserve"]
        self.assertEqual((shown["standing"], shown["draws"], shown["declines"]), ("stands_by", 1, 1))
        self.assertEqual(int(shown["stake"]) + int(shown["charged"]), 22 * AGPU // 10)
        text = self.cli("pools").stdout
        self.assertIn("CPU", text)
        self.assertIn("2.0000 AGPU for each device", text)

        # Its time is over by now: the rest of the stake comes back.
        self.owner("reserve", "leave")
        self.assertIsNone(self.market.get(f"/v1/nodes/{node}")["reserve"])
        self.assertIn("E6202", self.owner_fails("reserve", "leave"))
        self.owner("drain")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
