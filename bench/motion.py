"""A market whose prices move: traces replayed with moving prices, and `starminer-sim prices` when demand or supply changes."""

import json
import pathlib
import shutil
import subprocess
import tempfile

import demand
import replays
from measuring import Failed, programs, say
from placement import traces_root

HORIZONS = ("5", "15", "60")
NAMES = (*(f"band_coverage_{horizon}" for horizon in HORIZONS), "price_overshoot_x2", "price_overshoot_supply_half",
         "price_deviation_small_pool")
POLICIES = ("market", "moving")
LEAST_TICKS = 20_000
# Options of `starminer-sim prices` besides the defaults: 250 nodes of 8 GPUs, mean run time of 2 h, 6 paths.
CHANGES = {
    "demand_x2": ("Demand doubles", ("--demand", 200)),
    "demand_half": ("Demand halves", ("--demand", 50)),
    "supply_half": ("Half of the nodes fall silent with all that runs there", ("--supply", 50)),
    "demand_x2_inelastic": ("Demand doubles, elasticity 0.5", ("--demand", 200, "--elasticity", 50)),
    "small_pool": ("Nothing changes: 25 nodes of 8 GPUs, 20 days", ("--nodes", 25, "--hours", 480, "--paths", 2)),
    "one_node": ("Nothing changes: one node of 8 GPUs, 20 days; below SmallClassGpus one load for all tiers",
                 ("--nodes", 1, "--hours", 480)),
}


def prices(options, plot=None):
    """What `starminer-sim prices` writes. `plot`: where its plot goes."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-") as scratch:
        out = pathlib.Path(scratch) / "out.json"
        command = [str(programs() / "starminer-sim"), "prices", *map(str, options), "--json", str(out)]
        if plot:
            command += ["--plots", scratch]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}")
        if plot:
            shutil.copyfile(pathlib.Path(scratch) / "prices.svg", plot)
        return json.loads(out.read_text())


def replay(root, name, plot=None):
    """What the replay of a demand writes, at fixed and at moving prices, and its title."""
    title, nodes, jobs = demand.corpora(root)[name]
    return title, replays.run(nodes, jobs(), 200, POLICIES, plot)


def coverage(found, horizon):
    """(share of the bands of all tiers of these replays that held, the share that is farthest from 0.9)"""
    inside = matured = 0
    shares = []
    for row in found:
        for course in row["policies"]["moving"]["prices"].values():
            band = course["bands"][horizon]
            if band["matured"] < LEAST_TICKS:
                continue
            shares.append(band["coverage"])
            inside += band["coverage"] * band["matured"]
            matured += band["matured"]
    return inside / matured, max(shares, key=lambda share: abs(share - 0.9))


def measure(figures, wanted, given):
    if wanted("price_overshoot_x2"):
        found = prices(CHANGES["demand_x2"][1])
        figures.add("price_overshoot_x2", found["tiers"]["Standard"]["overshoot"], "of the move",
                    "whole market of 250 nodes of 8 GPUs, all tiers, mean run time 2 h, demand doubles; log-price of Standard, "
                    f"mean path of {found['options']['paths']}")
    if wanted("price_overshoot_supply_half"):
        found = prices(CHANGES["supply_half"][1])
        figures.add("price_overshoot_supply_half", found["tiers"]["Standard"]["overshoot"], "of the move",
                    "the same, half of the nodes fall silent")
    if wanted("price_deviation_small_pool"):
        found = prices(CHANGES["small_pool"][1])
        figures.add("price_deviation_small_pool", found["tiers"]["Standard"]["log_deviation"], "of the log-price",
                    "25 nodes of 8 GPUs, constant demand, Standard over the last ten days")
    if not any(wanted(f"band_coverage_{horizon}") for horizon in HORIZONS):
        return
    try:
        root = traces_root(given)
        found = [replay(root, name)[1] for name in demand.corpora(root)]
    except Failed as missing:
        say(f"  coverage of the bands is left out: {missing}")
        return
    for horizon in HORIZONS:
        share, farthest = coverage(found, horizon)
        figures.add(f"band_coverage_{horizon}", share, "of the ticks",
                    f"bands for {horizon} ticks ahead, all tiers, moving prices under Philly's, Helios' and a language model's "
                    f"demand (bench/demand.py), each over at least {LEAST_TICKS:,} ticks",
                    ("the demand and tier that is farthest from 0.9", farthest))
