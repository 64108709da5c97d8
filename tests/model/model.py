"""The protocol a second time: blocks of transactions in, what each did out. Written from the design and docs/formats; it
shares nothing with the programs but the registry of parameters. It is slow and plain on purpose.

`hint` is what the programs said of a step; only the choices of matching are taken from it (see jobs.py and contracts.py)."""

import pathlib
import re

import attestors
import benchmarks
import contracts as csc
import gangs
import governance
import history
import jobs as queue
import ledger
import prices
import pricing
import registry as supply
import reputation
import reserve
import rows
import staking
import telemetry
import waits
from wire import Refused, Transaction, UNKNOWN_OPERATION, derived_id, text_of

EXPIRED, TOO_FAR, SEQUENCE_USED, SEQUENCE_AHEAD, UNKNOWN_ACCOUNT, FEE_NOT_COVERED = range(1101, 1107)
TICK, EPOCH, NOTHING = 0, 1, bytes(20)
PARAMETERS = pathlib.Path(__file__).resolve().parents[2] / "src/protocol/params/parameters.def"
DIVISOR = {0: 1, 1: 5, 2: 10}  # presets main, test and dev: protocol section 0.7


def parameters(preset):
    """The values of a preset by name, and the number of each name."""
    values, numbers = {}, {}
    for number, (name, value, _, _, scale, _) in registry().items():
        values[name] = value // DIVISOR[preset] if scale == "Time" else value
        numbers[name] = number
    values["TimeDivisor"] = DIVISOR[preset]
    if preset == 2:
        values["PriceScale"] *= 1000
    return values, numbers


def registry():
    """number: (name, value, least, most, scale, who sets it)"""
    pattern = r"^PARAMETER\((\d+), (\w+), \w+, ([\d']+), ([\d']+), ([\d']+), (\w+), (\w+),"
    rows_of = re.findall(pattern, PARAMETERS.read_text(), re.M)
    return {int(number): (name, *(int(figure.replace("'", "")) for figure in figures), scale, setter)
            for number, name, *figures, scale, setter in rows_of}


class Hint:
    """The rows that a step of the programs left, decoded when they are asked for."""

    def __init__(self, changes):
        self.changes = changes

    def of(self, table):
        return [(key, rows.decode(table, row)) for number, key, row in self.changes if number == table and row is not None]


class Model:
    def __init__(self, genesis, hint):
        self.params, self.numbers = parameters(genesis["preset"])
        self.params.update(genesis["parameters"])
        self.stated = dict(self.params)
        self.chain = {"chain_id": genesis["chain_id"], "preset": genesis["preset"], "height": 0,
                      "block_time": genesis["time"], "halted": 0, "ticks": 0, "epochs": 0,
                      "epoch_ends": genesis["time"] + self.params["EpochMs"]}
        self.timers = set()
        self.money = ledger.Ledger(self.params)
        self.governance = governance.Governance(registry(), self.params, self.stated, bytes.fromhex(genesis["governance"]))
        self.stakes = staking.Staking(self.params, self.money, self.timers)
        self.registry = supply.Registry(self.params, self.money, self.timers)
        self.telemetry = telemetry.Telemetry(self.params, self.registry)
        self.attestors = attestors.Attestors(self.params, self.governance, self.registry, self.timers)
        self.scores = reputation.Reputation(self.params)
        self.jobs = queue.Jobs(self.params, self.money, self.stakes, self.registry, self.timers)
        self.reserve = reserve.Reserve(self.params, self.money, self.registry)
        self.contracts = csc.Contracts(self.params, self.money, self.registry, self.scores, self.jobs, self.reserve, self.timers)
        self.leaves = []  # of this block: (type, what), in order
        for account, *amounts in genesis["accounts"]:
            self.money.mint(bytes.fromhex(account), amounts)
        self.money.mint_to_pool(ledger.TREASURY, genesis["treasury"])
        self.registry.operators = {bytes.fromhex(account) for account in genesis["operators"]}
        # The governed tables of classes and regions are given; their prices must follow.
        self.registry.classes = [row for _, row in sorted(hint.of(rows.CLASSES), key=lambda pair: pair[0])]
        self.registry.regions = [row for _, row in sorted(hint.of(rows.REGIONS), key=lambda pair: pair[0])]
        self.prices = prices.Prices(self.params, self.registry)
        self.jobs.prices = self.prices
        self.waits = self.jobs.waits = self.contracts.waits = waits.Waits(self.params, self.registry)
        self.timers.add((genesis["time"] + self.params["TickMs"], TICK, NOTHING))
        self.timers.add((genesis["time"] + self.params["EpochMs"], EPOCH, NOTHING))

    @property
    def now(self):
        return self.chain["block_time"] - self.chain["halted"]

    # Blocks
    def begin(self, height, time, hint):
        gap = time - self.chain["block_time"]
        late = self.params["AckMs"] // 6
        oldest = min(self.timers)[0] if self.timers else time
        if gap > late and time - self.chain["halted"] - oldest > late:
            self.chain["halted"] += gap
        self.chain["height"], self.chain["block_time"] = height, time
        self.leaves = []
        self.contracts.hinted = {key: row["state"] for key, row in hint.of(rows.CONTRACTS)}
        opened = [row for key, row in hint.of(rows.CONTRACTS) if key not in self.contracts.rows]
        matched = {row["job"] for _, row in hint.of(rows.CONTRACTS) if row["state"] == csc.ASSIGNED}
        # What the chain says only of nodes that were matched in this very step (see Benchmarks.tick).
        asked = dict(hint.of(rows.BENCHMARKS))
        disturbed = {node for row in opened for node, _ in gangs.hosts(row)}
        self.contracts.preempted = {key for key, row in hint.of(rows.CONTRACTS) if row["end_reason"] == csc.PREEMPTED}
        for table, _, row in hint.changes:
            if table == rows.SEEDS:
                self.registry.benchmarks.seed = row[:32]
        self.jobs.counted, self.waits.before = set(), {}
        fired = 0
        while self.timers and min(self.timers)[0] <= self.now:
            timer = min(self.timers)
            self.timers.remove(timer)
            if timer[1] == TICK:
                # Matched before the tick, in this step, is only what a timer before it let start.
                self.tick(hint, opened if fired else [])
            if timer[1] == EPOCH and fired:
                # Whoever was matched in this step was so by a timer before this one: an epoch makes no room.
                self.follow_waits(hint)
                for row in opened:
                    self.jobs.count_wait(row["job"], row["price"]["tier"], row["price"]["hardware_class"], self.now)
            self.fire(timer, matched, asked, disturbed)
            fired += 1
        self.follow_matches(hint)
        self.record_ends()

    def tick(self, hint, opened):
        stated = {key: row["load"] for key, row in self.prices.rows.items()}
        stated.update({tuple(key): row["load"] for key, row in hint.of(rows.PRICES)})

        def held(cls):
            busy, more, waiting = [0] * 3, [0] * 3, [0] * 3
            for key, job in self.jobs.rows.items():
                milli = prices.gpu_milli(job["spec"]["resources"])
                if key in self.jobs.assigned:
                    node = self.registry.nodes[self.contracts.rows[job["contract"]]["node"]]
                    busy[job["tier"]] += milli * (node["hardware_class"] == cls)
                elif self.jobs.weighs(key, self.now):
                    waiting[job["tier"]] += milli
            for row in opened:
                job = self.jobs.rows[row["job"]]
                if self.registry.nodes[row["node"]]["hardware_class"] == cls:
                    more[job["tier"]] += prices.gpu_milli(job["spec"]["resources"])
            return busy, more, waiting

        self.prices.tick(self.chain["ticks"] + 1, self.now, stated, held)
        for key, row in hint.of(rows.JOBS):
            if row["weighed"] and self.jobs.weighs(key, self.now):
                self.jobs.rows[key]["weighed"] = 1

    def fire(self, timer, matched, asked, disturbed):
        _, kind, subject = timer
        if kind == TICK:
            self.chain["ticks"] += 1
            self.registry.benchmarks.tick(self.now, asked, disturbed)
            self.timers.add((self.now + self.params["TickMs"], TICK, NOTHING))
        elif kind == EPOCH:
            self.chain["epochs"] += 1
            self.chain["epoch_ends"] = self.now + self.params["EpochMs"]
            self.timers.add((self.chain["epoch_ends"], EPOCH, NOTHING))
            self.telemetry.epoch_ends(self.chain["epochs"])
            self.reserve.epoch = self.chain["epochs"]
            self.governance.epoch_ends()
            self.waits.epoch_ends()
        elif kind == queue.JOB_DEADLINE:
            # Matched in the same block means: by a timer before this one.
            if subject not in matched:
                self.jobs.deadline_is_due(subject, self.now)
        elif kind == supply.LOCK_RELEASE:
            self.registry.lock_is_due(subject)
        elif kind == queue.JOB_ARCHIVE:
            self.archive(subject)
        elif kind == staking.UNBONDED:
            self.stakes.part_returns(subject)
        elif kind == benchmarks.BENCHMARK_DUE:
            self.registry.benchmarks.is_due(subject, self.now, asked, disturbed)
        elif kind == attestors.ATTESTATION_END:
            self.attestors.look_again(subject, self.now)
        elif kind == attestors.ATTESTOR_SWEEP:
            self.attestors.sweep(subject, self.now)
        else:
            self.contracts.timer_is_due(subject, kind, self.now)

    def execute(self, data, hint, verdict):
        """The fate of a transaction: (code, fee, subject), where the fee is None for one that no block may hold."""
        try:
            transaction = Transaction(data, self.chain["chain_id"])
            self.envelope(transaction)
            self.shape(transaction)
        except Refused as refusal:
            return refusal.code, None, ""
        self.contracts.hinted = {key: row["state"] for key, row in hint.of(rows.CONTRACTS)}
        fee = self.money.charge_fee(transaction.account)
        try:
            subject = self.apply(transaction, hint, verdict)
        except Refused as refusal:
            subject = None
            code = refusal.code
        else:
            code = 0
        self.follow_matches(hint)
        if not isinstance(subject, str):
            subject = text_of(*subject) if subject else ""
        self.leaves.append((history.RECEIPT, {
            "transaction": history.sha256(data), "height": self.chain["height"],
            "index": sum(1 for kind, _ in self.leaves if kind == history.RECEIPT), "account": transaction.account,
            "sequence": transaction.sequence, "operation": transaction.number, "code": code, "fee": fee,
            "subject": subject}))
        self.record_ends()
        return code, fee, subject

    def archive(self, job):
        """The job leaves with its client id and the contracts of all its attempts."""
        row = self.jobs.rows.pop(job)
        self.jobs.forget(job)
        for attempt in range(row["attempts"]):
            del self.contracts.rows[derived_id("contract", job, attempt)]

    def record_ends(self):
        """What ended in a step enters the history: contracts, then jobs."""
        self.leaves += [(history.SETTLEMENT, key) for key in self.contracts.ended]
        self.leaves += [(history.ENDED_JOB, key) for key in self.jobs.ended]
        self.contracts.ended, self.jobs.ended = [], []

    def envelope(self, transaction):
        ahead = transaction.expires - self.chain["block_time"]
        if ahead < 0:
            raise Refused(EXPIRED)
        if ahead > self.params["ExpiryMaxMs"]:
            raise Refused(TOO_FAR)
        # A closed account keeps its row, so that no old transaction runs again: it has a sequence, but pays no fee.
        if transaction.account not in self.money.accounts:
            raise Refused(UNKNOWN_ACCOUNT)
        due = self.money.accounts[transaction.account]["next_sequence"]
        if transaction.sequence != due:
            raise Refused(SEQUENCE_USED if transaction.sequence < due else SEQUENCE_AHEAD)
        if self.money.balance(transaction.account) < self.params["TxFee"]:
            raise Refused(FEE_NOT_COVERED)

    def shape(self, transaction):
        shapes = {10: self.money.transfer_shape, 11: self.money.close_shape, 12: self.stakes.shape, 13: self.stakes.shape,
                  50: self.reserve.join_shape, 51: self.reserve.leave_shape, 60: self.governance.shape, 20: self.registry.provider_shape,
                  21: self.registry.node_shape, 22: self.registry.update_shape, 23: self.registry.status_shape,
                  24: self.registry.telemetry_shape, 25: self.registry.benchmarks.shape, 26: self.telemetry.shape,
                  27: self.attestors.attest_shape, 28: self.attestors.set_shape, 30: self.jobs.submit_shape,
                  31: self.jobs.cancel_shape, 32: self.jobs.raise_shape, 42: self.contracts.start_shape,
                  43: self.contracts.progress_shape, 44: self.contracts.complete_shape, 45: self.contracts.fail_shape,
                  47: self.contracts.host_done_shape}
        if transaction.number not in shapes and transaction.number not in (40, 41, 46):
            raise Refused(UNKNOWN_OPERATION)
        shapes.get(transaction.number, self.contracts.id_shape)(transaction.operation)

    def apply(self, transaction, hint, verdict):
        """Gives what the operation made or touched: (prefix, id)."""
        op, sender, now = transaction.operation, transaction.account, self.now
        sequence, number = transaction.sequence, transaction.number
        if number == 10:
            return self.money.transfer(op, sender)
        if number == 11:
            return self.money.close(op, sender)
        if number == 12:
            return self.stakes.lock(op, sender, now)
        if number == 13:
            return self.stakes.unbond(op, sender, sequence, now)
        if number == 50:
            return self.reserve.join(op, sender, now)
        if number == 51:
            return self.reserve.leave(op, sender, now)
        if number == 60:
            return self.governance.set(op, sender)
        if number == 20:
            return self.registry.register_provider(op, sender, now)
        if number == 21:
            return self.registry.register_node(op, sender, sequence, now)
        if number == 22:
            return self.registry.update_node(op, sender, now, self.chain["epochs"])
        if number == 23:
            return self.registry.set_node_status(op, sender, now)
        if number == 24:
            return self.registry.telemetry(op, sender, now)
        if number == 25:
            return self.registry.benchmarks.result(op, sender, now)
        if number == 26:
            return self.telemetry.report(op, sender, now)
        if number == 27:
            return self.attestors.attest(op, sender, now)
        if number == 28:
            return self.attestors.set(op, sender, now)
        if number == 30:
            if verdict == 0:
                verdict = next((row for _, row in hint.of(rows.JOBS) if (row["requester"], row["sequence"]) ==
                                (sender, sequence)), None)
            return self.jobs.submit(op, sender, sequence, now, self.chain["halted"], verdict)
        if number == 32:
            return self.jobs.raise_limits(op, sender, now)
        if number == 31:
            self.jobs.cancel(op, sender, now, self.contracts)
            return "j", op["job"]
        step = {40: "acknowledge", 41: "decline", 42: "start", 43: "progress", 44: "complete", 45: "fail", 46: "accept",
                47: "host_done"}
        getattr(self.contracts, step[number])(op, sender, now)
        return ("c", op["contract"]) if number != 43 else None

    def follow_waits(self, hint):
        """Which jobs are parked, and which wake, is the index's word."""
        for key, row in hint.of(rows.JOBS):
            mine = self.jobs.rows.get(key)
            if not mine or mine["attempts"] or mine["waiting_since"] == row["waiting_since"]:
                continue
            assert row["waiting_since"] == self.now or (row["parked"] and not row["waiting_since"]), "since when it waits"
            self.waits.began(mine, not row["waiting_since"], self.now)

    def follow_matches(self, hint):
        """What the market did after a step: contracts that it opened, jobs that it gave up."""
        self.follow_waits(hint)
        stated = hint.of(rows.CONTRACTS)
        noticed = {key: row for key, row in stated if row["notice"] and not self.contracts.has_notice(key)}
        for by in {row["notice"]["by"]: None for row in noticed.values()}:
            # Where it has started since, or given its node up, the chain shows no node any more.
            there = next((row["notice"] and row["notice"]["node"] for key, row in hint.of(rows.JOBS) if key == by), None)
            self.contracts.promise({key: (row, row["notice"]) for key, row in noticed.items() if row["notice"]["by"] == by},
                                   there, self.now)
        for key in sorted(noticed, key=lambda key: (-noticed[key]["matched"], noticed[key]["job"])):
            if key in self.contracts.rows:
                self.contracts.give_notice(key, noticed[key]["notice"], self.now)
        # What was matched and had to go at once made room for the others.
        for key, row in sorted(stated, key=lambda pair: (pair[0] not in noticed, pair[1]["attempt"])):
            if key not in self.contracts.rows:
                self.check_price(row)
                assert row["match"]["height"] == self.chain["height"], "the block of a match"
                self.contracts.open(key, row, self.now)
                if key in noticed:
                    self.contracts.give_notice(key, noticed[key]["notice"], self.now)
        for key, row in hint.of(rows.JOBS):
            mine = self.jobs.rows.get(key)
            if mine and mine["state"] == queue.QUEUED and row["state"] == queue.REFUNDED:
                self.give_up(key, mine, row["end_reason"])
            if mine and mine["notice"] and not row["notice"]:
                # Its node cannot take it any more; but not while somebody is still leaving for it.
                live = [c for c in self.contracts.rows.values() if c["notice"] and c["notice"]["open"]]
                assert all(contract["notice"]["by"] != key for contract in live), "a node given up too early"
                mine["notice"] = None

    def give_up(self, key, mine, reason):
        """Only a job that was matched before may be given up by the market, and it keeps its last fault as the reason."""
        assert mine["attempts"], "the market gave up a job that never had a match"
        assert reason == self.contracts.rows[mine["contract"]]["end_reason"], "given up for another reason than its fault"
        self.jobs.end(key, False, reason, 0, 0, self.now)

    def check_price(self, contract):
        """WRK-4: the recorded inputs give the unit price, and they are those of the chain."""
        price, job = contract["price"], self.jobs.rows[contract["job"]]
        p = self.params
        product, unit = pricing.unit_price(price["base"], price["factors"]["ppm"], p["FactorMinPpm"], p["FactorMaxPpm"])
        assert product == price["factors"]["product_ppm"], "the product of the factors"
        assert price["ceiling"] == job["max_price"], "the ceiling is the job's max_price"
        assert price["unit"] == min(unit, price["ceiling"]), "the unit price"
        assert price["tier"] == job["tier"], "the tier of the price"
        node = self.registry.nodes[contract["node"]]
        assert price["hardware_class"] == node["hardware_class"], "the class of the price"
        assert price["base"] == self.base_price(job, node), "the base price"
        there = self.prices.rows[job["tier"], node["hardware_class"]] if job["spec"]["resources"]["gpus"] else None
        locked = self.locked_price(job, node)
        for name in ("log_price", "slow_log_price"):
            assert price[name] == ((locked or there)[name] if there else 0), f"the {name} of the match"
        # The quality of a node is its own history; only its bounds are known here.
        quality = price["factors"]["ppm"][9]
        assert 900_000 <= quality <= 1_100_000, "the bounds of the quality"
        # Side vector jobs have no device whose memory could be short.
        memory = node["hardware"]["device_memory_bytes"] if job["spec"]["resources"]["gpus"] else 0
        lock = job["price_lock"]
        since = lock["since"] if lock and job["attempts"] == 0 and self.now < lock["until"] else self.now
        hosts = [self.registry.nodes[host] for host, _ in gangs.hosts(contract)]

        def factors_of(host):
            region = self.registry.regions[host["offer"]["region"]]["price_factor"]
            if not host["offer"]["region_verified"]:
                region = min(region, 10**6)
            return pricing.factors(job["spec"], job["tier"], since, memory, region, len(hosts),
                                   host["offer"]["energy"]["verified"], 800_000, p)[:9]

        # Of several hosts the cheapest says the price; which of them that is, their qualities decide.
        wanted = [factors_of(host) for host in hosts]
        assert price["factors"]["ppm"][:9] in wanted, f"factors {price['factors']['ppm']} for {wanted}"

    def base_price(self, job, node):
        """The price in force of the tier and class; the side vector without a GPU."""
        res, p = job["spec"]["resources"], self.params
        if res["gpus"] == 0:
            side = pricing.ceil_div(res["cpu_milli"] * p["SidePriceCpuHour"], 1000)
            side += pricing.ceil_div(res["ram_bytes"] * p["SidePriceRamGibHour"], 2**30)
            return side * p["PriceScale"]
        return (self.locked_price(job, node) or self.prices.rows[job["tier"], node["hardware_class"]])["price"]

    def locked_price(self, job, node):
        """None where the price of the first match is not locked any more, or a class came later."""
        lock = job["price_lock"]
        if not lock or job["attempts"] or self.now >= lock["until"]:
            return None
        return next((p for p in lock["prices"] if p["hardware_class"] == node["hardware_class"]), None)
