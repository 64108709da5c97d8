#!/usr/bin/python3
"""Campaign A5: one corpus of random markets, replayed by every build: state root, history root and the digest of all blocks
must be the same at every checkpoint. Ends with 1 at the first difference.

  compare.py --program dev=build/dev/tests/roots/market_roots --program clang=build/clang/tests/roots/market_roots --seeds 20

The first program writes the corpus. It also replays it with four threads, with memory that is not zero, and with differences
planted on purpose, which must be seen."""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

PLANTED = ("order", "time", "genesis", "row-order")


def steady(program):
    """Older thread sanitizers cannot live with every random layout of memory."""
    command = ("setarch", "-R")
    works = "tsan" in program and shutil.which(command[0]) and subprocess.run([*command, "true"], check=False).returncode == 0
    return command if works else ()


def replay(program, corpus, *arguments, **environment):
    """What the replay prints: its build, its lines, and how long it took."""
    begin = time.monotonic()
    done = subprocess.run([*steady(program), program, "replay", corpus, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}, check=False)
    lines = done.stdout.splitlines()
    if done.returncode:
        lines.append(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return lines[0] if lines else "", lines[1:], time.monotonic() - begin


def first_difference(ours, theirs):
    for mine, other in zip(ours, theirs):
        if mine != other:
            return f"  {mine}\n  {other}"
    return None if len(ours) == len(theirs) else f"  {len(ours)} lines\n  {len(theirs)} lines"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", action="append", required=True, metavar="NAME=PATH", help="market_roots of a build")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--transactions", type=int, default=500, help="of each seed")
    parser.add_argument("--every", type=int, default=1000, help="heights between two checkpoints")
    parser.add_argument("--jobs", type=int, default=1, help="replays at a time")
    given = parser.parse_args()
    programs = [named.split("=", 1) for named in given.program]
    first = programs[0][1]
    every = ("--every", str(given.every))
    with tempfile.TemporaryDirectory() as folder:
        corpus = str(pathlib.Path(folder, "corpus"))
        numbers = (str(given.first), str(given.seeds), str(given.transactions))
        subprocess.run([first, "write", corpus, *numbers], check=True)
        build, expected, took = replay(first, corpus, *every)
        runs = [(f"{programs[0][0]}, 4 threads", first, ("--threads", "4"), {}),
                (f"{programs[0][0]}, memory filled with 5a", first, (), {"MALLOC_PERTURB_": "165"})]
        for name, program in programs[1:]:
            runs.append((name, program, (), {}))
            if name == "plain":
                runs += [(f"plain, keys hashed from {seed}", program, (), {"STARMINER_KEY_SEED": seed}) for seed in ("1", "77")]
        checkpoints = sum(line.startswith("seed ") for line in expected)
        if checkpoints < given.seeds or not expected[-1].startswith(f"{given.seeds} markets"):
            print("the corpus is not whole:", *expected[-3:], sep="\n")
            return 1
        print(f"seeds {given.first} to {given.first + given.seeds - 1}: {expected[-1]}, {checkpoints} checkpoints")
        print(f"  {programs[0][0]}: {took:.1f} s, {build}")
        failed = False
        with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
            replays = [pool.submit(replay, program, corpus, *every, *arguments, **environment)
                       for _, program, arguments, environment in runs]
        for (name, program, arguments, environment), done in zip(runs, replays):
            build, lines, took = done.result()
            difference = first_difference(expected, lines)
            failed |= difference is not None
            print(f"  {name}: {'the same' if difference is None else 'DIFFERENT'}, {took:.1f} s, {build}")
            if difference is not None:
                # Again with every height, for the place.
                _, ours, _ = replay(first, corpus, "--every", "1")
                _, theirs, _ = replay(program, corpus, "--every", "1", *arguments, **environment)
                print(first_difference(ours, theirs))
        unseen = [name for name in PLANTED
                  if first_difference(expected, replay(first, corpus, *every, "--planted", name)[1]) is None]
    print(f"planted differences seen: {len(PLANTED) - len(unseen)} of {len(PLANTED)}", *unseen)
    print(f"{len(runs) + 1} runs, {'differences' if failed or unseen else '0 differences'}")
    return 1 if failed or unseen else 0


if __name__ == "__main__":
    sys.exit(main())
