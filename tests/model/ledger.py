"""Accounts, locks, pools and supply (economics 4.2, protocol section 0.6, src/protocol/ledger/README.md): three assets in
plain dicts. The amounts are Python integers; what cannot be, such as a balance below zero, raises."""

from wire import Refused

INVALID_FIELD = 1008
AMOUNT_ZERO, AMOUNT_TOO_LARGE, BALANCE_TOO_SMALL, DEPOSIT_NOT_COVERED = 2101, 2102, 2104, 2105
RECEIVER_UNKNOWN, SELF_TRANSFER, ACCOUNT_IN_USE = 2106, 2107, 2108
AGPU, AMAX, USD = range(3)
ESCROW, NODE_IDENTITY, STAKE, UNBONDING, PRICE_LOCK, NOTICE, RESERVE = range(7)
TREASURY, STAKERS, INSURANCE = range(3)
AMOUNT_MAX = 2**63 - 1


class Ledger:
    def __init__(self, params):
        self.params = params
        self.accounts = {}  # id: {"balance", "next_sequence", "roles", "deposit"}
        self.locks = {}     # (purpose, subject, asset): {"owner", "amount"}
        self.pools = {}     # (pool, asset): {"amount"}
        self.supply = {}    # asset: {"minted", "burned"}

    # What other parts of the market do with money
    def balance(self, account, asset=AGPU):
        return self.accounts[account]["balance"][asset] if account in self.accounts else 0

    def exists(self, account):
        return account in self.accounts and self.accounts[account]["deposit"] > 0

    def credit(self, account, asset, amount):
        self.accounts[account]["balance"][asset] += amount

    def debit(self, account, asset, amount):
        if self.balance(account, asset) < amount:
            raise ArithmeticError("a balance below zero")
        self.accounts[account]["balance"][asset] -= amount

    def lock(self, purpose, subject, owner, amount):
        assert (purpose, subject, AGPU) not in self.locks
        self.debit(owner, AGPU, amount)
        self.locks[purpose, subject, AGPU] = {"owner": owner, "amount": amount}

    def take(self, purpose, subject, amount):
        lock = self.locks[purpose, subject, AGPU]
        if lock["amount"] < amount:
            raise ArithmeticError("a lock below zero")
        lock["amount"] -= amount

    def unlock(self, purpose, subject):
        lock = self.locks.pop((purpose, subject, AGPU))
        self.credit(lock["owner"], AGPU, lock["amount"])
        return lock["amount"]

    def burn(self, amount):
        self.supply[AGPU]["burned"] += amount

    def fund_pool(self, pool, amount):
        if amount:
            self.pools.setdefault((pool, AGPU), {"amount": 0})["amount"] += amount

    def add_role(self, account, count=1):
        self.accounts[account]["roles"] += count
        assert self.accounts[account]["roles"] >= 0

    def row_of(self, account):
        return self.accounts.setdefault(account, {"balance": [0, 0, 0], "next_sequence": 0, "roles": 0, "deposit": 0})

    def take_deposit(self, account):
        """From what has just arrived. It counts with the locks."""
        self.debit(account, AGPU, self.params["AccountDeposit"])
        self.accounts[account]["deposit"] = self.params["AccountDeposit"]

    # Genesis
    def mint(self, account, amounts):
        self.row_of(account)
        for asset, amount in enumerate(amounts):
            if amount:
                self.supply.setdefault(asset, {"minted": 0, "burned": 0})["minted"] += amount
                self.credit(account, asset, amount)
        self.take_deposit(account)

    def mint_to_pool(self, pool, amount):
        self.supply.setdefault(AGPU, {"minted": 0, "burned": 0})["minted"] += amount
        self.fund_pool(pool, amount)

    # Operations
    def charge_fee(self, account):
        fee = self.params["TxFee"]
        self.debit(account, AGPU, fee)
        self.burn(fee)
        self.accounts[account]["next_sequence"] += 1
        return fee

    def transfer_shape(self, op):
        if len(op["to"]) != 20 or op["asset"] > USD:
            raise Refused(INVALID_FIELD)
        if op["amount"] == 0:
            raise Refused(AMOUNT_ZERO)
        if op["amount"] > AMOUNT_MAX:
            raise Refused(AMOUNT_TOO_LARGE)

    def transfer(self, op, sender):
        to, asset, amount = op["to"], op["asset"], op["amount"]
        if to == sender:
            raise Refused(SELF_TRANSFER)
        if self.balance(sender, asset) < amount:
            raise Refused(BALANCE_TOO_SMALL)
        if not self.exists(to):
            if asset != AGPU:
                raise Refused(RECEIVER_UNKNOWN)
            if amount < self.params["AccountDeposit"]:
                raise Refused(DEPOSIT_NOT_COVERED)
        self.row_of(to)
        self.debit(sender, asset, amount)
        self.credit(to, asset, amount)
        if not self.exists(to):
            self.take_deposit(to)
        return "sm", to

    def close_shape(self, op):
        if len(op["beneficiary"]) != 20:
            raise Refused(INVALID_FIELD)

    def close(self, op, sender):
        to = op["beneficiary"]
        if to == sender:
            raise Refused(SELF_TRANSFER)
        if not self.exists(to):
            raise Refused(RECEIVER_UNKNOWN)
        if self.accounts[sender]["roles"] or any(lock["owner"] == sender for lock in self.locks.values()):
            raise Refused(ACCOUNT_IN_USE)
        self.credit(sender, AGPU, self.accounts[sender]["deposit"])
        self.accounts[sender]["deposit"] = 0
        for asset in (AGPU, AMAX, USD):
            amount = self.balance(sender, asset)
            self.debit(sender, asset, amount)
            self.credit(to, asset, amount)
        return None

    def is_conserved(self):
        """minted - burned = balances + locks + pools, of each asset (TOK-3)."""
        for asset, supply in self.supply.items():
            there = sum(row["balance"][asset] for row in self.accounts.values())
            there += sum(row["deposit"] for row in self.accounts.values()) if asset == AGPU else 0
            there += sum(lock["amount"] for key, lock in self.locks.items() if key[2] == asset)
            there += sum(pool["amount"] for key, pool in self.pools.items() if key[1] == asset)
            if supply["minted"] - supply["burned"] != there:
                return False
        return True
