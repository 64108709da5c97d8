#!/usr/bin/python3
"""starminerd serves several senders and is killed at random moments, again and again over the same data. Every answer
that a sender got must stand after every restart, each transfer once.
Campaign B2.  REQ: AUD-1, TOK-3

Usage: random_kills_test.py --bin DIR [--kills N] [--seed S]
"""

import argparse
import pathlib
import random
import sys
import tempfile
import threading
import time

from node import Broken, Node, Witness, programs_of

SENDERS = 4
OLDER = 200  # transfers of before earlier kills, drawn after each; after the last all are asked for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="starminer-random-kills-") as folder:
        node = Node(programs_of(options.bin), pathlib.Path(folder))
        witness = Witness(SENDERS)
        node.init([*witness.keys, witness.receiver])
        node.start()
        for kill in range(options.kills):
            threads = [threading.Thread(target=witness.send_until_it_dies, args=(node, who)) for who in range(SENDERS)]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0, 0.3))
            node.kill()
            for thread in threads:
                thread.join()
            node.start()
            try:
                witness.check(node, older=OLDER)
            except Broken as broken:
                raise Broken(f"after kill {kill}: {broken}; repeat with --seed {options.seed}") from broken
            if (kill + 1) % 250 == 0:
                print(f"{kill + 1} of {options.kills} kills, {len(witness.acknowledged)} transfers stand", flush=True)
        witness.check(node)
        node.stop()
        node.replay()
        print(f"seed {options.seed}: {options.kills} kills, {len(witness.acknowledged)} transfers stand, none is lost or "
              "doubled", flush=True)
        if not witness.acknowledged:
            raise Broken("no transfer was acknowledged: the rig is dead")


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
