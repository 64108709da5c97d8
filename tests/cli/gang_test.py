#!/usr/bin/python3
"""Jobs whose GPUs lie on two hosts of one site, each with an agent of its own on one account.

Usage: gang_test.py --bin DIR [names of tests]
"""

import shutil
import sys
import unittest

from cli_case import CliTest

JOB = """\
name: {name}
kind: simulation
runtime: debian/base
command: [/bin/sh, -c, '{script}']
resources: {{class: [CPU], gpus: 2, memory: 64 MiB, cpus: 2, disk: 32 MiB}}
placement: one-site
time: {{expected: 20 s, max: 2 min}}
budget: 50 AGPU
"""

PART = "echo I am $STARMINER_RANK of $STARMINER_HOSTS; echo $STARMINER_RANK > /job/out/part.txt"


class Gang(CliTest):
    provider = "aurora"
    fellow = "borealis"  # another host of the same account
    parameters = ["TickMs=1000", "BeatEveryMs=500", "BeatSilenceMs=60000", "BenchmarkSpotMs=0", "ProgressEveryMs=500",
                  "SilenceMs=4000", "AckMs=20000", "StartMs=20000"]
    agents = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agents = {}
        folder = cls.market.folder
        (folder / cls.fellow).mkdir(mode=0o700)
        shutil.copy(folder / cls.provider / "key.json", folder / cls.fellow / "key.json")
        for name in (cls.provider, cls.fellow):
            cls.market.run("starminer-provider", "setup", "--provider-name", name, "--benchmark-quick",
                           "--offer-site", "hall", "--offer-ram-bytes", str(4 << 30), "--offer-disk-bytes", str(8 << 30),
                           *cls.market.state_of(name), "--api-url", cls.market.url, show=False)

    def ensure_agents(self):
        for name in (self.provider, self.fellow):
            if name not in Gang.agents:
                Gang.agents[name] = self.market.start_provider(name)
        self.market.wait_for_nodes()

    def stop_agent(self, name):
        """Its jobs go on; the next agent adopts them."""
        agent = Gang.agents.pop(name)
        agent.terminate()
        agent.wait()
        self.market.processes = [entry for entry in self.market.processes if entry[2] is not agent]

    def job_file(self, name, script=PART):
        return self.write(f"{name}.yaml", JOB.format(name=name, script=script))

    def submit(self, name, script=PART):
        return self.cli("submit", self.job_file(name, script), "--yes").stdout.strip()

    def contract(self, job):
        contract = self.market.get(f"/v1/jobs/{job}")["contract"]
        return self.market.get(f"/v1/contracts/{contract}") if contract else {"state": ""}

    def until_state(self, job, state):
        self.market.wait_until(f"a contract that is {state}", lambda: self.contract(job)["state"] == state)

    def nodes_by_name(self):
        return {node["name"]: node["id"] for node in self.market.get("/v1/nodes")["nodes"]}

    def site(self):
        return {node["id"]: node for node in self.json("nodes", "--where", "site = hall")["nodes"]}

    def test_two_hosts_share_a_job(self):  # REQ: MAT-3
        self.ensure_agents()
        self.login()
        self.assertEqual(len(self.site()), 2)
        job_file = self.job_file("pair")
        plan = self.cli("plan", job_file, "--explain").stdout
        self.assertIn("and 1 other host of its site", plan)
        self.assertIn("2 hosts of one site share the job, 1 GPU each", plan)
        quote = self.json("plan", job_file)
        self.assertEqual((quote["hosts"], len(quote["gang"])), (2, 1))
        end = self.json("run", job_file)
        self.assertEqual(end["state"], "settled")
        self.assertEqual({file["path"] for file in end["files"]}, {"part.txt", "host-1/part.txt"})
        results = self.folder / "pair"
        self.assertEqual((results / "part.txt").read_text(), "0\n")
        self.assertEqual((results / "host-1/part.txt").read_text(), "1\n")
        self.assertEqual((results / "stdout.txt").read_text(), "I am 0 of 2\n")
        self.assertEqual((results / "host-1-stdout.txt").read_text(), "I am 1 of 2\n")
        contract = self.contract(end["job"])
        self.assertEqual({host["node"] for host in contract["gang"]}, set(self.site()))
        self.assertEqual(contract["node"], contract["gang"][0]["node"])
        self.assertEqual(contract["billing_milli"], 2000)
        self.assertEqual(contract["price"]["factors"]["gang"], 1_050_000, "2 GPUs, over hosts")
        self.assertTrue(all(host["ready_ms"] for host in contract["gang"]))
        self.assertTrue(contract["gang"][1]["done_ms"] and contract["gang"][1]["report"])
        proven = self.json("audit", "verify", "pair.receipt.json", "--results", "pair")
        self.assertEqual(proven["files_checked"], 2)
        self.assertEqual({node["free"]["jobs"] for node in self.site().values()}, {0})
        shown = self.cli("status", end["job"]).stdout
        self.assertIn("Hosts", shown)

    def test_an_agent_that_restarts_adopts_its_part(self):
        self.ensure_agents()
        self.login()
        job = self.submit("adopted", "sleep 6; " + PART)
        self.until_state(job, "running")
        self.stop_agent(self.fellow)
        self.ensure_agents()
        self.until_state(job, "delivered")
        self.assertEqual({file["path"] for file in self.json("results", job)["files"]}, {"part.txt", "host-1/part.txt"})

    def test_an_agent_that_restarts_after_its_part_is_done_leaves_the_rest_to_the_lead(self):
        self.ensure_agents()
        self.login()
        job = self.submit("done", "test $STARMINER_RANK = 0 && sleep 8; " + PART)
        self.market.wait_until("the other host to be done",
                               lambda: any(host["done_ms"] for host in self.contract(job).get("gang", [])))
        done = next(host["node"] for host in self.contract(job)["gang"] if host["done_ms"])
        name = next(name for name, node in self.nodes_by_name().items() if node == done)
        self.stop_agent(name)
        self.ensure_agents()
        self.until_state(job, "delivered")
        contract = self.contract(job)
        lead = self.json("results", job, "--out", "out")
        self.assertEqual({file["path"] for file in lead["files"]}, {"part.txt", "host-1/part.txt"})
        of_host = self.market.get(f"/v1/contracts?node={done}")["contracts"]
        self.assertIn(contract["id"], [one["id"] for one in of_host])

    def test_a_host_that_falls_silent_ends_the_job_of_both(self):
        self.ensure_agents()
        self.login()
        job = self.submit("silent", "sleep 60")
        self.until_state(job, "running")
        self.stop_agent(self.fellow)
        self.until_state(job, "refunded")
        self.assertEqual(self.contract(job)["end_reason"], "provider_lost")
        self.ensure_agents()
        self.market.wait_until("both hosts to be free",
                               lambda: {node["free"]["jobs"] for node in self.site().values()} == {0})
        # Both can serve again: nothing of the old part is in the way.
        self.assertEqual(self.json("run", self.job_file("after"))["state"], "settled")

    def test_a_part_that_fails_ends_the_job_with_its_words(self):
        self.ensure_agents()
        self.login()
        job = self.submit("broken", "sleep 1; test $STARMINER_RANK = 0 && sleep 60; echo rank 1 is unwell >&2; exit 3")
        self.until_state(job, "refunded")
        self.assertEqual(self.contract(job)["end_reason"], "bad_payload")

    def test_outputs_in_the_place_of_another_host_are_refused(self):
        self.ensure_agents()
        self.login()
        script = "mkdir /job/out/host-1 && echo x > /job/out/host-1/part.txt; " + PART
        job = self.submit("clash", script)
        self.until_state(job, "refunded")
        self.assertEqual(self.contract(job)["end_reason"], "bad_payload")

    def test_what_can_never_be_split_is_said(self):
        self.login()
        self.write("three.yaml", JOB.format(name="three", script=PART).replace("gpus: 2", "gpus: 3"))
        self.fails("submit", "three.yaml", "--yes", code=3,
                   says=["as a gang: no site has 3 hosts for 1 GPU each"])
        self.write("one.yaml", JOB.format(name="one", script=PART).replace("one-site", "one-node"))
        self.fails("submit", "one.yaml", "--yes", code=3, says=["too few devices"])
        self.fails("submit", "one.yaml", "--yes", "--hosts-max", "2", code=3,
                   says=["hosts_max", "placement says where they may"])
        self.fails("submit", "one.yaml", "--yes", "--hosts-max", "17", code=2, says=["--hosts-max", "16"])


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
