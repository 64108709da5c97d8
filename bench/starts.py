"""From `starminer submit` to the first instruction of the job, through the real processes, with Slurm beside it."""

import json
import pathlib
import subprocess
import tempfile
import time

from measuring import Failed, Market, median, programs, quantile, say
from slurm import Slurm, SlurmMissing

NAMES = ("submit_to_running_ms_p50", "submit_to_running_ms_p99", "submit_to_answer_ms_p50", "start_over_slurm",
         "start_over_srun")
RUNS = 30
WARM_UP = 3
PATIENCE_S = 120
RUNNING_STATES = ("assigned", "preparing", "running")

JOB = """\
name: start
kind: simulation
runtime: debian/base
command: [/usr/bin/date, "+%s%N"]
resources: {class: [CPU], gpus: 1, memory: 64 MiB, cpus: 0.5, disk: 16 MiB}
time: {expected: 10 s, max: 1 min}
budget: 5 AGPU
"""

CORPUS = (f"{RUNS} jobs one after the other, each when the market is idle, after {WARM_UP} to warm up; the job is "
          "/usr/bin/date in the full sandbox and writes its own start; one starminerd, one agent, CLI as a fresh "
          "process, preset dev, loopback")
SLURM = "Slurm's sbatch of a script that writes its time, p50 ms"
SRUN = "Slurm's srun of the same program, p50 ms"


class StartBench:
    def __init__(self, folder):
        self.market = Market(programs(), folder)
        self.job_file = folder / "job.yaml"
        self.job_file.write_text(JOB)

    def start(self):
        self.market.make_chain("dev", ["aurora"])
        self.market.start_node()
        self.market.set_up_provider("aurora", show=False)
        self.market.start_provider("aurora")
        self.market.wait_for_nodes()
        self.market.run("starminer", "login", show=False)

    def run_once(self):
        """Milliseconds to the job's first instruction, and to the end of the command."""
        begin = time.time_ns()
        done = subprocess.run([self.market.program("starminer"), "submit", str(self.job_file), "--yes", "--json"],
                              env=self.market.environment(), capture_output=True, text=True)
        answered = time.time_ns()
        if done.returncode != 0:
            raise Failed(f"starminer submit ended with {done.returncode}: {done.stderr}")
        job = json.loads(done.stdout)["job"]
        self.wait_for_end(job)
        output = self.market.run("starminer", "logs", job, show=False).stdout.decode().split()
        if len(output) != 1 or not output[0].isdigit():
            raise Failed(f"job {job} wrote {output} in place of its start; the logs are in {self.market.folder}")
        return (int(output[0]) - begin) / 1e6, (answered - begin) / 1e6

    def wait_for_end(self, job):
        end = time.monotonic() + PATIENCE_S
        while True:
            row = self.market.get("/v1/jobs/" + job)
            contract = row["contract"] and self.market.get("/v1/contracts/" + row["contract"])
            if contract and contract["state"] not in RUNNING_STATES:
                return
            if time.monotonic() > end:
                raise Failed(f"job {job} did not end in {PATIENCE_S} s; it is {row['state']}")
            time.sleep(0.05)


def open_slurm(folder):
    try:
        return Slurm(folder)
    except SlurmMissing as missing:
        say(f"  start_over_slurm is left out: {missing}")
        return None


def measure_all(bench, slurm):
    """Ours and theirs in turns, so that what else runs on the machine meets both."""
    starts, answers, sbatch, srun = [], [], [], []
    for number in range(WARM_UP + RUNS):
        start, answer = bench.run_once()
        theirs = (slurm.sbatch_ms(number), slurm.srun_ms()) if slurm else None
        if number < WARM_UP:
            continue
        starts.append(start)
        answers.append(answer)
        if theirs:
            sbatch.append(theirs[0])
            srun.append(theirs[1])
    return starts, answers, sbatch, srun


def measure(figures):
    with tempfile.TemporaryDirectory(prefix="starminer-bench-", dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        (folder / "market").mkdir()
        (folder / "slurm").mkdir()
        bench = StartBench(folder / "market")
        slurm = open_slurm(folder / "slurm")
        try:
            bench.start()
            if slurm:
                with slurm:
                    rows = measure_all(bench, slurm)
            else:
                rows = measure_all(bench, None)
        finally:
            bench.market.stop()
    starts, answers, sbatch, srun = rows
    figures.add("submit_to_running_ms_p50", median(starts), "ms", CORPUS)
    figures.add("submit_to_running_ms_p99", quantile(starts, 0.99), "ms",
                f"{CORPUS}; of {RUNS} runs this is the slowest")
    figures.add("submit_to_answer_ms_p50", median(answers), "ms",
                f"{CORPUS}; until the command ends: the job is in a durable block")
    if sbatch:
        slurm_corpus = ("a node of Slurm 22.05 on loopback without authentication, batch_sched_delay=0, "
                        "sched_min_interval=0, sched_interval=1, bf_interval=1 (it still looks for batch jobs "
                        "once a second; sbatch comes at a random moment of it), in turns with our jobs; our job runs "
                        "in a sandbox and is paid, theirs runs bare")
        figures.add("start_over_slurm", median(starts) / median(sbatch), "ratio", slurm_corpus,
                    (SLURM, median(sbatch)))
        figures.add("start_over_srun", median(starts) / median(srun), "ratio",
                    f"{slurm_corpus}; srun does not queue, where nodes are free", (SRUN, median(srun)))
