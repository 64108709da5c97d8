#!/usr/bin/python3
"""A node dies, files of its chain are damaged, and an operator makes it whole with `starminerd repair`: from a snapshot and
the folder's own log, or from a backup. It names what is damaged, refuses where acknowledged blocks would be lost and
nobody has accepted that, works on no folder that a node serves, and what it has repaired serves again with every
acknowledged transfer.
Campaign B7.  REQ: AUD-1

Usage: repair_test.py --bin DIR
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from node import Broken, Node, Witness, programs_of

OK, MISMATCH = 0, 8


def repair(node, *arguments, expect):
    done = subprocess.run([node.program, "repair", "--data-dir", str(node.data), "--json", *map(str, arguments)],
                          capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise Broken(f"repair {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout) if done.stdout else done.stderr


def send(node, witness, count):
    connection = node.connect()
    for number in range(count):
        status, answer = witness.send(node, connection, number % 2)
        if status != 200:
            raise Broken(f"a transfer was answered with {status}: {answer}")
    connection.close()


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)


def tables(node):
    return sorted((node.data / "chain").glob("*.sst"))


def refuse_to_start(node):
    node.launch()
    if node.wait_ready():
        raise Broken("a damaged chain was started")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    programs = programs_of(parser.parse_args().bin)
    with tempfile.TemporaryDirectory(prefix="starminer-repair-") as folder:
        folder = pathlib.Path(folder)
        node = Node(programs, folder / "node")
        node.folder.mkdir()
        witness = Witness()
        node.init([*witness.keys, witness.receiver])
        node.start()
        send(node, witness, 20)
        done = node.snapshot(folder / "snapshot")
        if done.returncode != 0:
            raise Broken(f"snapshot: {done.stderr}")
        send(node, witness, 20)
        # A folder that a node serves is left alone.
        if "stop it" not in json.dumps(repair(node, "--check", expect=MISMATCH)):
            raise Broken("a folder in use was not refused for that")
        node.kill()
        backup = folder / "backup"
        shutil.copytree(node.data, backup)
        whole = repair(node, "--check", expect=OK)
        if whole["damage"] or whole["repaired"]:
            raise Broken(f"a whole chain is called damaged: {whole}")

        # The database is damaged; the snapshot and the log behind it give everything back.
        for table in tables(node):
            flip(table, 30)
        refuse_to_start(node)
        if not repair(node, "--check", expect=MISMATCH)["damage"]:
            raise Broken("damage was not named")
        done = repair(node, "--snapshot", folder / "snapshot", expect=OK)
        if not done["repaired"] or done["lost"] or not pathlib.Path(done["kept"]).exists():
            raise Broken(f"not repaired from the snapshot: {done}")
        node.start()
        witness.check(node)
        send(node, witness, 10)
        node.kill()

        # The log is damaged in its middle: alone it cannot be repaired, and the refusal says which block is.
        flip(sorted((node.data / "chain/log").glob("*.log"))[-1], 4096 * 3 + 60)
        refuse_to_start(node)
        text = json.dumps(repair(node, expect=MISMATCH))
        if "damaged" not in text or "lost" not in text:
            raise Broken(f"what is missing is not said: {text}")
        done = repair(node, "--accept-loss", expect=OK)
        print(f"lost, as accepted: {done['lost']}; height {done['height']}", flush=True)
        if not done["lost"]:
            raise Broken(f"a loss was not told: {done}")

        # A backup of the same height gives all of it.
        shutil.rmtree(node.data / "chain")
        shutil.copytree(backup / "chain", node.data / "chain")
        twin = folder / "twin"
        shutil.copytree(node.data, twin)
        for table in tables(node):
            flip(table, 30)
        done = repair(node, "--copy", twin, expect=OK)
        if not done["repaired"] or done["lost"]:
            raise Broken(f"not repaired from a copy: {done}")
        node.start()
        node.stop()
        node.replay()
    print("repaired from a snapshot and the log, from a copy, and refused where blocks would be lost", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
