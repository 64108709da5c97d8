"""Providers, nodes and what is free on them (protocol section 1, src/protocol/registry/README.md)."""

import hashlib

import benchmarks
import ledger
import reserve
from wire import Refused, derived_id

INVALID_FIELD, TOO_MANY_ITEMS = 1008, 1009
PROVIDER_EXISTS, NOT_A_PROVIDER, UNKNOWN_NODE, NOT_NODE_OWNER, UNKNOWN_CLASS, UNKNOWN_REGION = range(3101, 3107)
WRONG_NODE_STATUS, NODE_HAS_JOBS, TOO_MANY_NODES, PAYOUT_UNKNOWN = range(3107, 3111)
FLOOR_CHANGE_TOO_SOON, RATING_IMPLAUSIBLE, NOT_OPERATOR = range(3111, 3114)
ACTIVE, DRAINING, LEFT, SUSPECT, JAILED = range(1, 6)
DRAIN, RESUME, LEAVE = range(3)
NOBODY = bytes(20)
PPM = 10**6
LOCK_RELEASE = 8


def tag_of(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def within(value, least, most):
    if not least <= value <= most:
        raise Refused(INVALID_FIELD)


def name(text, least, most):
    """Printable ASCII without spaces."""
    within(len(text.encode()), least, most)
    if any(not 33 <= ord(c) <= 126 for c in text):
        raise Refused(INVALID_FIELD)


def words(text, most):
    """Text for people: no control characters, no space at an end."""
    within(len(text.encode()), 0, most)
    if text != text.strip(" ") or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        raise Refused(INVALID_FIELD)


class Registry:
    def __init__(self, params, money, timers):
        self.params, self.money, self.timers = params, money, timers
        self.providers, self.nodes, self.free = {}, {}, {}
        self.classes, self.regions, self.operators = [], [], set()
        self.benchmarks = benchmarks.Benchmarks(params, self, timers)

    # Shapes
    def provider_shape(self, op):
        if len(op["payout"]) not in (0, 20):
            raise Refused(INVALID_FIELD)
        words(op["display_name"], 64)
        within(len(op["display_name"]), 1, 64)

    def offer_shape(self, offer, ratings):
        """Lengths of ids first: they are read before any field is judged."""
        energy = offer["energy"]
        ids = [len(image) == 32 for image in offer["images"]] + [len(energy["certificate"]) in (0, 32)]
        ids += [rating["kind"] < 4 and len(rating["benchmark"]) == 32 for rating in ratings]
        ids += [offer[name] < 256 for name in ("site_tier", "sandbox_tier", "last_mile_level", "floor_32nds")]
        if not all(ids):
            raise Refused(INVALID_FIELD)

    def offer_ranges(self, offer, ratings):
        name(offer["region"], 1, 32)
        country = offer["country"]
        if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
            raise Refused(INVALID_FIELD)
        within(offer["site_tier"], 0, 4)
        name(offer["site"], 0, 32)
        within(offer["sandbox_tier"], 0, 3)
        within(offer["last_mile_level"], 0, 7)
        if len(offer["runtimes"]) > 64 or len(offer["images"]) > 512:
            raise Refused(TOO_MANY_ITEMS)
        self.ratings_shape(ratings)

    @staticmethod
    def ratings_shape(ratings):
        if len({rating["kind"] for rating in ratings}) != len(ratings):
            raise Refused(TOO_MANY_ITEMS if len(ratings) > 4 else INVALID_FIELD)
        if any(rating["cu"] and rating["benchmark"] == bytes(32) for rating in ratings):
            raise Refused(INVALID_FIELD)

    def node_shape(self, op):
        self.offer_shape(op["offer"], op["ratings"])
        hardware = op["hardware"]
        if hardware["interconnect"] > 255:
            raise Refused(INVALID_FIELD)
        words(op["name"], 64)
        name(hardware["hardware_class"], 1, 32)
        words(hardware["model"], 96)
        within(hardware["devices"], 1, 64)
        within(hardware["device_memory_bytes"], 0, 2**42)
        within(hardware["interconnect"], 0, 7)
        within(hardware["cpu_threads"], 1, 4096)
        within(hardware["ram_bytes"], 1, 2**47)
        within(hardware["disk_bytes"], 0, 2**52)
        within(hardware["network_up_mbps"], 0, 10**7)
        within(hardware["network_down_mbps"], 0, 10**7)
        self.offer_ranges(op["offer"], op["ratings"])

    def update_shape(self, op):
        if len(op["node"]) != 20:
            raise Refused(INVALID_FIELD)
        self.offer_shape(op["offer"], op["ratings"])
        self.offer_ranges(op["offer"], op["ratings"])

    def status_shape(self, op):
        if len(op["node"]) != 20 or op["change"] > LEAVE:
            raise Refused(INVALID_FIELD)

    def telemetry_shape(self, op):
        both = op["silent"] + op["heard"]
        if any(len(node) != 20 for node in both):
            raise Refused(INVALID_FIELD)
        if max(len(op["silent"]), len(op["heard"])) > 1000:
            raise Refused(TOO_MANY_ITEMS)
        # Each list in ascending order, and no node both silent and heard.
        if len(set(both)) != len(both) or any(sorted(nodes) != nodes for nodes in op.values()):
            raise Refused(INVALID_FIELD)

    # Operations
    def register_provider(self, op, sender, now):
        if sender in self.providers:
            raise Refused(PROVIDER_EXISTS)
        payout = op["payout"] if op["payout"] and op["payout"] != NOBODY else sender
        if not self.money.exists(payout):
            raise Refused(PAYOUT_UNKNOWN)
        self.providers[sender] = {"display_name": op["display_name"], "payout": payout, "node_count": 0, "registered": now}
        self.money.add_role(sender)

    def find(self, rows, name, code):
        for number, row in enumerate(rows):
            if row["name"] == name:
                return number
        raise Refused(code)

    def must_be_plausible(self, ratings, hardware_class):
        row = self.classes[hardware_class]
        if not any(rating["cu"] for rating in ratings):
            raise Refused(RATING_IMPLAUSIBLE)
        if any(rating["cu"] > row["rating_times_max"] * row["rating"][kind] for kind, rating in enumerate(ratings)):
            raise Refused(RATING_IMPLAUSIBLE)

    def is_doubtful(self, ratings, hardware_class):
        """Against the lower median of the class's Active nodes as they stand; where there are too few, the reference."""
        row = self.classes[hardware_class]
        for kind, rating in enumerate(ratings):
            others = sorted(node["ratings"][kind]["cu"] for node in self.nodes.values()
                            if node["status"] == ACTIVE and node["hardware_class"] == hardware_class
                            and node["ratings"][kind]["cu"])
            enough = len(others) >= self.params["RatingClassNodesMin"]
            median = others[(len(others) - 1) // 2] if enough else row["rating"][kind]
            if rating["cu"] == 0 or median == 0:
                continue
            if not median * row["rating_low"] <= rating["cu"] * PPM <= median * row["rating_high"]:
                return True
        return False

    @staticmethod
    def by_kind(ratings):
        out = [{"cu": 0, "benchmark": bytes(32)} for _ in range(4)]
        for rating in ratings:
            out[rating["kind"]] = {"cu": rating["cu"], "benchmark": rating["benchmark"]}
        return out

    @staticmethod
    def offer_row(offer, region):
        energy = offer["energy"]
        row = {name: offer[name] for name in ("country", "site_tier", "sandbox_tier", "last_mile_level", "floor_32nds", "site")}
        row["region"], row["site_tier_verified"], row["region_verified"] = region, 0, 0
        row["energy"] = {"g_co2_per_kwh": energy["g_co2_per_kwh"], "renewable_ppm": energy["renewable_ppm"],
                         "pue_ppm": energy["pue_ppm"], "certificate": energy["certificate"] or bytes(32), "verified": 0}
        row["runtime_names"] = offer["runtimes"]
        row["runtimes"] = sorted(tag_of(name) for name in offer["runtimes"])
        row["images"] = sorted(int.from_bytes(image[:8], "big") for image in offer["images"])
        return row

    def register_node(self, op, sender, sequence, now):
        provider = self.providers.get(sender)
        if provider is None:
            raise Refused(NOT_A_PROVIDER)
        if provider["node_count"] >= self.params["NodesPerProvider"]:
            raise Refused(TOO_MANY_NODES)
        hardware_class = self.find(self.classes, op["hardware"]["hardware_class"], UNKNOWN_CLASS)
        region = self.find(self.regions, op["offer"]["region"], UNKNOWN_REGION)
        ratings = self.by_kind(op["ratings"])
        self.must_be_plausible(ratings, hardware_class)
        if self.money.balance(sender) < self.params["NodeLock"]:
            raise Refused(ledger.BALANCE_TOO_SMALL)
        key = derived_id("node", sender, sequence)
        doubt = self.is_doubtful(ratings, hardware_class)
        until = now + self.params["NodeLockMs"]
        hardware = {name: value for name, value in op["hardware"].items() if name != "hardware_class"}
        self.nodes[key] = {
            "provider": sender, "name": op["name"], "dense_id": len(self.nodes), "hardware_class": hardware_class,
            "hardware": hardware, "offer": self.offer_row(op["offer"], region), "ratings": ratings,
            "status": SUSPECT if doubt else ACTIVE, "leaving": 0, "registered": now, "status_since": now,
            "lock_until": until, "floor_epoch": 0, "suspect_ms": 0, "silent_since": None, "rating_in_doubt": int(doubt),
            "reserve": 0}
        self.free[key] = {"device_free_milli": [1000] * hardware["devices"], "cpu_free_milli": 1000 * hardware["cpu_threads"],
                          "ram_free_bytes": hardware["ram_bytes"], "disk_free_bytes": hardware["disk_bytes"], "jobs": 0}
        if doubt:
            self.benchmarks.ask(key, benchmarks.DOUBT, now)
        provider["node_count"] += 1
        self.money.lock(ledger.NODE_IDENTITY, key, sender, self.params["NodeLock"])
        self.money.add_role(sender)
        return "n", key

    def owned(self, key, sender):
        node = self.nodes.get(key)
        if node is None:
            raise Refused(UNKNOWN_NODE)
        if node["provider"] != sender:
            raise Refused(NOT_NODE_OWNER)
        return node

    def update_node(self, op, sender, now, epoch):
        node = self.owned(op["node"], sender)
        if node["status"] in (LEFT, JAILED):
            raise Refused(WRONG_NODE_STATUS)
        region = self.find(self.regions, op["offer"]["region"], UNKNOWN_REGION)
        moved = op["offer"]["floor_32nds"] != node["offer"]["floor_32nds"]
        if moved and node["floor_epoch"] == epoch + 1:
            raise Refused(FLOOR_CHANGE_TOO_SOON)
        ratings = self.by_kind(op["ratings"])
        if op["ratings"]:
            self.must_be_plausible(ratings, node["hardware_class"])
        if node["reserve"] and reserve.narrows(node, op, region, ratings):
            raise Refused(reserve.NODE_IN_RESERVE)
        if op["ratings"]:
            # A doubt ends by a benchmark, never by another claim.
            doubt = not node["rating_in_doubt"] and self.is_doubtful(ratings, node["hardware_class"])
            node["ratings"] = ratings
            if doubt:
                node["rating_in_doubt"] = 1
                self.benchmarks.ask(op["node"], benchmarks.DOUBT, now)
        verified, before = node["offer"]["energy"], node["offer"]
        node["offer"] = self.offer_row(op["offer"], region)
        if dict(verified, verified=0) == node["offer"]["energy"]:
            node["offer"]["energy"] = verified
        if all(node["offer"][name] == before[name] for name in ("region", "country")):
            node["offer"]["region_verified"] = before["region_verified"]
        if node["offer"]["site_tier"] == before["site_tier"]:
            node["offer"]["site_tier_verified"] = before["site_tier_verified"]
        if moved:
            node["floor_epoch"] = epoch + 1
        self.settle_status(op["node"], now)
        return "n", op["node"]

    def settle_status(self, key, now):
        """Suspect while silent or in doubt, else Active; a draining node only keeps the flags."""
        node = self.nodes[key]
        if node["status"] in (ACTIVE, SUSPECT):
            doubtful = node["silent_since"] is not None or node["rating_in_doubt"]
            self.set_status(key, SUSPECT if doubtful else ACTIVE, now)

    def set_status(self, key, status, now):
        node = self.nodes[key]
        if node["status"] != status:
            node["status"], node["status_since"] = status, now

    def set_node_status(self, op, sender, now):
        key, change = op["node"], op["change"]
        node = self.owned(key, sender)
        allowed = {DRAIN: (ACTIVE, SUSPECT), RESUME: (DRAINING,), LEAVE: (ACTIVE, SUSPECT, DRAINING)}[change]
        if node["status"] not in allowed:
            raise Refused(WRONG_NODE_STATUS)
        if change != RESUME and node["reserve"]:
            raise Refused(reserve.NODE_IN_RESERVE)
        if change == LEAVE and node["leaving"]:
            raise Refused(NODE_HAS_JOBS)
        if change == DRAIN:
            self.set_status(key, DRAINING, now)
        elif change == RESUME:
            node["leaving"] = 0
            self.set_status(key, ACTIVE, now)
            self.settle_status(key, now)
        elif self.free[key]["jobs"]:
            node["leaving"] = 1
            self.set_status(key, DRAINING, now)
        else:
            self.leave(key, now)
        return "n", key

    def leave(self, key, now):
        node = self.nodes[key]
        node["leaving"] = 0
        self.benchmarks.close(key)
        if node["silent_since"] is not None:
            node["suspect_ms"] += now - node["silent_since"]
            node["silent_since"] = None
        self.set_status(key, LEFT, now)
        self.providers[node["provider"]]["node_count"] -= 1
        self.money.add_role(node["provider"], -1)
        if node["lock_until"] <= now:
            self.lock_is_due(key)
        else:
            self.timers.add((node["lock_until"], LOCK_RELEASE, key))

    def lock_is_due(self, key):
        self.money.unlock(ledger.NODE_IDENTITY, key)

    def telemetry(self, op, sender, now):
        if sender not in self.operators:
            raise Refused(NOT_OPERATOR)
        if any(key not in self.nodes for key in op["silent"] + op["heard"]):
            raise Refused(UNKNOWN_NODE)
        for key in op["silent"]:
            node = self.nodes[key]
            if node["status"] in (ACTIVE, SUSPECT, DRAINING) and node["silent_since"] is None:
                node["silent_since"] = now
                self.settle_status(key, now)
        for key in op["heard"]:
            node = self.nodes[key]
            if node["status"] in (ACTIVE, SUSPECT, DRAINING) and node["silent_since"] is not None:
                node["suspect_ms"] += now - node["silent_since"]
                node["silent_since"] = None
                self.settle_status(key, now)

    # Capacity
    def hold(self, key, allocation, sign):
        """Takes what a job holds (sign -1), or gives it back (sign 1)."""
        free = self.free[key]
        for device in allocation["devices"]:
            free["device_free_milli"][device] += sign * allocation["milli_per_device"]
            assert 0 <= free["device_free_milli"][device] <= 1000
        for mine, theirs in (("cpu_free_milli", "cpu_milli"), ("ram_free_bytes", "ram_bytes"),
                             ("disk_free_bytes", "disk_bytes")):
            free[mine] += sign * allocation[theirs]
            assert free[mine] >= 0
        free["jobs"] -= sign

    def give_back(self, key, allocation, now):
        self.hold(key, allocation, 1)
        if self.nodes[key]["leaving"] and self.free[key]["jobs"] == 0:
            self.leave(key, now)
