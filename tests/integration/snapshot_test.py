#!/usr/bin/python3
"""Snapshots of a real starminerd while transfers go on: taken without a refusal, checked, restored into a node that goes
on from there; altered chunks refused by name.  REQ: DEC-2, AUD-1

Usage: snapshot_test.py --bin DIR [unittest arguments]
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from local_market import Market  # noqa: E402

PROGRAMS = pathlib.Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["--bin"] else None


class Load(threading.Thread):
    """Transfers one after the other until told to end; each must be acknowledged."""

    def __init__(self, market, receiver):
        super().__init__()
        self.market, self.receiver = market, receiver
        self.done, self.refused, self.ending = [], [], threading.Event()

    def run(self):
        while not self.ending.is_set():
            sent = self.market.run("starminer", "transfer", self.receiver, "0.001", "--yes", "--json", show=False,
                                   check=False)
            if sent.returncode == 0:
                self.done.append(json.loads(sent.stdout)["transaction"])
            else:
                self.refused.append(sent.stderr)


class SnapshotTest(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="starminer-snapshot-")
        self.folder = pathlib.Path(self.holder.name)
        self.market = Market(PROGRAMS, self.folder)
        self.market.make_chain("dev", [])
        self.market.start_node()
        self.market.run("starminer", "login", show=False)
        self.receiver = self.market.json("starminer", "address", "--json", "--key-file",
                                         str(self.make_key("other.json")))["address"]

    def tearDown(self):
        self.market.stop()
        self.holder.cleanup()

    def make_key(self, name):
        path = self.folder / name
        self.market.run("starminer", "login", "--key-file", str(path), show=False)
        return path

    def starminerd(self, *arguments, code=0):
        done = subprocess.run([self.market.program("starminerd"), *arguments, "--json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout) if code == 0 else done.stderr

    def create(self, out):
        return self.starminerd("snapshot", "create", "--data-dir", str(self.market.data), "--out", str(out))

    def test_a_snapshot_under_load_starts_another_node(self):
        load = Load(self.market, self.receiver)
        load.start()
        # Nothing of the load has reached the database yet: a copy that left the log out would be of an older height.
        try:
            while len(load.done) < 3:
                self.assertFalse(load.refused, load.refused)
            out = self.folder / "snapshot"
            height = self.market.get("/v1/status")["height"]
            made = self.create(out)
            self.assertGreaterEqual(made["height"], height)
            before = len(load.done)
            while len(load.done) < before + 3:
                self.assertFalse(load.refused, load.refused)
        finally:
            load.ending.set()
            load.join()
        self.assertFalse(load.refused, "the service went on while the snapshot was taken")
        self.assertFalse((self.market.data / "checkpoint").exists())
        block = self.market.get(f"/v1/blocks/{made['height']}")
        self.assertEqual(made["app_hash"], block["app_hash"])
        self.starminerd("snapshot", "verify", str(out), "--root", block["app_hash"])
        self.assertIn("not of the trusted", self.starminerd("snapshot", "verify", str(out), "--root", "0" * 64, code=8))

        copy = Market(PROGRAMS, self.folder / "second")
        copy.folder.mkdir()
        self.starminerd("snapshot", "restore", str(out), "--data-dir", str(copy.data), "--root", block["app_hash"])
        for key in ("operator.key.json", "faucet.key.json", "vrf.key.json"):
            shutil.copy(self.market.data / key, copy.data / key)
        before_stop = self.market.get(f"/v1/transactions/{load.done[0]}")
        self.market.stop()
        self.market.processes.clear()
        copy.start_node()
        try:
            status = copy.get("/v1/status")
            self.assertGreaterEqual(status["height"], made["height"])
            # What was in the history then is still answered and proven.
            first = load.done[0]
            receipt = copy.get(f"/v1/transactions/{first}")
            self.assertEqual(receipt, before_stop)
            proof = copy.get(f"/v1/transactions/{first}/proof")
            self.assertTrue(proof["path"])
            self.assertEqual(copy.get("/v1/blocks/1")["height"], 1)
            sent = copy.json("starminer", "transfer", self.receiver, "0.5", "--yes", "--json", "--key-file",
                             str(self.folder / "requester.key.json"))
            self.assertGreater(sent["height"], made["height"])
        finally:
            copy.stop()
        self.assertEqual(self.starminerd("replay", "--data-dir", str(copy.data))["height"], sent["height"])

    def test_an_altered_chunk_is_named_and_leaves_nothing(self):
        out = self.folder / "snapshot"
        made = self.create(out)
        self.assertGreater(made["chunks"], 1)
        for chunk in sorted(out.glob("chunk-*")):
            good = chunk.read_bytes()
            bad = bytearray(good)
            bad[len(bad) // 2] ^= 1
            chunk.write_bytes(bad)
            target = self.folder / "restored"
            said = self.starminerd("snapshot", "restore", str(out), "--data-dir", str(target), code=8)
            self.assertIn(chunk.name, said)
            self.assertFalse((target / "chain").exists() or (target / "genesis.json").exists())
            chunk.write_bytes(good)
        self.market.stop()
        self.market.processes.clear()
        # Nobody serves the folder now: it is read itself, and nothing is overwritten.
        self.create(self.folder / "offline")
        said = self.starminerd("snapshot", "create", "--data-dir", str(self.market.data), "--out", str(out), code=2)
        self.assertIn("exists", said)

    def test_a_killed_create_or_restore_leaves_nothing_that_passes_for_whole(self):
        """strace kills the program at its n-th rename, sync or write: whatever is there then is refused or whole."""
        if not shutil.which("strace"):
            self.skipTest("strace is missing: tools/install check")
        self.market.stop()
        self.market.processes.clear()
        whole = self.folder / "whole"
        made = self.create(whole)
        kills = starts = 0
        points = {"rename": (1, 3, 9, 10, 11, 12), "fsync": (1, 3, 9), "pwrite64": (1, 2), "write": (2, 9, 30), "link": (1, 4),
                  "unlink": (1,)}
        for call, numbers in points.items():
            for number in numbers:
                out = self.folder / "out"
                kills += self.killed(call, number, "snapshot", "create", "--data-dir", str(self.market.data), "--out", str(out))
                if out.exists():
                    self.starminerd("snapshot", "verify", str(out), "--root", made["app_hash"])
                target = self.folder / "target"
                kills += self.killed(call, number, "snapshot", "restore", str(whole), "--data-dir", str(target))
                if not (target / "chain").exists():
                    if (target / "chain.restoring").exists() and (target / "genesis.json").exists():
                        started = subprocess.run([self.market.program("starminerd"), "run", "--data-dir", str(target)],
                                                 capture_output=True, text=True)
                        self.assertEqual(started.returncode, 1)
                        self.assertIn("Restore it again", started.stderr)
                        starts += 1
                    self.starminerd("snapshot", "restore", str(whole), "--data-dir", str(target))
                self.assertEqual(self.starminerd("replay", "--data-dir", str(target))["app_hash"], made["app_hash"])
                shutil.rmtree(out, ignore_errors=True)
                shutil.rmtree(target)
        self.assertGreater(kills, 15, "hardly a kill was met: the rig is dead")
        self.assertGreater(starts, 0, "no restore was killed between its genesis and its chain")

    def killed(self, call, number, *arguments):
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                               f"inject={call}:signal=SIGKILL:when={number}", self.market.program("starminerd"), *arguments],
                              capture_output=True, text=True)
        return int(done.returncode in (-9, 137))


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] != "--bin":
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2, warnings="ignore")
