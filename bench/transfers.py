"""Signed transfers through the real API: rate of batches, rate and latency of single ones, each beside its limit."""

import json
import pathlib
import subprocess
import tempfile

from measuring import Failed, Market, bench_program, cores, median, programs, run_json

NAMES = ("signed_transfers_per_s", "signed_transfers_over_verify_limit", "single_transfers_per_s",
         "single_endpoint_over_echo", "durable_latency_ms_p50", "durable_latency_p50_over_fdatasync")
REPEATS = 3
BATCH = 256
BATCH_LANES = 6
BATCH_REQUESTS = 30
SINGLE_LANES = 32
SINGLE_REQUESTS = 150
LATENCY_REQUESTS = 400
VERIFY_SECONDS = 2
FUNDS = str(1_000 * 10**9)


class Accounts:
    """Hands out ranges of funded accounts; each is used by one plan, so that sequences begin at 0."""

    def __init__(self, count):
        self.count = count
        self.next = 0

    def take(self, count):
        first = self.next
        self.next += count
        if self.next > self.count:
            raise Failed(f"the genesis funds {self.count} accounts, and the plans need {self.next}")
        return first


class Node:
    """One starminerd on a fresh chain, with limits of rate off: they would be measured in place of the node."""

    def __init__(self, folder, accounts=None):
        self.market = Market(programs(), folder)
        # A lane of the rate tests has its accounts; each plan is run once to warm up, and the receiver of one is spare.
        self.accounts = Accounts(accounts or (REPEATS + 1) * (BATCH_LANES * BATCH + SINGLE_LANES) + 2)

    def start(self):
        self.market.make_chain("dev", [])
        genesis_file = self.market.data / "genesis.json"
        genesis = json.loads(genesis_file.read_text())
        addresses = run_json(bench_program("transfer_load"), "accounts", "--count", self.accounts.count)["addresses"]
        genesis["accounts"] += [{"address": address, "agpu": FUNDS, "amax": "0", "usd": "0"} for address in addresses]
        genesis_file.write_text(json.dumps(genesis))
        self.chain_id = genesis["chain_id"]
        self.serve()

    def serve(self):
        (self.market.data / "api.url").unlink(missing_ok=True)
        self.market.start("starminerd", ["run", "--data-dir", str(self.market.data), "--api-listen", "127.0.0.1:0",
                                         "--api-transaction-rate", "0", "--log-level", "warning"], "starminerd.log")
        self.market.wait_until("starting starminerd", (self.market.data / "api.url").exists)
        self.market.url = (self.market.data / "api.url").read_text().strip()

    def load(self, mode, lanes, requests, batch=1, url=None, first=None, *more):
        arguments = [mode, "--url", url or self.market.url, "--chain-id", self.chain_id, "--requests", requests]
        if mode != "latency":
            arguments += ["--connections", lanes]
        if mode == "batch":
            arguments += ["--batch", batch]
        first = self.accounts.take(lanes * batch) if first is None else first
        return run_json(bench_program("transfer_load"), *arguments, "--first-account", first, *more)


def verify_rate():
    return run_json(bench_program("transfer_load"), "verify", "--seconds", VERIFY_SECONDS)["verify_per_s_per_core"]


def measure_batches(node, figures):
    node.load("batch", BATCH_LANES, 4, BATCH)
    rates, limits, ratios = [], [], []
    for _ in range(REPEATS):
        before = verify_rate()
        done = node.load("batch", BATCH_LANES, BATCH_REQUESTS, BATCH)
        per_core = (before + verify_rate()) / 2
        limit = per_core * (cores() - done["cpu_s"] / done["wall_s"])
        rates.append(done["transactions"] / done["wall_s"])
        limits.append(limit)
        ratios.append(rates[-1] / limit)
    corpus = (f"{BATCH_LANES} connections x {BATCH_REQUESTS} requests of {BATCH} transfers, each sender of a request "
              f"another account, signed before the clock starts, every receipt checked; preset dev, rate limits off; "
              f"median of {REPEATS} runs")
    reference = ("libsodium verify per s on the cores that the load generator left, all cores at once before and after",
                 median(limits))
    figures.add("signed_transfers_per_s", median(rates), "1/s", corpus, reference)
    figures.add("signed_transfers_over_verify_limit", median(ratios), "ratio", corpus, reference)


def start_echo():
    process = subprocess.Popen([str(bench_program("verify_echo_server"))], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def measure_singles(node, figures):
    node.load("single", SINGLE_LANES, 20)
    echo, url = start_echo()
    try:
        rates, echo_rates = [], []
        for _ in range(REPEATS):
            first = node.accounts.take(SINGLE_LANES)
            for rate_list, target in ((rates, None), (echo_rates, url)):
                done = node.load("single", SINGLE_LANES, SINGLE_REQUESTS, 1, target, first)
                rate_list.append(done["transactions"] / done["wall_s"])
    finally:
        echo.terminate()
        echo.wait()
    corpus = (f"{SINGLE_LANES} keep-alive connections x {SINGLE_REQUESTS} requests of one transfer, the same requests "
              f"to both, in turns; the node answers when the block is on disk, the reference after one signature "
              f"check; median of {REPEATS} runs")
    reference = ("bare Boost.Beast server that verifies one signature, requests per s", median(echo_rates))
    figures.add("single_transfers_per_s", median(rates), "1/s", corpus, reference)
    figures.add("single_endpoint_over_echo", median([ours / theirs for ours, theirs in zip(rates, echo_rates)]),
                "ratio", corpus, reference)


def measure_latency(node, figures):
    done = node.load("latency", 1, LATENCY_REQUESTS, 1, None, None, "--sync-folder", str(node.market.data))
    corpus = (f"{LATENCY_REQUESTS} transfers, one after the other over one loopback connection, in stretches of 10 "
              "between stretches of as many synced writes to the same disk, the latter at real-time priority where "
              "allowed")
    reference = ("fdatasync of 4 KiB in a preallocated file, p50 ms", done["fdatasync_p50_ms"])
    if done["transaction_p50_ms"] < done["fdatasync_p50_ms"]:
        raise Failed(f"a synced write took {reference[1]:.3g} ms, and a transaction with one inside less: something "
                     "else keeps this machine so busy that the comparison says nothing; try again when it is idle")
    figures.add("durable_latency_ms_p50", done["transaction_p50_ms"], "ms", corpus, reference)
    figures.add("durable_latency_p50_over_fdatasync", done["transaction_p50_ms"] / done["fdatasync_p50_ms"], "ratio",
                corpus, reference)


PARTS = ((NAMES[0:2], measure_batches), (NAMES[2:4], measure_singles), (NAMES[4:6], measure_latency))


def measure(figures, wanted):
    """`wanted`: whether a figure was asked for."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-", dir="/var/tmp") as folder:
        node = Node(pathlib.Path(folder))
        try:
            node.start()
            for names, part in PARTS:
                if any(wanted(name) for name in names):
                    part(node, figures)
        finally:
            node.market.stop()
