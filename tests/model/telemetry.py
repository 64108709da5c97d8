"""Windows of nodes, operators' reports of them, and the medians that the chain keeps (protocol section 1, REG-7)."""

from wire import Refused

INVALID_FIELD, TOO_MANY_ITEMS = 1008, 1009
UNKNOWN_NODE, NOT_OPERATOR = 3103, 3113
WRONG_EPOCH, REPORTED, NOT_IN_WINDOW = range(3116, 3119)
NAMES = ("beats", "p50_ms", "p90_ms", "p99_ms")
NOTHING = {"epoch": 0, "first": 0, "count": 0, "nodes": 0}


def lower_median(figures):
    return sorted(figures)[(len(figures) - 1) // 2]


class Telemetry:
    def __init__(self, params, registry):
        self.params, self.registry = params, registry
        self.windows = None
        self.reports, self.nodes = {}, {}

    def shape(self, op):
        entries = op["entries"]
        if len(op["raw_hash"]) != 32 or any(len(entry["node"]) != 20 for entry in entries):
            raise Refused(INVALID_FIELD)
        if len(entries) > 1000:
            raise Refused(TOO_MANY_ITEMS)
        nodes = [entry["node"] for entry in entries]
        rising = all(0 < entry["beats"] and entry["p50_ms"] <= entry["p90_ms"] <= entry["p99_ms"] for entry in entries)
        if op["raw_hash"] == bytes(32) or sorted(set(nodes)) != nodes or not rising:
            raise Refused(INVALID_FIELD)

    def window(self, row):
        """Its nodes, in turns by the order of registration."""
        everyone = list(self.registry.nodes)[:row["nodes"]]
        return [everyone[(row["first"] + step) % row["nodes"]] for step in range(row["count"])]

    def report(self, op, sender, now):
        if sender not in self.registry.operators:
            raise Refused(NOT_OPERATOR)
        last = self.windows["last"] if self.windows else NOTHING
        if last["count"] == 0 or op["epoch"] != last["epoch"]:
            raise Refused(WRONG_EPOCH)
        if sender in self.reports and self.reports[sender]["epoch"] == op["epoch"]:
            raise Refused(REPORTED)
        window = self.window(last)
        for entry in op["entries"]:
            if entry["node"] not in self.registry.nodes:
                raise Refused(UNKNOWN_NODE)
            if entry["node"] not in window:
                raise Refused(NOT_IN_WINDOW)
        entries = [{"node": entry["node"], "figures": {name: entry[name] for name in NAMES}} for entry in op["entries"]]
        self.reports[sender] = {"epoch": op["epoch"], "raw_hash": op["raw_hash"], "reported": now, "entries": entries}
        counted = [row for row in self.reports.values() if row["epoch"] == op["epoch"]]
        for node in window:
            heard = [entry["figures"] for row in counted for entry in row["entries"] if entry["node"] == node]
            beats = [figures["beats"] for figures in heard] + [0] * (len(counted) - len(heard))
            figures = {name: lower_median([one[name] for one in heard]) if heard else 0 for name in NAMES}
            figures["beats"] = lower_median(beats)
            self.nodes[node] = {"epoch": op["epoch"], "operators": len(counted), "figures": figures}

    def epoch_ends(self, epoch):
        ended = self.windows["running"] if self.windows else dict(NOTHING)
        nodes = len(self.registry.nodes)
        count = min(nodes, self.params["TelemetryWindowNodes"])
        first = (ended["first"] + ended["count"]) % nodes if nodes else 0
        self.windows = {"last": ended, "running": {"epoch": epoch, "first": first, "count": count, "nodes": nodes}}
