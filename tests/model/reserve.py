"""Reserve pools (protocol section 7, src/protocol/reserve/README.md): nodes that stand by with a stake of their own, who may
draw them, and what declining costs."""

import ledger
from wire import Refused

INVALID_FIELD, AMOUNT_TOO_LARGE, BALANCE_TOO_SMALL = 1008, 2102, 2104
WRONG_NODE_STATUS = 3107
NODE_IN_RESERVE, NOT_IN_RESERVE, WINDOW_OUT_OF_BOUNDS, WINDOW_STANDS, STAKE_TOO_SMALL = range(6201, 6206)
NONE, LAPSED, STANDS_BY = range(3)
ACTIVE, SUSPECT = 1, 4
NOBODY = bytes(20)
PPM = 10**6
WHOLE_TERM = 240


def up(a, b):
    return -(-a // b)


def narrows(node, op, region, ratings):
    """Whether a new offer takes back what the node stands by with."""
    before, after = node["offer"], op["offer"]
    if region != before["region"] or after["country"] != before["country"]:
        return True
    if after["floor_32nds"] > before["floor_32nds"] or set(before["runtime_names"]) - set(after["runtimes"]):
        return True
    return bool(op["ratings"]) and any(old["cu"] and not new["cu"] for old, new in zip(node["ratings"], ratings))


class Reserve:
    def __init__(self, params, money, registry):
        self.params, self.money, self.registry = params, money, registry
        self.nodes, self.pools = {}, {}
        self.epoch = 0

    def join_shape(self, op):
        self.leave_shape(op)
        if not 1 <= op["window_ms"] <= 365 * 86_400_000:
            raise Refused(INVALID_FIELD)
        if op["amount"] > ledger.AMOUNT_MAX:
            raise Refused(AMOUNT_TOO_LARGE)

    def leave_shape(self, op):
        if len(op["node"]) != 20 or op["node"] == NOBODY:
            raise Refused(INVALID_FIELD)

    def join(self, op, sender, now):
        key, amount = op["node"], op["amount"]
        node = self.registry.owned(key, sender)
        if node["status"] not in (ACTIVE, SUSPECT):
            raise Refused(WRONG_NODE_STATUS)
        if not self.params["ReserveWindowMinMs"] <= op["window_ms"] <= self.params["ReserveWindowMaxMs"]:
            raise Refused(WINDOW_OUT_OF_BOUNDS)
        devices = node["hardware"]["devices"]
        least = devices * self.params["ReserveStakePerGpu"]
        staked = amount + (self.nodes[key]["stake"] if key in self.nodes else 0)
        if staked < least:
            raise Refused(STAKE_TOO_SMALL)
        if self.money.balance(sender) < amount:
            raise Refused(BALANCE_TOO_SMALL)
        if key not in self.nodes:
            pool = {"hardware_class": node["hardware_class"], "region": node["offer"]["region"]}
            self.nodes[key] = {
                "pool": pool, "provider": sender, "devices": devices, "joined": now, "until": 0, "stake": 0, "minimum": 0,
                "charged": 0, "draws": 0, "declines": 0, "epoch": 0, "declines_of_epoch": 0}
            self.money.lock(ledger.RESERVE, key, sender, amount)
            self.pool_of(key)
        else:
            self.money.debit(sender, ledger.AGPU, amount)
            self.money.locks[ledger.RESERVE, key, ledger.AGPU]["amount"] += amount
        row = self.nodes[key]
        row["stake"], row["minimum"], row["until"] = staked, least, max(row["until"], now + op["window_ms"])
        self.mark(key)
        return "n", key

    def leave(self, op, sender, now):
        key = op["node"]
        node = self.registry.owned(key, sender)
        if key not in self.nodes:
            raise Refused(NOT_IN_RESERVE)
        if now < self.nodes[key]["until"]:
            raise Refused(WINDOW_STANDS)
        assert self.money.unlock(ledger.RESERVE, key) == self.nodes[key]["stake"]
        del self.nodes[key]
        node["reserve"] = NONE
        return "n", key

    def pool_of(self, key):
        pool = self.nodes[key]["pool"]
        place = bytes([pool["hardware_class"], pool["region"]])
        return self.pools.setdefault(place, {"draws": 0, "declines": 0, "burned": 0, "compensated": 0})

    def mark(self, key):
        row = self.nodes[key]
        self.registry.nodes[key]["reserve"] = STANDS_BY if row["stake"] >= row["minimum"] else LAPSED

    def drawn(self, key):
        """A job came because the node stands by."""
        assert self.registry.nodes[key]["reserve"] == STANDS_BY, "drawn although it does not stand by"
        self.nodes[key]["draws"] += 1
        self.pool_of(key)["draws"] += 1

    def may_draw(self, stakes, requester, resources):
        """Whether the requester has the stake for it. How short of GPUs a class is follows from waiting jobs that count as
        load, which is the index's word."""
        worth = stakes.row(requester, ledger.AMAX)["bonded"] * self.params["AmaxValueMicro"]
        return resources["gpus"] > 0 and worth >= self.params["ReserveLevelU"] * PPM * 10**9

    def charge(self, contract):
        """What a node pays for a job that it did not begin; None: nothing."""
        key = contract["node"]
        if contract["started"] or key not in self.nodes or contract["matched"] < self.nodes[key]["joined"]:
            return None
        row = self.nodes[key]
        before = row["declines_of_epoch"] if row["epoch"] == self.epoch else 0
        if before >= self.params["DeclinesPerEpoch"]:
            return None
        price = up(contract["price"]["unit"] * contract["billing_milli"] * contract["expected_s"], 3_600_000)
        amount = min(up(row["stake"] * self.params["DeclineStakePpm"], PPM),
                     up(min(price, contract["cap"]) * self.params["DeclinePricePpm"], PPM))
        if amount == 0:
            return None
        half = amount // 2
        self.money.take(ledger.RESERVE, key, amount)
        self.money.credit(contract["requester"], ledger.AGPU, half)
        self.money.burn(amount - half)
        pool = self.pool_of(key)
        pool["declines"] += 1
        pool["compensated"] += half
        pool["burned"] += amount - half
        row.update(stake=row["stake"] - amount, charged=row["charged"] + amount, declines=row["declines"] + 1,
                   epoch=self.epoch, declines_of_epoch=before + 1)
        self.mark(key)
        return {"compensated": half, "burned": amount - half}
