"""Who may confirm what nodes state of their energy and site, and what that makes of it (protocol section 1, REG-5)."""

import governance
from wire import Refused, tagged

INVALID_FIELD, UNKNOWN_NODE, WRONG_NODE_STATUS = 1008, 3103, 3107
NOT_ATTESTOR, CLAIM_MISMATCH, TOO_LONG, UNCHANGED, TOO_MANY, NOTHING_ATTESTED = range(3119, 3125)
ATTESTATION_END, ATTESTOR_SWEEP = 12, 13
ENERGY, SITE_TIER, REGION = 0, 1, 2
LEFT = 3
MOST, SWEPT = 32, 1000


def claim_of(key, node, aspect):
    """None where the node states nothing."""
    offer, head = node["offer"], key + bytes([aspect])
    if aspect == SITE_TIER:
        return tagged("starminer/claim/1", head + bytes([offer["site_tier"]])) if offer["site_tier"] else None
    if aspect == REGION:
        country = offer["country"].encode()
        return tagged("starminer/claim/1", head + bytes([offer["region"]]) + len(country).to_bytes(4, "big") + country)
    energy = offer["energy"]
    if energy["certificate"] == bytes(32):
        return None
    figures = b"".join(energy[name].to_bytes(4, "big") for name in ("g_co2_per_kwh", "renewable_ppm", "pue_ppm"))
    return tagged("starminer/claim/1", head + figures + energy["certificate"])


class Attestors:
    def __init__(self, params, govern, registry, timers):
        self.params, self.governance, self.registry, self.timers = params, govern, registry, timers
        self.rows, self.given = {}, {}  # (node, aspect): attestor: (claim, until)

    def set_shape(self, op):
        if len(op["account"]) != 20 or op["account"] == bytes(20):
            raise Refused(INVALID_FIELD)

    def attest_shape(self, op):
        if len(op["node"]) != 20 or op["aspect"] > REGION or len(op["claim"]) not in (0, 32):
            raise Refused(INVALID_FIELD)

    def set(self, op, sender, now):
        account = op["account"]
        if sender != self.governance.account:
            raise Refused(governance.NOT_GOVERNANCE)
        if (account in self.rows) == bool(op["present"]):
            raise Refused(UNCHANGED)
        if op["present"] and len(self.rows) >= MOST:
            raise Refused(TOO_MANY)
        if op["present"]:
            self.rows[account] = {"since": now}
        else:
            del self.rows[account]
            self.sweep(account, now)

    def attest(self, op, sender, now):
        key, aspect = op["node"], op["aspect"]
        node = self.registry.nodes.get(key)
        if sender not in self.rows:
            raise Refused(NOT_ATTESTOR)
        if node is None:
            raise Refused(UNKNOWN_NODE)
        given = self.given.get((key, aspect), {})
        if op["valid_ms"] == 0:
            if sender not in given:
                raise Refused(NOTHING_ATTESTED)
            del given[sender]
        else:
            if node["status"] == LEFT:
                raise Refused(WRONG_NODE_STATUS)
            if op["valid_ms"] > self.params["AttestationMaxMs"]:
                raise Refused(TOO_LONG)
            claim = claim_of(key, node, aspect)
            if claim is None or op["claim"] != claim:
                raise Refused(CLAIM_MISMATCH)
            given[sender] = (claim, now + op["valid_ms"])
            self.timers.add((now + op["valid_ms"], ATTESTATION_END, key))
        self.given[key, aspect] = given
        self.look_again(key, now)
        return "n", key

    def look_again(self, key, now):
        node = self.registry.nodes[key]
        for aspect in (ENERGY, SITE_TIER, REGION):
            if (key, aspect) not in self.given:
                continue
            claim = claim_of(key, node, aspect)
            given = {attestor: (word, until) for attestor, (word, until) in self.given.pop((key, aspect)).items()
                     if until > now and attestor in self.rows and word == claim}
            verified = int(len(given) >= self.params["AttestorsNeeded"])
            if given:
                self.given[key, aspect] = given
            if aspect == ENERGY:
                node["offer"]["energy"]["verified"] = verified
            else:
                node["offer"]["site_tier_verified" if aspect == SITE_TIER else "region_verified"] = verified

    def sweep(self, attestor, now):
        if attestor in self.rows:
            return
        nodes = sorted({key for (key, _), given in self.given.items() if attestor in given})
        for key in nodes[:SWEPT]:
            self.look_again(key, now)
        if len(nodes) >= SWEPT:
            self.timers.add((now + 1, ATTESTOR_SWEEP, attestor))

    def table(self):
        return {key + bytes([aspect]): {"given": [{"attestor": attestor, "claim": claim, "until": until}
                                                  for attestor, (claim, until) in sorted(given.items())]}
                for (key, aspect), given in self.given.items()}
