#!/usr/bin/python3
"""Makes the files of this folder with programs that share no code with ours: NumPy, libpng, this script.

Usage: make.py [FOLDER]   needs python3-numpy, a C compiler and libpng-dev
"""

import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
FOLDER = FOLDER if FOLDER.is_dir() else FOLDER.parent
PRIME = 65_497
POINTS = 128
CHUNK = 32


def arrays():
    """The same product of two matrices in single precision, summed in two orders: what two honest devices give."""
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal((48, 48)).astype(np.float32) for _ in range(2))
    forward, backward = np.zeros((48, 48), np.float32), np.zeros((48, 48), np.float32)
    for k in range(48):
        forward += np.outer(a[:, k], b[k])
        backward += np.outer(a[:, 47 - k], b[47 - k])
    np.save(FOLDER / "product_forward.npy", forward)
    np.save(FOLDER / "product_backward.npy", backward)
    for name, value in (("scalar", np.float64(0.1)), ("line", np.arange(-3, 4, dtype=np.int16)),
                        ("half", np.array([[0.0, -0.0, 1.5], [np.inf, -np.inf, np.nan]], np.float16)),
                        ("big_endian", np.arange(6, dtype=">u4").reshape(2, 3)), ("truth", np.array([True, False])),
                        ("empty", np.zeros((0, 4), np.uint64)), ("fortran", np.asfortranarray(np.ones((2, 3))))):
        np.save(FOLDER / f"{name}.npy", value)
    with open(FOLDER / "version2.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(5, dtype=np.uint8), version=(2, 0))
    left, right = (rng.integers(-128, 128, (64, 32)).astype(np.int8), rng.integers(-128, 128, (32, 40)).astype(np.int8))
    product = left.astype(np.int32) @ right.astype(np.int32)
    np.save(FOLDER / "left.npy", left)
    np.save(FOLDER / "right.npy", right)
    np.save(FOLDER / "product.npy", product)
    product[17, 3] += 1
    np.save(FOLDER / "product_wrong.npy", product)


WRITER = r"""
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
/* raw samples on standard input -> FILE WIDTH HEIGHT DEPTH COLOUR INTERLACE, each row with the filter that packs best */
int main(int argc, char **argv) {
  unsigned width = atoi(argv[2]), height = atoi(argv[3]), depth = atoi(argv[4]), colour = atoi(argv[5]);
  FILE *file = fopen(argv[1], "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, 0, 0, 0);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_filter(png, 0, PNG_ALL_FILTERS);
  png_set_IHDR(png, info, width, height, depth, colour, atoi(argv[6]), 0, 0);
  size_t bytes = png_get_rowbytes(png, info);
  png_bytep *rows = malloc(height * sizeof *rows);
  for (unsigned y = 0; y < height; ++y) {
    rows[y] = malloc(bytes);
    if (fread(rows[y], 1, bytes, stdin) != bytes) return 1;
  }
  png_set_rows(png, info, rows);
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, 0);
  return fclose(file) || argc != 7;
}
"""


def picture(channels, depth):
    """A smooth picture with some noise, so that every filter is the best one somewhere."""
    rng = np.random.default_rng(channels * 100 + depth)
    y, x, c = np.mgrid[0:23, 0:29, 0:channels]
    smooth = 0.5 + 0.25 * np.sin(x / 5 + c) + 0.2 * np.cos(y / 3 - x / 9)
    smooth[8:] = np.repeat(smooth[8:9], 15, axis=0)
    noise = rng.random(smooth.shape) * np.where(y > 17, 0.05, 0)
    return ((smooth + noise) * (2**depth - 1)).astype(">u2" if depth == 16 else np.uint8)


def pictures():
    """Each kind of PNG that is compared, by libpng, with its samples as they went in, big-endian."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "write"
        (program.with_suffix(".c")).write_text(WRITER)
        subprocess.run(["cc", "-O1", program.with_suffix(".c"), "-lpng", "-o", program], check=True)
        for name, channels, depth, colour in (("grey8", 1, 8, 0), ("grey16", 1, 16, 0), ("colour8", 3, 8, 2),
                                              ("colour16", 3, 16, 2), ("grey_alpha8", 2, 8, 4), ("alpha8", 4, 8, 6),
                                              ("alpha16", 4, 16, 6)):
            samples = picture(channels, depth)

            def write(stem, data, interlace=0):
                subprocess.run([program, FOLDER / f"{stem}.png", "29", "23", str(depth), str(colour), str(interlace)],
                               input=data.tobytes(), check=True)

            write(name, samples)
            (FOLDER / f"{name}.samples").write_bytes(samples.tobytes())
            if name == "colour8":
                write("interlaced", samples, 1)
                write("colour8_close", np.clip(samples.astype(int) + np.random.default_rng(3).integers(-1, 2, samples.shape),
                                               0, 255).astype(np.uint8))
                header = b"P6\n29 23\n255\n"
                (FOLDER / "colour8.ppm").write_bytes(header + samples.tobytes())


def interpolate(points):
    """Coefficients of the polynomial through all points, over the field: by Lagrange's formula, slow and obvious."""
    whole = [1]  # the product of (x - x_i)
    for x, _ in points:
        whole = [(low - x * high) % PRIME for low, high in zip([0, *whole], [*whole, 0])]
    result = [0] * len(points)
    for x, y in points:
        part, carry = [0] * len(points), 0
        for i in range(len(points), 0, -1):  # divide by (x - x_i)
            carry = (whole[i] + carry * x) % PRIME
            part[i - 1] = carry
        at = sum(c * pow(x, i, PRIME) for i, c in enumerate(part)) % PRIME
        scale = y * pow(at, -1, PRIME) % PRIME
        result = [(r + scale * c) % PRIME for r, c in zip(result, part)]
    return result


def toploc():
    """Activations of 71 tokens in bf16, the proofs of who computed them, and what a second device finds a little off."""
    rng = np.random.default_rng(2)
    values = (rng.standard_normal((71, 96)) * 3).astype(np.float32)

    def bf16(array):
        bits = array.astype(np.float32).view(np.uint32)
        return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype(np.uint16)

    own = bf16(values)
    own.tofile(FOLDER / "activations.bf16")
    bf16(values * (1 + rng.standard_normal(values.shape) * 0.004)).tofile(FOLDER / "activations_other.bf16")
    bf16(values * 1.5).tofile(FOLDER / "activations_wrong.bf16")
    proofs, starts = b"", [0, *range(7, 71, CHUNK)]
    for first, end in zip(starts, [*starts[1:], 71]):
        flat = own[first:end].reshape(-1)
        order = sorted(range(flat.size), key=lambda i: (-(int(flat[i]) & 0x7fff), i))[:POINTS]
        modulus = next(m for m in range(PRIME, 2**15, -1) if len({i % m for i in order}) == POINTS)
        coefficients = interpolate([(i % modulus, int(flat[i])) for i in order])
        proofs += struct.pack(">H128H", modulus, *coefficients)
    (FOLDER / "activations.proofs").write_bytes(proofs)


arrays()
pictures()
toploc()
