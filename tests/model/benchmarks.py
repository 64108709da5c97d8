"""Benchmarks that the protocol asks for (protocol section 1, REG-8): seeds from the chain of seeds, draws, results, doubts."""

from wire import Refused, tagged

INVALID_FIELD = 1008
UNKNOWN_NODE, NOT_NODE_OWNER = 3103, 3104
NO_BENCHMARK_DUE, WRONG_SEED = 3114, 3115
BENCHMARK_DUE = 11
DOUBT, SPOT = 0, 1
PURPOSE = 4
ACTIVE, LEFT = 1, 3
PER_TICK = 1000
PPM = 10**6


def drawn(seed, subject, limit, counter):
    """A uniform number below the limit, and the next counter."""
    while True:
        word = tagged("starminer/draw/1", seed + bytes([PURPOSE]) + subject + counter.to_bytes(8, "big"))
        word, counter = int.from_bytes(word[:8], "big"), counter + 1
        if word < 2**64 - 2**64 % limit:
            return word % limit, counter


class Benchmarks:
    def __init__(self, params, registry, timers):
        self.params, self.registry, self.timers = params, registry, timers
        self.rows = {}
        self.seed = bytes(32)  # of the block

    def ask(self, key, reason, now):
        self.close(key)
        row = self.rows.setdefault(key, {"provider": self.registry.nodes[key]["provider"], "round": 0, "answered": 0,
                                         "confirmed": 0})
        row["round"] += 1
        row["seed"] = tagged("starminer/benchmark/challenge/1", self.seed + key + row["round"].to_bytes(4, "big"))
        row.update(reason=reason, open=1, asked=now, due=now + self.params["BenchmarkMs"])
        self.timers.add((row["due"], BENCHMARK_DUE, key))

    def close(self, key):
        row = self.rows.get(key)
        if row and row["open"]:
            row["open"] = 0
            self.timers.discard((row["due"], BENCHMARK_DUE, key))

    def shape(self, op):
        ids = [len(op["node"]) == 20, len(op["seed"]) == 32]
        ids += [rating["kind"] < 4 and len(rating["benchmark"]) == 32 for rating in op["ratings"]]
        if not all(ids):
            raise Refused(INVALID_FIELD)
        self.registry.ratings_shape(op["ratings"])

    def result(self, op, sender, now):
        key = op["node"]
        node = self.registry.owned(key, sender)
        row = self.rows.get(key)
        if not row or not row["open"]:
            raise Refused(NO_BENCHMARK_DUE)
        if row["seed"] != op["seed"]:
            raise Refused(WRONG_SEED)
        measured = self.registry.by_kind(op["ratings"])
        self.registry.must_be_plausible(measured, node["hardware_class"])
        band = self.registry.classes[node["hardware_class"]]
        confirmed = all(was["cu"] == 0 or was["cu"] * band["rating_low"] <= new["cu"] * PPM <= was["cu"] * band["rating_high"]
                        for was, new in zip(node["ratings"], measured))
        node["ratings"], node["rating_in_doubt"] = measured, int(not confirmed)
        self.close(key)
        row["answered"], row["confirmed"] = now, int(confirmed)
        if not confirmed:
            self.ask(key, DOUBT, now)
        self.registry.settle_status(key, now)
        return "n", key

    def tick(self, now, chain_says, disturbed):
        """`chain_says` are the benchmarks that the chain asked for in this step, `disturbed` nodes that got a job in it: of
        those alone the chain's word counts, as the model learns of matches only at the end of a step."""
        every, nodes = self.params["BenchmarkSpotMs"], list(self.registry.nodes)
        if not every or not nodes:
            return
        share = len(nodes) * self.params["TickMs"]
        extra, counter = drawn(self.seed, bytes(20), every, 0)
        for _ in range(min(share // every + (extra < share % every), PER_TICK)):
            place, counter = drawn(self.seed, bytes(20), len(nodes), counter)
            key = nodes[place]
            node, row = self.registry.nodes[key], self.rows.get(key)
            idle = key in chain_says if key in disturbed else self.registry.free[key]["jobs"] == 0
            if node["status"] == ACTIVE and idle and not (row and row["open"]):
                self.ask(key, SPOT, now)

    def is_due(self, key, now, chain_says, disturbed):
        row = self.rows[key]
        busy = chain_says.get(key, row)["due"] != 0 if key in disturbed else self.registry.free[key]["jobs"] > 0
        if busy:
            self.ask(key, row["reason"], now)
            return
        row["due"] = 0
        self.registry.nodes[key]["rating_in_doubt"] = 1
        self.registry.settle_status(key, now)
