"""Prices and who gets what of them (economics sections 0, 2.4 and 2.6)."""

import math

Q32, PPM = 2**32, 10**6


def ceil_div(a, b):
    return -(-a // b)


def exp_q32(y):
    """e^(y / 2^32) in Q32: economics section 0."""
    term, i, total = 2**60, 1, 0
    while term:
        total += term
        term = term * y // (i * Q32)
        i += 1
    return total >> 28


assert [exp_q32(y) for y in (0, 2**31, 2**32, 2977044471)] == [4294967296, 7081203937, 11674931554, 8589934590]


def cost(unit, milli, ms):
    """What holding thousandths of a device for a time costs its user: rounded up."""
    return ceil_div(unit * milli * ms, 1000 * 3_600_000)


def billing_milli(resources):
    if resources["gpus"] == 0:
        return 1000
    share = resources.get("gpu_share_milli", resources.get("share_milli"))
    return share if share else 1000 * resources["gpus"]


def unit_price(base, ppm, low, high):
    """The factors in their order with floor, the product clamped, the price rounded up."""
    product = PPM
    for factor in ppm:
        product = product * factor // PPM
    product = min(max(product, low), high)
    return product, ceil_div(base * product, PPM)


def split(pay, log_price, slow, params):
    surge_burn = 0
    if log_price > slow:
        surge = pay - pay * Q32 // exp_q32(log_price - slow)
        surge_burn = ceil_div(surge * params["SurgeBurnBp"], 10**4)
    rest = pay - surge_burn
    parts = {"pay": pay, "surge_burn": surge_burn, "burn": ceil_div(rest * params["FeeBurnPpm"], PPM)}
    for name in ("stakers", "treasury", "insurance", "referrer"):
        parts[name] = rest * params[f"Fee{name.capitalize()}Ppm"] // PPM
    parts["treasury"] += parts["referrer"]  # nobody is referred yet
    parts["referrer"] = 0
    parts["provider"] = pay - surge_burn - sum(parts[name] for name in ("burn", "stakers", "treasury", "insurance"))
    return parts


NOTHING = {name: 0 for name in ("pay", "surge_burn", "burn", "stakers", "treasury", "insurance", "referrer", "provider")}


def factors(spec, tier, now, device_memory, region, hosts, energy_verified, reliability, p):
    """The ten multipliers of economics 2.4 in parts per million."""
    slack = slack_s(spec, now)
    max_s, resources, where = spec["max_s"], spec["resources"], spec["where"]
    out = []
    surcharge = p[("UrgencyEcoPpm", "UrgencyStdPpm", "UrgencyPremPpm")[tier]]
    out.append(PPM if slack is None else PPM + surcharge * max_s // (max_s + slack))
    flexible = tier == 0 and slack is not None and slack >= 4 * max_s
    out.append(PPM - p["FlexibilityPpm"] * min(slack, 86400) // 86400 if flexible else PPM)
    share = resources.get("gpu_share_milli", resources.get("share_milli"))
    gang = PPM
    if resources["gpus"] and not share:
        gang += p["GangStepPpm"] * (resources["gpus"].bit_length() - 1) + (p["GangHostsPpm"] if hosts > 1 else 0)
    out.append(min(gang, 1_250_000))
    out.append(PPM + min(250_000, p["RuntimeStepPpm"] * math.isqrt(max_s * 10_000 // 3600) // 100))
    asked = resources["gpu_memory_bytes"]
    out.append(PPM + (p["MemoryPpm"] * max(0, 2 * asked - device_memory) // device_memory if device_memory else 0))
    out.append(region)
    out.append(min(PPM + p["ResidencyPpm"] * (bool(where["allow"]) + bool(where["residency"])), 1_150_000))
    out.append(PPM + (p["TeePpm"] if where["tee_kinds"] else 0))
    out.append(PPM + (p["EnergyPpm"] if energy_verified else 0))
    if reliability <= 800_000:
        out.append(900_000 + 100_000 * reliability // 800_000)
    else:
        out.append(PPM + 100_000 * (reliability - 800_000) // 400_000)
    return out


def slack_s(spec, now):
    """Whole seconds that a job can wait and still end in time; None where nothing says how long (pricing/README.md)."""
    deadline = spec["deadline"]
    slack = max(0, (deadline - now) // 1000 - spec["max_s"]) if deadline else None
    if spec["urgency"] == 2:
        return 0
    if spec["urgency"] == 1:
        return spec["max_s"] if slack is None else min(slack, spec["max_s"])
    return slack
