#!/usr/bin/python3
"""A stream of real jobs while starminerd, agents, job processes and command lines are killed with SIGKILL at random
moments. Afterwards every acknowledged job has ended, money is conserved, no durable answer is lost, and no job was paid
or run twice.  REQ: WRK-1, CSC-2, AUD-1

Usage: kills_test.py --bin DIR [--kills N] [--jobs N] [--seed S]
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from local_market import Failed, Market  # noqa: E402

PROVIDERS = ("aurora", "borealis")
TARGETS = ("starminerd", "agent", "job", "cli")
FINAL = ("settled", "refunded")
SETTLE_PATIENCE_S = 900

JOB = """\
name: {name}
kind: simulation
runtime: debian/base
# The job says in its output how often it ran: a second run in the same contract would append a second line.
command: [/bin/sh, -c, 'echo run >> /job/out/runs.txt; sleep {seconds}; echo {name}']
outputs: [runs.txt]
resources: {{class: [CPU], gpus: 1, memory: 64 MiB, cpus: 0.5, disk: 16 MiB}}
time: {{expected: 10 s, max: 2 min}}
budget: 50 AGPU
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Chaos:
    def __init__(self, market, rng, port):
        self.market = market
        self.rng = rng
        self.port = port
        self.acknowledged = {}  # job id -> job name
        self.command_lines = []
        self.extra = 0
        self.counts = dict.fromkeys(TARGETS, 0)

    def submit(self, number):
        name, path = self.write_job(number)
        if self.rng.random() < 0.3:
            self.run_in_background(name, path)
            return
        done = self.market.run("starminer", "submit", str(path), "--yes", "--json", show=False, check=False)
        if done.returncode == 0:
            job = json.loads(done.stdout)["job"]
            self.acknowledged[job] = name

    def write_job(self, number):
        name = f"chaos-{number}"
        path = self.market.folder / f"{name}.yaml"
        path.write_text(JOB.format(name=name, seconds=self.rng.choice((0.2, 1, 2, 4))))
        return name, path

    def run_in_background(self, name, path):
        """A whole run of the command line; it may be killed, its job must not suffer."""
        log = open(self.market.folder / f"{name}.run.log", "ab")
        self.command_lines.append(subprocess.Popen(
            [self.market.program("starminer"), "run", str(path), "--yes", "--out",
             str(self.market.folder / f"{name}-out")], env=self.market.environment(), cwd=self.market.folder,
            stdout=log, stderr=log))

    def kill_something(self):
        """Kills what was killed least so far, so that each kind has its share; nothing if none of it is alive now."""
        least = min(self.counts.values())
        target = self.rng.choice([name for name in TARGETS if self.counts[name] == least])
        if target == "starminerd":
            self.kill_program("starminerd")
            self.market.start_node(self.port)
        elif target == "agent":
            name = self.rng.choice(PROVIDERS)
            self.kill_program("starminer-provider", f"{name}.log")
            self.market.start_provider(name)
        elif target == "job":
            if not self.kill_job():
                return
        else:
            alive = [process for process in self.command_lines if process.poll() is None]
            if not alive:
                self.extra += 1
                self.run_in_background(*self.write_job(f"extra-{self.extra}"))
                time.sleep(self.rng.uniform(0, 0.5))
                alive = self.command_lines[-1:]
            self.rng.choice(alive).kill()
        self.counts[target] += 1

    def kill_program(self, name, log=None):
        for entry in list(self.market.processes):
            if entry[0] == name and log in (None, entry[1]):
                entry[2].kill()
                entry[2].wait()
                self.market.processes.remove(entry)

    def kill_job(self):
        found = subprocess.run(["pgrep", "-f", r"echo run >> /job/out/runs.txt"], capture_output=True, text=True)
        jobs = [int(pid) for pid in found.stdout.split() if self.is_job(int(pid))]
        if not jobs:
            return False
        try:
            os.kill(self.rng.choice(jobs), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    @staticmethod
    def is_job(pid):
        """The job's own shell, not bubblewrap or a supervisor, which carry its command line too."""
        try:
            return pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "sh"
        except OSError:
            return False


def wait_for_ends(market):
    """Every job must end by itself; the patience only keeps a hanging market from hanging the test for ever."""
    end = time.monotonic() + SETTLE_PATIENCE_S
    while True:
        try:
            jobs = market.jobs()
            if all(job["state"] in FINAL for job in jobs):
                return jobs
        except (urllib.error.URLError, ConnectionError, Failed):
            jobs = []
        if time.monotonic() > end:
            raise Failed(f"jobs that did not end: {[job['id'] for job in jobs if job['state'] not in FINAL]}")
        time.sleep(0.5)


def verify(market, chaos, jobs):
    faults = []
    known = {job["id"]: job for job in jobs}
    for job, name in chaos.acknowledged.items():
        if job not in known:
            faults.append(f"acknowledged job {job} ({name}) is lost")
    for job in jobs:
        contracts = market.get(f"/v1/contracts?job={job['id']}&limit=100")["contracts"]
        settled = [contract for contract in contracts if contract["state"] == "settled"]
        if len(settled) > 1:
            faults.append(f"job {job['id']} was paid {len(settled)} times")
        paid = sum(int(contract["bill"]["pay"]) + int(contract["prior_bill"]["pay"]) for contract in contracts)
        if paid != int(job["paid"]) or paid > 50 * 10**9:
            faults.append(f"job {job['id']}: contracts paid {paid}, the job says {job['paid']}")
        if not job["end_reason"]:
            faults.append(f"job {job['id']} ended without a reason")
        for contract in settled:
            if len(contract["outputs"]) == 1 and contract["outputs"][0] != RUN_ONCE_SHA256:
                faults.append(f"contract {contract['id']} ran more than once")
    supply = market.get("/v1/status")["supply"]
    for asset, row in supply.items():
        if not row["conserved"]:
            faults.append(f"{asset} is not conserved")
    if int(supply["AGPU"]["locks"]) != sum(locked_without_escrow(market)):
        faults.append("escrow is left behind")
    return faults


# SHA-256 of "run\n": what runs.txt holds after exactly one run.
RUN_ONCE_SHA256 = hashlib.sha256(b"run\n").hexdigest()


def locked_without_escrow(market):
    """Amounts of all locks that may stay: deposits and node identities."""
    addresses = {node["provider"] for node in market.get("/v1/nodes")["nodes"]}
    addresses.add(market.json("starminer", "address", "--json")["address"])
    amounts = []
    for address in addresses:
        for lock in market.get("/v1/accounts/" + address)["locks"]:
            if lock["purpose"] != "escrow":
                amounts.append(int(lock["amount"]))
            else:
                amounts.append(-int(lock["amount"]))
    # The operator's and the faucet's deposits belong to no one named here.
    deposit = 10_000_000
    return amounts + [deposit, deposit]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print(f"seed {options.seed}: {options.kills} kills, {options.jobs} jobs", flush=True)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="starminer-kills-") as folder:
        market = Market(options.bin.resolve(), pathlib.Path(folder))
        chaos = Chaos(market, rng, free_port())
        try:
            market.make_chain("dev", PROVIDERS)
            market.start_node(chaos.port)
            for name in PROVIDERS:
                market.set_up_provider(name, show=False)
                market.start_provider(name)
            market.wait_for_nodes()
            market.run("starminer", "login", show=False)
            submitted = kills = 0
            while submitted < options.jobs or kills < options.kills:
                if submitted < options.jobs:
                    chaos.submit(submitted)
                    submitted += 1
                time.sleep(rng.uniform(0, 1.5))
                if kills < options.kills:
                    chaos.kill_something()
                    kills = sum(chaos.counts.values())
                    if submitted >= options.jobs and kills < options.kills and not market_is_busy(market):
                        submitted -= 1  # nothing left to disturb: one more job
            jobs = wait_for_ends(market)
            faults = verify(market, chaos, jobs)
            for process in chaos.command_lines:
                process.kill()
                process.wait()
            ends = {}
            for job in jobs:
                ends[job["end_reason"]] = ends.get(job["end_reason"], 0) + 1
            missed = [name for name in TARGETS if chaos.counts[name] == 0]
            if missed and options.kills >= len(TARGETS):
                faults.append(f"never killed: {missed}")
            print(f"kills {chaos.counts}, jobs {len(jobs)}, ends {ends}", flush=True)
        except (Failed, AssertionError) as failure:
            faults = [str(failure)]
        finally:
            market.stop()
        replayed = market.run("starminerd", "replay", "--data-dir", str(market.data), show=False, check=False)
        if replayed.returncode != 0:
            faults.append(f"replay: {replayed.stderr.decode(errors='replace')}")
        for fault in faults:
            print(f"FAULT {fault}", flush=True)
        if faults:
            for log in sorted(market.folder.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
            print(f"repeat with: --seed {options.seed} --kills {options.kills} --jobs {options.jobs}")
        return 1 if faults else 0


def market_is_busy(market):
    try:
        return any(job["state"] not in FINAL for job in market.jobs())
    except (urllib.error.URLError, ConnectionError, Failed):
        return True


if __name__ == "__main__":
    sys.exit(main())
