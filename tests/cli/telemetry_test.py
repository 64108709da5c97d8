#!/usr/bin/python3
"""What keeps the supply honest, with a real node of the network and a real agent: benchmarks that the network asks for, beats
that are counted on the chain and can be counted again, attested claims.

Usage: telemetry_test.py --bin DIR [names of tests]
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import unittest
import urllib.request

from cli_case import PROGRAMS, CliTest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "durability"))
from wire import Key, field  # noqa: E402

KINDS = ("training", "inference", "rendering", "simulation")
CLAIM = 100  # compute units x 1000 that most strangers claim: far above what a machine of this test gives
# Two nodes within reach of the class's reference (10) first: else the others would be in doubt themselves.
CLAIMS = {"first": [50, 50], "second": [CLAIM, CLAIM, CLAIM]}


class SupplyTest(CliTest):
    def node(self):
        """The agent's node."""
        own = self.market.json("starminer-provider", "address", "--json", *self.market.state_of(self.provider))["address"]
        return self.market.get(f"/v1/nodes?provider={own}")["nodes"][0]

    def shown(self, condition, what):
        """The node as it is shown when the condition first holds."""
        found = []

        def ready():
            node = self.node()
            if condition(node):
                found.append(node)
            return found

        self.market.wait_until(what, ready)
        return found[0]

    def must_be_of_the_seed(self, node):
        """Whoever has a correct device gets the digests on the chain from the seed."""
        done = subprocess.run([str(PROGRAMS / "starminer-devices"), "--benchmark", "--quick", "--json", "--seed",
                               node["benchmark"]["seed"]], capture_output=True, text=True, check=True)
        measured = json.loads(done.stdout)["benchmarks"][0]["devices"][0]["results"]
        self.assertEqual({one["kind"]: one["digest"] for one in measured},
                         {kind: node["rating_reports"][kind] for kind in KINDS if node["ratings"][kind]})


class Asked(SupplyTest):
    provider = "aurora"
    # Every second tick the seed draws the only node.
    parameters = ["TickMs=2000", "BenchmarkSpotMs=4000", "BeatEveryMs=500"]

    def test_a_drawn_node_runs_the_benchmark_of_the_seed(self):  # REQ: REG-8
        agent = self.market.start_provider(self.provider)
        node = self.shown(lambda shown: (shown["benchmark"] or {}).get("confirmed") and not shown["benchmark"]["open"],
                          "a spot benchmark")
        self.assertEqual(node["benchmark"]["reason"], "spot")
        self.assertEqual(node["status"], "active")
        self.assertGreaterEqual(node["benchmark"]["answered_ms"], node["benchmark"]["asked_ms"])
        self.must_be_of_the_seed(node)
        self.assertIn("asked for by the network (spot)", self.cli("nodes", node["id"]).stdout)
        agent.terminate()
        agent.wait()


class Doubted(SupplyTest):
    provider = "borealis"
    parameters = ["RatingClassNodesMin=2", "BenchmarkSpotMs=0", "BeatEveryMs=500", "BeatSilenceMs=60000"]

    @classmethod
    def setUpClass(cls):
        cls.strangers = [Key(name) for name in CLAIMS]
        provider, cls.provider = cls.provider, None
        super().setUpClass()
        cls.provider = provider

    def send(self, key, sequence, number, operation):
        signed = key.transaction(self.market.get("/v1/status")["chain_id"], sequence, number, operation)
        request = urllib.request.Request(self.market.url + "/v1/transactions", data=signed,
                                         headers={"Content-Type": "application/octet-stream"})
        answer = json.load(urllib.request.urlopen(request))
        self.assertEqual(answer["status"], "applied", answer)

    def test_a_rating_out_of_its_class_is_doubted_until_the_benchmark_confirms_it(self):  # REQ: REG-8
        self.login()
        digest = hashlib.sha256(b"report").digest()
        hardware = (field(1, b"CPU") + field(2, b"imagined") + field(3, 1) + field(4, 1 << 30) + field(6, 4) +
                    field(7, 1 << 33) + field(8, 1 << 33))
        offer = field(1, b"local") + field(2, b"ZZ") + field(4, 1)
        for key, claims in zip(self.strangers, CLAIMS.values()):
            self.json("transfer", key.address, "3", "--yes")
            self.send(key, 0, 20, field(1, b"stranger"))
            for sequence, claim in enumerate(claims, 1):
                ratings = b"".join(field(3, field(1, kind) + field(2, claim) + field(3, digest)) for kind in range(len(KINDS)))
                self.send(key, sequence, 21, field(1, hardware) + field(2, offer) + ratings + field(4, b"imagined"))
        own = self.market.json("starminer-provider", "address", "--json", *self.market.state_of(self.provider))["address"]
        self.json("transfer", own, "10", "--yes")
        self.market.set_up_provider(self.provider, show=False)
        node = self.node()
        self.assertLess(max(node["ratings"].values()), CLAIM / 5, "the test needs a slow device, or a higher claim")
        self.assertEqual(node["status"], "suspect")
        self.assertEqual((node["benchmark"]["reason"], node["benchmark"]["open"]), ("doubt", True))
        agent = self.market.start_provider(self.provider)
        node = self.shown(lambda shown: shown["status"] == "active", "the benchmark that ends the doubt")
        self.assertTrue(node["benchmark"]["confirmed"])
        self.must_be_of_the_seed(node)
        agent.terminate()
        agent.wait()


class Attested(SupplyTest):
    provider = "dorado"
    parameters = ["BenchmarkSpotMs=0"]

    def address_of(self, key):
        return self.json("address", *key)["address"]

    def test_two_attestors_make_a_claim_count(self):  # REQ: REG-5
        certificate = hashlib.sha256(b"certificate").hexdigest()
        self.market.run("starminer-provider", "setup", "--offer-site-tier", "2", "--offer-co2", "30",
                        "--offer-renewable-percent", "95", "--offer-energy-certificate", certificate,
                        *self.market.state_of(self.provider), "--api-url", self.market.url, show=False)
        node = self.node()
        self.assertEqual((node["energy"]["verified"], node["site_tier"], node["site_tier_verified"]), (False, 2, False))
        self.assertEqual(node["energy"]["certificate"], certificate)
        governor = ["--key-file", str(self.market.data / "operator.key.json")]
        attestors = [["--key-file", str(self.folder / f"{name}.key.json")] for name in ("first", "second")]
        for key in attestors:
            self.json("login", *key)
            self.fails("attest", node["id"], "energy", "--yes", *key, code=3, says=["[E3119]"])
            self.json("set-attestor", self.address_of(key), "--yes", *governor)
        price = int(self.node()["prices"]["Standard"])
        for key, verified in zip(attestors, (False, True)):
            self.json("attest", node["id"], "energy", "--days", "1", "--yes", *key)
            self.json("attest", node["id"], "site-tier", "--days", "1", "--yes", *key)
            node = self.node()
            self.assertEqual((node["energy"]["verified"], node["site_tier_verified"]), (verified, verified))
        self.assertEqual(len(node["attestations"]["energy"]["attested_by"]), 2)
        # The node's quality moves its price a little all the time; the premium is 3 %.
        self.assertGreater(int(node["prices"]["Standard"]), price * 1.02, "verified energy earns its premium")
        self.assertEqual([found["id"] for found in self.json("nodes", "--where", "site_tier>=2")["nodes"]], [node["id"]])
        self.json("set-attestor", self.address_of(attestors[0]), "--remove", "--yes", *governor)
        node = self.node()
        self.assertFalse(node["energy"]["verified"])
        self.assertLess(int(node["prices"]["Standard"]), price * 1.01)
        self.assertEqual(self.json("nodes", "--where", "site_tier>=2")["nodes"], [])


class Heard(SupplyTest):
    provider = "corona"
    parameters = ["TickMs=1000", "EpochMs=6000", "BeatEveryMs=300", "BenchmarkSpotMs=0"]

    def test_beats_are_counted_on_the_chain_and_again_by_an_auditor(self):  # REQ: REG-7
        agent = self.market.start_provider(self.provider)
        node = self.shown(lambda shown: (shown["telemetry"] or {}).get("beats", 0) > 5, "an epoch of beats")
        heard = node["telemetry"]
        self.assertEqual(heard["operators"], 1)
        self.assertLessEqual(heard["beats"], 6000 / 300 + 2)
        self.assertLessEqual(heard["p50_ms"], heard["p90_ms"])
        self.assertLessEqual(heard["p90_ms"], heard["p99_ms"])
        # An epoch ends every few seconds, so the audit may meet the moment between its two questions: then it says so.
        outcomes = []

        def audit():
            outcomes.append(subprocess.run([str(PROGRAMS / "starminer"), "audit", "telemetry", "--json"],
                                           capture_output=True, text=True, env=self.environment()))
            return outcomes[-1].returncode == 0

        self.market.wait_until("an audit that holds", audit)
        audited = json.loads(outcomes[-1].stdout)
        self.assertTrue(audited["verified"])
        self.assertEqual(audited["nodes"], 1)
        self.assertEqual(audited["entries"][0]["node"], node["id"])
        report = self.market.get("/v1/telemetry")["reports"][0]
        raw = urllib.request.urlopen(f"{self.market.url}/v1/telemetry/{report['epoch']}/beats").read()
        self.assertEqual(hashlib.sha256(raw).hexdigest(), report["raw_hash"])
        # One beat less, and the hash is another.
        (self.folder / "altered").write_bytes(raw[raw.index(b"\n") + 1:])
        said = self.cli("audit", "telemetry", "--raw", "altered", code=8).stderr
        self.assertIn("these are not the raw beats that an operator reported", said)
        agent.terminate()
        agent.wait()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
