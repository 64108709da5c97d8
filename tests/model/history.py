"""The two trees of docs/formats/encoding.md sections 3 and 4, from the bytes of rows and leaves, and what leaves hold."""

import hashlib

from rows import CONTRACTS, HASH, ID, JOBS, SCHEMAS, U16, U32, U64, read

RECEIPT, SETTLEMENT, ENDED_JOB = range(3)
LEAVES = {
    RECEIPT: [("transaction", HASH), ("height", U64), ("index", U32), ("account", ID), ("sequence", U64), ("operation", U16),
              ("code", U16), ("fee", U64), ("subject", "text")],
    SETTLEMENT: [("id", ID), ("row", SCHEMAS[CONTRACTS])],
    ENDED_JOB: [("id", ID), ("row", SCHEMAS[JOBS])],
}


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tagged(tag, data):
    return sha256(bytes([len(tag)]), tag.encode(), data)


def decode_leaf(leaf):
    """(type, members). A leaf that is longer or shorter than its fields is a fault of the corpus."""
    members, at = read(LEAVES[leaf[0]], leaf, 1)
    if at != len(leaf):
        raise ValueError(f"a leaf of type {leaf[0]} has {len(leaf)} bytes, its fields {at}")
    return leaf[0], members


class History:
    """Section 4: the hashes of complete subtrees, largest first, with their sizes."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        node, width = sha256(b"\0", leaf), 1
        while self.peaks and self.peaks[-1][0] == width:
            node, width = sha256(b"\1", self.peaks.pop()[1], node), 2 * width
        self.peaks.append((width, node))
        self.size += 1

    def root(self):
        if not self.peaks:
            return sha256()
        node = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            node = sha256(b"\1", left, node)
        return node


def state_root(rows):
    """Section 3: (table, key) -> bytes of the row."""
    leaves = []
    for (table, key), row in rows.items():
        path = tagged("starminer/row/1", bytes([table]) + key)
        leaves.append((path, sha256(b"\0", path, tagged("starminer/value/1", row))))
    leaves.sort()

    def root(first, last, depth):
        if first == last:
            return bytes(32)
        if last - first == 1:
            return leaves[first][1]
        middle = first
        while middle < last and not leaves[middle][0][depth // 8] >> (7 - depth % 8) & 1:
            middle += 1
        return sha256(b"\1", root(first, middle, depth + 1), root(middle, last, depth + 1))

    return root(0, len(leaves), 0)
