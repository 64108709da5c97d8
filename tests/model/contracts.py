"""Contracts from match to payment (protocol section 5, src/protocol/contracts/README.md)."""

import gangs
import ledger
import pricing
import reputation
import reserve
import waits
from wire import Refused, derived_id

INVALID_FIELD, TOO_MANY_ITEMS = 1008, 1009
UNKNOWN, NOT_PROVIDER, NOT_REQUESTER, WRONG_STATE, RESULT_INVALID, GOES_BACK, REASON_NOT_ALLOWED = range(5101, 5108)
NOT_HOST, HOSTS_STILL_RUN = 5108, 5109
ASSIGNED, PREPARING, RUNNING, DELIVERED, SETTLED, REFUNDED, REQUEUED = range(7)
ACK_DUE, START_DUE, SILENCE_DUE, RUN_END, ACCEPT_DUE = range(3, 8)
NOTICE_END, PREEMPTED = 14, 22
ECONOMY, STANDARD, PREMIUM = range(3)
(COMPLETED, ACCEPTED, VERIFIED, TIMEOUT_REQUESTER, CANCELLED_REQUESTER, BAD_PAYLOAD, _, RESOURCE_LIMIT, INPUTS_MISSING, _,
 PROVIDER_LOST, PROVIDER_REFUSED, PROVIDER_LATE, PROVIDER_ERROR, DEVICE_ERROR) = range(1, 16)
REQUESTERS_FAULT = (BAD_PAYLOAD, RESOURCE_LIMIT, INPUTS_MISSING)
MAY_REPORT = REQUESTERS_FAULT + (PROVIDER_ERROR, DEVICE_ERROR, PREEMPTED)
# Economy, Standard, Premium: fit, scarce, budget, reputation, speed, proximity, ready, spread (protocol section 3)
SCORE_WEIGHTS = ((40, 10, 15, 10, 5, 5, 10, 5), (30, 10, 10, 15, 10, 10, 10, 5), (15, 0, 5, 25, 20, 20, 10, 5))
ZERO20, ZERO32 = bytes(20), bytes(32)


def party_of(reason):
    """The list of protocol section 5: nobody, requester, provider, network."""
    return 0 if reason <= 3 else 1 if reason <= 10 or reason == 24 else 2 if reason <= 20 else 3


class Contracts:
    def __init__(self, params, money, registry, scores, jobs, reserve, timers):
        self.params, self.money, self.registry, self.scores, self.jobs, self.reserve, self.timers = (
            params, money, registry, scores, jobs, reserve, timers)
        self.rows = {}
        self.premium_fees = {}  # requester: {"settled", "insured"}
        self.ended = []  # in this step, in order
        self.preempted = set()  # contracts that went in this block's beginning, as the programs say
        self.hinted = {}  # contract: its state after this step, as the programs say

    # Shapes
    def id_shape(self, op):
        if len(op["contract"]) != 20 or op["contract"] == ZERO20:
            raise Refused(INVALID_FIELD)

    def start_shape(self, op):
        self.id_shape(op)
        if len(op["node"]) not in (0, 20):
            raise Refused(INVALID_FIELD)

    def host_done_shape(self, op):
        if len(op["node"]) != 20 or len(op["report_hash"]) != 32:
            raise Refused(INVALID_FIELD)
        self.id_shape(op)
        if op["report_hash"] == ZERO32:
            raise Refused(RESULT_INVALID)

    def progress_shape(self, op):
        hosts = [(entry["contract"], entry["node"] or ZERO20) for entry in op["entries"]]
        if any(len(key) != 20 or len(node) != 20 for key, node in hosts) or not hosts:
            raise Refused(INVALID_FIELD)
        if len(hosts) > 1024:
            raise Refused(TOO_MANY_ITEMS)
        if any(a >= b for a, b in zip(hosts, hosts[1:])):
            raise Refused(INVALID_FIELD)

    def complete_shape(self, op):
        self.id_shape(op)
        if any(len(h) != 32 for h in [op["result_hash"], op["proof_hash"]] + op["outputs"]):
            raise Refused(INVALID_FIELD)
        if op["result_hash"] == ZERO32 or op["proof_hash"] == ZERO32 or len(op["outputs"]) > 256:
            raise Refused(RESULT_INVALID)

    def fail_shape(self, op):
        self.id_shape(op)
        if op["reason"] > 26 or len(op["report_hash"]) not in (0, 32):
            raise Refused(INVALID_FIELD)
        if op["reason"] not in MAY_REPORT:
            raise Refused(REASON_NOT_ALLOWED)

    def mine(self, key, sender, party, states):
        row = self.rows.get(key)
        if row is None:
            raise Refused(UNKNOWN)
        if row[party] != sender:
            raise Refused(NOT_PROVIDER if party == "provider" else NOT_REQUESTER)
        if row["state"] not in states:
            raise Refused(WRONG_STATE)
        return row

    # Timers
    def set_timer(self, key, kind, due):
        row = self.rows[key]
        self.timers.discard((row["timer_due"], row["timer"], key))
        row["timer"], row["timer_due"] = kind, due
        self.timers.add((due, kind, key))

    def drop_timers(self, key):
        row = self.rows[key]
        self.timers.discard((row["timer_due"], row["timer"], key))
        self.timers.discard((row["run_end_due"], RUN_END, key))
        row["run_end_due"] = 0
        if row["notice"]:
            self.timers.discard((row["notice"]["due"], NOTICE_END, key))

    # Life
    def open(self, key, hint, now):
        """A match that the market made: nodes and allocations are its word, all else must follow from what is known."""
        job = self.jobs.rows[hint["job"]]
        node = self.registry.nodes[hint["node"]]
        spec = job["spec"]
        row = {name: hint[name] for name in ("job", "node", "allocation", "price", "match", "gang")}
        weights = SCORE_WEIGHTS[hint["price"]["tier"]]
        drawn = hint["match"]["reserve"]
        score = sum(w * part for w, part in zip(weights, hint["match"]["parts"])) + self.params["ReserveWeight"] * drawn
        assert hint["match"]["score"] == score, "the score"
        if drawn:
            assert drawn == reserve.WHOLE_TERM and self.reserve.may_draw(self.jobs.stakes, job["requester"], spec["resources"])
            self.reserve.drawn(hint["node"])
        hosts = gangs.hosts(row)
        gangs.check(row, spec, self.registry)
        row.update({
            "attempt": job["attempts"], "requester": job["requester"], "provider": node["provider"],
            "payout": self.registry.providers[node["provider"]]["payout"], "kind": spec["kind"],
            "billing_milli": pricing.billing_milli(spec["resources"]),
            "rating": gangs.rating([self.registry.nodes[host] for host, _ in hosts], spec["kind"]),
            "cap": job["cap"], "expected_s": spec["expected_s"], "max_s": spec["max_s"],
            "manifest_hash": spec["manifest_hash"], "inputs": spec["inputs"], "input_bytes": spec["input_bytes"],
            "state": ASSIGNED, "matched": now, "timer": 0, "timer_due": 0, "result_hash": ZERO32, "outputs": [],
            "proof_hash": ZERO32, "bill": dict(pricing.NOTHING), "prior_claim": ZERO20,
            "prior_bill": dict(pricing.NOTHING), "notice": None, "decline": None})
        row.update({name: 0 for name in (
            "acknowledged", "started", "last_progress", "progress_run_ms", "stopped", "delivered", "ended", "run_end_due",
            "metered_ms", "end_reason", "party", "returned", "insured", "refund", "compute_units")})
        assert key == derived_id("contract", hint["job"], job["attempts"]), "the id of a contract"
        self.rows[key] = row
        for host, allocation in hosts:
            self.registry.hold(host, allocation, -1)
        self.set_timer(key, ACK_DUE, now + self.params["AckMs"])
        self.jobs.matched(hint["job"], key, hint["price"], now)

    def acknowledge(self, op, sender, now):
        row = self.mine(op["contract"], sender, "provider", (ASSIGNED,))
        row["state"], row["acknowledged"] = PREPARING, now
        fetching = 1000 * (row["input_bytes"] // self.params["InputBytesPerSecond"])  # whole seconds: economics section 0
        self.set_timer(op["contract"], START_DUE, now + self.params["StartMs"] + fetching)

    def decline(self, op, sender, now):
        self.mine(op["contract"], sender, "provider", (ASSIGNED, PREPARING))
        self.providers_fault(op["contract"], PROVIDER_REFUSED, now)

    def start(self, op, sender, now):
        row = self.mine(op["contract"], sender, "provider", (PREPARING,))
        host = gangs.find(row, self.host_named(row, op["node"]))
        if host:
            if host["ready"]:
                raise Refused(WRONG_STATE)
            host["ready"] = now
            if not gangs.all_ready(row):
                return
        for other in row["gang"]:
            other["heard"] = now
        row["state"], row["started"], row["last_progress"] = RUNNING, now, now
        self.set_timer(op["contract"], SILENCE_DUE, now + self.params["SilenceMs"])
        row["run_end_due"] = now + 1000 * row["max_s"] + self.params["RunGraceMs"]
        self.timers.add((row["run_end_due"], RUN_END, op["contract"]))
        self.waits.started(self.jobs.rows[row["job"]], now)

    def progress(self, op, sender, now):
        live, back, unknown = [], False, False
        for entry in op["entries"]:
            row = self.rows.get(entry["contract"])
            if row is None:
                unknown = True  # archived, maybe: the others must not suffer
                continue
            if row["provider"] != sender:
                raise Refused(NOT_PROVIDER)
            node = self.host_named(row, entry["node"])
            if row["state"] == RUNNING:
                if node == row["node"] and entry["run_ms"] < row["progress_run_ms"]:
                    back = True
                else:
                    live.append((entry["contract"], node, entry["run_ms"]))
        if unknown and not live:
            raise Refused(UNKNOWN)
        if back and not live:
            raise Refused(GOES_BACK)
        for key, node, run_ms in live:
            self.meter(self.rows[key], node, run_ms)
            self.hear(key, node, now)

    @staticmethod
    def host_named(row, node):
        """The host that a report names; without a name, the contract's own node."""
        if not node or node == ZERO20:
            return row["node"]
        if node != row["node"] and not gangs.find(row, node):
            raise Refused(NOT_HOST)
        return node

    @staticmethod
    def meter(row, node, run_ms):
        """Of a gang, the lead's run time is the job's. Named twice in a report, it does not go back."""
        if node == row["node"]:
            row["progress_run_ms"] = max(row["progress_run_ms"], run_ms)

    def hear(self, key, node, now):
        """A sign of life. A job is silent as long as the most silent of its hosts that are not done."""
        row = self.rows[key]
        host = gangs.find(row, node)
        if host:
            host["heard"] = now
        row["last_progress"] = gangs.heard(row, now)
        self.set_timer(key, SILENCE_DUE, row["last_progress"] + self.params["SilenceMs"])

    def host_done(self, op, sender, now):
        row = self.mine(op["contract"], sender, "provider", (RUNNING,))
        host = gangs.find(row, op["node"])
        if not host or op["node"] == row["node"]:
            raise Refused(NOT_HOST)
        if host["done"]:
            raise Refused(WRONG_STATE)
        host["done"], host["report"] = now, op["report_hash"]
        self.hear(op["contract"], op["node"], now)

    def complete(self, op, sender, now):
        key = op["contract"]
        row = self.mine(key, sender, "provider", (RUNNING,))
        if op["run_ms"] < row["progress_run_ms"]:
            raise Refused(GOES_BACK)
        if not gangs.others_done(row):
            raise Refused(HOSTS_STILL_RUN)
        row["last_progress"], row["progress_run_ms"] = now, op["run_ms"]
        row["result_hash"], row["outputs"], row["proof_hash"] = op["result_hash"], op["outputs"], op["proof_hash"]
        row["state"], row["delivered"] = DELIVERED, now
        self.stop(row, now)
        self.drop_timers(key)
        self.pay_notice(key, False)
        window = min(max(1000 * row["max_s"] // 4, self.params["AcceptMinMs"]), self.params["AcceptMaxMs"])
        self.set_timer(key, ACCEPT_DUE, now + window)
        self.release(row, now)

    def fail(self, op, sender, now):
        key = op["contract"]
        row = self.mine(key, sender, "provider", (PREPARING, RUNNING))
        if op["reason"] == PREEMPTED and not row["notice"]:
            raise Refused(REASON_NOT_ALLOWED)
        if op["run_ms"] < row["progress_run_ms"]:
            raise Refused(GOES_BACK)
        if row["started"]:
            row["last_progress"] = now
        row["progress_run_ms"] = op["run_ms"]
        row["proof_hash"] = op["report_hash"] or ZERO32
        if op["reason"] == PREEMPTED:
            self.preempt(key, now)
        elif op["reason"] in REQUESTERS_FAULT:
            self.requesters_fault(key, op["reason"], now)
        else:
            self.providers_fault(key, op["reason"], now)

    def accept(self, op, sender, now):
        self.mine(op["contract"], sender, "requester", (DELIVERED,))
        self.settle(op["contract"], ACCEPTED, now)

    def cancel(self, key, now):
        delivered = self.rows[key]["state"] == DELIVERED
        self.settle(key, ACCEPTED if delivered else CANCELLED_REQUESTER, now)

    def timer_is_due(self, key, kind, now):
        row = self.rows[key]
        if kind in (ACK_DUE, START_DUE) and key in self.preempted:
            return  # it went before, as a timer before this one let a job give notice
        if kind == ACK_DUE:
            self.providers_fault(key, PROVIDER_REFUSED, now)
        elif kind == START_DUE:
            self.providers_fault(key, PROVIDER_LATE, now)
        elif kind == SILENCE_DUE:
            self.providers_fault(key, PROVIDER_LOST, now)
        elif kind == NOTICE_END:
            self.preempt(key, now)
        elif kind == RUN_END:
            unheard = row["last_progress"] == row["started"] and row["progress_run_ms"] == 0
            if unheard:
                self.providers_fault(key, PROVIDER_LOST, now)
            else:
                self.settle(key, TIMEOUT_REQUESTER, now)
        else:
            self.settle(key, COMPLETED, now)

    # Meter and ends
    def stop(self, row, now):
        """The least of what the clock, the last report, the node's word and the limits allow; a minimum once it ran."""
        if not row["started"]:
            return
        row["stopped"] = now
        slack = self.params["ProgressSlackMs"]
        over = 1000 * row["expected_s"] * self.params["MeterOverExpectedPpm"] // 10**6
        most = min(now - row["started"], row["last_progress"] - row["started"] + slack, row["progress_run_ms"] + slack,
                   over, 1000 * row["max_s"])
        row["metered_ms"] = max(most, self.params["MinimumMeterMs"])
        resources = self.jobs.rows[row["job"]]["spec"]["resources"]
        devices = 0 if resources["gpus"] == 0 else row["billing_milli"]
        row["compute_units"] = devices * (row["metered_ms"] // 1000) * row["rating"] // 1000

    def release(self, row, now):
        self.jobs.assigned.discard(row["job"])
        for host, allocation in gangs.hosts(row):
            self.registry.give_back(host, allocation, now)

    def bill_of(self, row, at_most):
        due = pricing.cost(row["price"]["unit"], row["billing_milli"], row["metered_ms"] // 1000 * 1000)
        due = min(max(due, self.params["MinimumJobFee"]), row["cap"], at_most)
        return pricing.split(due, row["price"]["log_price"], row["price"]["slow_log_price"], self.params)

    def pay(self, row, bill):
        job = row["job"]
        self.money.take(ledger.ESCROW, job, bill["pay"])
        self.money.burn(bill["surge_burn"] + bill["burn"])
        self.money.fund_pool(ledger.STAKERS, bill["stakers"])
        self.money.fund_pool(ledger.TREASURY, bill["treasury"])
        self.money.fund_pool(ledger.INSURANCE, bill["insurance"])
        payee = row["payout"] if self.money.exists(row["payout"]) else row["provider"]
        self.money.credit(payee, ledger.AGPU, bill["provider"])
        self.jobs.served_at_lock(job, payee)

    def end(self, key, state, reason, now):
        row = self.rows[key]
        if row["state"] != DELIVERED:
            self.stop(row, now)
            self.release(row, now)
        self.drop_timers(key)
        self.pay_notice(key, reason == PREEMPTED)
        row["state"], row["end_reason"], row["party"], row["ended"] = state, reason, party_of(reason), now
        self.ended.append(key)

    def outcome(self, row, outcome, now):
        if row["requester"] not in (row["provider"], row["payout"]):
            for host, _ in gangs.hosts(row):
                self.scores.record(host, row["kind"], outcome, now)

    def settle(self, key, reason, now, prior=None):
        """The bill if it ran, else nothing; the rest goes back to the requester."""
        row = self.rows[key]
        ran = row["started"] != 0
        paid = 0
        self.end(key, SETTLED if ran else REFUNDED, reason, now)
        if prior is not None:
            first = self.rows[prior]
            row["prior_claim"] = prior
            if first["started"]:
                row["prior_bill"] = self.bill_of(first, row["cap"])
                self.pay(first, row["prior_bill"])
                paid += row["prior_bill"]["pay"]
        if ran:
            row["bill"] = self.bill_of(row, row["cap"] - paid)
            if prior is None:
                self.make_good(row)
            self.pay(row, row["bill"])
            if prior is None and row["price"]["tier"] == PREMIUM:
                fees = self.premium_fees.setdefault(row["requester"], {"settled": 0, "insured": 0})
                fees["settled"] = min(fees["settled"] + row["bill"]["pay"], ledger.AMOUNT_MAX)
                fees["insured"] += row["insured"]
            paid += row["bill"]["pay"]
        if reason in (COMPLETED, ACCEPTED):
            self.outcome(row, reputation.SUCCESS, now)
        row["refund"] = row["cap"] - paid
        if paid and row["state"] == REFUNDED:
            row["state"] = SETTLED
        self.jobs.end(row["job"], row["state"] == SETTLED, reason, paid, 0, now)

    def make_good(self, row):
        """A start that came too late (protocol section 3): Standard pays no fee; Premium is credited a share, by a node that
        was late itself, else by the insurance fund within its bounds; nobody for work that a requester sells itself."""
        promise, bill = self.jobs.rows[row["job"]]["start_promise"], row["bill"]
        if not promise or promise["state"] != waits.MISSED:
            return
        if row["price"]["tier"] == STANDARD:
            row["returned"] = bill["pay"] - bill["provider"] - bill["surge_burn"]
            kept = {"provider": bill["provider"], "surge_burn": bill["surge_burn"]}
            row["bill"] = {**pricing.NOTHING, **kept, "pay": bill["provider"] + bill["surge_burn"]}
            return
        if row["requester"] in (row["provider"], row["payout"]):
            return
        credit = bill["pay"] * self.params["PremiumCreditPpm"] // 10**6
        if row["started"] - row["matched"] > self.waits.at_once(row):
            row["returned"] = min(credit, bill["provider"])
            bill["provider"] -= row["returned"]
            bill["pay"] -= row["returned"]
            return
        fees = self.premium_fees.get(row["requester"], {"settled": 0, "insured": 0})
        most = (fees["settled"] + bill["pay"]) * self.params["InsuranceShareMaxPpm"] // 10**6 - fees["insured"]
        fund = self.money.pools.get((ledger.INSURANCE, ledger.AGPU), {"amount": 0})
        row["insured"] = min(credit, max(most, 0), fund["amount"] * self.params["InsuranceCreditPpm"] // 10**6)
        if row["insured"]:
            fund["amount"] -= row["insured"]
            self.money.credit(row["requester"], ledger.AGPU, row["insured"])

    def providers_fault(self, key, reason, now):
        self.outcome(self.rows[key], reputation.LATE if reason == PROVIDER_LATE else reputation.FAILURE, now)
        self.rows[key]["decline"] = self.reserve.charge(self.rows[key])
        self.again_or_refund(key, reason, now)

    # Pre-emption (protocol section 3)
    def has_notice(self, key):
        return key in self.rows and self.rows[key]["notice"] is not None

    def promise(self, given, there, now):
        """Money that notices take out of a job's cap: `given` is what the market said of {contract: (row, notice)}. Whom it
        chose, on which of the nodes that they share, and the price of a minute there are its word."""
        by = self.jobs.rows[next(iter(given.values()))[1]["by"]]
        assert by["tier"] == PREMIUM and by["state"] == 0, "only Premium work that waits pre-empts"
        milli = {key: row["billing_milli"] for key, (row, _) in given.items()}
        whole, minute = sum(milli.values()), sum(notice["share"] for _, notice in given.values())
        shared = set.intersection(*({host for host, _ in gangs.hosts(row)} for row, _ in given.values()))
        assert (there in shared) if there else shared, "they share a node"
        rest = minute - sum(minute * part // whole for part in milli.values())
        newest = min(given, key=lambda key: (-given[key][0]["matched"], given[key][0]["job"]))
        for key, (row, notice) in given.items():
            job = self.jobs.rows[row["job"]]
            assert job["tier"] == ECONOMY and job["spec"]["preemptible"], "only Economy that agreed gives way"
            started = self.rows[key]["started"] if key in self.rows else 0
            ran = now - started if started else 0
            assert job["preemptions"] == 0 or (started and ran >= self.params["ShieldMs"]), "the shield"
            share = minute * milli[key] // whole + (rest if key == newest else 0)
            lost = min(ran, self.params["UnsavedMaxMs"])
            unsaved = pricing.cost(row["price"]["unit"], milli[key], lost)
            assert (notice["share"], notice["unsaved"]) == (share, unsaved), f"{share} and {unsaved} for {notice}"
            self.money.take(ledger.ESCROW, notice["by"], share + unsaved)
            self.money.locks[ledger.NOTICE, key, ledger.AGPU] = {"owner": by["requester"], "amount": share + unsaved}
            by["cap"] -= share + unsaved
            by["compensation"] += share + unsaved
            by["notice"] = {"node": there or min(shared), "due": now + self.params["NoticeMs"]}
        if by["attempts"] == 0 and by["compensation"] == sum(notice["share"] + notice["unsaved"] for _, notice in given.values()):
            self.waits.noticed(by, now + self.params["NoticeMs"])

    def give_notice(self, key, notice, now):
        """What runs has time to end; what does not has nothing to save."""
        row = self.rows[key]
        row["notice"] = {"by": notice["by"], "given": now, "due": now + self.params["NoticeMs"], "open": 1,
                         "share": notice["share"], "unsaved": notice["unsaved"], "provider": 0}
        if row["state"] == RUNNING:
            self.timers.add((row["notice"]["due"], NOTICE_END, key))
        elif row["state"] in (ASSIGNED, PREPARING):
            self.preempt(key, now)
        else:  # it ended in this very step
            self.pay_notice(key, row["end_reason"] == PREEMPTED)

    def preempt(self, key, now):
        """Nobody's fault: nothing is billed, no outcome recorded, and no attempt counts."""
        row = self.rows[key]
        again = self.jobs.has_time_again(row["job"], now) and self.hinted.get(key) == REQUEUED
        self.end(key, REQUEUED if again else REFUNDED, PREEMPTED, now)
        if again:
            self.jobs.queue_preempted(row["job"])
        else:
            row["refund"] = row["cap"]
            self.jobs.end(row["job"], False, PREEMPTED, 0, 0, now)

    def pay_notice(self, key, preempted):
        """The provider gets what it ran for nothing, up to the unsaved time; all else is the requester's."""
        row = self.rows[key]
        notice = row["notice"]
        if not notice or not notice["open"]:
            return
        notice["open"] = 0
        if preempted and row["started"]:
            ran = row["price"]["unit"] * row["billing_milli"] * (row["metered_ms"] // 1000 * 1000) // (1000 * 3_600_000)
            notice["provider"] = min(notice["unsaved"], ran)
        amount = self.money.locks.pop((ledger.NOTICE, key, ledger.AGPU))["amount"]
        payee = row["payout"] if self.money.exists(row["payout"]) else row["provider"]
        self.money.credit(payee, ledger.AGPU, notice["provider"])
        self.money.credit(row["requester"], ledger.AGPU, amount - notice["provider"])

    def requesters_fault(self, key, reason, now):
        row = self.rows[key]
        for attempt in range(row["attempt"]):
            other = derived_id("contract", row["job"], attempt)
            if self.rows[other]["end_reason"] == reason and not self.linked(self.rows[other], row):
                self.settle(key, reason, now, prior=other)
                return
        if self.again_or_refund(key, reason, now) and self.jobs.rows[row["job"]]["fault_claim"] == ZERO20:
            self.jobs.rows[row["job"]]["fault_claim"] = key

    def linked(self, a, b):
        return bool({a["provider"], a["payout"]} & {b["provider"], b["payout"]})

    def again_or_refund(self, key, reason, now):
        row = self.rows[key]
        again = self.jobs.can_be_queued_again(row["job"], now, self.hinted.get(key) == REQUEUED)
        self.end(key, REQUEUED if again else REFUNDED, reason, now)
        if again:
            self.jobs.queue_again(row["job"], row["provider"])
        else:
            row["refund"] = row["cap"]
            self.jobs.end(row["job"], False, reason, 0, 0, now)
        return again
