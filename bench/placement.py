"""Placement on the lists of Alibaba's openb trace: `starminer-sim placement` beside the published figures of FGD."""

import concurrent.futures
import csv
import json
import lzma
import os
import pathlib
import statistics
import subprocess
import tempfile

from measuring import Failed, cores, programs, say

VARIANTS = ("default", "cpu0", "cpu037", "cpu050", "cpu100", "gpushare20", "gpushare40", "gpushare60", "gpuspec10",
            "gpuspec20", "multigpu20", "multigpu30")
ARRIVALS = (100, 130)
NAMES = tuple(f"openb_alloc_{arrival}_{variant}" for arrival in ARRIVALS for variant in VARIANTS)
SEEDS = "42-51"
NODES = "openb_node_list_gpu_node.csv"
# The authors' own results: allocation by policy, seed and arrived demand.
PUBLISHED = "fgd_published_alloc_by_arrival.csv"


def traces_root(given):
    """The folder of the traces: what was given, else $STARMINER_TRACES."""
    folder = given or os.environ.get("STARMINER_TRACES")
    if not folder:
        raise Failed("the traces are not part of this repository: bench/README.md says where they come from; give their "
                     "folder with --traces DIR or STARMINER_TRACES")
    return pathlib.Path(folder)


def traces_folder(given):
    """The folder with the lists of openb: the root or its folder openb."""
    root = traces_root(given)
    return root / "openb" if (root / "openb").is_dir() else root


def read(folder, name):
    """The text of a list, which may be compressed."""
    for path in (folder / name, folder / f"{name}.xz"):
        if path.exists():
            return (lzma.open(path, "rt") if path.suffix == ".xz" else path.open()).read()
    raise Failed(f"{folder / name} is missing, as is {name}.xz")


def published(folder):
    """variant -> policy -> arrival -> (mean, deviation) of the authors' ten seeds."""
    values = {}
    for row in csv.DictReader(read(folder, PUBLISHED).splitlines()):
        of_policy = values.setdefault(row["workload"], {}).setdefault(row["sc_policy"], {a: [] for a in ARRIVALS})
        for arrival in ARRIVALS:
            of_policy[arrival].append(float(row[str(arrival)]))
    return {variant: {policy: {arrival: (statistics.mean(found), statistics.stdev(found))
                               for arrival, found in by_arrival.items()} for policy, by_arrival in policies.items()}
            for variant, policies in values.items()}


def run(folder, variant, policies=(), seeds=SEEDS):
    """What `starminer-sim placement` writes for one list; no policies: all."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        jobs = f"openb_pod_list_{variant}.csv"
        for name in (NODES, jobs):
            (scratch / name).write_text(read(folder, name))
        command = [str(programs() / "starminer-sim"), "placement", "--nodes", str(scratch / NODES),
                   "--jobs", str(scratch / jobs), "--seeds", seeds, "--json", str(scratch / "out.json")]
        for policy in policies:
            command += ["--policy", policy]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"starminer-sim placement on {variant} ended with {done.returncode}\n{done.stderr}")
        return json.loads((scratch / "out.json").read_text())


def measure(figures, wanted, given):
    """The figures openb_alloc_*: the fit term alone, which is what the published ones compare with."""
    try:
        folder = traces_folder(given)
    except Failed as missing:
        say(f"  openb_* are left out: {missing}")
        return
    peers = published(folder)
    variants = [variant for variant in VARIANTS
                if any(wanted(f"openb_alloc_{arrival}_{variant}") for arrival in ARRIVALS)]
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        results = dict(zip(variants, pool.map(lambda variant: run(folder, variant, ("fit",)), variants)))
    for variant, found in results.items():
        fit = found["policies"]["fit"]
        for arrival in ARRIVALS:
            fgd = peers.get(variant, {}).get("FGD")
            deviation = fit[f"allocation_at_{arrival}_sd"]
            corpus = (f"{found['nodes']['nodes']} nodes, {found['nodes']['gpus']} GPUs; {found['jobs']['jobs']} pods of "
                      f"openb {variant} in random order, then drawn ones; seeds {SEEDS}, deviation {deviation:.2f}; fit "
                      "term alone")
            figures.add(f"openb_alloc_{arrival}_{variant}", fit[f"allocation_at_{arrival}_mean"], "%", corpus,
                        fgd and ("FGD, published, mean of 10 seeds, %", fgd[arrival][0]))
