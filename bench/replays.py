"""Replays of traces in time: `starminer-sim replay`, the market beside queues, greedy backfill and an auction."""

import json
import pathlib
import shutil
import subprocess
import tempfile

from measuring import Failed, programs, say
from placement import NODES, read, traces_root

NAMES = ("philly_jct_over_backfill", "philly_jct_over_backfill_stated", "wait_p90_urgent_over_fifo",
         "idle_while_waiting_over_auction")
PHILLY = "muri_cluster400.csv"
HEADING = "sn,cpu_milli,memory_mib,gpu,model\n"
# The 64 GPUs on which Muri's authors ran the list: as one pool, and as the eight nodes that they were.
POOL = HEADING + "pool,64000,1048576,64,V100\n"
EIGHT = HEADING + "".join(f"node-{i},64000,1048576,8,V100\n" for i in range(8))

# At fixed prices; motion.py lets them move.
POLICIES = ("market", "first-fit", "best-fit", "random", "backfill", "auction")

# The whole cluster of openb is nearly empty under the jobs of its list: every hundredth node sees queues.
THINNED = 100


def thinned(nodes):
    """The heading and every THINNED-th node, from the first on."""
    heading, *rows = nodes.splitlines()
    return "\n".join([heading, *rows[::THINNED]]) + "\n"


def run(nodes, jobs, stated, policies=(), plot=None):
    """What `starminer-sim replay` writes; texts of the lists, no policies: all. `plot`: where its plot of prices goes."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "nodes.csv").write_text(nodes)
        (scratch / "jobs.csv").write_text(jobs)
        command = [str(programs() / "starminer-sim"), "replay", "--nodes", str(scratch / "nodes.csv"),
                   "--jobs", str(scratch / "jobs.csv"), "--stated", str(stated), "--json", str(scratch / "out.json")]
        for policy in policies:
            command += ["--policy", policy]
        if plot:
            command += ["--plots", str(scratch)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"starminer-sim replay ended with {done.returncode}\n{done.stderr}")
        if plot:
            shutil.copyfile(scratch / "prices.svg", plot)
        return json.loads((scratch / "out.json").read_text())


def cases(given):
    """name -> (title, function that runs it), for the page on the market's quality."""
    root = traces_root(given)
    philly = read(root / "philly", PHILLY)
    openb = root / "openb"
    return {
        "philly_pool_unknown": ("400 Philly jobs, 64 GPUs as one pool, run times unknown: all state the longest there is",
                                lambda: run(POOL, philly, 0, POLICIES)),
        "philly_pool_stated": ("400 Philly jobs, 64 GPUs as one pool, jobs state twice what they run",
                               lambda: run(POOL, philly, 200, POLICIES)),
        "philly_nodes": ("400 Philly jobs, 8 nodes of 8 GPUs, jobs state twice what they run; 43 jobs ask for more than a "
                         "node has and go to several", lambda: run(EIGHT, philly, 200, POLICIES)),
        "openb": (f"openb default, every {THINNED}th node (13 nodes, 56 GPUs), jobs state twice what they run",
                  lambda: run(thinned(read(openb, NODES)), read(openb, "openb_pod_list_default.csv"), 200, POLICIES)),
    }


def measure(figures, given):
    """Mean completion time over greedy backfill; waits and idle GPUs over a strict queue and an auction."""
    try:
        root = traces_root(given)
        philly = read(root / "philly", PHILLY)
        nodes, jobs = thinned(read(root / "openb", NODES)), read(root / "openb", "openb_pod_list_default.csv")
    except Failed as missing:
        say(f"  replays are left out: {missing}")
        return
    found = run(nodes, jobs, 200, ("market", "first-fit", "auction"))["policies"]
    corpus = f"jobs of openb default in time on every {THINNED}th node, they state twice what they run"
    urgent, fifo = (found[policy]["wait_by_tier"]["Premium"]["p90_s"] for policy in ("market", "first-fit"))
    figures.add("wait_p90_urgent_over_fifo", urgent / fifo, "ratio", f"{corpus}; Premium: openb's LS and Guaranteed",
                ("the same jobs in a strict queue, first node, p90 of their waits, s", fifo))
    idle, auction = (found[policy]["idle_while_waiting_gpu_hours"] for policy in ("market", "auction"))
    figures.add("idle_while_waiting_over_auction", idle / auction, "ratio", corpus,
                ("price-only auction with 30 s for bids, GPU hours idle while a job waited that would fit", auction))
    for name, stated, words in (("philly_jct_over_backfill", 0, "run times unknown to the market"),
                                ("philly_jct_over_backfill_stated", 200, "jobs state twice what they run")):
        found = run(POOL, philly, stated, ("market", "backfill"))["policies"]
        market, backfill = (found[policy]["completion"]["mean_s"] for policy in ("market", "backfill"))
        figures.add(name, market / backfill, "ratio", f"400 Philly jobs of Muri's list on 64 GPUs as one pool, {words}; "
                    f"market {market:,.0f} s", ("greedy backfill in arrival order, mean completion, s", backfill))
