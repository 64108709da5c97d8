#!/usr/bin/python3
"""The power fails: what had reached the disk at that moment is taken as the disk, and a node is started on it. The disk
is an image of its own; the node is stopped in its tracks, the image copied as it stands, without what the kernel still
holds in memory, and mounted anew.
Campaign B3.  REQ: AUD-1, TOK-3

Usage: power_cut_test.py --bin DIR [--cuts N] [--seed S]
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

from node import Broken, Node, Witness, programs_of
from small_disk import SmallDisk, need_disks

SENDERS = 3
OLDER = 200  # transfers of earlier cuts, drawn after each; after the last cut all are asked for


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--cuts", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    programs = programs_of(options.bin)
    need_disks()
    witness = Witness(SENDERS)
    with tempfile.TemporaryDirectory(prefix="starminer-power-cut-") as folder:
        folder = pathlib.Path(folder)
        with SmallDisk(folder, "disk", 256) as disk:
            node = Node(programs, disk.mount_point)
            node.log = folder / "starminerd.log"
            try:
                run(options, node, disk, witness)
            finally:
                node.kill()
    print(f"seed {options.seed}: {options.cuts} cuts, {len(witness.acknowledged)} transfers stand", flush=True)
    if not witness.acknowledged:
        raise Broken("no transfer was acknowledged: the rig is dead")


def run(options, node, disk, witness):
    rng = random.Random(options.seed)
    node.init([*witness.keys, witness.receiver])
    os.sync()
    for cut in range(options.cuts):
        node.start()
        threads = [threading.Thread(target=witness.send_until_it_dies, args=(node, who)) for who in range(SENDERS)]
        for thread in threads:
            thread.start()
        time.sleep(rng.uniform(0.01, 0.5))
        node.freeze()
        after = disk.image.with_name("after.img")
        disk.copy_of_one_moment(after)
        node.kill()
        for thread in threads:
            thread.join()
        disk.unmount()
        after.rename(disk.image)
        disk.mount()
        node.start()
        try:
            witness.check(node, older=OLDER)
        except Broken as broken:
            raise Broken(f"cut {cut}: {broken}; repeat with --seed {options.seed}") from broken
        node.stop()
        if (cut + 1) % 50 == 0:
            print(f"{cut + 1} of {options.cuts} cuts, {len(witness.acknowledged)} transfers stand", flush=True)
    node.start()
    witness.check(node)
    node.stop()
    node.replay()


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
