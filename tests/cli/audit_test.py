#!/usr/bin/python3
"""What an auditor does with the program `starminer`, against a real starminerd: bundles, consistency, forged files.
REQ: AUD-1, AUD-2, DEC-2

Usage: audit_test.py --bin DIR [unittest arguments]
"""

import copy
import json
import sys
import unittest

from cli_case import CliTest

NO_NETWORK = {"STARMINER_API_URL": "http://127.0.0.1:1"}


class AuditTest(CliTest):
    def setUp(self):
        super().setUp()
        self.account = self.login()
        self.other = self.json("login", "--key-file", "other.json")["address"]
        self.transaction = self.json("transfer", self.other, "1.5", "--yes")["transaction"]

    def offline(self, *arguments, code=0):
        return self.cli(*arguments, code=code, env=self.environment(**NO_NETWORK))

    def verified(self, *arguments):
        return json.loads(self.offline("audit", "verify", *arguments, "--json").stdout)


class BundleTest(AuditTest):
    def bundle(self):
        made = self.json("audit", "bundle", self.account, self.transaction, "TxFee", "--out", "b.json")
        return made["app_hash"], json.loads((self.folder / "b.json").read_text())

    def test_a_bundle_is_proven_offline_under_the_root_alone(self):
        root, _ = self.bundle()
        proven = self.verified("b.json", "--root", root)
        self.assertTrue(proven["root_trusted"])
        self.assertEqual(proven["signer"], self.account)
        items = {item["what"]: item for item in proven["items"]}
        self.assertEqual(int(items["account"]["facts"]["balances"]["AGPU"]), self.balance())
        self.assertEqual(items["parameter"]["id"], "TxFee")
        self.assertEqual(items["receipt"]["facts"]["operation"], "Transfer")
        self.assertFalse(items["provider"]["present"])
        text = self.offline("audit", "verify", "b.json", "--root", root).stdout
        for part in (self.account, "does not exist", "Signed by", root, "under the root that you gave"):
            self.assertIn(part, text)
        self.offline("audit", "verify", "b.json", "--signer", self.account)
        self.offline("audit", "verify", "b.json", "--signer", self.other, code=8)

    def test_every_root_of_the_chain_is_not_that_of_the_bundle(self):
        root, bundle = self.bundle()
        height = bundle["commitment"]["height"]
        self.assertEqual(self.market.get(f"/v1/blocks/{height}")["app_hash"], root)
        before = self.market.get(f"/v1/blocks/{height - 1}")["app_hash"]
        self.assertIn("not the trusted", self.offline("audit", "verify", "b.json", "--root", before, code=8).stderr)

    def test_forged_bundles_are_refused_with_the_reason(self):
        root, good = self.bundle()
        changes = {
            "balance": lambda bad: bad["rows"][1].update(row=bad["rows"][1]["row"].replace("0", "1", 1)),
            "absence": lambda bad: bad["rows"][1].update(row=None),
            "height": lambda bad: bad["commitment"].update(height=bad["commitment"]["height"] + 1),
            "index": lambda bad: bad["leaves"][0].update(leaf_index=bad["leaves"][0]["leaf_index"] + 1),
            "signer": lambda bad: bad["signer"].update(key="11" * 32),
            "removed": lambda bad: bad["rows"].pop(),
            "member": lambda bad: bad.update(note="believe me"),
        }
        for name, change in changes.items():
            with self.subTest(name=name):
                bad = copy.deepcopy(good)
                change(bad)
                self.write("bad.json", json.dumps(bad))
                done = self.offline("audit", "verify", "bad.json", "--root", root, code=2 if name == "member" else 8)
                self.assertRegex(done.stderr, "signature|no bundle")

    def test_what_cannot_be_proven_is_said(self):
        self.fails("audit", "bundle", "nonsense", "--out", "x.json", code=2, says=["nothing that can be proven"])
        self.fails("audit", "bundle", "0" * 64, "--out", "x.json", code=5, says=[])
        self.assertFalse((self.folder / "x.json").exists())


class ConsistencyTest(AuditTest):
    def test_the_history_grows_and_nothing_else(self):
        then = self.market.get("/v1/status")
        self.json("transfer", self.other, "1", "--yes")
        proof = self.json("audit", "consistency", str(then["height"]), "--out", "c.json")
        self.assertEqual(proof["old"]["app_hash"], then["app_hash"])
        self.assertGreater(proof["new"]["history_size"], proof["old"]["history_size"])
        roots = ["--old-root", proof["old"]["app_hash"], "--root", proof["new"]["app_hash"]]
        self.assertTrue(self.verified("c.json", *roots)["old_root_trusted"])
        self.assertIn("begins with the earlier one", self.offline("audit", "verify", "c.json", *roots).stdout)
        self.offline("audit", "verify", "c.json", "--old-root", "0" * 64, code=8)
        bad = json.loads((self.folder / "c.json").read_text())
        bad["old"]["history_root"] = "00" * 32
        self.write("c.json", json.dumps(bad))
        self.assertIn("rewritten", self.offline("audit", "verify", "c.json", code=8).stderr)
        self.fails("audit", "consistency", "5", "1", code=3, says=["new"])
        self.fails("audit", "consistency", "99999999", "99999999", code=5, says=["99999999"])


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
