"""Stake (economics 8.1, 8.2, src/protocol/staking/README.md): AMAX that an account locks, its way back, and the credits
that it brings."""

import ledger
from wire import Refused, derived_id

NOT_STAKED, NOT_COVERED, TOO_SMALL, TOO_MANY = range(6101, 6105)
UNBONDED = 10  # timer


class Staking:
    def __init__(self, params, money, timers):
        self.params, self.money, self.timers = params, money, timers
        self.rows = {}        # (account, asset): {"bonded", "unbonding", "unbondings"}
        self.unbondings = {}  # id: {"account", "asset", "amount", "due"}

    def shape(self, op):
        if op["asset"] > ledger.USD:
            raise Refused(ledger.INVALID_FIELD)
        if op["amount"] == 0:
            raise Refused(ledger.AMOUNT_ZERO)
        if op["amount"] > ledger.AMOUNT_MAX:
            raise Refused(ledger.AMOUNT_TOO_LARGE)

    def row(self, account, asset):
        return self.rows.get((account, asset),
                             {"bonded": 0, "unbonding": 0, "unbondings": 0, "credits": 0, "credits_at": 0})

    def brought(self, bonded, ms):
        """Millionths of a credit: bonded base units x value of an AMAX x credits of a U in an hour x hours."""
        millionths = bonded * self.params["AmaxValueMicro"] * self.params["CreditRateMicro"] * ms
        return min(millionths // (10**9 * 10**6 * 3_600_000), ledger.AMOUNT_MAX)

    def credits(self, account, now):
        row = self.row(account, ledger.AMAX)
        if not row["bonded"]:
            return 0
        span = self.params["CreditSpanMs"]
        there = row["credits"] + self.brought(row["bonded"], min(now - row["credits_at"], span))
        return min(there, self.brought(row["bonded"], span))

    def spend(self, account, millionths, now):
        left = self.credits(account, now) - millionths
        assert left >= 0, "credits below zero"
        self.put(account, ledger.AMAX, dict(self.row(account, ledger.AMAX), credits=left, credits_at=now))

    def with_bonded(self, account, bonded, now):
        """The account's row with another stake: what it brought so far stays, as much as the new stake holds."""
        credits = min(self.credits(account, now), self.brought(bonded, self.params["CreditSpanMs"]))
        return dict(self.row(account, ledger.AMAX), bonded=bonded, credits=credits, credits_at=now if bonded else 0)

    def put(self, account, asset, row):
        self.rows[account, asset] = row
        if not row["bonded"] and not row["unbonding"]:
            del self.rows[account, asset]

    def lock(self, op, sender, now):
        asset, amount = op["asset"], op["amount"]
        row = self.row(sender, asset)
        if asset != ledger.AMAX:
            raise Refused(NOT_STAKED)
        if self.money.balance(sender, asset) < amount:
            raise Refused(ledger.BALANCE_TOO_SMALL)
        if row["bonded"] + amount < self.params["StakeMinimum"]:
            raise Refused(TOO_SMALL)
        self.money.debit(sender, asset, amount)
        self.money.locks.setdefault((ledger.STAKE, sender, asset), {"owner": sender, "amount": 0})["amount"] += amount
        self.put(sender, asset, self.with_bonded(sender, row["bonded"] + amount, now))
        return "sm", sender

    def unbond(self, op, sender, sequence, now):
        asset, amount = op["asset"], op["amount"]
        row = self.row(sender, asset)
        if asset != ledger.AMAX:
            raise Refused(NOT_STAKED)
        if row["bonded"] < amount:
            raise Refused(NOT_COVERED)
        left = row["bonded"] - amount
        if 0 < left < self.params["StakeMinimum"]:
            raise Refused(TOO_SMALL)
        if row["unbondings"] >= self.params["UnbondingsMax"]:
            raise Refused(TOO_MANY)
        part = derived_id("unbonding", sender, sequence)
        due = now + self.params["UnbondAmaxMs"]
        self.money.locks[ledger.STAKE, sender, asset]["amount"] = left
        if left == 0:
            del self.money.locks[ledger.STAKE, sender, asset]
        self.money.locks[ledger.UNBONDING, part, asset] = {"owner": sender, "amount": amount}
        self.unbondings[part] = {"account": sender, "asset": asset, "amount": amount, "due": due}
        self.timers.add((due, UNBONDED, part))
        self.put(sender, asset, dict(self.with_bonded(sender, left, now), unbonding=row["unbonding"] + amount,
                                     unbondings=row["unbondings"] + 1))
        return "u", part

    def part_returns(self, part):
        unbonding = self.unbondings.pop(part)
        account, asset, amount = unbonding["account"], unbonding["asset"], unbonding["amount"]
        del self.money.locks[ledger.UNBONDING, part, asset]
        self.money.credit(account, asset, amount)
        row = self.row(account, asset)
        self.put(account, asset, dict(row, unbonding=row["unbonding"] - amount, unbondings=row["unbondings"] - 1))
