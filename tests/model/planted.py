"""Deliberate bugs: each breaks one rule of the model, or one line of the corpus, and the comparison must see it. A rig that
compares nothing would pass the campaign, but not this."""

import contextlib
import json
from unittest import mock

import attestors
import benchmarks
import contracts
import gangs
import governance
import jobs
import ledger
import model
import prices
import pricing
import registry
import reputation
import reserve
import rows
import staking
import telemetry
import waits
import wire


def changed(owner, name, after):
    """A method whose work is followed by something that it should not do."""
    original = getattr(owner, name)

    def method(self, *given):
        result = original(self, *given)
        after(self, *given)
        return result

    return mock.patch.object(owner, name, method)


def instead(owner, name, method):
    return mock.patch.object(owner, name, method)


def with_parameter(name, value):
    """The rule works with another figure; the genesis still states the right one."""
    original = model.Model.begin

    def begin(self, *given):
        if self.params[name] == self.stated[name]:
            self.params[name] = value(self.params[name])
        original(self, *given)

    return mock.patch.object(model.Model, "begin", begin)


def fee_not_burned(self, account):
    fee = self.params["TxFee"]
    self.debit(account, ledger.AGPU, fee)
    self.fund_pool(ledger.TREASURY, fee)
    self.accounts[account]["next_sequence"] += 1
    return fee


def fee_skipped(self, account):
    self.accounts[account]["next_sequence"] += 1
    return self.params["TxFee"]


def split_without_treasury(pay, log_price, slow, params, original=pricing.split):
    parts = original(pay, log_price, slow, params)
    parts["provider"] += parts["treasury"]
    parts["treasury"] = 0
    return parts


def end_without_refund(self, job, settled, reason, paid, burned, now, original=jobs.Jobs.end):
    original(self, job, settled, reason, paid, burned, now)
    row = self.rows[job]
    self.money.debit(row["requester"], ledger.AGPU, row["refunded"])
    self.money.fund_pool(ledger.TREASURY, row["refunded"])


def pay_twice(self, row, bill):
    job = row["job"]
    if self.money.locks[ledger.ESCROW, job, 0]["amount"] >= bill["provider"]:
        self.money.take(ledger.ESCROW, job, bill["provider"])
        self.money.credit(row["payout"], ledger.AGPU, bill["provider"])


def canonical_off(schema, data, original=wire.read_message):
    try:
        return original(schema, data)
    except wire.NotCanonical:
        return original(wire.SIGNED, b"")


def no_party(reason, original=contracts.party_of):
    return 1 if reason == contracts.PROVIDER_LATE else original(reason)


def archive_without_contracts(self, job):
    del self.jobs.rows[job]
    self.jobs.forget(job)


def stake_lost(self, part, original=staking.Staking.part_returns):
    unbonding = self.unbondings[part]
    original(self, part)
    self.money.debit(unbonding["account"], ledger.AMAX, unbonding["amount"])


def bounds_of_main(self, op, sender, original=governance.Governance.set):
    with mock.patch.dict(self.stated, TimeDivisor=1):
        return original(self, op, sender)


def all_nodes(self, tier, cls, original=prices.Prices.part):
    with mock.patch.dict(self.rows[tier, cls], price=2**62):
        return original(self, tier, cls)


def load_at_once(self, row, tier, original=prices.Prices.move):
    row["controller"]["smoothed_load"] = self.load_ppm(row["load"]) << 16
    original(self, row, tier)


def without_waiting_a_tick(self, number, now, stated, held, original=prices.Prices.tick):
    original(self, number, now, stated, held)
    for row in self.rows.values():
        row["price"] = row["next_price"]


def one_unit_more_escrowed(self, op, sender, now):
    self.money.debit(sender, ledger.AGPU, 1)


def judged_in_company(self, ratings, hardware_class, original=registry.Registry.is_doubtful):
    company = sum(node["status"] == registry.ACTIVE and node["hardware_class"] == hardware_class for node in self.nodes.values())
    return company >= self.params["RatingClassNodesMin"] and original(self, ratings, hardware_class)


def known_beforehand(self, key, reason, now, original=benchmarks.Benchmarks.ask):
    with mock.patch.object(self, "seed", bytes(32)):
        original(self, key, reason, now)


def one_word_is_enough(self, key, now, original=attestors.Attestors.look_again):
    with mock.patch.dict(self.params, AttestorsNeeded=1):
        original(self, key, now)


def without_a_site(offer, region, original=registry.Registry.offer_row):
    return {**original(offer, region), "site": ""}


def of_the_lead_alone(method):
    """For this work a job has no other hosts."""
    def work(self, row, *given):
        with mock.patch.object(gangs, "hosts", lambda _: [(row["node"], row["allocation"])]):
            method(self, row, *given)

    return work


def any_host_is_metered(row, node, run_ms):
    row["progress_run_ms"] = max(row["progress_run_ms"], run_ms)


def one_host_in_the_price(self, contract, original=model.Model.check_price):
    original(self, {**contract, "gang": []})


IN_THE_MODEL = {
    "a gang runs with its first host": lambda: instead(gangs, "all_ready", lambda row: True),
    "a gang is done when its lead is": lambda: instead(gangs, "others_done", lambda row: True),
    "one host's silence is not noticed": lambda: instead(gangs, "heard", lambda row, now: now),
    "who is done is missed": lambda: instead(
        gangs, "heard", lambda row, now: min([now] + [host["heard"] for host in row["gang"]])),
    "any host's run time is the job's": lambda: instead(contracts.Contracts, "meter", staticmethod(any_host_is_metered)),
    "only the lead's capacity is given back": lambda: instead(
        contracts.Contracts, "release", of_the_lead_alone(contracts.Contracts.release)),
    "the lead bears the outcome alone": lambda: instead(
        contracts.Contracts, "outcome", of_the_lead_alone(contracts.Contracts.outcome)),
    "the rating is the lead's": lambda: instead(gangs, "rating", lambda nodes, kind: nodes[0]["ratings"][kind]["cu"]),
    "the price does not know that it goes over hosts": lambda: instead(model.Model, "check_price", one_host_in_the_price),
    "any node may speak for a contract": lambda: instead(
        contracts.Contracts, "host_named", staticmethod(lambda row, node: node if gangs.find(row, node) else row["node"])),
    "no job may go over hosts": lambda: instead(gangs, "most_hosts", lambda spec: 1),
    "a site has no name": lambda: instead(registry.Registry, "offer_row", staticmethod(without_a_site)),
    "a raise takes a unit too much": lambda: changed(jobs.Jobs, "raise_limits", one_unit_more_escrowed),
    "the seed of a benchmark is known beforehand": lambda: instead(benchmarks.Benchmarks, "ask", known_beforehand),
    "nobody is drawn for a benchmark": lambda: with_parameter("BenchmarkSpotMs", lambda v: 0),
    "a benchmark that is never answered raises no doubt": lambda: instead(
        benchmarks.Benchmarks, "is_due", lambda self, key, *given: self.rows[key].update(due=0)),
    "a window never moves on": lambda: changed(
        telemetry.Telemetry, "epoch_ends", lambda self, epoch: self.windows["running"].update(first=0)),
    "a node that was not heard keeps its figures": lambda: changed(
        telemetry.Telemetry, "report", lambda self, op, *given: [
            self.nodes.pop(node) for node in self.window(self.windows["last"])
            if node not in [entry["node"] for entry in op["entries"]]]),
    "one attestor is enough": lambda: instead(attestors.Attestors, "look_again", one_word_is_enough),
    "what a removed attestor said stands": lambda: instead(attestors.Attestors, "sweep", lambda self, attestor, now: None),
    "a price moves too slowly": lambda: with_parameter("SlewQ32", lambda v: 10**6),
    "the load is not smoothed": lambda: instead(prices.Prices, "move", load_at_once),
    "the next price is in force already": lambda: instead(prices.Prices, "tick", without_waiting_a_tick),
    "the gain does not know the size of the pool": lambda: with_parameter("GainHalfGpus", lambda v: 1),
    "the integral is too quick": lambda: with_parameter("KappaMs", lambda v: v - v // 100),
    "a band learns nothing": lambda: with_parameter("BandStepQ32", lambda v: 0),
    "Economy borrows nothing": lambda: instead(prices, "ECONOMY", None),
    "floors of nodes do not matter": lambda: instead(prices.Prices, "part", lambda self, tier, cls: all_nodes(self, tier, cls)),
    "the fee is not taken": lambda: instead(ledger.Ledger, "charge_fee", fee_skipped),
    "the fee goes to the treasury": lambda: instead(ledger.Ledger, "charge_fee", fee_not_burned),
    "costs are rounded down": lambda: instead(pricing, "ceil_div", lambda a, b: a // b),
    "no share for the treasury": lambda: instead(pricing, "split", split_without_treasury),
    "the burned share is too small": lambda: with_parameter("FeeBurnPpm", lambda v: v - 1),
    "a bill is paid twice": lambda: changed(contracts.Contracts, "pay", pay_twice),
    "the rest of an escrow is not returned": lambda: instead(jobs.Jobs, "end", end_without_refund),
    "a sequence may be used again": lambda: changed(
        ledger.Ledger, "charge_fee", lambda self, account: self.accounts[account].update(
            next_sequence=self.accounts[account]["next_sequence"] - 1)),
    "an account is opened without a deposit": lambda: instead(
        ledger.Ledger, "take_deposit", lambda self, account: self.accounts[account].update(deposit=1)),
    "a cancelled job in the queue burns nothing": lambda: with_parameter("CancelBurnPpm", lambda v: 0),
    "a deadline is a free way out for jobs that weighed": lambda: instead(
        jobs.Jobs, "deadline_is_due", lambda self, job, now: self.end(job, False, jobs.DEADLINE_REASON, 0, 0, now)),
    "jobs weigh that came within the tick": lambda: instead(
        jobs.Jobs, "weighs", lambda self, job, now: self.rows.get(job, {}).get("state") == jobs.QUEUED and job.startswith(b"\0")),
    "the first nodes of a class are not judged": lambda: instead(registry.Registry, "is_doubtful", judged_in_company),
    "the meter forgets its minimum": lambda: with_parameter("MinimumMeterMs", lambda v: 0),
    "the meter forgets the last report": lambda: with_parameter("ProgressSlackMs", lambda v: 10**9),
    "a job is given up after two attempts": lambda: instead(
        jobs.Jobs, "can_be_queued_again", lambda self, job, now, served: self.rows[job]["attempts"] < 2 and served),
    "the ceiling of later attempts falls with a cheaper one": lambda: changed(
        jobs.Jobs, "queue_again", lambda self, job, provider: self.rows[job].update(
            max_price=min(self.rows[job]["max_price"], self.rows[job]["unit"]))),
    "an equal claim of a second provider counts for nothing": lambda: instead(contracts.Contracts, "linked", lambda self, a, b: True),
    "a failure counts as a success": lambda: instead(reputation, "FAILURE", reputation.SUCCESS),
    "outcomes do not fade": lambda: instead(reputation, "exp_q32", lambda y: reputation.Q32),
    "a late start is the requester's fault": lambda: instead(contracts, "party_of", no_party),
    "silence is noticed too late": lambda: with_parameter("SilenceMs", lambda v: v + 1),
    "halts do not move deadlines": lambda: changed(
        model.Model, "begin", lambda self, *given: self.chain.update(halted=0)),
    "the lock of a node is too small": lambda: with_parameter("NodeLock", lambda v: v - 1),
    "capacity is never given back": lambda: instead(
        registry.Registry, "give_back", lambda self, key, allocation, now: None),
    "a parameter changes at once": lambda: changed(
        governance.Governance, "set", lambda self, *given: self.epoch_ends()),
    "a parameter never changes": lambda: instead(governance.Governance, "epoch_ends", lambda self: self.pending.clear()),
    "anybody sets a parameter": lambda: changed(
        model.Model, "envelope", lambda self, sent: sent.number == 60 and setattr(self.governance, "account", sent.account)),
    "the bounds of durations are not divided": lambda: instead(governance.Governance, "set", bounds_of_main),
    "credits are forgotten when stake is added": lambda: instead(
        staking.Staking, "with_bonded", lambda self, account, bonded, now: dict(
            self.row(account, ledger.AMAX), bonded=bonded, credits=0, credits_at=now if bonded else 0)),
    "unbonded stake keeps its credits": lambda: instead(
        staking.Staking, "with_bonded", lambda self, account, bonded, now: dict(
            self.row(account, ledger.AMAX), bonded=bonded, credits=self.credits(account, now), credits_at=now if bonded else 0)),
    "credits have no end": lambda: with_parameter("CreditSpanMs", lambda v: 1000 * v),
    "spent credits burn nothing": lambda: with_parameter("CreditBurn", lambda v: 0),
    "spent credits are there still": lambda: instead(staking.Staking, "spend", lambda self, account, millionths, now: None),
    "a boost has no end": lambda: with_parameter("BoostMaxMs", lambda v: 10 * v),
    "a locked price does not hold": lambda: instead(model.Model, "locked_price", lambda self, job, node: None),
    "a lock holds for a tick too long": lambda: changed(
        jobs.Jobs, "submit", lambda self, *given: [row["price_lock"].update(until=row["price_lock"]["until"] + 60_000)
                                                   for row in self.rows.values() if row["price_lock"] and row["submitted"] == given[3]]),
    "the fee of a lock forgets the band": lambda: instead(
        prices.Prices, "lock_rate", lambda self, tier, cls, ticks: prices.exp_q32(min(
            max(0, self.rows[tier, cls]["controller"]["target"] - self.rows[tier, cls]["log_price"]),
            ticks * self.params["SlewQ32"])) - prices.Q32),
    "who serves at a locked price gets nothing for it": lambda: instead(jobs.Jobs, "served_at_lock", lambda self, job, payee: None),
    "unsaved time of pre-empted work is not paid": lambda: with_parameter("UnsavedMaxMs", lambda v: 0),
    "a notice is over too early": lambda: with_parameter("NoticeMs", lambda v: v // 2),
    "who is pre-empted is not counted": lambda: changed(
        jobs.Jobs, "queue_preempted", lambda self, job: self.rows[job].update(preemptions=0)),
    "a provider works for nothing after a notice": lambda: changed(
        contracts.Contracts, "pay_notice", lambda self, key, preempted: self.rows[key]["notice"] and self.rows[key]["notice"].update(provider=0)),
    "a late start is charged in full": lambda: instead(contracts.Contracts, "make_good", lambda self, row: None),
    "a wait is counted twice": lambda: changed(
        waits.Waits, "count", lambda self, key, wait: self.rows[key]["counts"].__setitem__(0, self.rows[key]["counts"][0] + 16)),
    "waits never fade": lambda: instead(waits.Waits, "epoch_ends", lambda self: None),
    "a promise is always kept": lambda: with_parameter("StartPromiseMinMs", lambda v: v + 10**9),
    "Premium has all the time in the world": lambda: with_parameter("PremiumStartMs", lambda v: v + 10**9),
    "a node leaves the reserve when it likes": lambda: changed(
        reserve.Reserve, "join", lambda self, op, sender, now: self.nodes[op["node"]].update(until=now)),
    "a committed node may drain": lambda: instead(reserve.Reserve, "mark", lambda self, key: None),
    "the reserve asks for no stake": lambda: with_parameter("ReserveStakePerGpu", lambda v: 0),
    "declining costs twice as much": lambda: with_parameter("DeclineStakePpm", lambda v: 2 * v),
    "declining a cheap job costs half the stake's share": lambda: with_parameter("DeclinePricePpm", lambda v: v // 2),
    "declining is free after the first": lambda: with_parameter("DeclinesPerEpoch", lambda v: 1),
    "declining costs nothing": lambda: instead(reserve.Reserve, "charge", lambda self, contract: None),
    "draws are not counted": lambda: instead(reserve.Reserve, "drawn", lambda self, key: None),
    "a stake returns at once": lambda: with_parameter("UnbondAmaxMs", lambda v: 0),
    "a returned stake goes nowhere": lambda: instead(staking.Staking, "part_returns", stake_lost),
    "a stake may be as small as it likes": lambda: with_parameter("StakeMinimum", lambda v: 0),
    "a job is archived a block too early": lambda: with_parameter("ArchiveAfterMs", lambda v: v - 1000),
    "a contract stays behind when its job is archived": lambda: instead(model.Model, "archive", archive_without_contracts),
    "the client id of an archived job is never free again": lambda: instead(jobs.Jobs, "forget", lambda self, job: None),
    "an ended job leaves no leaf": lambda: changed(jobs.Jobs, "end", lambda self, job, *given: self.ended.remove(job)),
    "a signature is not looked at": lambda: instead(wire.Transaction, "check_signature", staticmethod(lambda signed: None)),
    "bytes that are not canonical pass": lambda: instead(wire, "read_message", canonical_off),
}


def one_unit_more(record):
    """One base unit more in the first account that a transaction of the corpus changed."""
    for sent in record.get("sent", []):
        for change in sent.get("changes", []):
            if change[0] == 3 and change[2]:
                change[2] = f"{int(change[2][:16], 16) + 1:016x}" + change[2][16:]
                return True
    return False


def another_code(record):
    """But for the refusals that are the index's word."""
    for sent in record.get("sent", []):
        of_the_index = [*range(jobs.CAP_TOO_SMALL, jobs.PRICE_ABOVE_CAP + 1), jobs.BOOST_TOO_SMALL, jobs.BOOST_LANE_TOO_SMALL,
                        jobs.LOCK_ABOVE_LIMIT]
        if sent.get("code") and sent["code"] not in of_the_index:
            sent["code"] += 1
            return True
    return False


def a_change_left_out(record):
    for sent in record.get("sent", []):
        for change in sent.get("changes", []):
            if change[0] == 3:
                sent["changes"].remove(change)
                return True
    return False


def a_transaction_left_out(record):
    for index, sent in enumerate(record.get("sent", [])):
        if sent.get("code") == 0:
            record["sent"].pop(index)
            return True
    return False


def ended_leaf(record):
    """Where the first leaf of an ended row stands."""
    return next((i for i, leaf in enumerate(record.get("leaves", [])) if leaf[:2] in ("01", "02")), None)


def an_ended_row_altered(record):
    """One unit less returned of a job's cap, or another figure of a contract."""
    index = ended_leaf(record)
    if index is None:
        return False
    leaf = record["leaves"][index]
    record["leaves"][index] = leaf[:-4] + f"{int(leaf[-4:-2], 16) ^ 1:02x}" + leaf[-2:]
    return True


def an_ended_row_left_out(record):
    index = ended_leaf(record)
    if index is None:
        return False
    record["leaves"].pop(index)
    return True


def a_host_twice(record):
    """A gang that is matched with its lead in the place of another host."""
    changes = [change for step in [record.get("begin", [])] + [sent.get("changes", []) for sent in record.get("sent", [])]
               for change in step]
    for change in changes:
        row = rows.decode(rows.CONTRACTS, bytes.fromhex(change[2])) if change[0] == rows.CONTRACTS and change[2] else None
        if row and row["gang"] and row["state"] == contracts.ASSIGNED:
            change[2] = change[2].replace(row["gang"][-1]["node"].hex(), row["node"].hex())
            return True
    return False


IN_THE_CORPUS = {
    "a host of a gang is there twice": a_host_twice,
    "a balance is one unit off": one_unit_more,
    "a refusal has another code": another_code,
    "a changed row is missing": a_change_left_out,
    "a transaction is missing": a_transaction_left_out,
    "a final row is altered on its way into the history": an_ended_row_altered,
    "a final row never reaches the history": an_ended_row_left_out,
}


def spoiled(lines, spoil):
    """The corpus with the first spoilable line after a third of it spoiled."""
    out = list(lines)
    for index in range(len(lines) // 3, len(lines)):
        record = json.loads(lines[index])
        if spoil(record):
            out[index] = json.dumps(record)
            return out
    raise AssertionError("nothing to spoil")


def found(lines, compare, difference, breaking):
    with breaking:
        try:
            compare(lines)
        except difference as seen:
            return str(seen)
    return None


def check(lines, compare, difference):
    """0 where every planted bug was seen."""
    missed = 0
    for name, breaking in IN_THE_MODEL.items():
        seen = found(lines, compare, difference, breaking())
        print(f"planted: {name}: {'seen at ' + seen[:150] if seen else 'MISSED'}")
        missed += seen is None
    for name, spoil in IN_THE_CORPUS.items():
        seen = found(spoiled(lines, spoil), compare, difference, contextlib.nullcontext())
        print(f"planted: {name}: {'seen at ' + seen[:150] if seen else 'MISSED'}")
        missed += seen is None
    total = len(IN_THE_MODEL) + len(IN_THE_CORPUS)
    print(f"{total - missed} of {total} planted bugs seen")
    return 1 if missed else 0
