#!/usr/bin/python3
"""The disk fails: the n-th write or sync of a file answers with an error, once or from then on. After a failed sync
nothing is acknowledged any more (the page may be marked clean: a second sync would lie), reads go on or the process ends
with the reason, and after a restart on a whole disk every acknowledged transfer stands.
Campaign B8.  REQ: AUD-1

Usage: faulty_disk_test.py --bin DIR [--points N]
"""

import argparse
import http.client
import pathlib
import shutil
import sys
import tempfile

from node import Broken, Node, Witness, programs_of

FAULTS = (("fdatasync", "EIO"), ("fsync", "EIO"), ("write", "EIO"), ("pwrite64", "EIO"), ("write", "ENOSPC"),
          ("pwrite64", "ENOSPC"), ("fallocate", "ENOSPC"), ("rename", "EIO"), ("openat", "EMFILE"))
TRANSFERS = 24


def failing(call, error, when):
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")


def work(node, witness):
    """(answers that were no success, transfers acknowledged after the first of them)"""
    failures = late = 0
    connection = None
    for number in range(TRANSFERS):
        try:
            connection = connection or node.connect()
            status, _ = witness.send(node, connection, number % 2)
        except (OSError, http.client.HTTPException, ValueError):
            connection = None
            status = 0
        if status != 200:
            failures += 1
        elif failures:
            late += 1
    return failures, late


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--points", type=int, default=4, help="how many moments of each kind of fault")
    options = parser.parse_args()
    programs = programs_of(options.bin)
    if not shutil.which("strace"):
        sys.exit("strace is missing: tools/install check")
    met = 0
    with tempfile.TemporaryDirectory(prefix="starminer-faulty-disk-") as folder:
        folder = pathlib.Path(folder)
        for call, error in FAULTS:
            hurt = 0
            for point in range(options.points):
                for repeat in ("", "+"):
                    when = f"{1 + point * max(1, 32 // options.points)}{repeat}"
                    hurt += one_fault(programs, folder / "run", call, error, when)
            met += hurt
            print(f"{call} {error}: {hurt} of {2 * options.points} faults were met", flush=True)
    print(f"{met} faults, nothing acknowledged was lost", flush=True)
    if met < 4:
        raise Broken("hardly a fault was met: the rig is dead")


def one_fault(programs, folder, call, error, when):
    what = f"{call} {error} at {when}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    node = Node(programs, folder)
    witness = Witness()
    node.init([*witness.keys, witness.receiver])
    node.launch(failing(call, error, when))
    if not node.wait_ready():
        # Where every write fails, the wake-up of a thread fails, too: no program can live with that in order.
        if node.process.returncode < 0 and call != "write":
            raise Broken(f"{what}: died by signal {-node.process.returncode}: {node.tail()}")
        hurt = 1
    else:
        failures, late = work(node, witness)
        hurt = int(failures > 0 or node.process.poll() is not None)
        if call in ("fdatasync", "fsync") and late:
            raise Broken(f"{what}: {late} transfers were acknowledged after a failed sync: {node.tail()}")
    node.kill()
    node.start()
    try:
        witness.check(node)
    except Broken as broken:
        raise Broken(f"{what}: {broken}") from broken
    node.stop()
    return hurt


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
