#!/usr/bin/python3
"""Single calls of a running node find no room (ENOSPC, EDQUOT, EFBIG), though the disk as a whole has some: writes into
the preallocated log, its next segments, the database's files, their names and their syncs. Transactions are answered with
507 and never stand afterwards, reads go on and show nothing that is not durable, and the same process takes transactions
again when the calls succeed. Only after a failed sync, or where the database can no longer trust its own journal, may
the process end; then its log says why and what to do. Whatever was acknowledged stands.
Campaign B9.  REQ: AUD-1

Usage: no_room_test.py --bin DIR [--points N] [--errors E,...] [--seed S]
"""

import argparse
import collections
import http.client
import pathlib
import random
import shutil
import sys
import tempfile
import time

from node import Broken, Node, Witness, call, programs_of

TRANSFERS = 18
CHECKPOINTS = (5, 11)  # transfers behind which the log goes into the database
LASTS = 6              # calls that fail in a row
AGAIN_S = 60
TEXTS = {"ENOSPC": "No space left on device", "EDQUOT": "Disk quota exceeded", "EFBIG": "File too large"}

LOG = ("log/00000000000000000001.log",)
SEGMENTS = ("log/spare.new", "log/next.new", "log/spare")
TABLES = tuple(f"checkpoint/{name}.sst" for name in ("default", "state", "leaves", "receipts", "ended", "blocks")) + tuple(
    f"{number:06}.sst" for number in range(1, 80))
JOURNAL = tuple(f"MANIFEST-{number:06}" for number in range(1, 40)) + ("CURRENT",) + tuple(
    f"{number:06}.dbtmp" for number in range(1, 40))
# What fails, where, and whether the process may end for it.
PLACES = (
    ("append", "pwrite64", LOG, False),
    ("sync of a block", "fdatasync", LOG, True),
    ("next segment", "pwrite64", SEGMENTS, False),
    ("sync of the next segment", "fsync", SEGMENTS, False),
    ("name of a segment", "rename", SEGMENTS, False),
    ("opening of a segment", "openat", SEGMENTS, False),
    ("table", "write", TABLES, False),
    ("sync of a table", "fsync,fdatasync", TABLES, True),
    ("name of a table", "link,rename", TABLES, False),
    ("journal of the database", "write", JOURNAL, True),
    ("sync of that journal", "fsync,fdatasync", JOURNAL, True),
)


class Run:
    """One node under one kind of fault."""

    def __init__(self, programs, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.node = Node(programs, folder)
        self.witness = Witness()
        self.node.init([*self.witness.keys, self.witness.receiver])
        self.connection = None
        self.refused = []     # transactions that were answered with 507
        self.snapshots = 0

    def prepare(self):
        """The chain is there, so that the first calls are not those of its genesis."""
        self.node.start()
        for _ in range(2):
            self.send(0)
        self.connection.close()
        self.connection = None
        self.node.stop()

    def begin(self, calls, error, when, files):
        paths = [argument for name in files for argument in ("-P", str(self.node.data / "chain" / name))]
        self.node.launch(("strace", "-f", "-qq", "-o", str(self.node.folder / "calls"), *paths, "-e", f"trace={calls}",
                          "-e", f"inject={calls}:error={error}:when={when}"))
        return self.node.wait_ready()

    def met(self):
        """How many calls failed because of this test."""
        return (self.node.folder / "calls").read_text(errors="replace").count("(INJECTED)")

    def ended(self):
        """Whether the process has gone, or goes: it answers what is in work first."""
        try:
            self.node.process.wait(timeout=20)
            return True
        except Exception:
            return False

    def send(self, who):
        """200, 507, or 0 where the process ends."""
        before = set(self.witness.sent)
        try:
            self.connection = self.connection or self.node.connect()
            status, answer = self.witness.send(self.node, self.connection, who)
        except (OSError, http.client.HTTPException, ValueError):
            self.connection = None
            return 0
        if status == 507:
            if answer.get("code") != "E1108":
                raise Broken(f"507 with {answer}")
            self.refused += set(self.witness.sent) - before
            self.look()
        elif status != 200:
            return 0
        return status

    def look(self):
        """Reads go on, and show what was acknowledged and nothing else."""
        status, account = call(self.connection, "GET", "/v1/accounts/" + self.witness.receiver.address)
        if status != 200:
            raise Broken(f"a read was answered with {status}: {account}")
        held = int(account["balances"]["AGPU"]) + sum(int(lock["amount"]) for lock in account["locks"])
        if held != 1000 * 10**9 + 1_000 * len(self.witness.acknowledged):
            raise Broken(f"a read shows {held}, and {len(self.witness.acknowledged)} transfers were acknowledged")

    def work(self):
        """False when the process has ended."""
        for number in range(TRANSFERS):
            if self.send(number % 2) == 0:
                return False
            if number in CHECKPOINTS:
                self.snapshots += 1
                self.node.snapshot(self.node.folder / f"snapshot-{self.snapshots}")
        begin = time.monotonic()
        while True:
            status = self.send(0)
            if status != 507:
                return status == 200
            if time.monotonic() - begin > AGAIN_S:
                raise Broken(f"there is room again, and still 507: {self.node.tail()}")
            time.sleep(0.05)

    def check_after(self):
        self.node.kill()
        self.node.start()
        connection = self.node.connect()
        for name in self.refused:
            status, receipt = call(connection, "GET", "/v1/transactions/" + name)
            if status != 404:
                raise Broken(f"a transaction that was answered with 507 gives {status}: {receipt}")
            self.witness.sent.pop(name, None)
        self.witness.check(self.node)
        self.node.stop()
        self.node.replay()


def one_fault(programs, folder, place, error, first, young):
    """What became of the process, and how many transfers it refused."""
    _, calls, files, may_end = place
    run = Run(programs, folder)
    if not young:
        run.prepare()
    serving = run.begin(calls, error, f"{first}..{first + LASTS - 1}", files)
    alive = serving and run.work()
    if not alive:
        if not run.ended():
            raise Broken(f"neither serves nor ends: {run.node.tail()}")
        text = run.node.log.read_text(errors="replace")
        if run.node.process.returncode < 0:
            raise Broken(f"died by signal {-run.node.process.returncode}: {text[-1500:]}")
        if TEXTS[error] not in text:
            raise Broken(f"the end does not say why: {text[-1500:]}")
        if serving and not may_end:
            raise Broken(f"the process ended for want of room: {text[-1500:]}")
    met = run.met()
    refused = len(run.refused)
    run.check_after()
    if not met:
        return "not met", 0
    return ("serves" if alive else "ended" if serving else "did not start"), refused


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--points", type=int, default=1, help="how many moments of each place and error")
    parser.add_argument("--errors", default="ENOSPC,EDQUOT,EFBIG")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    programs = programs_of(options.bin)
    if not shutil.which("strace"):
        sys.exit("strace is missing: tools/install check")
    rng = random.Random(options.seed)
    total = refused = 0
    with tempfile.TemporaryDirectory(prefix="starminer-no-room-") as folder:
        for place in PLACES:
            fates = collections.Counter()
            for point in range(options.points):
                for error in options.errors.split(","):
                    # Calls are counted per thread: the first ones are those of the start, or of a thread's first work.
                    first = 1 + point // 2 if point < 8 else rng.randrange(5, 60)
                    try:
                        fate, answers = one_fault(programs, pathlib.Path(folder) / "run", place, error, first,
                                                  young=point % 2 == 1)
                    except Broken as broken:
                        raise Broken(f"{place[0]}, {error} from call {first} on: {broken}\n"
                                     f"repeat with --seed {options.seed} --points {options.points}") from broken
                    fates[fate] += 1
                    refused += answers
            met = sum(fates.values()) - fates["not met"]
            total += met
            print(f"{place[0]}: " + ", ".join(f"{fate} {count}" for fate, count in sorted(fates.items())), flush=True)
    print(f"seed {options.seed}: {total} faults were met, {refused} transfers answered with 507, none of them stands; "
          "nothing acknowledged was lost", flush=True)
    if total < len(PLACES) // 2 or not refused:
        raise Broken("hardly a fault was met: the rig is dead")


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
