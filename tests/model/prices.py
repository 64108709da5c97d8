"""How ticks move prices (economics sections 2.3 and 3): the controller, floors that follow, the order of the tiers, the
history and the bands. Rows are dicts by (tier, class), as the state has them."""

import functools

import pricing
import rows
from pricing import PPM, Q32, ceil_div
from registry import ACTIVE

exp_q32 = functools.lru_cache(None)(pricing.exp_q32)
HORIZONS, KEPT = (5, 15, 60), 60
FIRST_HALF_WIDTH = [int(part * Q32) for part in (0.027, 0.064, 0.135)]
LEAST_FLOOR, LOAD_MAX = 1000, 4 * PPM
RATIOS, SHARES, TARGETS = (600_000, 10**6, 1_600_000), (300_000, 500_000, 200_000), (900_000, 800_000, 650_000)
OVER_BELOW = (0, 1_100_000, 1_150_000)
ECONOMY = 0
LN_OF_RATIO = {2: 2977044471, 3: 4718503850, 4: 5954088943, 5: 6912483198, 6: 7695548322, 7: 8357620451, 8: 8931133415}


@functools.lru_cache(None)
def ln_q32(x):
    """The largest y whose exponential is at most x, up to ln 256."""
    low, high = 0, 23816355774
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if exp_q32(middle) <= x else (low, middle - 1)
    return low


def price_of(floor, log_price):
    return floor * exp_q32(min(log_price, 23816355774)) >> 32


def over(price, below, tier):
    return max(price, ceil_div(below * OVER_BELOW[tier], PPM))


def gpu_milli(resources):
    share = resources["share_milli"]
    return share if share else 1000 * resources["gpus"]


class Prices:
    def __init__(self, params, registry):
        self.params, self.registry = params, registry
        self.rows, self.bands, self.points = {}, {}, {}
        for cls, row in enumerate(registry.classes):
            below = 0
            log = LN_OF_RATIO[params["AnchorOverFloor"]]
            for tier in range(3):
                floor = row["anchor"] * RATIOS[tier] // (PPM * params["AnchorOverFloor"])
                below = over(price_of(floor, log), below, tier)
                self.rows[tier, cls] = {
                    "floor": floor, "log_price": log, "slow_log_price": log, "price": below, "next_price": below,
                    "controller": {"smoothed_load": TARGETS[tier] << 16, "integral": log, "target": log, "log_price": log},
                    "load": dict(online=0, busy=0, queued=0), "pinned_ticks": 0}

    # What a tier has and what is asked of it
    def part(self, tier, cls):
        """GPUs, in thousandths, of nodes that serve at the tier's price: (all, the tier's own part)."""
        price, anchor = self.rows[tier, cls]["price"], self.registry.classes[cls]["anchor"]
        highest = min(255, price * 32 * (PPM + 1) // (anchor * PPM))
        online = sum(1000 * node["hardware"]["devices"] for node in self.registry.nodes.values()
                     if node["hardware_class"] == cls and node["status"] == ACTIVE and node["offer"]["floor_32nds"] <= highest)
        small = online < 1000 * self.params["SmallClassGpus"]
        return online, online if small else online * SHARES[tier] // PPM

    def check_load(self, tier, cls, stated, busy, more, waiting):
        """`busy` is what jobs of the tier hold, `more` what those hold besides that were matched in this very step, and
        `waiting` what jobs wait for at most: each by tier, for this class."""
        online, own = self.part(tier, cls)
        load = stated[tier, cls]
        if own == 0:
            assert load == dict(online=0, busy=0, queued=0), "the load of what is not online"
            return
        tiers = range(3) if online < 1000 * self.params["SmallClassGpus"] else (tier,)
        least = sum(busy[t] for t in tiers)
        assert least <= load["busy"] <= least + sum(more[t] for t in tiers), f"busy {load['busy']}, at least {least}"
        queued_most = min(sum(waiting[t] for t in tiers), own * self.params["QueuedLoadMaxPpm"] // PPM)
        assert load["queued"] <= queued_most, f"queued {load['queued']}, at most {queued_most}"
        if tier == ECONOMY and len(tiers) == 1:  # borrows what the others do not use
            for other in (1, 2):
                there = stated[other, cls]
                own += max(0, self.part(other, cls)[1] - there["busy"] - there["queued"])
        assert load["online"] == own, f"online {load['online']}, there are {own}"

    # A tick
    def tick(self, number, now, stated, held):
        """`stated` gives the loads that the chain measured; `held(class)` what check_load needs besides."""
        for cls in range(len(self.registry.classes)):
            for tier in range(3):
                self.check_load(tier, cls, stated, *held(cls))
        online = [key for key, load in stated.items() if load["online"]]
        for cls in range(len(self.registry.classes)):
            below = 0
            for tier in range(3):
                row = self.rows[tier, cls]
                row["price"] = row["next_price"]
                own = row["controller"]["log_price"]
                held_up = row["price"] != price_of(row["floor"], own)
                row["log_price"] = ln_q32(row["price"] * Q32 // row["floor"]) if held_up else own
                row["load"] = dict(stated[tier, cls])
                if (tier, cls) in online:
                    self.move(row, tier)
                row["next_price"] = below = over(price_of(row["floor"], row["controller"]["log_price"]), below, tier)
        for tier, cls in sorted(online):
            self.publish(tier, cls, number, now)

    def load_ppm(self, load):
        return min((load["busy"] + load["queued"]) * PPM // load["online"], LOAD_MAX)

    def move(self, row, tier):
        p, state = self.params, row["controller"]
        row["slow_log_price"] += (row["log_price"] - row["slow_log_price"]) >> 10
        if row["pinned_ticks"] >= self.reanchor_ticks():
            row["pinned_ticks"] = 0
            self.reanchor(row)
            return
        most = p["PriceLogMaxQ32"]
        state["smoothed_load"] += ((self.load_ppm(row["load"]) << 16) - state["smoothed_load"]) >> 3
        error = (state["smoothed_load"] >> 16) - TARGETS[tier]
        sign = 1 if error >= 0 else -1
        drift = min(abs(error), p["IntegralErrorMaxPpm"]) * Q32 * p["TickMs"] // (p["KappaMs"] * TARGETS[tier])
        state["integral"] = min(max(state["integral"] + sign * drift, 0), most)
        online = row["load"]["online"]
        gain = p["GainPpm"] * online // (online + 1000 * p["GainHalfGpus"])
        push = min(abs(error), p["GainErrorMaxPpm"]) * gain // PPM * Q32 // PPM
        state["target"] = min(max(state["integral"] + sign * push, 0), most)
        way = state["target"] - state["log_price"]
        state["log_price"] += min(max(way, -p["SlewQ32"]), p["SlewQ32"])
        row["pinned_ticks"] = row["pinned_ticks"] + 1 if self.is_pinned(state["log_price"]) else 0

    def reanchor_ticks(self):
        return max(1, self.params["ReanchorMs"] // self.params["TickMs"])

    def is_pinned(self, log):
        most = self.params["PriceLogMaxQ32"]
        outer = most * self.params["ReanchorBandPpm"] // PPM
        return log <= outer or log >= most - outer

    def reanchor(self, row):
        most, further, old = self.params["PriceLogMaxQ32"], PPM + self.params["ReanchorStepPpm"], row["floor"]
        up = row["controller"]["log_price"] > most // 2
        floor = old * further // PPM if up else ceil_div(old * PPM, further)
        if not self.is_pinned(row["controller"]["log_price"]) or floor < LEAST_FLOOR or floor == old:
            return
        by = ln_q32(max(floor, old) * Q32 // min(floor, old))
        row["floor"] = floor
        for holder, name in ((row, "log_price"), (row, "slow_log_price"), (row["controller"], "integral"),
                             (row["controller"], "target"), (row["controller"], "log_price")):
            holder[name] = max(0, holder[name] - by) if up else holder[name] + by

    # Bands
    def reach(self, tier, cls, ticks, sign):
        """The furthest price that so many ticks can bring: one is decided, and each further one moves by a slew."""
        most, moved, price = self.params["PriceLogMaxQ32"], (ticks - 1) * self.params["SlewQ32"], 0
        moving = any(self.rows[t, cls]["pinned_ticks"] + ticks > self.reanchor_ticks() for t in range(tier + 1))
        for t in range(tier + 1):
            options = [self.rows[t, cls]]
            if moving:
                options.append({**options[0], "controller": dict(options[0]["controller"])})
                self.reanchor(options[1])
            ends = []
            for row in options:
                now = row["controller"]["log_price"]
                ends.append(price_of(row["floor"], min(now + moved, max(now, most)) if sign > 0 else max(0, now - moved)))
            price = over(max(ends) if sign > 0 else min(ends), price, t)
        return price

    def band(self, tier, cls, horizon, half):
        row = self.rows[tier, cls]
        price = row["price"]
        low = min(price_of(row["floor"], max(0, row["log_price"] - half)), price)
        high = max(price_of(row["floor"], row["log_price"] + half), price)
        return {"low": max(low, min(price, self.reach(tier, cls, HORIZONS[horizon], -1))),
                "high": min(high, max(price, self.reach(tier, cls, HORIZONS[horizon], 1)))}

    def lock_rate(self, tier, cls, ticks):
        """What a lock costs of the cap, in 2^-32: the way up that the price is on, and half of the band's half width."""
        row, horizon = self.rows[tier, cls], 0 if ticks <= HORIZONS[0] else 1
        half = self.bands[tier, cls]["half_width"][horizon] if (tier, cls) in self.bands else FIRST_HALF_WIDTH[horizon]
        way = min(max(0, row["controller"]["target"] - row["log_price"]), ticks * self.params["SlewQ32"])
        return exp_q32(min(way + half // 2, self.params["PriceLogMaxQ32"])) - Q32

    def publish(self, tier, cls, number, now):
        row, p = self.rows[tier, cls], self.params
        learned = self.bands.setdefault((tier, cls), {"half_width": list(FIRST_HALF_WIDTH), "matured": [0] * 3, "inside": [0] * 3})
        for i, horizon in enumerate(HORIZONS):
            then = self.points.get((tier, cls, (number - horizon) % KEPT))
            if number < horizon or not then or then["tick"] != number - horizon:
                continue
            held = then["bands"][i]["low"] <= row["price"] <= then["bands"][i]["high"]
            learned["matured"][i] += 1
            learned["inside"][i] += held
            half = learned["half_width"][i]
            if held:
                half -= p["BandStepQ32"] * (PPM - p["BandCoveragePpm"]) // PPM
            else:
                half = min(half + p["BandStepQ32"] * p["BandCoveragePpm"] // PPM, p["PriceLogMaxQ32"])
            learned["half_width"][i] = max(half, p["BandWidthMinQ32"])
        self.points[tier, cls, number % KEPT] = {
            "tick": number, "time": now, "price": row["price"], "load_ppm": self.load_ppm(row["load"]),
            "bands": [self.band(tier, cls, i, learned["half_width"][i]) for i in range(3)]}

    def tables(self):
        return {rows.PRICES: {bytes(key): row for key, row in self.rows.items()},
                rows.PRICE_BANDS: {bytes(key): row for key, row in self.bands.items()},
                rows.PRICE_HISTORY: {bytes(key): row for key, row in self.points.items()}}
