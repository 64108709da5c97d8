"""Jobs from admission to their end (protocol section 2, src/protocol/job and market README). What only the match index can
know (which node, whether some node could run it, what the price envelope makes of max_price 0) is taken from the receipt."""

import math

import gangs
import ledger
import pricing
import registry as supply
from wire import Refused, derived_id

INVALID_FIELD, TOO_MANY_ITEMS = 1008, 1009
CLIENT_ID_REUSED, CAP_TOO_SMALL, ESCROW_NOT_COVERED, NEVER_RUNNABLE, TIER_NOT_SERVED, PREMIUM_CANNOT_START = range(4101, 4107)
DEADLINE_PASSED, TOO_MANY_JOBS, UNKNOWN_JOB, NOT_REQUESTER, JOB_ENDED = 4107, 4108, 4110, 4111, 4112
BUDGET_TOO_SMALL, PRICE_ABOVE_CAP, JOB_NOT_WAITING, RAISES_NOTHING, PRICE_IS_LOCKED, LOCK_ABOVE_LIMIT = range(4113, 4119)
CREDITS_TOO_FEW, BOOST_TOO_SMALL, BOOST_LANE_TOO_SMALL = range(4130, 4133)
OF_THE_INDEX = (NEVER_RUNNABLE, TIER_NOT_SERVED, PREMIUM_CANNOT_START, BUDGET_TOO_SMALL, CAP_TOO_SMALL, PRICE_ABOVE_CAP,
                BOOST_LANE_TOO_SMALL, LOCK_ABOVE_LIMIT)
QUEUED, ACTIVE, SETTLED, REFUNDED = range(4)
JOB_DEADLINE, JOB_ARCHIVE = 2, 9
CANCELLED_REQUESTER, NO_CAPACITY, DEADLINE_REASON = 5, 23, 25
ZERO20 = bytes(20)


def need(condition, code=INVALID_FIELD):
    if not condition:
        raise Refused(code)


def plain(text, most):
    return len(text.encode()) <= most and all(33 <= ord(c) <= 126 for c in text)


def spec_shape(spec):
    """The order of src/protocol/job/README.md. Fields that do not fit their type in the state come first."""
    res, where = spec["resources"], spec["where"]
    need(spec["kind"] <= 3 and len(spec["image"]) in (0, 32) and len(spec["manifest_hash"]) == 32)
    need(all(len(h) == 32 for h in spec["inputs"]) and res["interconnect"] < 256 and spec["placement"] <= 2)
    need(spec["urgency"] <= 2 and spec["tier"] <= 3 and all(kind < 256 for kind in where["tee_kinds"]))
    need(all(where[n] < 256 for n in ("site_tier_min", "sandbox_tier_min", "reputation_min")))
    need(all(len(account) == 20 for account in where["excluded_providers"]))
    need(plain(spec["runtime"], 64) and spec["manifest_hash"] != bytes(32))
    need(len(spec["inputs"]) <= 64, TOO_MANY_ITEMS)
    need(spec["input_bytes"] <= 2**52 and bytes(32) not in spec["inputs"])
    need(len(res["classes"]) <= 32, TOO_MANY_ITEMS)
    need(all(0 < len(n) and plain(n, 32) for n in res["classes"]) and sorted(set(res["classes"])) == res["classes"])
    need(res["gpus"] <= 4096 and res["gpu_memory_bytes"] <= 2**42 and res["cpu_milli"] <= 4_096_000)
    need(res["ram_bytes"] <= 2**47 and res["disk_bytes"] <= 2**52 and res["interconnect"] <= 7)
    share = res["gpu_share_milli"]
    need(share == 0 or (10 <= share <= 990 and share % 10 == 0 and res["gpus"] == 1))
    need(res["gpus"] > 0 or (res["gpu_memory_bytes"] == 0 and res["cpu_milli"] > 0))
    need(60 <= spec["max_s"] <= 31_536_000 and 1 <= spec["expected_s"] <= spec["max_s"])
    need(spec["deadline_ms"] <= 253_402_300_799_999 and spec["start_within_ms"] <= 31_536_000_000)
    need(spec["latency_ms"] <= 60_000 and spec["hosts_max"] <= gangs.HOSTS_MOST)
    need(spec["hosts_max"] <= 1 or spec["placement"] != gangs.ONE_NODE)
    need(not (spec["dedicated"] and share))
    for names in (where["prefer"], where["allow"]):
        need(len(names) <= 64, TOO_MANY_ITEMS)
        need(all(0 < len(n) and plain(n, 32) for n in names) and len(set(names)) == len(names))
    need(sorted(where["allow"]) == where["allow"])
    country = where["residency"]
    need(country == "" or (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()))
    need(where["site_tier_min"] <= 4 and where["sandbox_tier_min"] <= 3)
    need(len(where["tee_kinds"]) <= 8, TOO_MANY_ITEMS)
    need(all(kind <= 15 for kind in where["tee_kinds"]) and sorted(set(where["tee_kinds"])) == where["tee_kinds"])
    need(where["reputation_min"] <= 240)
    need(len(where["excluded_providers"]) <= 64, TOO_MANY_ITEMS)
    need(sorted(set(where["excluded_providers"])) == where["excluded_providers"])
    need(spec["credits"] <= 10**12 and not (spec["credits"] and res["gpus"] == 0))
    need(spec["price_lock"] <= 15 and not (spec["price_lock"] and res["gpus"] == 0))
    need(spec["max_price"] <= ledger.AMOUNT_MAX, ledger.AMOUNT_TOO_LARGE)
    need(spec["budget"] > 0, ledger.AMOUNT_ZERO)
    need(spec["budget"] <= ledger.AMOUNT_MAX, ledger.AMOUNT_TOO_LARGE)


def spec_row(spec, halted):
    """The specification as the state keeps it: the deadline in market time."""
    row = {name: spec[name] for name in (
        "kind", "runtime", "manifest_hash", "inputs", "input_bytes", "placement", "expected_s", "max_s", "latency_ms",
        "urgency", "dedicated", "tier", "allow_downgrade", "wait", "max_price", "budget", "preemptible", "credits",
        "price_lock", "hosts_max", "where")}
    res = dict(spec["resources"])
    res["share_milli"] = res.pop("gpu_share_milli")
    row["resources"] = res
    row["image"] = spec["image"] or bytes(32)
    row["start_within"] = spec["start_within_ms"]
    row["deadline"] = spec["deadline_ms"] and max(0, spec["deadline_ms"] - halted)
    return row


def boost(spec, params):
    """Credits to be spent, milliseconds ahead, AGPU burned: economics 8.2, by max_s."""
    milli = spec["resources"]["gpu_share_milli"] or 1000 * spec["resources"]["gpus"]
    gain, work, most = params["BoostGain"], milli * spec["max_s"], params["BoostMaxMs"] // 1000
    if not spec["credits"] or not gain:
        return 0, 0, 0
    spent = min(spec["credits"], pricing.ceil_div(most**2 * work, 1000 * gain))
    ahead = min(most, math.isqrt(1000 * gain * spent // work))
    return spent, 1000 * ahead, min(spent * params["CreditBurn"], ledger.AMOUNT_MAX)


class Jobs:
    def __init__(self, params, money, stakes, registry, timers):
        self.params, self.money, self.stakes, self.registry, self.timers = params, money, stakes, registry, timers
        self.rows, self.clients, self.assigned = {}, {}, set()
        self.ended = []  # in this step, in order
        self.counted = set()  # whose wait this step has counted already

    def submit_shape(self, op):
        need(plain(op["client_id"], 64))
        spec_shape(op["spec"])

    def submit(self, op, sender, sequence, now, halted, verdict):
        """`verdict` is what the index said: a refusal of its own, or the job's tier, max_price and place in the order."""
        spec, client = op["spec"], (sender, op["client_id"])
        if op["client_id"] and client in self.clients:
            first, same = self.clients[client]
            if same != spec:
                raise Refused(CLIENT_ID_REUSED)
            return "j", first
        live = sum(1 for row in self.rows.values() if row["requester"] == sender and row["state"] in (QUEUED, ACTIVE))
        need(live < self.params["LiveJobsMax"], TOO_MANY_JOBS)
        row = spec_row(spec, halted)
        need(not spec["deadline_ms"] or row["deadline"] >= now + 1000 * spec["max_s"], DEADLINE_PASSED)
        for name in spec["resources"]["classes"]:
            self.registry.find(self.registry.classes, name, 3105)
        for name in spec["where"]["prefer"] + spec["where"]["allow"]:
            self.registry.find(self.registry.regions, name, 3106)
        if isinstance(verdict, int) and verdict in OF_THE_INDEX:
            raise Refused(verdict)
        spent, ahead, burned = boost(spec, self.params)
        if spec["credits"]:
            need(ahead > 0, BOOST_TOO_SMALL)
            need(self.stakes.credits(sender, now) >= spent * 10**6, CREDITS_TOO_FEW)
        billing = pricing.billing_milli(spec["resources"])
        if verdict == ESCROW_NOT_COVERED:
            # Without a max_price of its own the cap is known to the index only, and at most the budget.
            most = spec["budget"]
            if spec["max_price"]:
                most = min(most, pricing.cost(spec["max_price"], billing, 1000 * spec["max_s"]))
            # What a lock of the price costs depends on the tier, which is the index's word, too.
            need(not spec["price_lock"] and self.money.balance(sender) >= most + burned, ESCROW_NOT_COVERED)
            raise AssertionError("refused an escrow that the balance covers")
        job = derived_id("job", sender, sequence)
        assert isinstance(verdict, dict), "admitted nothing"
        if spec["max_price"]:
            assert verdict["max_price"] == spec["max_price"], "max_price is the requester's"
        cap = min(spec["budget"], pricing.cost(verdict["max_price"], billing, 1000 * spec["max_s"]))
        lock = self.price_lock(row, verdict["tier"], cap, now) if spec["price_lock"] else None
        fee = lock["fee"] if lock else 0
        need(self.money.balance(sender) >= cap + burned + fee, ESCROW_NOT_COVERED)
        if spec["tier"]:
            assert verdict["tier"] == spec["tier"] - 1 or (spec["allow_downgrade"] and verdict["tier"] == spec["tier"] - 2)
        self.rows[job] = {
            "requester": sender, "sequence": sequence, "spec": row, "state": QUEUED, "tier": verdict["tier"],
            "max_price": verdict["max_price"], "cap": cap, "submitted": now, "attempts": 0, "unit": 0, "contract": ZERO20,
            "avoided": [], "fault_claim": ZERO20, "end_reason": 0, "ended": 0, "paid": 0, "refunded": 0, "burned": 0,
            "credits": spent, "boost": ahead, "credits_burned": burned, "price_lock": lock, "notice": None, "compensation": 0,
            "preemptions": 0, "weighed": 0}
        self.waits.began(self.rows[job], verdict["parked"], now)
        if op["client_id"]:
            self.clients[client] = (job, spec)
        self.money.lock(ledger.ESCROW, job, sender, cap)
        self.money.debit(sender, ledger.AGPU, burned)
        self.money.burn(burned)
        if spent:
            self.stakes.spend(sender, spent * 10**6, now)
        if lock:
            self.money.lock(ledger.PRICE_LOCK, job, sender, fee)
        self.money.add_role(sender)
        if row["deadline"]:
            self.timers.add((self.deadline_due(row), JOB_DEADLINE, job))
        return "j", job

    def price_lock(self, spec, tier, cap, now):
        """Protocol section 4: prices of all classes that the job allows and a node has, and a fee by the dearest lock."""
        names = spec["resources"]["classes"]
        there = {node["hardware_class"] for node in self.registry.nodes.values() if node["status"] != supply.LEFT}
        locked, most = [], 0
        for cls in sorted(there):
            if names and self.registry.classes[cls]["name"] not in names:
                continue
            price = self.prices.rows[tier, cls]
            locked.append({"hardware_class": cls, "price": max(price["price"], price["next_price"]),
                           "log_price": price["log_price"], "slow_log_price": price["slow_log_price"]})
            most = max(most, self.prices.lock_rate(tier, cls, spec["price_lock"]))
        fee = min(pricing.ceil_div(cap * most, 2**32), ledger.AMOUNT_MAX)
        return {"since": now, "until": now + spec["price_lock"] * self.params["TickMs"], "fee": fee, "held": 0, "paid": 0,
                "prices": locked}

    def served_at_lock(self, job, payee):
        """Half of the fee goes to the first that is paid for a job whose match was made at the locked price."""
        lock = self.rows[job]["price_lock"]
        if lock and lock["held"] and not lock["paid"]:
            lock["paid"] = lock["fee"] // 2
            self.money.take(ledger.PRICE_LOCK, job, lock["paid"])
            self.money.credit(payee, ledger.AGPU, lock["paid"])

    def forget(self, job):
        """The client id of a job that is archived may be used again."""
        self.clients = {client: known for client, known in self.clients.items() if known[0] != job}

    @staticmethod
    def deadline_due(spec):
        """The latest start; a job leaves the queue then."""
        return max(0, spec["deadline"] - 1000 * spec["max_s"])

    def cancel_shape(self, op):
        need(len(op["job"]) == 20 and op["job"] != ZERO20)

    def cancel(self, op, sender, now, contracts):
        row = self.rows.get(op["job"])
        need(row is not None, UNKNOWN_JOB)
        need(row["requester"] == sender, NOT_REQUESTER)
        need(row["state"] in (QUEUED, ACTIVE), JOB_ENDED)
        if row["state"] == ACTIVE:
            contracts.cancel(row["contract"], now)
            return
        burned = self.leaving_burn(row) if now - row["submitted"] >= self.params["TickMs"] else 0
        self.end(op["job"], False, CANCELLED_REQUESTER, 0, burned, now)

    def leaving_burn(self, row):
        """What it costs to leave the queue without a start (economics 2.6)."""
        minute = pricing.cost(row["max_price"], pricing.billing_milli(row["spec"]["resources"]), 60_000)
        return min(pricing.ceil_div(row["cap"] * self.params["CancelBurnPpm"], 10**6), minute)

    def weighs(self, job, now):
        """Whether a waiting job may count as load; which of these do is the index's word."""
        row = self.rows.get(job)
        return bool(row and row["state"] == QUEUED and row["spec"]["resources"]["gpus"] > 0
                    and now - row["submitted"] >= self.params["TickMs"])

    def raise_shape(self, op):
        need(len(op["job"]) == 20 and op["job"] != ZERO20)
        need(max(op["budget"], op["max_price"]) <= ledger.AMOUNT_MAX, ledger.AMOUNT_TOO_LARGE)
        need(op["budget"] or op["max_price"])

    def raise_limits(self, op, sender, now):
        """Protocol section 2: more for a job that waits for its first match; the difference is escrowed."""
        row = self.rows.get(op["job"])
        need(row is not None, UNKNOWN_JOB)
        need(row["requester"] == sender, NOT_REQUESTER)
        need(row["state"] in (QUEUED, ACTIVE), JOB_ENDED)
        need(row["state"] == QUEUED and row["attempts"] == 0, JOB_NOT_WAITING)
        need(not row["price_lock"] or now >= row["price_lock"]["until"], PRICE_IS_LOCKED)
        spec = row["spec"]
        budget, max_price = op["budget"] or spec["budget"], op["max_price"] or row["max_price"]
        need(budget >= spec["budget"] and max_price >= row["max_price"], RAISES_NOTHING)
        need((budget, max_price) != (spec["budget"], row["max_price"]), RAISES_NOTHING)
        cap = min(budget, pricing.cost(max_price, pricing.billing_milli(spec["resources"]), 1000 * spec["max_s"]))
        cap = max(0, cap - row["compensation"])
        need(self.money.balance(sender) >= cap - row["cap"], ESCROW_NOT_COVERED)
        self.money.debit(sender, ledger.AGPU, cap - row["cap"])
        self.money.locks[ledger.ESCROW, op["job"], ledger.AGPU]["amount"] += cap - row["cap"]
        row["cap"], row["max_price"], spec["budget"] = cap, max_price, budget
        if op["max_price"]:
            spec["max_price"] = op["max_price"]
        return "j", op["job"]

    def count_wait(self, job, tier, cls, now):
        row = self.rows[job]
        assert row["tier"] == tier, "the tier of a match"
        if row["attempts"] == 0 and job not in self.counted:
            self.counted.add(job)
            self.waits.matched(row, cls, now)

    def matched(self, job, contract, price, now):
        row, unit = self.rows[job], price["unit"]
        self.count_wait(job, price["tier"], price["hardware_class"], now)
        assert row["state"] == QUEUED, "a match of a job that does not wait"
        row["state"], row["contract"], row["unit"], row["notice"] = ACTIVE, contract, unit, None
        if row["price_lock"] and row["attempts"] == 0 and now < row["price_lock"]["until"]:
            row["price_lock"]["held"] = 1
        row["attempts"] += 1
        self.assigned.add(job)
        self.drop_deadline(job)

    def drop_deadline(self, job):
        spec = self.rows[job]["spec"]
        if spec["deadline"]:
            self.timers.discard((self.deadline_due(spec), JOB_DEADLINE, job))

    def can_be_queued_again(self, job, now, served):
        """`served`: the index's word that some other node could run it at its first price."""
        row = self.rows[job]
        if row["attempts"] > self.params["AttemptsMax"] + row["preemptions"]:
            return False
        return self.has_time_again(job, now) and served

    def has_time_again(self, job, now):
        row = self.rows[job]
        return not row["spec"]["deadline"] or now <= self.deadline_due(row["spec"])

    def queue_preempted(self, job):
        """Protocol section 3: under its old key, and no provider is avoided for it."""
        avoided = self.rows[job]["avoided"]
        self.queue_again(job, ZERO20)
        self.rows[job]["avoided"] = avoided
        self.rows[job]["preemptions"] += 1

    def queue_again(self, job, provider):
        row = self.rows[job]
        row["state"] = QUEUED
        if row["attempts"] == 1:
            row["max_price"] = row["unit"]  # the first unit price is the ceiling of later attempts
        row["avoided"] = sorted(set(row["avoided"]) | {provider})
        if row["spec"]["deadline"]:
            self.timers.add((self.deadline_due(row["spec"]), JOB_DEADLINE, job))

    def deadline_is_due(self, job, now):
        row = self.rows[job]
        burned = self.leaving_burn(row) if row["weighed"] and not row["unit"] else 0
        self.end(job, False, DEADLINE_REASON, 0, burned, now)

    def end(self, job, settled, reason, paid, burned, now):
        row = self.rows[job]
        self.drop_deadline(job)
        if burned:
            self.money.take(ledger.ESCROW, job, burned)
            self.money.burn(burned)
        row["refunded"] = self.money.unlock(ledger.ESCROW, job)
        if row["price_lock"]:
            left = row["price_lock"]["fee"] - row["price_lock"]["paid"]
            self.money.take(ledger.PRICE_LOCK, job, left)
            self.money.burn(left)
            self.money.unlock(ledger.PRICE_LOCK, job)
        row["state"], row["end_reason"], row["ended"] = SETTLED if settled else REFUNDED, reason, now
        row["notice"] = None
        row["paid"], row["burned"] = paid, burned
        self.ended.append(job)
        # It stays for a time, up to a whole second.
        self.timers.add((-(-(now + self.params["ArchiveAfterMs"]) // 1000) * 1000, JOB_ARCHIVE, job))
        self.money.add_role(row["requester"], -1)
