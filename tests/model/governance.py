"""Parameters that change (src/protocol/governance/README.md): one account, bounds and rules of the registry, and what was
accepted counts from the end of the epoch on."""

from wire import Refused

INVALID_FIELD = 1008
NOT_GOVERNANCE, UNKNOWN, FIXED, OUT_OF_BOUNDS, CONFLICT, UNCHANGED = range(7101, 7107)
FEES = ("FeeBurnPpm", "FeeStakersPpm", "FeeTreasuryPpm", "FeeInsurancePpm", "FeeReferrerPpm")
FEES_MOST = 300_000
# The first is at most the second.
ORDERS = (("PremiumStartWithinMs", "StandardStartWithinMs"), ("PremiumLatencyMs", "StandardLatencyMs"),
          ("UrgencySoonMs", "UrgencyNowMs"), ("ProgressEveryMs", "SilenceMs"), ("AcceptMinMs", "AcceptMaxMs"),
          ("BeatEveryMs", "BeatSilenceMs"), ("ReputationPriorGood", "ReputationPriorAll"))


class Governance:
    def __init__(self, registry, params, stated, account):
        self.registry, self.params, self.stated, self.account = registry, params, stated, account
        self.pending = {}  # number: value

    def shape(self, op):
        if op["parameter"] >= 2**16:
            raise Refused(INVALID_FIELD)

    def set(self, op, sender):
        number, value = op["parameter"], op["value"]
        if sender != self.account:
            raise Refused(NOT_GOVERNANCE)
        if number not in self.registry:
            raise Refused(UNKNOWN)
        name, _, least, most, scale, setter = self.registry[number]
        if setter != "Governed":
            raise Refused(FIXED)
        divisor = self.stated["TimeDivisor"] if scale == "Time" else 1
        if not least // divisor <= value <= most // divisor:
            raise Refused(OUT_OF_BOUNDS)
        coming = dict(self.stated)
        coming.update((self.registry[other][0], figure) for other, figure in self.pending.items())
        if coming[name] == value:
            raise Refused(UNCHANGED)
        coming[name] = value
        if sum(coming[fee] for fee in FEES) > FEES_MOST or any(coming[low] > coming[high] for low, high in ORDERS):
            raise Refused(CONFLICT)
        if self.stated[name] == value:
            del self.pending[number]
        else:
            self.pending[number] = value
        return name

    def epoch_ends(self):
        for number, value in self.pending.items():
            name = self.registry[number][0]
            self.params[name] = self.stated[name] = value
        self.pending.clear()
