#!/usr/bin/python3
"""A market on a network of validators: CometBFT between nodes that hold the market, real agents of providers, and jobs that
the command line submits through one validator's API after the other. While they run, one validator loses both of its
processes to kill -9 and comes back. At the end all jobs are settled, their results are fetched and proven through other
validators than they were submitted to, every validator tells the same of every job and contract, money is conserved, and
all have the same app hash at each height and replay to it.
REQ: DEC-1, DEC-2, WRK-1, CSC-2

Usage: market_test.py --bin DIR [--cometbft PROGRAM] [--validators N] [--jobs N] [--kills N] [--seed N]
Ends with 77 where the CometBFT of tools/install-cometbft is not installed; with 1 if STARMINER_REQUIRE_COMETBFT is set.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from local_market import Failed, Market  # noqa: E402
from network_test import Network, PATIENCE_S, app_hashes, find_cometbft, skipped  # noqa: E402

PROVIDERS = ("aurora", "borealis")
FINAL = ("settled", "refunded")
SETTLE_PATIENCE_S = 600

JOB = """\
name: {name}
kind: simulation
runtime: debian/base
# A second run in the same contract would append a second line.
command: [/bin/sh, -c, 'echo {name} >> /job/out/result.txt; sleep {seconds}; echo said by {name}']
outputs: [result.txt]
resources: {{class: [CPU], gpus: 1, memory: 64 MiB, cpus: 0.5, disk: 16 MiB}}
time: {{expected: 5 s, max: 1 min}}
budget: 50 AGPU
"""


class NetworkMarket(Market):
    """The agents and the requester; the nodes are the network's."""

    def __init__(self, programs, folder, chance):
        super().__init__(programs.bin.resolve(), folder)
        self.cometbft, self.chance = programs, chance
        self.network = None

    def addresses(self, first):
        """All validators' APIs, one of them first."""
        urls = [validator.api for validator in self.network.validators]
        return ",".join(urls[first:] + urls[:first])

    def make_network(self):
        accounts = []
        for name in PROVIDERS:
            address = self.json("starminer-provider", "address", "--json", *self.state_of(name))["address"]
            accounts += ["--account", f"{address}=10 AGPU"]
        self.network = Network(self.cometbft, self.folder, self.chance, accounts)

    def ask(self, validator, path):
        try:
            with urllib.request.urlopen(validator.api + path, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failed(f"{validator.api}{path}: {error.code} {error.read().decode(errors='replace')}") from error

    def is_ready(self, validator):
        try:
            return self.ask(validator, "/healthz")["engine"] == "cometbft"
        except (Failed, OSError):
            return False

    def wait_until_ready(self, validators):
        end = time.monotonic() + PATIENCE_S
        for validator in validators:
            while not self.is_ready(validator):
                if time.monotonic() > end:
                    raise Failed(f"validator {validator.number} does not become ready")
                time.sleep(0.1)

    def command(self, first, *arguments, patience=SETTLE_PATIENCE_S):
        """A command of the requester, which asks this validator first."""
        self.url = self.addresses(first)
        done = subprocess.run([self.program("starminer"), *map(str, arguments)], env=self.environment(), capture_output=True,
                              text=True, cwd=self.folder, timeout=patience)
        if done.returncode != 0:
            raise Failed(f"starminer {' '.join(map(str, arguments))} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def submit(self, number, first):
        name = f"job-{number}"
        path = self.folder / f"{name}.yaml"
        path.write_text(JOB.format(name=name, seconds=self.chance.choice((0.5, 1, 3))))
        job = json.loads(self.command(first, "submit", path, "--yes", "--json"))["job"]
        print(f"{name} is {job}, submitted to validator {first}", flush=True)
        return job, name


def state_of(market, validator, job):
    """What a validator tells of a job and its contracts; the same on all."""
    row = market.ask(validator, f"/v1/jobs/{job}")
    contracts = market.ask(validator, f"/v1/contracts?job={job}&limit=100")["contracts"]
    return row, contracts


def wait_for_ends(market, jobs):
    end = time.monotonic() + SETTLE_PATIENCE_S
    while True:
        open_jobs = []
        for job in jobs:
            try:
                row, _ = state_of(market, market.network.validators[0], job)
                if row["state"] not in FINAL:
                    open_jobs.append((job, row["state"]))
            except (Failed, OSError):
                open_jobs.append((job, "not answered"))
        if not open_jobs:
            return
        if time.monotonic() > end:
            raise Failed(f"jobs that did not end: {open_jobs}")
        time.sleep(0.3)


def check_jobs(market, jobs, submitted_to):
    validators = market.network.validators
    for job, name in jobs.items():
        told = [state_of(market, validator, job) for validator in validators]
        if any(answer != told[0] for answer in told):
            raise AssertionError(f"validators tell different things of {job}: {told}")
        row, contracts = told[0]
        settled = [contract for contract in contracts if contract["state"] == "settled"]
        if row["state"] != "settled" or len(settled) != 1:
            raise AssertionError(f"{name} did not settle once: {row} {contracts}")
        # Results lie where the agent sent them; whoever is asked first, they are found.
        other = (submitted_to[job] + 1) % len(validators)
        folder = market.folder / f"{name}-out"
        market.command(other, "results", job, "--out", folder)
        if (folder / "result.txt").read_text() != f"{name}\n":
            raise AssertionError(f"{name} has another result: {(folder / 'result.txt').read_text()!r}")
        if f"said by {name}" not in market.command(other, "logs", job):
            raise AssertionError(f"the output of {name} is not there")
        # The settlement is proven by one validator under a root that another one tells, and explained by a third.
        proof = market.folder / f"{name}.json"
        market.command(other, "audit", "bundle", settled[0]["id"], "--out", proof)
        height = json.loads(proof.read_text())["commitment"]["height"]
        witness = validators[submitted_to[job]]
        market.network.wait_for_height(height + 1, [witness])
        market.command(other, "audit", "verify", proof, "--root", market.ask(witness, f"/v1/blocks/{height}")["app_hash"])
        market.command((other + 1) % len(validators), "explain", job)


def decided_hashes(validator, height):
    """By height, of CometBFT's headers up to one: what the validators agreed that the block before has made."""
    hashes = {}
    for low in range(1, height + 1, 20):
        found = validator.ask("blockchain", minHeight=str(low), maxHeight=str(min(height, low + 19)))
        for meta in found["result"]["block_metas"]:
            hashes[int(meta["header"]["height"]) - 1] = meta["header"]["app_hash"].lower()
    return hashes


def check_chain(market):
    validators = market.network.validators
    top = max(validator.height() for validator in validators)
    market.network.wait_for_height(top + 1)
    decided = decided_hashes(validators[0], top + 1)
    for validator in validators:
        if app_hashes(validator, top) != [decided[height] for height in range(1, top + 1)]:
            raise AssertionError(f"validator {validator.number} has other app hashes")
        for height in range(1, top + 1):
            block = market.ask(validator, f"/v1/blocks/{height}")
            if block["order_rule"] != "lanes" or block["app_hash"] != decided[height]:
                raise AssertionError(f"validator {validator.number} serves another block {height}: {block}")
        supply = market.ask(validator, "/v1/status")["supply"]
        if not all(row["conserved"] for row in supply.values()):
            raise AssertionError(f"money is not conserved: {supply}")
    return top


def campaign(programs, folder):
    chance = random.Random(programs.seed)
    market = NetworkMarket(programs, folder, chance)
    jobs, submitted_to = {}, {}
    try:
        market.make_network()
        network = market.network
        network.start()
        market.wait_until_ready(network.validators)
        market.url = market.addresses(0)
        market.run("starminer", "login", show=False)
        for number, name in enumerate(PROVIDERS):
            market.url = market.addresses(number % len(network.validators))
            market.set_up_provider(name, show=False)
            market.start_provider(name)
        market.wait_until("the agents' first beats", lambda: all(
            node["status"] == "active" for node in market.ask(network.validators[0], "/v1/nodes")["nodes"]))
        kills = 0
        for number in range(programs.jobs):
            first = number % len(network.validators)
            job, name = market.submit(number, first)
            jobs[job], submitted_to[job] = name, first
            if kills < programs.kills and number % 2 == 1:
                victim = chance.choice(network.validators)
                before = max(validator.height() for validator in network.validators)
                victim.kill("both")
                kills += 1
                # The others go on, and whoever had asked it first asks them.
                survivors = [validator for validator in network.validators if validator is not victim]
                network.wait_for_height(before + 3, survivors)
                job, name = market.submit(f"{number}-while-{victim.number}-is-away", victim.number)
                jobs[job], submitted_to[job] = name, victim.number
                begin = time.monotonic()
                victim.start()
                market.wait_until_ready([victim])
                network.wait_for_height(before + 3, [victim])
                print(f"validator {victim.number}: killed both, ready at height {victim.height()} after "
                      f"{time.monotonic() - begin:.1f} s", flush=True)
        wait_for_ends(market, jobs)
        check_jobs(market, jobs, submitted_to)
        top = check_chain(market)
    finally:
        market.stop()
        if market.network:
            for validator in market.network.validators:
                validator.stop()
    for validator in market.network.validators:
        Network.run(programs.bin / "starminerd", "replay", "--data-dir", validator.data)
    print(f"{programs.validators} validators, {len(PROVIDERS)} agents, {len(jobs)} jobs submitted through all of them, {kills} "
          f"killed and started again: all settled once, the same answers and app hashes everywhere up to height {top}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--cometbft", type=pathlib.Path)
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    programs = parser.parse_args()
    programs.bin = programs.bin.resolve()
    programs.cometbft = programs.cometbft or find_cometbft()
    if programs.cometbft is None:
        return skipped()
    print(f"seed {programs.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="starminer-network-market-"))
    try:
        campaign(programs, folder)
    except BaseException:
        for log in [*sorted(folder.glob("log*")), *sorted(folder.glob("*.log"))]:
            print(f"--- {log.name}\n" + log.read_text(errors="replace")[-4000:], file=sys.stderr)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
