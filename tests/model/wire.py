"""Bytes to meaning, from proto/starminer/v1 and docs/formats/encoding.md alone: strict canonical protobuf, signatures, ids
and their text. Nothing here comes from the programs under test."""

import functools
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MALFORMED, TOO_LARGE, BAD_KEY, BAD_SIGNATURE, WRONG_SIGNATURE, WRONG_CHAIN, UNKNOWN_OPERATION = range(1001, 1008)
PROPOSER_ONLY = 1010
BYTES_MAX = 64 * 1024
PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

# Field number: (name, kind); a kind is a scalar, ["of a list"], or the schema of a message.
RESOURCES = {1: ("classes", ["text"]), 2: ("gpus", "u32"), 3: ("gpu_share_milli", "u32"), 4: ("gpu_memory_bytes", "u64"),
             5: ("cpu_milli", "u32"), 6: ("ram_bytes", "u64"), 7: ("disk_bytes", "u64"), 8: ("interconnect", "u32")}
WHERE = {1: ("prefer", ["text"]), 2: ("allow", ["text"]), 3: ("residency", "text"), 4: ("site_tier_min", "u32"),
         5: ("sandbox_tier_min", "u32"), 6: ("tee_kinds", ["u32"]), 7: ("reputation_min", "u32"),
         8: ("excluded_providers", ["bytes"])}
SPEC = {1: ("kind", "enum"), 2: ("runtime", "text"), 3: ("image", "bytes"), 4: ("manifest_hash", "bytes"),
        5: ("inputs", ["bytes"]), 6: ("input_bytes", "u64"), 7: ("resources", RESOURCES), 8: ("placement", "enum"),
        9: ("expected_s", "u64"), 10: ("max_s", "u64"), 11: ("deadline_ms", "u64"), 12: ("start_within_ms", "u64"),
        13: ("latency_ms", "u32"), 14: ("urgency", "enum"), 15: ("dedicated", "bool"), 16: ("tier", "enum"),
        17: ("allow_downgrade", "bool"), 18: ("wait", "bool"), 19: ("where", WHERE), 20: ("max_price", "u64"),
        21: ("budget", "u64"), 22: ("preemptible", "bool"), 23: ("credits", "u64"), 24: ("price_lock", "u32"),
        25: ("hosts_max", "u32")}
RATING = {1: ("kind", "u32"), 2: ("cu", "u32"), 3: ("benchmark", "bytes")}
HARDWARE = {1: ("hardware_class", "text"), 2: ("model", "text"), 3: ("devices", "u32"), 4: ("device_memory_bytes", "u64"),
            5: ("interconnect", "u32"), 6: ("cpu_threads", "u32"), 7: ("ram_bytes", "u64"), 8: ("disk_bytes", "u64"),
            9: ("network_up_mbps", "u32"), 10: ("network_down_mbps", "u32")}
ENERGY = {1: ("g_co2_per_kwh", "u32"), 2: ("renewable_ppm", "u32"), 3: ("pue_ppm", "u32"), 4: ("certificate", "bytes")}
OFFER = {1: ("region", "text"), 2: ("country", "text"), 3: ("site_tier", "u32"), 4: ("sandbox_tier", "u32"),
         5: ("last_mile_level", "u32"), 6: ("floor_32nds", "u32"), 7: ("energy", ENERGY), 8: ("runtimes", ["text"]),
         9: ("images", ["bytes"]), 10: ("site", "text")}
ONLY_CONTRACT = {1: ("contract", "bytes")}
OPERATIONS = {
    5: ("preamble", {1: ("output", "bytes"), 2: ("proof", "bytes")}),
    10: ("transfer", {1: ("to", "bytes"), 2: ("asset", "enum"), 3: ("amount", "u64")}),
    11: ("account_close", {1: ("beneficiary", "bytes")}),
    12: ("stake_lock", {1: ("asset", "enum"), 2: ("amount", "u64")}),
    13: ("stake_unbond", {1: ("asset", "enum"), 2: ("amount", "u64")}),
    20: ("provider_register", {1: ("display_name", "text"), 2: ("payout", "bytes")}),
    21: ("node_register", {1: ("hardware", HARDWARE), 2: ("offer", OFFER), 3: ("ratings", [RATING]), 4: ("name", "text")}),
    22: ("node_update", {1: ("node", "bytes"), 2: ("offer", OFFER), 3: ("ratings", [RATING])}),
    23: ("node_set_status", {1: ("node", "bytes"), 2: ("change", "enum")}),
    24: ("telemetry_report", {1: ("silent", ["bytes"]), 2: ("heard", ["bytes"])}),
    25: ("node_benchmark", {1: ("node", "bytes"), 2: ("seed", "bytes"), 3: ("ratings", [RATING])}),
    26: ("telemetry_aggregate", {1: ("epoch", "u64"), 2: ("raw_hash", "bytes"), 3: ("entries", [
        {1: ("node", "bytes"), 2: ("beats", "u32"), 3: ("p50_ms", "u32"), 4: ("p90_ms", "u32"), 5: ("p99_ms", "u32")}])}),
    27: ("node_attest", {1: ("node", "bytes"), 2: ("aspect", "u32"), 3: ("claim", "bytes"), 4: ("valid_ms", "u64")}),
    28: ("attestor_set", {1: ("account", "bytes"), 2: ("present", "bool")}),
    50: ("reserve_join", {1: ("node", "bytes"), 2: ("amount", "u64"), 3: ("window_ms", "u64")}),
    51: ("reserve_leave", {1: ("node", "bytes")}),
    30: ("job_submit", {1: ("client_id", "text"), 2: ("spec", SPEC)}),
    31: ("job_cancel", {1: ("job", "bytes")}),
    32: ("job_raise", {1: ("job", "bytes"), 2: ("budget", "u64"), 3: ("max_price", "u64")}),
    40: ("acknowledge", ONLY_CONTRACT),
    41: ("decline", ONLY_CONTRACT),
    42: ("start", {1: ("contract", "bytes"), 2: ("node", "bytes")}),
    43: ("progress", {1: ("entries", [{1: ("contract", "bytes"), 2: ("run_ms", "u64"), 3: ("node", "bytes")}])}),
    44: ("complete", {1: ("contract", "bytes"), 2: ("run_ms", "u64"), 3: ("result_hash", "bytes"), 4: ("outputs", ["bytes"]),
                      5: ("proof_hash", "bytes")}),
    45: ("fail", {1: ("contract", "bytes"), 2: ("run_ms", "u64"), 3: ("reason", "u32"), 4: ("report_hash", "bytes")}),
    46: ("accept", ONLY_CONTRACT),
    47: ("host_done", {1: ("contract", "bytes"), 2: ("node", "bytes"), 3: ("report_hash", "bytes")}),
    60: ("parameter_set", {1: ("parameter", "u32"), 2: ("value", "u64")}),
}
BODY = {1: ("chain_id", "text"), 2: ("sequence", "u64"), 3: ("expires_at_ms", "u64")}
BODY.update(OPERATIONS)
SIGNED = {1: ("body", "bytes"), 2: ("public_key", "bytes"), 3: ("signature", "bytes")}
LIMIT = {"u32": 2**32, "u64": 2**64, "bool": 2, "enum": 2**31}


class NotCanonical(Exception):
    pass


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise NotCanonical
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if byte == 0 and shift:
                raise NotCanonical  # longer than need be
            if value >= 2**64:
                raise NotCanonical
            return value, at
        shift += 7


def empty(schema):
    out = {}
    for name, kind in schema.values():
        if isinstance(kind, list):
            out[name] = []
        elif isinstance(kind, dict):
            out[name] = None
        else:
            out[name] = {"text": "", "bytes": b""}.get(kind, 0)
    return out


def read_value(kind, wire_type, data, at):
    if isinstance(kind, str) and kind in LIMIT:
        if wire_type != 0:
            raise NotCanonical
        value, at = read_varint(data, at)
        # A negative enumerator is ten bytes on the wire; proto3 keeps it.
        if value >= LIMIT[kind] and not (kind == "enum" and value >= 2**64 - 2**31):
            raise NotCanonical
        return value, at
    if wire_type != 2:
        raise NotCanonical
    length, at = read_varint(data, at)
    if at + length > len(data):
        raise NotCanonical
    piece = data[at:at + length]
    if isinstance(kind, dict):
        return read_message(kind, piece), at + length
    if kind == "text":
        try:
            return piece.decode(), at + length
        except UnicodeDecodeError:
            raise NotCanonical from None
    return piece, at + length


def read_message(schema, data):
    """One meaning has one encoding: fields in order of numbers, defaults absent, nothing unknown, lists of numbers packed."""
    out = empty(schema)
    at = last = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if number not in schema or number < last:
            raise NotCanonical
        name, kind = schema[number]
        if isinstance(kind, list) and isinstance(kind[0], str) and kind[0] in LIMIT:
            if number == last or wire_type != 2:
                raise NotCanonical
            length, at = read_varint(data, at)
            end = at + length
            if end > len(data) or length == 0:
                raise NotCanonical
            while at < end:
                value, at = read_value(kind[0], 0, data, at)
                out[name].append(value)
            if at != end:
                raise NotCanonical
        elif isinstance(kind, list):
            value, at = read_value(kind[0], wire_type, data, at)
            out[name].append(value)
        else:
            if number == last:
                raise NotCanonical
            value, at = read_value(kind, wire_type, data, at)
            if not isinstance(kind, dict) and not value:
                raise NotCanonical  # a default value is absent
            out[name] = value
        last = number
    return out


def fill(schema, message):
    """A message that is absent means the same as an empty one."""
    message = empty(schema) if message is None else message
    for name, kind in schema.values():
        if isinstance(kind, dict):
            message[name] = fill(kind, message[name])
    return message


def tagged(tag, data):
    return hashlib.sha256(bytes([len(tag)]) + tag.encode() + data).digest()


def account_of(public_key):
    return tagged("starminer/account/1", public_key)[:20]


def derived_id(what, parent, number):
    return tagged(f"starminer/{what}/1", parent + number.to_bytes(8, "big"))[:20]


def polymod(values):
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1ffffff) << 5 ^ value
        for bit, generator in enumerate((0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)):
            check ^= generator if top >> bit & 1 else 0
    return check


def text_of(prefix, identity):
    """Bech32m (BIP 350) of an id of 20 bytes."""
    number = int.from_bytes(identity, "big")
    data = [number >> shift & 31 for shift in range(155, -1, -5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + data + [0] * 6) ^ 0x2bc830a3
    return prefix + "1" + "".join(CHARSET[v] for v in data + [check >> 5 * (5 - i) & 31 for i in range(6)])


D = -121665 * pow(121666, -1, PRIME) % PRIME


def add(p, q):
    """Points of the curve -x^2 + y^2 = 1 + D x^2 y^2 (RFC 8032 section 5.1)."""
    a, b = p[0] * q[1] % PRIME, p[1] * q[0] % PRIME
    c = D * a * b % PRIME
    return ((a + b) * pow(1 + c, -1, PRIME) % PRIME, (p[1] * q[1] + p[0] * q[0]) * pow(1 - c, -1, PRIME) % PRIME)


@functools.lru_cache(maxsize=None)
def is_sound_point(key):
    """A canonical point of the large subgroup, not the identity."""
    number = int.from_bytes(key, "little")
    y, sign = number & (2**255 - 1), number >> 255
    if y >= PRIME:
        return False
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if x * x % PRIME != square or (x == 0 and sign):
        return False
    point, result, times = (x if x & 1 == sign else PRIME - x, y), (0, 1), ORDER
    if point == (0, 1):
        return False
    while times:
        if times & 1:
            result = add(result, point)
        point = add(point, point)
        times >>= 1
    return result == (0, 1)


class Transaction:
    """What passed: account, sequence, expiry, the operation's number, name and fields."""

    def __init__(self, data, chain_id):
        """Raises Refused for bytes that are no transaction."""
        if len(data) > BYTES_MAX:
            raise Refused(TOO_LARGE)
        try:
            signed = read_message(SIGNED, data)
            body = read_message(BODY, signed["body"])
        except NotCanonical:
            raise Refused(MALFORMED) from None
        numbers = [number for number, (name, _) in OPERATIONS.items() if body[name] is not None]
        if len(numbers) > 1:
            raise Refused(MALFORMED)
        if body["chain_id"] != chain_id:
            raise Refused(WRONG_CHAIN)
        if not numbers:
            raise Refused(UNKNOWN_OPERATION)
        if numbers[0] == 5:
            raise Refused(PROPOSER_ONLY)
        self.check_signature(signed)
        self.account = account_of(signed["public_key"])
        self.sequence = body["sequence"]
        self.expires = body["expires_at_ms"]
        self.number = numbers[0]
        self.name, schema = OPERATIONS[self.number]
        self.operation = fill(schema, body[self.name])

    @staticmethod
    def check_signature(signed):
        key, signature = signed["public_key"], signed["signature"]
        if len(key) != 32 or not is_sound_point(key):
            raise Refused(BAD_KEY)
        if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= ORDER:
            raise Refused(BAD_SIGNATURE)
        tag = b"starminer/tx/1"
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, bytes([len(tag)]) + tag + signed["body"])
        except InvalidSignature:
            raise Refused(WRONG_SIGNATURE if is_sound_point(signature[:32]) else BAD_SIGNATURE) from None


class Refused(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code
