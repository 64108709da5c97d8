#!/usr/bin/python3
"""Vectors of the EVM's BN254 contracts from a slow, obvious reference: points are multiples of the generators by schoolbook
formulas over Python's integers, and what a product of pairings must be follows from those multiples alone.

Usage: derive.py           writes evm/bn256Add-own.json, evm/bn256ScalarMul-own.json, evm/bn256Pairing-own.json
       derive.py --check   says whether they are what this script writes; also proves the subgroup check by numbers
"""

import hashlib
import itertools
import json
import math
import pathlib
import sys

X = 4965661367192848881
P = 36 * X**4 + 36 * X**3 + 24 * X**2 + 6 * X + 1
R = P - 6 * X**2
FOLDER = pathlib.Path(__file__).resolve().parent / "evm"


class Fp2:
    """a + b * u with u * u = -1; b = 0 for the first group's coordinates."""

    def __init__(self, a, b=0):
        self.a, self.b = a % P, b % P

    def __eq__(self, other):
        return (self.a, self.b) == (other.a, other.b)

    def __add__(self, other):
        return Fp2(self.a + other.a, self.b + other.b)

    def __sub__(self, other):
        return Fp2(self.a - other.a, self.b - other.b)

    def __mul__(self, other):
        return Fp2(self.a * other.a - self.b * other.b, self.a * other.b + self.b * other.a)

    def inverse(self):
        norm = pow(self.a * self.a + self.b * self.b, -1, P)
        return Fp2(self.a * norm, -self.b * norm)

    def __pow__(self, exponent):
        power, base = Fp2(1), self
        while exponent:
            if exponent & 1:
                power = power * base
            base, exponent = base * base, exponent >> 1
        return power

    def root(self):
        """A square root, or None."""
        if self.b == 0:
            found = Fp2(pow(self.a, (P + 1) // 4, P))
            return found if found * found == self else None
        norm = Fp2(self.a * self.a + self.b * self.b).root()
        for sign in (1, -1):
            real = Fp2((self.a + sign * norm.a) * pow(2, -1, P)).root() if norm else None
            if real and real.a:
                found = Fp2(real.a, self.b * pow(2 * real.a, -1, P))
                if found * found == self:
                    return found
        return None


B1, B2 = Fp2(3), Fp2(3) * Fp2(9, 1).inverse()
G1 = (Fp2(1), Fp2(2))
G2 = (Fp2(0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
          0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2),
      Fp2(0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa,
          0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b))


def add(p, q):
    """Sum of two affine points; None is infinity."""
    if p is None or q is None:
        return p if q is None else q
    if p[0] == q[0]:
        if p[1] + q[1] == Fp2(0):
            return None
        slope = Fp2(3) * p[0] * p[0] * (p[1] + p[1]).inverse()
    else:
        slope = (q[1] - p[1]) * (q[0] - p[0]).inverse()
    x = slope * slope - p[0] - q[0]
    return x, slope * (p[0] - x) - p[1]


def multiply(p, scalar):
    total = None
    while scalar:
        if scalar & 1:
            total = add(total, p)
        p, scalar = add(p, p), scalar >> 1
    return total


def draw(label, below=R):
    """A number that anybody can draw again."""
    digest = b"".join(hashlib.sha256(f"{label}/{i}".encode()).digest() for i in range(2))
    return int.from_bytes(digest, "big") % below


def word(number):
    return f"{number:064x}"


def words1(p):
    return word(0) * 2 if p is None else word(p[0].a) + word(p[1].a)


def words2(q):
    return word(0) * 4 if q is None else "".join(word(n) for c in q for n in (c.b, c.a))


def twist_point(label):
    """A point of the twist, almost surely outside of the subgroup."""
    for tries in range(1000):
        x = Fp2(draw(f"{label}/x0/{tries}", P), draw(f"{label}/x1/{tries}", P))
        y = (x * x * x + B2).root()
        if y:
            return x, y


def additions():
    for i in range(8):
        p, q = (multiply(G1, draw(f"add/{i}/{name}")) for name in "pq")
        yield f"random_{i}", words1(p) + words1(q), words1(add(p, q))
    p = multiply(G1, draw("add/special"))
    minus = (p[0], Fp2(0) - p[1])
    yield "doubled", words1(p) * 2, words1(add(p, p))
    yield "opposite", words1(p) + words1(minus), words1(None)
    yield "plus_infinity", words1(p) + words1(None), words1(p)
    yield "infinity_plus", words1(None) + words1(p), words1(p)
    yield "short_input", words1(p), words1(p)
    yield "cut_coordinate", words1(None) + words1(p)[:-2], None if p[1].a & 0xff else words1(p)
    yield "long_input", words1(p) + words1(None) + "ff" * 7, words1(p)
    yield "off_curve", words1((p[0], p[0])) + words1(p), None
    yield "not_reduced", word(p[0].a + P if p[0].a + P < 2**256 else P) + word(p[1].a) + words1(p), None


def multiplications():
    p = multiply(G1, draw("multiply/p"))
    for name, scalar in (("zero", 0), ("one", 1), ("two", 2), ("r_minus_one", R - 1), ("r", R), ("r_plus_one", R + 1),
                         ("largest", 2**256 - 1), *((f"random_{i}", draw(f"multiply/{i}", 2**256)) for i in range(6))):
        yield name, words1(p) + word(scalar), words1(multiply(p, scalar % R))
    yield "of_infinity", words1(None) + word(5), words1(None)
    yield "short_input", words1(p), words1(None)
    yield "off_curve", words1((p[0], p[0])) + word(2), None


def product(pairs):
    """e(a * G1, b * G2) multiply to 1 where the sum of a * b is a multiple of r."""
    holds = sum(a * b for a, b in pairs) % R == 0
    return "".join(words1(multiply(G1, a)) + words2(multiply(G2, b)) for a, b in pairs), word(int(holds))


def pairings():
    for size in (1, 2, 3, 4, 6):
        pairs = [(draw(f"pair/{size}/{i}/a"), draw(f"pair/{size}/{i}/b")) for i in range(size)]
        yield f"random_{size}", *product(pairs)
        rest = -sum(a * b for a, b in pairs) % R
        closing = draw(f"pair/{size}/closing")
        yield f"closed_{size}", *product([*pairs, (rest * pow(closing, -1, R) % R, closing)])
    a, b = draw("pair/a"), draw("pair/b")
    yield "opposite", *product([(a, b), (R - a, b)])
    yield "same_twice", *product([(a, b), (a, b)])
    yield "swapped", *product([(a, b), (R - b, a)])
    yield "infinity_in_between", *product([(a, b), (0, b), (a, 0), (a, R - b)])
    good = words1(multiply(G1, a)) + words2(multiply(G2, b))
    outside = twist_point("pair/outside")
    cofactor = 2 * P - R
    for name, point in (("outside", outside), ("of_the_cofactor", multiply(outside, R)),
                        ("of_order_10069", multiply(outside, R * (cofactor // 10069))),
                        ("inside_plus_10069", add(multiply(outside, R * (cofactor // 10069)), multiply(G2, b)))):
        yield name, good + words1(G1) + words2(point), None
    yield "inside_by_cofactor", words1(None) + words2(multiply(outside, cofactor)), word(1)
    yield "minus_outside", words1(G1) + words2((outside[0], Fp2(0) - outside[1])), None
    yield "one_byte_short", good[:-2], None


def rows(vectors):
    for name, given, expected in vectors:
        yield {"Name": name, "Input": given, **({"ExpectedError": True} if expected is None else {"Expected": expected})}


def prove_subgroup_check():
    """pairing.cpp refuses what (6X + 2) + F - F^2 + F^3 does not send to infinity, F the Frobenius on the twist, which is a
    root of T^2 - (6X^2 + 1)T + P there. An order that the polynomial lets pass divides the resultant; as that has nothing
    in common with the cofactor, the order divides r."""
    trace, coefficients = 6 * X * X + 1, [6 * X + 2, 1, -1, 1]
    while len(coefficients) > 2:
        top = coefficients.pop()
        coefficients[-1] += top * trace
        coefficients[-2] -= top * P
    a, b = coefficients
    resultant = a * a + a * b * trace + b * b * P
    assert resultant % R == 0 and math.gcd(resultant, 2 * P - R) == 1
    assert ((6 * X + 2) + P - P**2 + P**3) % R == 0


def signed_digits(number):
    """-1, 0, 1, lowest first, no two beside each other that are not 0."""
    while number:
        digit = 2 - number % 4 if number & 1 else 0
        yield digit
        number = (number - digit) >> 1


def prove_loop_is_complete():
    """No point of the twist, whatever its order, meets itself, its opposite or infinity on the loop's way to (6X + 2) times
    it, which are the cases that the formulas leave out. An order is a product of these primes."""
    primes = (10069, 5864401, 1875725156269, 197620364512881247228717050342013327560683201906968909, R)
    assert math.prod(primes) == R * (2 * P - R)
    for order in (math.prod(some) for size in range(1, 6) for some in itertools.combinations(primes, size)):
        multiple, *digits = reversed(list(signed_digits(6 * X + 2)))
        for digit in digits:
            assert 2 * multiple % order
            multiple = 2 * multiple
            assert not digit or multiple % order not in (0, 1, order - 1)
            multiple += digit
        assert multiple == 6 * X + 2


def main():
    prove_subgroup_check()
    prove_loop_is_complete()
    differing = []
    for name, vectors in (("bn256Add", additions()), ("bn256ScalarMul", multiplications()), ("bn256Pairing", pairings())):
        path = FOLDER / f"{name}-own.json"
        text = json.dumps(list(rows(vectors)), indent=1) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif path.read_text() != text:
            differing.append(str(path))
    print(*(f"{path} is not what this script writes" for path in differing), sep="\n", end="\n" if differing else "")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
