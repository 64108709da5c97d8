"""How long jobs wait, and what the tiers promise of it (protocol section 3, docs/decisions/0033)."""

OPEN, KEPT, MISSED = range(3)
ECONOMY, STANDARD, PREMIUM = range(3)
STEPS, WEIGHT = 64, 16


def ends():
    """The ends of the steps in units: 1, 2, 3, 4, then four to each octave."""
    out, width = [1, 2, 3, 4], 1
    while len(out) < STEPS:
        out += [out[-1] + width * (i + 1) for i in range(4)]
        width *= 2
    return out


class Waits:
    def __init__(self, params, registry):
        self.params, self.registry = params, registry
        self.rows = {}    # (tier, class): {"counts", "p90"}
        self.before = {}  # what was published before the epoch that ended in this step
        self.ends = ends()

    def unit(self):
        return max(1, self.params["TickMs"] // 60)

    def began(self, row, parked, now):
        """A job begins to wait for its first match."""
        row["waiting_since"], row["start_promise"] = (0, None) if parked else (now, self.promise(row, now))

    def promise(self, row, now):
        if row["tier"] == PREMIUM and not row["spec"]["wait"]:
            return {"due": now + self.at_once(row["spec"]), "state": OPEN}
        if row["tier"] != STANDARD:
            return None
        names = row["spec"]["resources"]["classes"]
        known = [self.published((STANDARD, cls)) for cls, of in enumerate(self.registry.classes)
                 if not names or of["name"] in names]
        if not any(known):
            return None
        within = max(self.params["StartPromiseMultiple"] * max(known), self.params["StartPromiseMinMs"])
        return {"due": now + within, "state": OPEN}

    def published(self, key):
        return self.before.get(key, self.rows.get(key, {"p90": 0}))["p90"]

    def at_once(self, spec):
        fetching = 1000 * (spec["input_bytes"] // self.params["InputBytesPerSecond"])
        return self.params["AckMs"] + self.params["PremiumStartMs"] + fetching

    def noticed(self, row, due):
        """Of a first notice: Premium starts when the others are gone, or later where it was promised later."""
        start = due + self.at_once(row["spec"])
        known = row["start_promise"]
        row["start_promise"] = {"due": max(start, known["due"] if known else 0), "state": OPEN}

    def matched(self, row, cls, now):
        """The first match of a job."""
        self.count((row["tier"], cls), now - row["waiting_since"])
        known = row["start_promise"]
        if row["tier"] == STANDARD and known:
            row["start_promise"] = {"due": known["due"], "state": KEPT if now <= known["due"] else MISSED}
        if row["tier"] == PREMIUM and not known:
            row["start_promise"] = {"due": now + self.at_once(row["spec"]), "state": OPEN}

    def started(self, row, now):
        known = row["start_promise"]
        if row["tier"] == PREMIUM and known and known["state"] == OPEN:
            row["start_promise"] = {"due": known["due"], "state": KEPT if now <= known["due"] else MISSED}

    def count(self, key, wait):
        row = self.rows.setdefault(key, {"counts": [0] * STEPS, "p90": 0})
        counts = row["counts"] = list(row["counts"])
        counts[next((i for i, end in enumerate(self.ends) if wait < end * self.unit()), STEPS - 1)] += WEIGHT

    def epoch_ends(self):
        self.before = {key: dict(row) for key, row in self.rows.items()}
        for row in self.rows.values():
            whole = sum(row["counts"])
            row["p90"] = 0
            if whole and whole >= WEIGHT * self.params["StartSamplesMin"]:
                so_far = 0
                for count, end in zip(row["counts"], self.ends):
                    so_far += count
                    if 10 * so_far >= 9 * whole:
                        row["p90"] = end * self.unit()
                        break
            row["counts"] = [count - -(-count // 8) for count in row["counts"]]
