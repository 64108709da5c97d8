#!/usr/bin/python3
"""What an auditor does with the program `starminer`, against a real starminerd: bundles, consistency, forged
files, the log recomputed, statements, exports.
REQ: AUD-1, AUD-2, DEC-2

Usage: audit_test.py --bin DIR [unittest arguments]
"""

import copy
import csv
import hashlib
import json
import subprocess
import sys
import unittest

from cli_case import ROOT, CliTest

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


class LogTest(AuditTest):
    def log(self):
        self.json("audit", "log", "--out", "chain")
        return self.folder / "chain" / "blocks.log"

    def test_the_whole_chain_is_recomputed_offline(self):
        self.log()
        done = json.loads(self.offline("audit", "replay", "--log", "chain", "--json").stdout)
        block = self.market.get(f"/v1/blocks/{done['height']}")
        self.assertEqual(done["app_hash"], block["app_hash"])
        earlier = self.market.get(f"/v1/blocks/{done['height'] - 1}")["app_hash"]
        text = self.offline("audit", "replay", "--log", "chain", "--root", earlier).stdout
        self.assertIn(f"is that of height {done['height'] - 1}", text)
        self.assertIn("of no block", self.offline("audit", "replay", "--log", "chain", "--root", "0" * 64, code=8).stderr)
        before = self.log().stat().st_size
        self.json("transfer", self.other, "1", "--yes")
        self.assertGreater(self.log().stat().st_size, before, "fetching again brings what is new")
        self.offline("audit", "replay", "--log", "chain")

    def test_a_planted_difference_is_found_and_named(self):
        log = self.log()
        good = log.read_bytes()
        places, at = [], 0
        while at < len(good):
            places.append(at)
            at += 4 + int.from_bytes(good[at:at + 4], "big")
        height = len(places) // 2
        bad = bytearray(good)
        # The app hash stands at the end of a block, the state root 104 bytes before it.
        end = places[height] + 4 + int.from_bytes(good[places[height]:places[height] + 4], "big")
        bad[end - 104] ^= 1
        log.write_bytes(bad)
        done = self.offline("audit", "replay", "--log", "chain", code=8)
        self.assertIn(f"height {height}: state root computed", done.stderr)
        self.offline("audit", "statement", self.account, "--log", "chain", code=8)
        log.write_bytes(good[:-5])
        self.assertIn("ends within a block", self.offline("audit", "replay", "--log", "chain", code=8).stderr)
        self.log()
        self.offline("audit", "replay", "--log", "chain")
        self.fails("audit", "replay", "--log", "nowhere", code=5, says=["starminer audit log"])

    def test_statements_add_up_to_the_balance(self):
        self.log()
        said = json.loads(self.offline("audit", "statement", self.account, "--log", "chain", "--json").stdout)
        self.assertTrue(said["adds_up"])
        for asset in ("AGPU", "AMAX", "USD"):
            total = sum(int(entry["change"]) for entry in said["entries"] if entry["asset"] == asset)
            self.assertEqual(int(said["opening"][asset]["balance"]) + total, int(said["closing"][asset]["balance"]))
        self.assertEqual(int(said["closing"]["AGPU"]["balance"]), self.balance())
        whats = [entry["what"] for entry in said["entries"]]
        self.assertIn("fee", whats)
        self.assertIn(f"sent to {self.other}", whats)
        text = self.offline("audit", "statement", self.account, "--log", "chain").stdout
        for part in ("Opening", "Closing", "-1.50", "add up exactly"):
            self.assertIn(part, text)
        # Without --log the command fetches for itself.
        self.assertIn("add up exactly", self.cli("audit", "statement", self.other).stdout)
        self.fails("audit", "statement", self.account, "--from", "2026-02-31", code=2, says=["--from"])
        stranger = self.json("login", "--key-file", "third.json")["address"]
        self.offline("audit", "statement", stranger, "--log", "chain", code=5)

    def test_exports_hold_what_happened(self):
        self.log()
        for form in ("csv", "jsonl"):
            done = json.loads(self.offline("audit", "export", "--party", self.account, "--format", form, "--log", "chain",
                                           "--out", form, "--json").stdout)
            self.assertEqual(done["tables"]["transfers"]["rows"], 2, "the faucet's and this one")
            for table in done["tables"].values():
                content = (self.folder / form / table["file"]).read_bytes()
                self.assertEqual(hashlib.sha256(content).hexdigest(), table["sha256"])
        with open(self.folder / "csv" / "transfers.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        lines = [json.loads(line) for line in open(self.folder / "jsonl" / "transfers.jsonl")]
        self.assertEqual([row["amount"] for row in rows], [line["amount"] for line in lines])
        row = next(row for row in rows if row["transaction"] == self.transaction)
        self.assertEqual((row["sender"], row["receiver"], row["amount"]), (self.account, self.other, "1500000000"))
        # A row is proven by its leaf.
        self.json("audit", "bundle", row["transaction"], "--out", "row.json")
        items = self.verified("row.json")["items"]
        self.assertEqual(str(items[1]["facts"]["leaf_index"]), row["history_index"])
        empty = json.loads(self.offline("audit", "export", "--to", "2000-01-01", "--log", "chain", "--out", "none",
                                        "--json").stdout)
        self.assertEqual(sum(table["rows"] for table in empty["tables"].values()), 0)
        self.fails("audit", "export", "--party", "sm1x", "--out", "x", code=2, says=["--party"])

    def test_tables_become_parquet_or_the_script_says_what_it_needs(self):
        self.log()
        self.offline("audit", "export", "--log", "chain", "--out", "tables")
        script = ROOT / "scripts" / "csv_to_parquet"
        done = subprocess.run([sys.executable, str(script), "tables"], cwd=self.folder, capture_output=True, text=True)
        if done.returncode == 0:
            self.assertTrue((self.folder / "tables" / "transfers.parquet").exists())
        else:
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("pyarrow", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
