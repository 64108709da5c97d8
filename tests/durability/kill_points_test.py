#!/usr/bin/python3
"""starminerd is killed in the middle of its n-th write, sync, rename, truncation and removal of a file, for every n of a
scripted run; and again while it recovers, three deep. Whatever it has acknowledged must stand.
Campaigns B1 and B11.  REQ: AUD-1, TOK-3

Usage: kill_points_test.py --bin DIR [--every N] [--transfers N]
"""

import argparse
import http.client
import itertools
import pathlib
import shutil
import sys
import tempfile

from node import Broken, Node, Witness, programs_of

CALLS = ("write", "pwrite64", "fdatasync", "fsync", "rename", "ftruncate", "fallocate", "unlink", "mkdir", "openat")
DEPTH = 3
POINTS_MAX = 5_000  # of one call; a scripted run has far fewer


def killed_at(call, number):
    """Runs a program so that the kernel kills it in its n-th such call, counted per thread."""
    return ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
            f"inject={call}:signal=SIGKILL:when={number}")


def work(node, witness, transfers):
    """True when all was answered and the node stopped in order; False when it died on the way."""
    try:
        connection = node.connect()
        for number in range(transfers):
            witness.send(node, connection, number % len(witness.keys))
        connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        node.process.wait()
        return False
    node.stop()
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--every", type=int, default=1, help="take each N-th point only")
    parser.add_argument("--transfers", type=int, default=40)
    options = parser.parse_args()
    programs = programs_of(options.bin)
    if not shutil.which("strace"):
        sys.exit("strace is missing: tools/install check")
    with tempfile.TemporaryDirectory(prefix="starminer-kill-points-") as folder:
        folder = pathlib.Path(folder)
        fresh = Node(programs, folder / "fresh")
        fresh.folder.mkdir()
        witness = Witness()
        fresh.init([*witness.keys, witness.receiver])
        total = recoveries = 0
        for call in CALLS:
            points = 0
            for number in itertools.count(1, options.every):
                ended, deep = one_point(programs, folder, fresh, call, number, options.transfers, total % 5 == 0)
                if ended:
                    break
                points += 1
                total += 1
                recoveries += deep
                if number > POINTS_MAX:
                    raise Broken(f"{call}: the run does not end")
            print(f"{call}: {points} points", flush=True)
        print(f"{total} kill points, {recoveries} kills during recovery, nothing acknowledged was lost", flush=True)
        if total < 20:
            raise Broken("hardly a point was met: the rig is dead")


def one_point(programs, folder, fresh, call, number, transfers, deep):
    """Whether the run came to its end undisturbed, and how many kills met the recovery."""
    node = Node(programs, folder / "run")
    shutil.rmtree(node.folder, ignore_errors=True)
    shutil.copytree(fresh.folder, node.folder)
    witness = Witness()
    node.launch(killed_at(call, number))
    undisturbed = node.wait_ready() and work(node, witness, transfers)
    kills = 0
    if deep and not undisturbed:
        for depth in range(DEPTH):
            node.launch(killed_at(call, 1 + (number * 7 + depth * 3) % 11))
            if node.wait_ready():
                node.kill()
            kills += 1
    node.start()
    witness.check(node)
    node.stop()
    if deep:
        node.replay()
    return undisturbed, kills


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
