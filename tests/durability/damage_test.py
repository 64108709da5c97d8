#!/usr/bin/python3
"""The files of a stopped node are damaged: single bits, cut at a length, a range of zeros, a range twice. Whoever starts
the node then gets the same state, or a refusal that says what is damaged; or, where the end of the newest log is torn
as after a power cut, a clean earlier state that says so. Never another state, and never a silent loss.
Campaigns B5 and B6.  REQ: AUD-1, DEC-2

Usage: damage_test.py --bin DIR [--cases N] [--seed S]
"""

import argparse
import collections
import pathlib
import random
import shutil
import sys
import tempfile

from node import Broken, Node, Witness, call, programs_of

TRANSFERS = 120


def flip(rng, data):
    place = rng.randrange(len(data) * 8)
    data[place // 8] ^= 1 << place % 8
    return f"bit {place % 8} of byte {place // 8}"


def cut(rng, data):
    length = rng.randrange(len(data))
    del data[length:]
    return f"cut to {length} bytes"


def zero(rng, data):
    begin = rng.randrange(len(data))
    end = min(len(data), begin + rng.choice((1, 16, 512, 4096)))
    data[begin:end] = bytes(end - begin)
    return f"zeros from {begin} to {end}"


def double(rng, data):
    begin = rng.randrange(len(data))
    end = min(len(data), begin + rng.choice((7, 32, 512)))
    data[end:end] = data[begin:end]
    return f"bytes {begin} to {end} twice"


DAMAGES = (flip, flip, flip, cut, zero, double)


def prepare(programs, folder):
    """A node whose state lies in tables on disk as well as in the log: it was restarted in the middle, then killed."""
    node = Node(programs, folder)
    witness = Witness()
    node.init([*witness.keys, witness.receiver])
    for part in range(2):
        node.start()
        connection = node.connect()
        for number in range(TRANSFERS // 2):
            witness.send(node, connection, number % 2)
        tip = call(connection, "GET", "/v1/status")[1]
        if part == 0:
            node.stop()
    node.kill()
    return witness, tip


def judge(node, witness, tip, what):
    """What became of a damaged folder."""
    node.launch()
    if not node.wait_ready():
        text = node.log.read_text(errors="replace")
        if node.process.returncode < 0:
            raise Broken(f"{what}: died by signal {-node.process.returncode}: {text[-800:]}")
        if not any(word in text.lower() for word in ("corrupt", "damaged", "checksum", "missing", "truncated", "mismatch",
                                                     "not the", "does not")):
            raise Broken(f"{what}: the refusal does not say that data are damaged: {text[-800:]}")
        return "refused"
    connection = node.connect()
    status = call(connection, "GET", "/v1/status")[1]
    if status["height"] >= tip["height"]:  # a tick may have made a block since
        if call(connection, "GET", f"/v1/blocks/{tip['height']}")[1]["app_hash"] != tip["app_hash"]:
            raise Broken(f"{what}: another state at the same height")
        witness.check(node)
        node.kill()
        return "same state"
    block = call(connection, "GET", f"/v1/blocks/{status['height']}")[1]
    node.kill()
    text = node.log.read_text(errors="replace").lower()
    if "torn" not in text and "lost" not in text:
        raise Broken(f"{what}: height {status['height']} in place of {tip['height']}, and nobody is told: {text[-800:]}")
    if block["app_hash"] != status["app_hash"]:
        raise Broken(f"{what}: the earlier state is not that of its block")
    return "earlier state, reported"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    programs = programs_of(options.bin)
    outcomes = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="starminer-damage-") as folder:
        folder = pathlib.Path(folder)
        (folder / "whole").mkdir()
        witness, tip = prepare(programs, folder / "whole")
        chain = folder / "whole/node/chain"
        files = sorted(str(path.relative_to(chain)) for path in chain.rglob("*")
                       if path.is_file() and path.stat().st_size and not path.name.startswith("LOG"))
        for number in range(options.cases):
            node = Node(programs, folder / "run")
            shutil.rmtree(node.folder, ignore_errors=True)
            shutil.copytree(folder / "whole", node.folder)
            node.log.unlink()
            name = files[number % len(files)]
            path = node.data / "chain" / name
            data = bytearray(path.read_bytes())
            what = f"{name}: {rng.choice(DAMAGES)(rng, data)}"
            path.write_bytes(data)
            try:
                outcome = judge(node, witness, tip, what)
            except Broken as broken:
                raise Broken(f"{broken}\nrepeat with --seed {options.seed} --cases {options.cases}") from broken
            kind = pathlib.Path(name).suffix or pathlib.Path(name).name.split("-")[0]
            outcomes[f"{kind}: {outcome}"] += 1
    print(f"seed {options.seed}: {options.cases} damages of {len(files)} files", flush=True)
    for outcome, count in sorted(outcomes.items()):
        print(f"  {outcome}: {count}", flush=True)
    if not any("refused" in outcome for outcome in outcomes):
        raise Broken("no damage was ever refused: the rig is dead")


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
