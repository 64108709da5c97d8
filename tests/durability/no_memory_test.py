#!/usr/bin/python3
"""The n-th allocation of starminerd finds no memory: while it starts, while it takes transfers, while it makes a snapshot,
replays or examines its chain. The process ends with code 1 and says why, nothing acknowledged is lost, no file is left half
under its final name, and the next start stands.
Campaign B10, for `operator new`.  REQ: AUD-1

Usage: no_memory_test.py --bin DIR --shim FILE [--points N] [--seed S]
"""

import argparse
import http.client
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from node import Broken, Node, Witness, programs_of

TRANSFERS = 12
WHY = "out of memory"


def environment(shim, at, later=False, count=None):
    settings = {"LD_PRELOAD": str(shim), "STARMINER_NO_MEMORY_AT": str(at)}
    if later:
        settings["STARMINER_NO_MEMORY_LATER"] = "1"
    if count:
        settings["STARMINER_NO_MEMORY_COUNT"] = str(count)
    return settings


def launch(node, settings):
    node.launch(("/usr/bin/env", *(f"{name}={value}" for name, value in settings.items())))
    return node.wait_ready()


def send(node, witness):
    """False when the process died under it."""
    try:
        connection = node.connect()
        for number in range(TRANSFERS):
            status, answer = witness.send(node, connection, number % 2)
            if status != 200:
                raise Broken(f"a transfer was answered with {status}: {answer}")
        return True
    except (OSError, http.client.HTTPException, ValueError):
        return False


def check_end(code, text, what):
    if code != 1 or WHY not in text:
        raise Broken(f"{what}: ended with {code}: {text[-800:]}")


class Campaign:
    def __init__(self, programs, shim, folder, points, rng):
        self.programs, self.shim, self.folder, self.points, self.rng = programs, shim, folder, points, rng
        self.whole = folder / "whole"
        self.met = 0

    def prepare(self):
        node, witness = self.fresh(), Witness()
        node.init([*witness.keys, witness.receiver])
        node.start()
        if not send(node, witness):
            raise Broken("the node does not serve")
        node.snapshot(self.folder / "unused")  # part of the chain lies in the database
        send(node, witness)
        node.stop()
        shutil.copytree(node.folder, self.whole)
        self.acknowledged = dict(witness.acknowledged)

    def fresh(self):
        node = Node(self.programs, self.folder / "run")
        shutil.rmtree(node.folder, ignore_errors=True)
        if self.whole.exists():
            shutil.copytree(self.whole, node.folder)
        else:
            node.folder.mkdir()
        node.log.unlink(missing_ok=True)
        return node

    def witness(self):
        witness = Witness()
        witness.acknowledged = dict(self.acknowledged)
        witness.sequence = [TRANSFERS, TRANSFERS]
        return witness

    def places(self, total):
        """Numbers of allocations, spread over all of them; all where there are as few."""
        if total <= self.points:
            return range(1, total + 1)
        return sorted(self.rng.sample(range(1, total + 1), self.points))

    def stands(self, node, witness):
        node.start()
        witness.check(node)
        node.stop()
        node.replay()

    def start_and_serve(self, later):
        """The count runs from the start, or from the first transfer on."""
        node, witness, count = self.fresh(), self.witness(), self.folder / "count"
        if not launch(node, environment(self.shim, 0, later, count)):
            raise Broken(f"does not start: {node.tail()}")
        begin = signal.SIGUSR2
        if later:
            os.kill(node.process.pid, begin)
            send(node, witness)
        node.stop()
        total = int(count.read_text())
        for at in self.places(total):
            node, witness = self.fresh(), self.witness()
            ready = launch(node, environment(self.shim, at, later))
            if ready and later:
                os.kill(node.process.pid, begin)
                send(node, witness)
            node.stop()
            node.process.wait()
            if node.process.returncode != 0:
                self.met += 1
                check_end(node.process.returncode, node.log.read_text(errors="replace"), f"allocation {at} of {total}")
            self.stands(node, witness)
        return total

    def command(self, *arguments, makes=None):
        count = self.folder / "count"

        def run(node, settings):
            if makes:
                shutil.rmtree(makes, ignore_errors=True)
            return subprocess.run([node.program, *arguments, "--data-dir", str(node.data)], capture_output=True, text=True,
                                  check=False, env={**os.environ, **settings})

        done = run(self.fresh(), environment(self.shim, 0, count=count))
        if done.returncode != 0:
            raise Broken(f"{arguments}: {done.stderr}")
        total = int(count.read_text())
        for at in self.places(total):
            node = self.fresh()
            done = run(node, environment(self.shim, at))
            if done.returncode == 0:
                continue
            self.met += 1
            check_end(done.returncode, done.stderr, f"{arguments}, allocation {at} of {total}")
            if makes and makes.exists():
                raise Broken(f"{arguments}, allocation {at} of {total}: {makes} stands, and the command failed")
            self.stands(node, self.witness())
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("--shim", required=True)
    parser.add_argument("--points", type=int, default=6, help="how many allocations of each kind of work")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="starminer-no-memory-") as folder:
        folder = pathlib.Path(folder)
        campaign = Campaign(programs_of(options.bin), pathlib.Path(options.shim).resolve(), folder, options.points,
                            random.Random(options.seed))
        campaign.prepare()
        try:
            print(f"start: of {campaign.start_and_serve(later=False)} allocations", flush=True)
            print(f"{TRANSFERS} transfers: of {campaign.start_and_serve(later=True)}", flush=True)
            print(f"replay: of {campaign.command('replay')}", flush=True)
            print(f"repair --check: of {campaign.command('repair', '--check')}", flush=True)
            snapshot = folder / "snapshot"
            total = campaign.command("snapshot", "create", "--out", str(snapshot), makes=snapshot)
            print(f"snapshot: of {total}", flush=True)
        except Broken as broken:
            raise Broken(f"{broken}\nrepeat with --seed {options.seed} --points {options.points}") from broken
        print(f"seed {options.seed}: {campaign.met} times without memory, nothing acknowledged was lost", flush=True)
        if campaign.met < options.points:
            raise Broken("hardly an allocation failed: the rig is dead")


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        sys.exit(f"BROKEN: {broken}")
