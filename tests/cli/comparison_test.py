#!/usr/bin/python3
"""Results compared and audits repeated by hand: every flag and every mistake of `starminer evidence` compare, segments,
draw, bond and product.
REQ: VER-1, VER-4

Usage: comparison_test.py --bin DIR [unittest arguments]
"""

import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "comparison"
PROGRAMS = pathlib.Path(sys.argv[2]).resolve() if sys.argv[1:2] == ["--bin"] else None
FORWARD, BACKWARD = "product_forward.npy", "product_backward.npy"
ACTIVATIONS = "activations:71x96:7"
JOB = "j1c9qfckl3yjv6ucpa6g9uv6nq9cd0k05q58da6x"
PROVIDER = "sm1drnrcp9zhsqy22nkz3fwlavmmtt5cqg9gm6jmn"
SEEDS = [argument for i in range(4) for argument in ("--seed", f"{i:064x}")]


class ComparisonCase(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="starminer-comparison-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def run_cli(self, *arguments, code):
        done = subprocess.run([PROGRAMS / "starminer", "evidence", *map(str, arguments)], cwd=VECTORS, text=True,
                              capture_output=True, env={"LC_ALL": "C.UTF-8", "HOME": str(self.folder)})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def found(self, *arguments, code=0):
        return json.loads(self.run_cli(*arguments, "--json", code=code).stdout)

    def fails(self, *arguments, code=2, says):
        error = self.run_cli(*arguments, code=code).stderr
        for part in says:
            self.assertIn(part, error)

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


class CompareTest(ComparisonCase):
    def compared(self, comparator, *arguments, code=0):
        return self.found("compare", "--comparator", comparator, *arguments, code=code)

    def test_floats_of_two_orders(self):
        row = self.compared("exact", FORWARD, BACKWARD, "--form", "npy", code=8)
        self.assertEqual((row["outcome"], row["reason"], row["compared"]), ("differ", "element_differs", 48 * 48))
        measured = self.compared("ulp(0)", FORWARD, BACKWARD, code=8)
        self.assertEqual(measured["claimed"]["form"], "npy")
        self.assertEqual(measured["differing"], row["differing"])
        first = measured["first"]
        values = [struct.unpack_from("<f", (VECTORS / name).read_bytes(), 128 + 4 * first["index"])[0]
                  for name in (FORWARD, BACKWARD)]
        bits = [struct.unpack("<f", struct.pack("<I", int(first[side], 16)))[0] for side in ("claimed", "recomputed")]
        self.assertEqual(values, bits)
        within = self.compared(f"ulp({measured['largest']})", FORWARD, BACKWARD)
        self.assertEqual((within["outcome"], within["reason"], within["first"]), ("agree", "within_tolerance", None))
        self.compared(f"ulp({measured['largest'] - 1})", FORWARD, BACKWARD, code=8)

    def test_text_says_what_was_found(self):
        text = self.run_cli("compare", "--comparator", "ulp(0)", FORWARD, BACKWARD, code=8).stdout
        for part in ("ulp(0)", "npy  sha256 ", "representable values apart", "First", "claimed 0x",
                     "further away than the comparator allows [distance_exceeded]"):
            self.assertIn(part, text)
        text = self.run_cli("compare", "--comparator", "mse_max(1)", "colour8.png", "colour8_close.png", code=0).stdout
        for part in ("squared in all, 1 at most on one sample", "[within_tolerance]"):
            self.assertIn(part, text)

    def test_the_digest_is_for_everybody(self):
        row = self.compared("ulp(0)", FORWARD, BACKWARD, code=8)
        self.assertEqual(row["claimed"]["sha256"], hashlib.sha256((VECTORS / FORWARD).read_bytes()).hexdigest())
        self.assertEqual(row["digest"], self.compared("ulp(0)", FORWARD, BACKWARD, code=8)["digest"])
        self.assertEqual(row["digest"], self.digest_by_hand(row))
        self.assertNotEqual(row["digest"], self.compared("ulp(1)", FORWARD, BACKWARD, code=8)["digest"])

    @staticmethod
    def digest_by_hand(row):
        """Of docs/formats/verdict.md, for a verdict without classes."""
        def text(value):
            return struct.pack(">I", len(value)) + value.encode()
        reasons = {"distance_exceeded": 12}
        record = text(row["comparator"]) + text(row["claimed"]["form"]) + text(row["recomputed"]["form"])
        record += bytes.fromhex(row["claimed"]["sha256"]) + bytes.fromhex(row["recomputed"]["sha256"]) + bytes(64)
        record += bytes([reasons[row["reason"]]])
        record += struct.pack(">7Q", *(row[name] for name in ("compared", "differing", "beyond", "largest", "squared_error",
                                                               "mean_hundredths", "median_hundredths")))
        first = row["first"]
        record += b"\1" + struct.pack(">4Q", first["group"], first["index"], int(first["claimed"], 16),
                                      int(first["recomputed"], 16))
        tag = b"starminer/verification/verdict/1"
        return hashlib.sha256(bytes([len(tag)]) + tag + record).hexdigest()

    def test_pictures(self):
        row = self.compared("mse_max(1)", "colour8.png", "colour8_close.png")
        self.assertEqual(row["squared_error"], row["differing"])
        self.assertEqual(self.compared("mse_max(0)", "colour8.png", "colour8_close.png", code=8)["reason"], "error_exceeded")
        self.assertEqual(self.compared("exact", "colour8.png", "colour8.ppm", code=8)["reason"], "length_differs")
        same = self.compared("exact", "colour8.png", "colour8.ppm", "--form", "png", "--recomputed-form", "pnm")
        self.assertEqual(same["reason"], "identical")
        samples = self.compared("mse_max(0)", "grey8.samples", "grey8.samples", "--form", "raw:u8:23x29")
        self.assertEqual(samples["compared"], 23 * 29)

    def test_tokens(self):
        answer = self.file("answer.tokens", "0 1 2 3\n4 5\n")
        other = self.file("other.tokens", "0 1 2 3\n4 6\n")
        row = self.compared("token-wise", answer, other, code=8)
        self.assertEqual((row["reason"], row["first"]["group"], row["first"]["index"]), ("token_differs", 1, 1))
        self.assertIn("1, 1: claimed 0x5, recomputed 0x6",
                      self.run_cli("compare", "--comparator", "token-wise", answer, other, code=8).stdout)
        line = self.file("line.tokens", "0 1 2 3 4 5\n")
        flat = self.file("flat", struct.pack("<6H", *range(6)))
        self.compared("token-wise", line, flat, "--form", "tokens", "--recomputed-form", "raw:u16")

    def test_toploc(self):
        proofs = ["activations.proofs"]
        form = ["--recomputed-form", ACTIVATIONS]
        self.assertEqual(self.compared("toploc(0,0,0)", *proofs, "activations.bf16", *form)["reason"], "identical")
        near = self.compared("toploc(38,1000,800)", *proofs, "activations_other.bf16", *form)
        self.assertEqual(near["reason"], "within_tolerance")
        text = self.run_cli("compare", "--comparator", "toploc(38,1000,800)", *proofs, "activations_wrong.bf16", *form,
                            code=8).stdout
        self.assertIn("exponents differ, mantissas by", text)
        self.fails("compare", "--comparator", "toploc(38,1000,800)", *proofs, "activations.bf16",
                   says=["activations.bf16 must be said", "activations:300x4096:44"])

    def test_a_container_reports(self):
        image = "ab" * 32
        hashes = [hashlib.sha256((VECTORS / name).read_bytes()).hexdigest() for name in (FORWARD, BACKWARD)]
        report = self.file("report", f"image {image}\nclaimed {hashes[0]}\nrecomputed {hashes[1]}\n"
                                     "verdict agree\ncompared 2304\nbeyond 0\n")
        comparator = f"container({image})"
        row = self.compared(comparator, FORWARD, BACKWARD, "--report", report)
        self.assertEqual((row["reason"], row["compared"]), ("reported_equal", 2304))
        self.assertEqual(self.compared(comparator, FORWARD, BACKWARD, code=2)["reason"], "report_missing")
        self.assertEqual(self.compared(comparator, BACKWARD, FORWARD, "--report", report, code=2)["reason"], "report_unfit")
        self.fails("compare", "--comparator", "exact", FORWARD, BACKWARD, "--report", report, says=["--report is for container"])
        self.fails("compare", "--comparator", comparator, FORWARD, BACKWARD, "--report", "none", code=5, says=["no file none"])

    def test_classes_that_differ_leave_no_verdict(self):
        classes = ["--class", "sm_90/cuda-12.4/-/-", "--recomputed-class", "sm_80/cuda-12.4/-/-"]
        row = self.compared("exact", FORWARD, BACKWARD, *classes, code=2)
        self.assertEqual((row["outcome"], row["reason"]), ("not_comparable", "class_differs"))
        self.assertEqual(row["recomputed"]["numeric_class"], "sm_80/cuda-12.4/-/-")
        self.assertEqual(self.compared("exact", FORWARD, FORWARD, *classes)["reason"], "identical")
        self.assertEqual(self.compared("ulp(0)", FORWARD, BACKWARD, *classes, code=8)["outcome"], "differ")
        self.assertIn("class_differs", self.run_cli("compare", "--comparator", "exact", FORWARD, BACKWARD, *classes,
                                                    code=2).stdout)

    def test_malformed_artifacts(self):
        bad = self.file("bad.npy", (VECTORS / FORWARD).read_bytes()[:-1])
        row = self.compared("ulp(4)", bad, FORWARD, code=8)
        self.assertEqual(row["reason"], "claimed_malformed")
        self.assertIn("48x48", row["detail"])
        self.assertEqual(self.compared("ulp(4)", FORWARD, bad, code=2)["reason"], "recomputed_malformed")
        self.assertEqual(self.compared("mse_max(4)", FORWARD, FORWARD, code=2)["reason"], "comparator_unfit")
        self.assertIn("Fortran", self.compared("ulp(4)", "fortran.npy", FORWARD, code=8)["detail"])

    def test_wrong_use_is_explained(self):
        for comparator in ("ulp", "ulp(04)", "ulp( 4)", "psnr(30)", "toploc(1,2)"):
            self.fails("compare", "--comparator", comparator, FORWARD, BACKWARD, says=[comparator, "ulp(K)", "quotes"])
        self.fails("compare", FORWARD, BACKWARD, says=["--comparator"])
        self.fails("compare", "--comparator", "exact", FORWARD, says=["RECOMPUTED is missing"])
        self.fails("compare", "--comparator", "exact", FORWARD, "none.npy", code=5, says=["there is no file none.npy"])
        self.fails("compare", "--comparator", "exact", self.folder, FORWARD, says=["it is no file with content"])
        self.fails("compare", "--comparator", "ulp(1)", "activations.bf16", "activations.bf16", says=["must be said", "raw:f32"])
        self.fails("compare", "--comparator", "ulp(1)", FORWARD, BACKWARD, "--form", "raw:f31", says=["raw:f31", "bf16"])
        self.fails("compare", "--comparator", "ulp(1)", FORWARD, BACKWARD, "--recomputed-form", "csv", says=["csv"])
        self.fails("compare", "--comparator", "exact", FORWARD, BACKWARD, "--class", "H100", says=["H100", "sm_90/cuda-12.4"])
        self.fails("compare", "--comparator", "exact", FORWARD, BACKWARD, "--recomputed-class", "a/b/c/d", says=["a/b/c/d"])


class SegmentsTest(ComparisonCase):
    @staticmethod
    def lines(count, changed=None):
        def digest(text):
            return hashlib.sha256(text.encode()).hexdigest()
        return "".join(f"{digest(f'in{i}')} - {digest(f'out{i}' if i != changed else 'else')} {100 + i}\n" for i in range(count))

    @staticmethod
    def root_by_hand(text):
        def root(leaves):
            if len(leaves) == 1:
                return hashlib.sha256(b"\0" + leaves[0]).digest()
            split = 1 << (len(leaves) - 1).bit_length() - 1
            return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()
        leaves = []
        for i, line in enumerate(text.splitlines()):
            *hashes, metered = line.split(" ")
            leaves.append(struct.pack(">Q", i) + b"".join(bytes(32) if h == "-" else bytes.fromhex(h) for h in hashes) +
                          struct.pack(">Q", int(metered)))
        return root(leaves).hex()

    def test_the_root_is_that_of_the_standard(self):
        for count in (1, 2, 5, 400):
            text = self.lines(count)
            found = self.found("segments", self.file("list", text))
            self.assertEqual(found["root"], self.root_by_hand(text))
            self.assertEqual(found["segments"], count)
            self.assertEqual(found["metered_ms"], sum(range(100, 100 + count)))
            self.assertIsNone(found["seal"])

    def test_where_two_lists_part(self):
        one, other = self.file("one", self.lines(9)), self.file("other", self.lines(9, changed=6))
        self.assertEqual(self.found("segments", one, other, code=8)["first_parting"], 6)
        self.assertIn("part at segment 6", self.run_cli("segments", one, other, code=8).stdout)
        self.assertIsNone(self.found("segments", one, one)["first_parting"])
        text = self.run_cli("segments", one, one, code=0).stdout
        self.assertIn("both lists are the same", text)
        self.assertIn("9, 936 ms metered", text)

    def test_a_seal_needs_all_its_parts(self):
        one = self.file("one", self.lines(2))
        seal = ["--job", JOB, "--provider", PROVIDER, "--salt", "5a" * 32]
        found = self.found("segments", one, *seal)
        self.assertEqual(len(found["seal"]), 64)
        self.assertIn(found["seal"], self.run_cli("segments", one, *seal, code=0).stdout)
        self.assertNotEqual(found["seal"], self.found("segments", one, *seal[:-1], "5b" * 32)["seal"])
        self.fails("segments", one, "--job", JOB, says=["--job, --provider and --salt"])
        self.fails("segments", one, *seal[:-1], "5a", says=["--salt", "64 lower-case"])
        self.fails("segments", one, "--job", "x", *seal[2:], says=["\"x\" is no job"])
        self.fails("segments", one, *seal[:2], "--provider", "x", *seal[4:], says=["\"x\" is no address"])

    def test_wrong_lists_are_refused(self):
        for text in ("", "- - -\n", "- - - 01\n", "- - - 0"):
            self.fails("segments", self.file("bad", text), says=["is no list of segments"])
        self.fails("segments", "none", code=5, says=["there is no file none"])
        self.fails("segments", self.file("one", self.lines(1)), "none", code=5, says=["there is no file none"])


class DrawTest(ComparisonCase):
    def test_a_draw_is_repeated(self):
        base = ["draw", "--job", JOB, *SEEDS, "--segments", "400"]
        found = self.found(*base, "--drawn", "6")
        self.assertEqual([row["block"] for row in found["drawn"]], [2, 3, 4, 5, 2, 3])
        self.assertEqual(len({row["segment"] for row in found["drawn"]}), 6)
        self.assertEqual(found, self.found(*base, "--drawn", "6"))
        self.assertEqual([row["segment"] for row in self.found(*base, "--drawn", "3")["drawn"]],
                         [row["segment"] for row in found["drawn"]][:3])
        text = self.run_cli(*base, "--drawn", "5", code=0).stdout
        self.assertIn("commitment + 2", text)
        self.assertIn("5 of 400 segments; who skips a tenth of them is met with 34.", text)

    def test_credibility_says_how_many(self):
        base = ["draw", "--job", JOB, *SEEDS, "--segments", "400"]
        for more, count, rate in ((["--credibility", "0"], 400, 1_000_000), (["--credibility", "10"], 4, 100_000),
                                  (["--credibility", "10", "--rate", "50%"], 20, 500_000), (["--credibility", "999"], 2, 20_000)):
            found = self.found(*base, *more)
            self.assertEqual((len(found["drawn"]), found["rate_ppm"]), (count, rate))

    def test_wrong_use_is_explained(self):
        base = ["draw", "--job", JOB, *SEEDS]
        self.fails(*base, "--segments", "4", says=["--drawn, or --credibility"])
        self.fails(*base, "--segments", "4", "--drawn", "1", "--credibility", "3", says=["--drawn, or --credibility"])
        self.fails(*base, "--segments", "4", "--drawn", "1", "--rate", "3%", says=["--rate goes with --credibility"])
        self.fails(*base, "--segments", "4", "--credibility", "1", "--rate", "101%", says=["100"])
        self.fails(*base, "--segments", "4", "--drawn", "5", says=["5 of 4"])
        self.fails(*base, "--segments", "0", "--drawn", "0", says=["0 segments"])
        self.fails(*base, "--segments", "16129", "--drawn", "1", says=["1 to 16128"])
        self.fails("draw", "--job", JOB, *SEEDS[:6], "--segments", "4", "--drawn", "1", says=["3 seeds", "2, 3, 4 and 5"])
        self.fails("draw", "--job", JOB, *SEEDS[:6], "--seed", "x", "--segments", "4", "--drawn", "1", says=["--seed \"x\""])
        self.fails("draw", "--job", "j1x", *SEEDS, "--segments", "4", "--drawn", "1", says=["j1x"])


class BondTest(ComparisonCase):
    def test_the_largest_bound_binds(self):
        found = self.found("bond", "--price", "1 AGPU", "--segments", "400", "--drawn", "4")
        self.assertEqual((found["whole_job"], found["segments"], found["targeted"]), ("312500000", "312500000", "0"))
        self.assertEqual(found["fee"], "3125000")  # 1.25 of the price of a segment
        self.assertEqual(found["solvency"], str(5 * 5 * 3_125_000))
        self.assertEqual((found["bond"], found["binds"], found["detection_ppm"]), ("312500000", "whole_job", 800_000))
        target = self.found("bond", "--price", "1 AGPU", "--segments", "400", "--drawn", "4", "--target", "0.1 AGPU")
        self.assertEqual((target["binds"], target["bond"]), ("targeted", str(100_000_000 * (4000 - 32) * 5 // (32 * 4) + 1)))
        dear = self.found("bond", "--price", "1 AGPU", "--segments", "4", "--drawn", "1")
        self.assertEqual(dear["binds"], "solvency")
        lazy = self.found("bond", "--price", "1 AGPU", "--lazy-value", "1 AGPU", "--segments", "400", "--drawn", "4")
        self.assertEqual((lazy["binds"], lazy["segments"]), ("segments", "1875000000"))

    def test_every_share_matters(self):
        base = ["bond", "--price", "1 AGPU", "--segments", "400", "--drawn", "4", "--value", "1 AGPU", "--target", "1 AGPU"]
        plain = self.found(*base)
        for flag, figure in ((["--detection", "50%"], "whole_job"), (["--judged-right", "50%"], "segments"),
                             (["--finder", "30%"], "targeted"), (["--restitution", "10%"], "solvency"),
                             (["--floor", "30%"], "solvency"), (["--trap", "2%"], "verifier_bond"),
                             (["--leak", "50%"], "verifier_bond"), (["--yearly-rate", "20%"], "challenge_bond"),
                             (["--window", "24h"], "challenge_bond"), (["--members", "11"], "wrong_majority_ppm"),
                             (["--dishonest", "30%"], "wrong_majority_ppm"), (["--fee", "0.1 AGPU"], "fee"),
                             (["--cost", "0.9 AGPU"], "segments")):
            self.assertNotEqual(self.found(*base, *flag)[figure], plain[figure], flag)
        self.assertEqual(plain["wrong_majority_ppm"], 57_920)  # 5.8 %

    def test_text_and_what_has_no_bond(self):
        text = self.run_cli("bond", "--price", "1 AGPU", "--segments", "400", "--drawn", "4", code=0).stdout
        for part in ("0.3125 AGPU, by the bound \"whole_job\"", "4 of 400 segments", "5 members err with 5.7920 %"):
            self.assertIn(part, text)
        none = self.found("bond", "--price", "1 AGPU", "--detection", "0%")
        self.assertEqual((none["bond"], none["binds"], none["whole_job"]), (None, None, None))
        self.assertIn("no bond is enough", self.run_cli("bond", "--price", "1 AGPU", "--detection", "0%", code=0).stdout)

    def test_wrong_use_is_explained(self):
        for more, says in ((["--price", "0 AGPU"], "zero"), (["--price", "x"], "x"),
                           (["--price", "1 AGPU", "--segments", "4", "--drawn", "5"], "5 of 4"),
                           (["--price", "1 AGPU", "--segments", "0", "--drawn", "0"], "0 of 0"),
                           (["--price", "1 AGPU", "--members", "4"], "4"), (["--price", "1 AGPU", "--members", "97"], "95"),
                           (["--price", "1 AGPU", "--cost", "2 AGPU"], "--cost"), (["--price", "1 AGPU", "--trap", "101%"], "100"),
                           ([], "--price")):
            self.fails("bond", *more, says=[says])


class ProductTest(ComparisonCase):
    MATRICES = ["left.npy", "right.npy"]
    SEED = ["--seed", "5f" * 32]

    def test_a_product_is_checked(self):
        found = self.found("product", *self.MATRICES, "product.npy", *self.SEED, "--rounds", "3")
        self.assertEqual(found, {"outcome": "right", "rounds": 3, "row": None})
        wrong = self.found("product", *self.MATRICES, "product_wrong.npy", *self.SEED, code=8)
        self.assertEqual(wrong, {"outcome": "wrong", "rounds": 1, "row": 17})
        self.assertIn("row 17 is wrong", self.run_cli("product", *self.MATRICES, "product_wrong.npy", *self.SEED, code=8).stdout)
        self.assertIn("passes 2 rounds with at most 2^-120",
                      self.run_cli("product", *self.MATRICES, "product.npy", *self.SEED, "--rounds", "2", code=0).stdout)

    def test_wrong_use_is_explained(self):
        self.fails("product", *self.MATRICES, "product.npy", says=["--seed"])
        self.fails("product", *self.MATRICES, "product.npy", "--seed", "5f", says=["--seed", "64 lower-case"])
        self.fails("product", *self.MATRICES, "product.npy", *self.SEED, "--rounds", "0", says=["0 rounds"])
        self.fails("product", *self.MATRICES, "product.npy", *self.SEED, "--rounds", "65", says=["1 to 64"])
        self.fails("product", *self.MATRICES, "none.npy", *self.SEED, code=5, says=["none.npy"])
        self.fails("product", *self.MATRICES, "grey8.png", *self.SEED, says=["grey8.png is no matrix"])
        self.fails("product", *self.MATRICES, FORWARD, *self.SEED, says=["floating-point"])
        self.fails("product", *self.MATRICES, "left.npy", *self.SEED, says=["m x n, n x k and m x k"])
        big = self.file("big.npy", self.npy("<i8", "(1, 1)", struct.pack("<q", 1 << 62)))
        self.fails("product", big, big, big, *self.SEED, says=["too large"])

    @staticmethod
    def npy(kind, shape, data):
        header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
