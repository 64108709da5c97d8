"""Fast checks of the example jobs with the system's own Blender and PyTorch: /usr/bin/python3 jobs/test_jobs.py"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}


def run(command, out):
    environment = {**ENVIRONMENT, "HOME": str(out)}
    return subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False)


def train(out, *options):
    return run(["/usr/bin/python3", "-P", str(HERE / "training/train.py"), "--out", str(out), *options], out)


def render(out, *options):
    blender = ["/usr/bin/blender", "--background", "--factory-startup", "--python-exit-code", "1"]
    return run([*blender, "--python", str(HERE / "rendering/render.py"), "--", "--out", str(out), *options], out)


def progress_lines(output):
    return [json.loads(line[len("@progress ") :]) for line in output.splitlines() if line.startswith("@progress ")]


def file_hashes(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir()) if p.is_file()}


def png_chunks(data):
    """The (kind, content) chunks; fails on a wrong signature, length or checksum."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG")
    at, found = 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        if check != zlib.crc32(kind + content):
            raise ValueError(f"chunk {kind} has a wrong checksum")
        found.append((kind, content))
        at += 12 + length
    return found


def png_pixels(data):
    """Width, height and the inflated rows of an 8-bit RGB PNG."""
    parts = png_chunks(data)
    width, height, depth, colour = struct.unpack(">IIBB", parts[0][1][:10])
    rows = zlib.decompress(b"".join(content for kind, content in parts if kind == b"IDAT"))
    if (depth, colour) != (8, 2) or len(rows) != height * (1 + 3 * width):
        raise ValueError(f"depth {depth}, colour {colour}, {len(rows)} bytes for {width} x {height}")
    return width, height, rows


class JobTest(unittest.TestCase):
    def folder(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        return Path(holder.name)

    def check_progress(self, output, total, unit):
        lines = progress_lines(output)
        self.assertEqual(lines[0]["done"], 0)
        self.assertEqual(lines[-1]["done"], total)
        self.assertEqual([line["done"] for line in lines], sorted(line["done"] for line in lines))
        self.assertTrue(all(line["total"] == total and line["unit"] == unit for line in lines))


class Training(JobTest):
    """REQ: SVC-1"""

    OUTPUTS = {"weights.pt", "loss.svg", "sample.txt", "metrics.json"}

    def test_short_run_writes_everything_and_says_that_the_goal_is_missed(self):
        out = self.folder()
        done = train(out, "--steps", "4")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("goal", done.stderr)
        self.assertEqual(self.OUTPUTS, set(file_hashes(out)))
        self.check_progress(done.stdout, 4, "step")
        metrics = json.loads((out / "metrics.json").read_text())
        self.assertFalse(metrics["goal_met"])
        self.assertAlmostEqual(metrics["ratio"], metrics["held_out_loss"] / metrics["ln_vocabulary"], places=4)
        ElementTree.parse(out / "loss.svg")
        self.assertGreater(len((out / "sample.txt").read_text()), 1000)

    def test_reaches_the_goal_in_a_tenth_of_the_job(self):
        out = self.folder()
        done = train(out, "--steps", "80")
        self.assertEqual(done.returncode, 0, done.stderr)
        metrics = json.loads((out / "metrics.json").read_text())
        self.assertTrue(metrics["goal_met"])
        self.assertLess(metrics["ratio"], metrics["goal_ratio"])

    def test_same_seed_gives_the_same_files_and_another_seed_others(self):
        first, second, other = self.folder(), self.folder(), self.folder()
        train(first, "--steps", "3", "--seed", "1")
        train(second, "--steps", "3", "--seed", "1")
        train(other, "--steps", "3", "--seed", "2")
        self.assertEqual(file_hashes(first), file_hashes(second))
        digests = [json.loads((out / "metrics.json").read_text())["weights_sha256"] for out in (first, other)]
        self.assertNotEqual(*digests)

    def test_bad_arguments_are_refused_with_their_name(self):
        out = self.folder()
        short = out / "short.txt"
        short.write_text("too short")
        for options, word in (
            (["--steps", "0"], "--steps"),
            (["--text", str(out / "missing.txt")], "--text"),
            (["--text", str(short)], "at least"),
        ):
            done = train(out, *options)
            self.assertEqual(done.returncode, 2, options)
            self.assertIn(word, done.stderr)

    def test_text_is_plain(self):
        text = (HERE / "training/text.txt").read_text(encoding="ascii")
        self.assertIn("Alice was beginning to get very tired", text)
        self.assertIn("Life, what is it but a dream?", text)


class Rendering(JobTest):
    """REQ: SVC-3"""

    SMALL = ("--size", "64", "--samples", "4")

    def test_writes_frames_that_decode(self):
        out = self.folder()
        done = render(out, "--frames", "1", *self.SMALL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_progress(done.stdout, 1, "frame")
        self.assertEqual({"frame_0001.png", "sheet.png", "loop.png"}, set(file_hashes(out)))
        width, height, rows = png_pixels((out / "frame_0001.png").read_bytes())
        self.assertEqual((width, height), (64, 36))
        self.assertGreater(len(set(rows)), 60, "the picture has hardly any tones")

    def test_same_arguments_give_the_same_files_and_frames_differ(self):
        first, second = self.folder(), self.folder()
        for out in (first, second):
            self.assertEqual(render(out, "--frames", "2", *self.SMALL).returncode, 0)
        self.assertEqual(file_hashes(first), file_hashes(second))
        frames = [png_pixels((first / f"frame_000{i}.png").read_bytes())[2] for i in (1, 2)]
        self.assertNotEqual(*frames)
        kinds = [kind for kind, _ in png_chunks((first / "loop.png").read_bytes())]
        self.assertEqual(kinds, [b"IHDR", b"acTL", b"fcTL", b"IDAT", b"fcTL", b"fdAT", b"IEND"])

    def test_bad_arguments_are_refused_with_their_name(self):
        out = self.folder()
        for option, value in (("--frames", "0"), ("--size", "63"), ("--samples", "3"), ("--out", str(out / "missing"))):
            done = render(out, option, value)
            self.assertEqual(done.returncode, 2, option)
            self.assertIn(option, done.stderr)
        self.assertEqual(file_hashes(out), {})


if __name__ == "__main__":
    needed = ("/usr/bin/blender", "/usr/lib/python3/dist-packages/torch")
    missing = [path for path in needed if not os.path.exists(path)]
    if missing:
        sys.exit(f"{', '.join(missing)} is missing; apt-get install blender python3-torch")
    unittest.main()
