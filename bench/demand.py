"""Lists of jobs with times out of published demand, in the columns of openb, for a market whose prices move."""

import csv
import datetime
import random

from placement import read

HEADING = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,qos,creation_time,deletion_time,scheduled_time"
NODES_HEADING = "sn,cpu_milli,memory_mib,gpu,model\n"
SEED = 42
# No trace has tiers. Jobs are dealt out as the tiers' shares and target loads would have it: Economy (BE) takes what
# the others leave free. 0.9 x (0.3 + 0.1 + 0.07) : 0.8 x 0.5 : 0.65 x 0.2 of the GPUs.
TIERS = (("BE", 423), ("", 400), ("LS", 130))
HELIOS_DAYS = 14  # 20,160 ticks
WIDEST = 8  # GPUs of a job where a curve tells none
REQUESTS_PER_JOB, SERVED_S, HOURS = 16, 300, 336


def nodes_of(count, gpus):
    return NODES_HEADING + "".join(f"node-{i},64000,1048576,{gpus},V100\n" for i in range(count))


def listed(jobs):
    """Text of a list from (GPUs, begin, seconds), whose tiers are drawn."""
    dice = random.Random(SEED)
    lines = [HEADING]
    for number, (gpus, begin, length) in enumerate(jobs):
        qos = dice.choices([name for name, _ in TIERS], [weight for _, weight in TIERS])[0]
        begin, length = int(begin), max(1, int(length))
        lines.append(f"job-{number},1000,1,{gpus},1000,{qos},{begin},{begin + length},{begin}")
    return "\n".join(lines) + "\n"


def philly(root, name):
    """Muri's list of Philly jobs."""
    rows = csv.DictReader(read(root / "philly", name).splitlines())
    return listed((int(row["num_gpu"]), float(row["submit_s"]), float(row["duration_s"])) for row in rows)


def helios(root):
    """The GPUs asked for by the minute in ten virtual clusters of Helios: what a curve rises by arrives as jobs of at most
    WIDEST GPUs, and where it falls the oldest of them end."""
    jobs = []
    for path in sorted((root / "helios_earth").glob("vc*_2020-05.csv*")):
        asked = [int(float(row["total_gpu_num"]) - float(row["idle_gpu_num"]) + float(row["pending_gpu_num"]))
                 for row in csv.DictReader(read(path.parent, path.name.removesuffix(".xz")).splitlines())]
        asked = asked[:HELIOS_DAYS * 24 * 60]
        running, now = [], 0  # [GPUs, begin] from the oldest on
        for minute, wanted in enumerate(asked + [0]):
            while now < wanted:
                gpus = min(WIDEST, wanted - now)
                running.append([gpus, minute * 60])
                now += gpus
            while now > wanted:
                gpus, begin = running.pop(0)
                if now - gpus < wanted:  # a part of it goes on
                    running.insert(0, [wanted - now + gpus, begin])
                    gpus = now - wanted
                jobs.append((gpus, begin, minute * 60 - begin))
                now -= gpus
    return listed(sorted(jobs, key=lambda job: job[1]))


def bursts(root):
    """The hour of requests to a language model, again and again: of REQUESTS_PER_JOB requests one after the other the
    first brings a job of one GPU for SERVED_S seconds."""
    rows = csv.DictReader(read(root / "azure_llm_2023", "AzureLLMInferenceTrace_code.csv").splitlines())
    times = [datetime.datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in rows]
    hour = [(time - times[0]).total_seconds() for time in times[::REQUESTS_PER_JOB]]
    return listed((1, 3600 * again + begin, SERVED_S) for again in range(HOURS) for begin in hour)


def corpora(root):
    """name -> (title, nodes, function that gives the jobs)"""
    return {
        "muri_trace1": ("1,494 Philly jobs in 125 days, 4 nodes of 32 GPUs", nodes_of(4, 32),
                        lambda: philly(root, "muri_trace1.csv")),
        "muri_trace2": ("5,755 Philly jobs in 99 days, 12 nodes of 32 GPUs", nodes_of(12, 32),
                        lambda: philly(root, "muri_trace2.csv")),
        "helios": (f"Ten virtual clusters of Helios, first {HELIOS_DAYS} days of May 2020, 32 nodes of 8 GPUs", nodes_of(32, 8),
                   lambda: helios(root)),
        "llm_bursts": (f"An hour of requests to a language model {HOURS} times, {REQUESTS_PER_JOB} a job of {SERVED_S} s, 8 nodes of 8 "
                       "GPUs", nodes_of(8, 8), lambda: bursts(root)),
    }
