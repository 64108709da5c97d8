"""Signed transactions made without any of the project's own code: keys, canonical protobuf, signature and addresses written
from docs/formats and proto/ alone, so that these tests do not share a mistake with the programs they test."""

import hashlib
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32M = 0x2bc830a3
VALID_MS = 60_000


def tagged(tag, data):
    """SHA-256 over a tag with its length in one byte, and the data (docs/formats/encoding.md section 2)."""
    return hashlib.sha256(bytes([len(tag)]) + tag.encode() + data).digest()


def polymod(values):
    generators = (0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3)
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1ffffff) << 5 ^ value
        for bit, generator in enumerate(generators):
            check ^= generator if top >> bit & 1 else 0
    return check


def address(account, prefix="sm"):
    """Bech32m text of an id of 20 bytes (BIP 350)."""
    number = int.from_bytes(account, "big")
    data = [number >> shift & 31 for shift in range(155, -1, -5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(expanded + data + [0] * 6) ^ BECH32M
    return prefix + "1" + "".join(CHARSET[v] for v in data + [check >> 5 * (5 - i) & 31 for i in range(6)])


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    """One protobuf field; default values are absent, as the canonical form demands."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value) if value else b""
    return varint(number << 3 | 2) + varint(len(value)) + value if value else b""


class Key:
    """An account that signs transfers."""

    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.account = tagged("starminer/account/1", self.public)[:20]
        self.address = address(self.account)

    def transfer(self, chain_id, sequence, to, amount):
        """The bytes of a signed transfer of AGPU (in 10^-9) that is valid for a minute."""
        return self.transaction(chain_id, sequence, 10, field(1, to) + field(3, amount))

    def transaction(self, chain_id, sequence, number, operation):
        """The bytes of any signed operation: its number in TransactionBody and its encoding."""
        expires = int(time.time() * 1000) + VALID_MS
        body = field(1, chain_id.encode()) + field(2, sequence) + field(3, expires) + field(number, operation)
        tag = b"starminer/tx/1"
        signature = self.key.sign(bytes([len(tag)]) + tag + body)
        return field(1, body) + field(2, self.public) + field(3, signature)


def transaction_id(signed):
    return hashlib.sha256(signed).hexdigest()
