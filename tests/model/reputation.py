"""Outcomes per node and kind with a half-life (protocol section 6, src/protocol/reputation/README.md)."""

from pricing import Q32, exp_q32

LN2 = 2977044471
SUCCESS, FAILURE, LATE, DISPUTED = range(4)
MOST = 10**12 * 1000


class Reputation:
    def __init__(self, params):
        self.params, self.rows = params, {}

    def record(self, node, kind, outcome, now):
        half_life = self.params["ReputationHalfLifeMs"]
        row = self.rows.setdefault((node, kind), {"milli": [0, 0, 0, 0], "updated": now})
        halvings = (now - row["updated"]) // half_life
        row["milli"] = [count >> halvings for count in row["milli"]]
        row["updated"] += halvings * half_life
        growth = exp_q32(LN2 * (now - row["updated"]) // half_life)
        row["milli"][outcome] = min(MOST, row["milli"][outcome] - (-1000 * growth // Q32))
