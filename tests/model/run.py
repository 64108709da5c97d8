#!/usr/bin/python3
"""Campaign A2: plays a corpus of model_dump on the model and compares after each transaction its fate, fee, subject and
every row of the tables that the model knows. Ends with 1 at the first difference.

  run.py --dump build/dev/tests/model/model_dump --seeds 20 --transactions 500
  run.py --dump ... --planted        also breaks the model in many ways: each break must be caught"""

import argparse
import collections
import json
import subprocess
import sys

import contracts
import history
import planted
import rows
from model import Hint, Model

JOB_FIELDS = ("requester", "sequence", "spec", "state", "tier", "max_price", "cap", "submitted", "attempts", "unit",
              "contract", "avoided", "fault_claim", "end_reason", "ended", "paid", "refunded", "burned",
              "credits", "boost", "credits_burned", "price_lock", "notice", "compensation", "preemptions", "weighed",
              "waiting_since", "start_promise")


class Difference(Exception):
    pass


def tables_of(model):
    """The model's state as the rows that it should have: table -> key -> row."""
    money, registry = model.money, model.registry
    return {
        rows.CHAIN: {b"\0": model.chain},
        rows.TIMERS: {due.to_bytes(8, "big") + bytes([kind]) + subject: {"armed": 1} for due, kind, subject in model.timers},
        rows.PARAMETERS: {model.numbers[name].to_bytes(2, "big"): {"value": value} for name, value in model.stated.items()},
        rows.GOVERNANCE: {b"\0": {"account": model.governance.account}} if model.governance.account else {},
        rows.PARAMETER_CHANGES: {number.to_bytes(2, "big"): {"value": value}
                                 for number, value in model.governance.pending.items()},
        rows.STAKES: {account + bytes([asset]): row for (account, asset), row in model.stakes.rows.items()},
        rows.UNBONDINGS: model.stakes.unbondings,
        rows.ACCOUNTS: money.accounts,
        rows.LOCKS: {bytes([purpose]) + subject + bytes([asset]): row for (purpose, subject, asset), row in money.locks.items()},
        rows.POOLS: {bytes(key): row for key, row in money.pools.items()},
        rows.SUPPLY: {bytes([asset]): row for asset, row in money.supply.items()},
        rows.REPUTATION: {node + bytes([kind]): row for (node, kind), row in model.scores.rows.items()},
        rows.PROVIDERS: registry.providers,
        rows.NODES: registry.nodes,
        rows.CAPACITY: registry.free,
        rows.BENCHMARKS: registry.benchmarks.rows,
        rows.TELEMETRY_WINDOW: {b"\0": model.telemetry.windows} if model.telemetry.windows else {},
        rows.TELEMETRY_REPORTS: model.telemetry.reports,
        rows.NODE_TELEMETRY: model.telemetry.nodes,
        rows.ATTESTORS: model.attestors.rows,
        rows.ATTESTATIONS: model.attestors.table(),
        rows.RESERVE_NODES: model.reserve.nodes,
        rows.RESERVE_POOLS: model.reserve.pools,
        rows.JOBS: model.jobs.rows,
        rows.CONTRACTS: model.contracts.rows,
        rows.START_WAITS: {bytes(key): row for key, row in model.waits.rows.items()},
        rows.PREMIUM_FEES: model.contracts.premium_fees,
        **model.prices.tables(),
    }


def compared(table, row):
    return {name: row[name] for name in JOB_FIELDS} if table == rows.JOBS else row


def differing(mine, there):
    """The fields that differ, for people."""
    if mine is None or there is None:
        return f"model {mine}, chain {there}"
    return ", ".join(f"{name}: model {mine.get(name)}, chain {there[name]}" for name in there if mine.get(name) != there[name])


class Comparison:
    def __init__(self):
        self.counts = collections.Counter()
        self.fates = collections.Counter()
        self.model, self.there = None, {}
        self.bytes, self.history = {}, history.History()

    def follow(self, changes):
        for table, key, row in changes:
            self.bytes[table, key] = row
            if row is None:
                del self.bytes[table, key]
                self.counts["archived"] += table in (rows.JOBS, rows.CONTRACTS)
            if table not in rows.SCHEMAS:
                continue
            known = self.there.setdefault(table, {})
            if row is None:
                known.pop(key, None)
            else:
                known[key] = compared(table, rows.decode(table, row))

    def compare_changed(self, changes, where):
        mine = tables_of(self.model)
        for table, key, row in changes:
            if table not in mine:
                continue
            self.counts["rows"] += 1
            here, there = mine[table].get(key), self.there[table].get(key)
            if (here and compared(table, here)) != there:
                if table == rows.TIMERS:
                    continue  # named below, after what it belongs to
                raise Difference(f"{where}: table {table} key {key.hex()}: {differing(here, there)}")
        # Money that moved where the chain moved none.
        for table in (rows.ACCOUNTS, rows.LOCKS, rows.POOLS, rows.SUPPLY, rows.STAKES, rows.UNBONDINGS, rows.PARAMETERS,
                      rows.RESERVE_NODES, rows.RESERVE_POOLS,
                      rows.PARAMETER_CHANGES, rows.TIMERS):
            self.compare_table(table, mine[table], where)

    def compare_table(self, table, mine, where):
        there = self.there.get(table, {})
        if mine.keys() != there.keys():
            key = min(mine.keys() ^ there.keys())
            raise Difference(f"{where}: table {table} key {key.hex()}: {differing(mine.get(key), there.get(key))}")
        for key, row in mine.items():
            if compared(table, row) != there[key]:
                raise Difference(f"{where}: table {table} key {key.hex()}: {differing(compared(table, row), there[key])}")

    def compare_all(self, where):
        for table, mine in tables_of(self.model).items():
            self.compare_table(table, mine, where)
        if not self.model.money.is_conserved():
            raise Difference(f"{where}: the model does not conserve")

    def line(self, text):
        record = json.loads(text)
        if "genesis" in record:
            if self.model:
                self.compare_all("the end of a chain")
            changes = self.bytes_of(record["changes"])
            self.there, self.bytes, self.history = {}, {}, history.History()
            self.follow(changes)
            self.model = Model(record["genesis"], Hint(changes))
            self.compare_all("genesis")
            self.counts["chains"] += 1
            return
        where = f"chain {self.counts['chains']} block {record['height']}"
        self.counts["blocks"] += 1
        changes = self.bytes_of(record["begin"])
        self.follow(changes)
        self.step(lambda: self.model.begin(record["height"], record["time"], Hint(changes)), changes, where + " begin")
        for index, sent in enumerate(record["sent"]):
            self.transaction(sent, f"{where} transaction {index}")
        self.compare_history([bytes.fromhex(leaf) for leaf in record["leaves"]], where)
        if self.history.root().hex() != record["history_root"]:
            raise Difference(f"{where}: history root of {self.history.size} leaves")
        if self.counts["blocks"] % 16 == 0:
            self.compare_all(where)
        if self.counts["blocks"] % 64 == 0:
            self.counts["state roots"] += 1
            if history.state_root(self.bytes).hex() != record["state_root"]:
                raise Difference(f"{where}: state root of {len(self.bytes)} rows")

    def compare_history(self, leaves, where):
        """What entered the history in a block: the fates of its transactions, and every row that became final."""
        mine = self.in_the_order_of_notices(leaves)
        if len(mine) != len(leaves):
            raise Difference(f"{where}: model has {len(mine)} leaves, chain {len(leaves)}")
        for index, ((kind, what), leaf) in enumerate(zip(mine, leaves)):
            self.history.append(leaf)
            self.counts["leaves"] += 1
            try:
                there, members = history.decode_leaf(leaf)
            except (IndexError, ValueError) as fault:
                raise Difference(f"{where}: leaf {index}: {fault}") from fault
            if kind != there:
                raise Difference(f"{where}: leaf {index} is of type {there}, model has {kind}")
            if kind == history.RECEIPT:
                if what != members:
                    raise Difference(f"{where}: leaf {index}: {differing(what, members)}")
                continue
            table = rows.CONTRACTS if kind == history.SETTLEMENT else rows.JOBS
            final = (self.model.contracts if kind == history.SETTLEMENT else self.model.jobs).rows.get(what)
            if what != members["id"] or final is None:
                raise Difference(f"{where}: leaf {index} is the end of {members['id'].hex()}, model has {what.hex()}")
            if compared(table, final) != compared(table, members["row"]):
                raise Difference(f"{where}: leaf {index}: {differing(compared(table, final), compared(table, members['row']))}")
            # The bytes of the leaf are those of the row, which the state keeps for a time.
            if self.bytes[table, what] != leaf[21:]:
                raise Difference(f"{where}: leaf {index} has other bytes than the row of {what.hex()}")

    def in_the_order_of_notices(self, leaves):
        """Which of the timers of a block let a job give notice is the index's word, and with it when those that did not run
        yet went: their leaves stand where the chain has them."""
        def went_at_once(kind, what):
            if kind == history.RECEIPT:
                return False
            contract = what if kind == history.SETTLEMENT else self.model.jobs.rows[what]["contract"]
            row = self.model.contracts.rows.get(contract)
            return row is not None and row["end_reason"] == contracts.PREEMPTED and not row["started"]

        mine = self.model.leaves
        moved = {(kind, what) for kind, what in mine if went_at_once(kind, what)} if len(mine) == len(leaves) else set()
        if not moved:
            return mine
        others = iter([leaf for leaf in mine if leaf[0] == history.RECEIPT or leaf not in moved])
        there = [(kind, members.get("id")) for kind, members in map(history.decode_leaf, leaves)]
        return [leaf if leaf[0] != history.RECEIPT and leaf in moved else next(others, leaf) for leaf in there]

    def transaction(self, sent, where):
        self.counts["transactions"] += 1
        changes = self.bytes_of(sent.get("changes", []))
        self.follow(changes)
        if "refused" in sent:
            theirs = (sent["refused"], None, "")
        else:
            theirs = (sent["code"], sent["fee"], "" if sent["code"] else sent["subject"])

        def execute():
            mine = self.model.execute(bytes.fromhex(sent["tx"]), Hint(changes), theirs[0])
            if mine != theirs:
                raise Difference(f"{where}: model says {mine}, chain {theirs}")

        self.step(execute, changes, where)
        self.fates["applied" if theirs[0] == 0 else "kept out" if theirs[1] is None else "refused with fee"] += 1
        self.fates[theirs[0]] += 1

    def step(self, work, changes, where):
        try:
            work()
        except (AssertionError, ArithmeticError, KeyError, IndexError) as error:
            raise Difference(f"{where}: {type(error).__name__} {error}") from error
        self.compare_changed(changes, where)

    @staticmethod
    def bytes_of(changes):
        return [(table, bytes.fromhex(key), None if row is None else bytes.fromhex(row)) for table, key, row in changes]

    def report(self):
        counts, fates = self.counts, self.fates
        codes = " ".join(f"{code}:{fates[code]}" for code in sorted(c for c in fates if isinstance(c, int) and c))
        return (f"{counts['transactions']} transactions in {counts['blocks']} blocks of {counts['chains']} chains: "
                f"{fates['applied']} applied, {fates['refused with fee']} refused with fee, {fates['kept out']} kept out; "
                f"{counts['rows']} changed rows and {counts['leaves']} leaves of the history equal, {counts['archived']} rows "
                f"archived, {counts['blocks']} roots of the history and {counts['state roots']} of the state\nrefusals: {codes}")


def compare(lines):
    """The comparison of a whole corpus, or the first difference."""
    comparison = Comparison()
    for text in lines:
        comparison.line(text)
    comparison.compare_all("the end")
    return comparison


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dump", required=True, help="the program model_dump")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--transactions", type=int, default=500, help="of each seed")
    parser.add_argument("--planted", action="store_true", help="break the model on purpose, too")
    given = parser.parse_args()
    command = [given.dump, str(given.first), str(given.seeds), str(given.transactions)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dump:
        kept = []
        try:
            comparison = compare(kept.append(line) or line for line in dump.stdout) if given.planted else compare(dump.stdout)
        except Difference as difference:
            dump.kill()
            print(f"{' '.join(command)}\nDIFFERENT: {difference}")
            return 1
    if dump.returncode != 0 or comparison.counts["transactions"] < given.seeds * given.transactions:
        print(f"the corpus is not whole: {comparison.report()}")
        return 1
    print(f"seeds {given.first} to {given.first + given.seeds - 1}: {comparison.report()}")
    return planted.check(kept, compare, Difference) if given.planted else 0


if __name__ == "__main__":
    sys.exit(main())
