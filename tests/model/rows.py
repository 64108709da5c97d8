"""Rows of the state as docs/formats/encoding.md section 1 encodes them: fields one after the other, big-endian. The lists
of fields are those of the rows.h of each module."""

TIMERS, PARAMETERS, ACCOUNTS, LOCKS, POOLS, SUPPLY, REPUTATION, PROVIDERS, NODES, CAPACITY, CLASSES, REGIONS = range(1, 13)
CHAIN, OPERATORS, TIERS, PRICES, JOBS, CLIENT_IDS, ASSIGNMENTS, CONTRACTS = 0, 14, 15, 16, 17, 18, 20, 21
GOVERNANCE, PARAMETER_CHANGES, STAKES, UNBONDINGS, PRICE_HISTORY, PRICE_BANDS = range(26, 32)
START_WAITS, PREMIUM_FEES = 32, 33
BENCHMARKS, TELEMETRY_WINDOW, TELEMETRY_REPORTS, NODE_TELEMETRY, ATTESTORS, ATTESTATIONS = range(40, 46)
RESERVE_NODES, RESERVE_POOLS = 50, 51
SEEDS = 24

U8, U16, U32, U64 = 1, 2, 4, 8


class Bytes(int):
    """Bytes of a fixed length: an id, a hash."""


ID, HASH = Bytes(20), Bytes(32)


def listed(kind):
    return ("list", kind)


def times(count, kind):
    return ("array", count, kind)


ENERGY = [("g_co2_per_kwh", U32), ("renewable_ppm", U32), ("pue_ppm", U32), ("certificate", HASH), ("verified", U8)]
HARDWARE = [("model", "text"), ("devices", U32), ("device_memory_bytes", U64), ("interconnect", U8), ("cpu_threads", U32),
            ("ram_bytes", U64), ("disk_bytes", U64), ("network_up_mbps", U32), ("network_down_mbps", U32)]
OFFER = [("region", U8), ("country", "text"), ("region_verified", U8), ("site_tier", U8), ("site_tier_verified", U8), ("sandbox_tier", U8),
         ("last_mile_level", U8), ("floor_32nds", U8), ("energy", ENERGY), ("runtimes", listed(U64)), ("runtime_names", listed("text")),
         ("images", listed(U64)), ("site", "text")]
ALLOCATION = [("devices", listed(U8)), ("milli_per_device", U16), ("cpu_milli", U32), ("ram_bytes", U64),
              ("disk_bytes", U64)]
HOST_SHARE = [("node", ID), ("allocation", ALLOCATION)]
GANG_HOST = HOST_SHARE + [("ready", U64), ("heard", U64), ("done", U64), ("report", HASH)]
RESOURCES = [("classes", listed("text")), ("gpus", U32), ("share_milli", U32), ("gpu_memory_bytes", U64),
             ("cpu_milli", U32), ("ram_bytes", U64), ("disk_bytes", U64), ("interconnect", U8)]
FACTORS = [("ppm", times(10, U32)), ("product_ppm", U32)]
PRICE_INPUTS = [("tier", U8), ("hardware_class", U8), ("base", U64), ("log_price", U64), ("slow_log_price", U64),
                ("factors", FACTORS), ("ceiling", U64), ("unit", U64)]
WINDOW = [("epoch", U64), ("first", U32), ("count", U32), ("nodes", U32)]
FIGURES = [("beats", U32), ("p50_ms", U32), ("p90_ms", U32), ("p99_ms", U32)]
RESERVE_POOL = [("hardware_class", U8), ("region", U8)]
SPLIT = [(name, U64) for name in ("pay", "surge_burn", "burn", "stakers", "treasury", "insurance", "referrer", "provider")]

SCHEMAS = {
    CHAIN: [("chain_id", "text"), ("preset", U8), ("height", U64), ("block_time", U64), ("halted", U64), ("ticks", U64),
            ("epochs", U64), ("epoch_ends", U64)],
    TIMERS: [("armed", U8)],
    PARAMETERS: [("value", U64)],
    GOVERNANCE: [("account", ID)],
    PARAMETER_CHANGES: [("value", U64)],
    STAKES: [("bonded", U64), ("unbonding", U64), ("unbondings", U32), ("credits", U64), ("credits_at", U64)],
    UNBONDINGS: [("account", ID), ("asset", U8), ("amount", U64), ("due", U64)],
    ACCOUNTS: [("balance", times(3, U64)), ("next_sequence", U64), ("roles", U32), ("deposit", U64)],
    LOCKS: [("owner", ID), ("amount", U64)],
    POOLS: [("amount", U64)],
    SUPPLY: [("minted", U64), ("burned", U64)],
    REPUTATION: [("milli", times(4, U64)), ("updated", U64)],
    PROVIDERS: [("display_name", "text"), ("payout", ID), ("node_count", U32), ("registered", U64)],
    NODES: [("provider", ID), ("name", "text"), ("dense_id", U32), ("hardware_class", U8), ("hardware", HARDWARE),
            ("offer", OFFER), ("ratings", times(4, [("cu", U32), ("benchmark", HASH)])), ("status", U8), ("leaving", U8),
            ("registered", U64), ("status_since", U64), ("lock_until", U64), ("floor_epoch", U64), ("suspect_ms", U64),
            ("silent_since", ("optional", U64)), ("rating_in_doubt", U8), ("reserve", U8)],
    BENCHMARKS: [("provider", ID), ("round", U32), ("seed", HASH), ("reason", U8), ("open", U8), ("asked", U64), ("due", U64),
                 ("answered", U64), ("confirmed", U8)],
    TELEMETRY_WINDOW: [("last", WINDOW), ("running", WINDOW)],
    TELEMETRY_REPORTS: [("epoch", U64), ("raw_hash", HASH), ("reported", U64),
                        ("entries", listed([("node", ID), ("figures", FIGURES)]))],
    NODE_TELEMETRY: [("epoch", U64), ("operators", U32), ("figures", FIGURES)],
    ATTESTORS: [("since", U64)],
    ATTESTATIONS: [("given", listed([("attestor", ID), ("claim", HASH), ("until", U64)]))],
    CAPACITY: [("device_free_milli", listed(U16)), ("cpu_free_milli", U32), ("ram_free_bytes", U64),
               ("disk_free_bytes", U64), ("jobs", U32)],
    CLASSES: [("name", "text"), ("anchor", U64), ("rating", times(4, U32)), ("device_memory_bytes", U64),
              ("rating_low", U64), ("rating_high", U64), ("rating_times_max", U32)],
    REGIONS: [("name", "text"), ("price_factor", U64)],
    PRICES: [("floor", U64), ("log_price", U64), ("slow_log_price", U64), ("price", U64), ("next_price", U64),
             ("controller", [("smoothed_load", U64), ("integral", U64), ("target", U64), ("log_price", U64)]),
             ("load", [("online", U64), ("busy", U64), ("queued", U64)]), ("pinned_ticks", U32)],
    PRICE_HISTORY: [("tick", U64), ("time", U64), ("price", U64), ("load_ppm", U32),
                    ("bands", times(3, [("low", U64), ("high", U64)]))],
    PRICE_BANDS: [("half_width", times(3, U64)), ("matured", times(3, U64)), ("inside", times(3, U64))],
    START_WAITS: [("counts", times(64, U32)), ("p90", U64)],
    PREMIUM_FEES: [("settled", U64), ("insured", U64)],
    JOBS: "job",  # see job_row
    ASSIGNMENTS: [("node", ID), ("requester", ID), ("hardware_class", U8), ("tier", U8),
                  ("allocation", ALLOCATION), ("gpu_milli", U64), ("projected_end", U64), ("boosted", U8),
                  ("matched", U64), ("started", U64), ("preempted_by", ID), ("others", listed(HOST_SHARE))],
    CONTRACTS: [("job", ID), ("attempt", U32), ("requester", ID), ("provider", ID), ("payout", ID), ("node", ID),
                ("kind", U8), ("allocation", ALLOCATION), ("billing_milli", U64), ("rating", U32), ("price", PRICE_INPUTS),
                ("match", [("height", U64), ("score", U32), ("parts", times(8, U16)), ("reserve", U16)]),
                ("cap", U64), ("expected_s", U64), ("max_s", U64), ("manifest_hash", HASH), ("inputs", listed(HASH)),
                ("input_bytes", U64), ("state", U8), ("matched", U64), ("acknowledged", U64), ("started", U64),
                ("last_progress", U64), ("progress_run_ms", U64), ("stopped", U64), ("delivered", U64), ("ended", U64),
                ("timer", U8), ("timer_due", U64), ("run_end_due", U64), ("metered_ms", U64), ("result_hash", HASH),
                ("outputs", listed(HASH)), ("proof_hash", HASH), ("end_reason", U8), ("party", U8), ("bill", SPLIT),
                ("prior_claim", ID), ("prior_bill", SPLIT), ("returned", U64), ("insured", U64), ("refund", U64), ("compute_units", U64),
                ("notice", ("optional", [("by", ID), ("given", U64), ("due", U64), ("open", U8), ("share", U64),
                                         ("unsaved", U64), ("provider", U64)])),
                ("decline", ("optional", [("compensated", U64), ("burned", U64)])), ("gang", listed(GANG_HOST))],
    RESERVE_NODES: [("pool", RESERVE_POOL), ("provider", ID), ("devices", U32), ("joined", U64), ("until", U64), ("stake", U64),
                    ("minimum", U64), ("charged", U64), ("draws", U64), ("declines", U64), ("epoch", U64),
                    ("declines_of_epoch", U32)],
    RESERVE_POOLS: [("draws", U64), ("declines", U64), ("burned", U64), ("compensated", U64)],
}
PRICE_LOCK = [("since", U64), ("until", U64), ("fee", U64), ("held", U8), ("paid", U64),
              ("prices", listed([("hardware_class", U8), ("price", U64), ("log_price", U64), ("slow_log_price", U64)]))]
# The part of a job's row after its specification.
JOB_TAIL = [("state", U8), ("parked", U8), ("weighed", U8), ("tier", U8), ("tier_reason", U8), ("max_price", U64), ("cap", U64),
            ("submitted", U64), ("key_ms", U64), ("attempts", U32), ("unit", U64), ("contract", ID),
            ("avoided", listed(ID)), ("fault_claim", ID), ("end_reason", U8), ("ended", U64), ("paid", U64),
            ("refunded", U64), ("burned", U64), ("credits", U64), ("boost", U64), ("credits_burned", U64),
            ("price_lock", ("optional", PRICE_LOCK)), ("notice", ("optional", [("node", ID), ("due", U64)])),
            ("compensation", U64), ("preemptions", U32), ("waiting_since", U64),
            ("start_promise", ("optional", [("due", U64), ("state", U8)]))]
WHERE = [("prefer", listed("text")), ("allow", listed("text")), ("residency", "text"), ("site_tier_min", U8),
         ("sandbox_tier_min", U8), ("tee_kinds", listed(U8)), ("reputation_min", U8), ("excluded_providers", listed(ID))]
SPEC = [("kind", U8), ("runtime", "text"), ("image", HASH), ("manifest_hash", HASH), ("inputs", listed(HASH)),
        ("input_bytes", U64), ("resources", RESOURCES), ("placement", U8), ("expected_s", U64), ("max_s", U64),
        ("deadline", U64), ("start_within", U64), ("latency_ms", U32), ("urgency", U8), ("dedicated", U8), ("tier", U8),
        ("allow_downgrade", U8), ("wait", U8), ("where", WHERE), ("max_price", U64), ("budget", U64), ("preemptible", U8),
        ("credits", U64), ("price_lock", U32), ("hosts_max", U32)]
SCHEMAS[JOBS] = [("requester", ID), ("sequence", U64), ("client_key", HASH), ("spec_digest", HASH),
                 ("spec", SPEC)] + JOB_TAIL


def read(kind, data, at):
    if isinstance(kind, Bytes):
        return data[at:at + kind], at + kind
    if isinstance(kind, int):
        return int.from_bytes(data[at:at + kind], "big"), at + kind
    if kind == "text":
        length = int.from_bytes(data[at:at + 4], "big")
        return data[at + 4:at + 4 + length].decode(), at + 4 + length
    if isinstance(kind, list):
        out = {}
        for name, inner in kind:
            out[name], at = read(inner, data, at)
        return out, at
    if kind[0] == "optional":
        return read(kind[1], data, at + 1) if data[at] else (None, at + 1)
    count, inner = kind[1:] if kind[0] == "array" else (int.from_bytes(data[at:at + 4], "big"), kind[1])
    at += 0 if kind[0] == "array" else 4
    items = []
    for _ in range(count):
        item, at = read(inner, data, at)
        items.append(item)
    return items, at


def decode(table, data):
    """The row as a dict. A row that is longer or shorter than its fields is a fault of the corpus."""
    row, at = read(SCHEMAS[table], data, 0)
    if at != len(data):
        raise ValueError(f"a row of table {table} has {len(data)} bytes, its fields {at}")
    return row
