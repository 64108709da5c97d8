#!/usr/bin/python3
"""Tables of the database are damaged under a running node: what is asked for is answered as it was, or with 500 and the
code store_damaged, and the log says what is damaged. Never with "there is none", and never with something else.
REQ: AUD-1

Usage: damaged_reads_test.py --bin DIR [--cases N] [--seed S]
"""

import argparse
import collections
import pathlib
import random
import sys
import tempfile

from node import Broken, Node, Witness, call, programs_of

TRANSFERS = 120


def questions(witness, height):
    paths = [f"/v1/blocks/{number}" for number in range(1, height + 1)]
    for name in witness.acknowledged:
        paths += [f"/v1/transactions/{name}"]
    return paths


def stable(path, answer):
    """The answer without what moves with the tip."""
    return {name: value for name, value in answer.items() if name != "height" or "transactions" not in path}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    programs = programs_of(options.bin)
    outcomes = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="starminer-damaged-reads-") as folder:
        folder = pathlib.Path(folder)
        node = Node(programs, folder)
        witness = Witness()
        node.init([*witness.keys, witness.receiver])
        node.start()
        connection = node.connect()
        for number in range(TRANSFERS):
            witness.send(node, connection, number % 2)
        height = call(connection, "GET", "/v1/status")[1]["height"]
        whole = {path: call(connection, "GET", path)[1] for path in questions(witness, height)}
        # Brings the log into the database, so that answers come from its tables.
        if node.snapshot(folder / "snapshot").returncode != 0:
            raise Broken("no snapshot could be made")
        node.stop()
        for case in range(options.cases):
            node.start()  # with cold caches
            connection = node.connect()
            tables = sorted((node.data / "chain").glob("*.sst"))
            table = tables[case % len(tables)]
            good = table.read_bytes()
            at = rng.randrange(len(good) * 8)
            with open(table, "r+b") as file:
                file.seek(at // 8)
                file.write(bytes([good[at // 8] ^ 1 << at % 8]))
            for path, answer in whole.items():
                status, now = call(connection, "GET", path)
                if status == 500 and now.get("code") == "store_damaged":
                    outcomes["refused as damaged"] += 1
                elif status == 200 and stable(path, now) == stable(path, answer):
                    outcomes["the same answer"] += 1
                else:
                    raise Broken(f"bit {at} of {table.name} flipped: GET {path} gave {status}: {now}\n"
                                 f"repeat with --seed {options.seed} --cases {options.cases}")
            node.kill()
            with open(table, "r+b") as file:
                file.write(good)
        if "corrupt" not in node.log.read_text(errors="replace").lower():
            raise Broken("the log does not say what is damaged")
    print(f"seed {options.seed}: {options.cases} flipped bits", flush=True)
    for outcome, count in sorted(outcomes.items()):
        print(f"  {outcome}: {count}", flush=True)
    if not outcomes["refused as damaged"]:
        raise Broken("no answer met the damage: the rig is dead")


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
