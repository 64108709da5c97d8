"""The ledger beside PostgreSQL at equal durability, and the restart after a kill."""

import os
import pathlib
import signal
import sys
import tempfile
import time

from measuring import Failed, bench_program, median, run_json, say

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "peers"))
import postgres  # noqa: E402
import transfers  # noqa: E402

POSTGRES_NAMES = ("ledger_batch_per_s", "ledger_over_postgres_batch", "ledger_single_per_s",
                  "ledger_over_postgres_single")
RECOVERY_NAMES = ("recovery_s_1m_tx",)
LARGE_NAMES = ("snapshot_load_s_10m_accounts", "store_load_s_10m_accounts", "snapshot_create_s_10m_accounts",
               "snapshot_bytes_per_row", "memory_gib_10m_accounts", "proof_bytes_10m_accounts", "proof_us_10m_accounts",
               "transfers_per_s_10m_accounts", "transfers_while_snapshot_over_alone")
FINISHED_NAMES = ("start_s_5m_contracts", "start_over_reading_leaves", "memory_mib_5m_contracts",
                  "proof_bytes_5m_contracts", "proof_us_5m_contracts")
REPEATS = 3
SECONDS = 6
RECOVERY_LANES = 4
RECOVERY_BATCH = 1_000
RECOVERY_REQUESTS = 250
LARGE_ACCOUNTS = int(os.environ.get("STARMINER_BENCH_ACCOUNTS", 10_000_000))
LARGE_NODES = LARGE_ACCOUNTS // 10
FINISHED = int(os.environ.get("STARMINER_BENCH_CONTRACTS", 5_000_000))


def ours(mode):
    with tempfile.TemporaryDirectory(prefix="starminer-bench-", dir="/var/tmp") as folder:
        return run_json(bench_program("ledger_bench"), mode, "--folder", folder, "--accounts", postgres.ACCOUNTS,
                        "--clients", postgres.CLIENTS, "--batch", postgres.BATCH,
                        "--seconds", SECONDS)["transfers_per_s"]


def measure_postgres(figures):
    try:
        cluster = postgres.Cluster()
    except postgres.Missing as missing:
        raise Failed(str(missing)) from missing
    singles, batches = ([], []), ([], [])
    try:
        cluster.start()
        for _ in range(REPEATS):
            singles[0].append(ours("single"))
            singles[1].append(cluster.transactions_per_s(postgres.SINGLE, postgres.CLIENTS, SECONDS))
            batches[0].append(ours("batch"))
            batches[1].append(max(cluster.transactions_per_s(postgres.BATCH_SQL, clients, SECONDS) * postgres.BATCH
                                  for clients in (1, postgres.CLIENTS)))
    except RuntimeError as failure:
        raise Failed(str(failure)) from failure
    finally:
        cluster.stop()
    settings = f"{postgres.ACCOUNTS} accounts, in turns, median of {REPEATS}; PostgreSQL {postgres.VERSION}: " \
               f"{postgres.described()}"
    batch = (f"blocks of {postgres.BATCH} transfers in this process, with root, receipts, history and sync, signatures "
             f"checked before the clock; the peer: one statement a commit, rows made in the server, the better of 1 and "
             f"{postgres.CLIENTS} clients with accounts of their own; {settings}")
    single = (f"{postgres.CLIENTS} threads submit one transfer each to the engine and wait until it is durable, signature "
              f"check included; the peer: {postgres.CLIENTS} clients call a prepared function over a unix socket; "
              f"{settings}")
    for kind, corpus, (mine, theirs) in (("batch", batch, batches), ("single", single, singles)):
        reference = (f"PostgreSQL, transfers per s, {kind}", median(theirs))
        figures.add(f"ledger_{kind}_per_s", median(mine), "1/s", corpus, reference)
        figures.add(f"ledger_over_postgres_{kind}", median([a / b for a, b in zip(mine, theirs)]), "ratio", corpus,
                    reference)


def measure_recovery(figures):
    count = RECOVERY_LANES * RECOVERY_BATCH * RECOVERY_REQUESTS
    with tempfile.TemporaryDirectory(prefix="starminer-bench-", dir="/var/tmp") as folder:
        node = transfers.Node(pathlib.Path(folder), RECOVERY_LANES * RECOVERY_BATCH)
        try:
            node.start()
            say(f"  signing and sending {count} transfers")
            node.load("batch", RECOVERY_LANES, RECOVERY_REQUESTS, RECOVERY_BATCH)
            before = node.market.get("/v1/status")
            _, _, process = node.market.processes.pop()
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            begin = time.monotonic()
            node.serve()
            after = node.market.get("/v1/status")
            took = time.monotonic() - begin
        finally:
            node.market.stop()
    if after["height"] < before["height"]:
        raise Failed(f"height {after['height']} after the kill, {before['height']} before: blocks were lost")
    figures.add("recovery_s_1m_tx", took, "s",
                f"{count} transfers through the batch endpoint, then kill -9, then the time from the start of starminerd "
                "to its first answer: database and log are read, state and history are hashed and compared with the tip")


def measure_large(figures):
    """Each command is a process of its own, so that its memory is its own. Takes some minutes and about 10 GiB of memory."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-", dir="/var/tmp") as folder:
        def large(command):
            say(f"  {command}: {LARGE_ACCOUNTS} accounts, {LARGE_NODES} nodes")
            return run_json(bench_program("snapshot_bench"), command, "--folder", folder, "--accounts", LARGE_ACCOUNTS,
                            "--nodes", LARGE_NODES)

        large("fill")
        large("copy")
        created, restored, started = large("create"), large("restore"), large("start")
        loaded = large("load")
    corpus = (f"{started['accounts']} accounts, {started['nodes']} nodes of {-(-LARGE_NODES // 4_000)} providers: "
              f"{created['rows']} rows of all parts, {created['chunks']} chunks, {created['bytes'] / 2**20:.0f} MiB; in process")
    gib = 2**30
    figures.add("snapshot_load_s_10m_accounts", restored["restore_s"], "s",
                f"every chunk hashed, all rows loaded into a machine, root and invariants checked, database written; at most "
                f"{restored['memory_most_bytes'] / gib:.1f} GiB; {corpus}")
    figures.add("store_load_s_10m_accounts", started["load_s"], "s",
                f"store opened, rows loaded, root and invariants checked; {corpus}")
    figures.add("snapshot_create_s_10m_accounts", created["create_s"], "s",
                f"from a copy, at nice 10, files synced; at most {created['memory_most_bytes'] / gib:.2f} GiB; {corpus}")
    figures.add("snapshot_bytes_per_row", created["bytes"] / created["rows"], "bytes", corpus)
    figures.add("memory_gib_10m_accounts", started["memory_bytes"] / gib, "GiB",
                f"resident after the store's start, at most {started['memory_most_bytes'] / gib:.1f} GiB on the way; {corpus}")
    figures.add("proof_bytes_10m_accounts", started["proof_bytes"], "bytes", f"proof of an account, encoded, mean; {corpus}")
    figures.add("proof_us_10m_accounts", started["proof_us"], "us", f"the same, time to make it, random accounts; {corpus}")
    figures.add("transfers_per_s_10m_accounts", loaded["transfers_per_s"], "1/s",
                f"durable blocks of 5,000 transfers to random accounts, signatures before the clock; {corpus}")
    figures.add("transfers_while_snapshot_over_alone",
                loaded["transfers_per_s_meanwhile"] / loaded["transfers_per_s"], "ratio",
                f"while another process makes a snapshot; the copy itself took {loaded['copy_s']:.2f} s; {corpus}",
                ("the same without a snapshot, 1/s", loaded["transfers_per_s"]))


def measure_finished(figures):
    """Each command is a process of its own, so that its memory is its own. Takes ten minutes and 7 GiB of disk."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-", dir="/var/tmp") as folder:
        def finished(command):
            say(f"  {command}: {FINISHED} finished contracts")
            return run_json(bench_program("finished_bench"), command, "--folder", folder, "--contracts", FINISHED)

        finished("fill")
        read = finished("read")
        starts = [finished("start") for _ in range(REPEATS)]
    started = sorted(starts, key=lambda row: row["start_s"])[len(starts) // 2]
    corpus = (f"{FINISHED} contracts that have left the state, {started['leaves']} leaves: the final rows of a really paid job "
              "and of its contract with ids of their own, written by the store; receipts are not generated; in process")
    figures.add("start_s_5m_contracts", started["start_s"], "s",
                f"store opened, state, newest leaves and hashes of parts loaded, all compared with the app hash; {corpus}")
    figures.add("start_over_reading_leaves", started["start_s"] / read["read_s"], "ratio", corpus,
                ("every leaf read and hashed, s", read["read_s"]))
    figures.add("memory_mib_5m_contracts", started["memory_bytes"] / 2**20, "MiB",
                f"resident after the start, at most {started['memory_most_bytes'] / 2**20:.0f} MiB on the way; {corpus}")
    figures.add("proof_bytes_5m_contracts", started["proof_bytes"], "bytes",
                f"leaf and {started['proof_hashes']:.1f} hashes, mean; {corpus}")
    figures.add("proof_us_5m_contracts", started["proof_us"], "us",
                f"looked up by id, its part of 256 leaves read back, made and verified, random contracts; {corpus}")
