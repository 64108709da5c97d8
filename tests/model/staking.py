"""Stake (economics 8.1, src/protocol/staking/README.md): AMAX that an account locks, and its way back."""

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
        return self.rows.get((account, asset), {"bonded": 0, "unbonding": 0, "unbondings": 0})

    def put(self, account, asset, row):
        self.rows[account, asset] = row
        if not row["bonded"] and not row["unbonding"]:
            del self.rows[account, asset]

    def lock(self, op, sender):
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
        self.put(sender, asset, dict(row, bonded=row["bonded"] + amount))
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
        self.put(sender, asset, {"bonded": left, "unbonding": row["unbonding"] + amount,
                                 "unbondings": row["unbondings"] + 1})
        return "u", part

    def part_returns(self, part):
        unbonding = self.unbondings.pop(part)
        account, asset, amount = unbonding["account"], unbonding["asset"], unbonding["amount"]
        del self.money.locks[ledger.UNBONDING, part, asset]
        self.money.credit(account, asset, amount)
        row = self.row(account, asset)
        self.put(account, asset, dict(row, unbonding=row["unbonding"] - amount, unbondings=row["unbondings"] - 1))
