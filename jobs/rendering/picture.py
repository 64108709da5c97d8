"""Pictures as arrays of linear light [height, width, 3]: noise, glow, and the files that are made from them."""
import struct
import zlib
from pathlib import Path

import numpy as np

REACH = 5  # pixels to each side that the noise filter looks at
PATCH = 2  # pixels around two pixels that decide how alike they are
BRIGHTNESS = np.array([0.2126, 0.7152, 0.0722], np.float32)
STRICTNESS = 0.55  # lower keeps more detail and more noise


def box_mean(values, radius):
    """The mean over a square around each pixel of [height, width]; the border is repeated."""
    size = 2 * radius + 1
    padded = np.pad(values, ((radius + 1, radius), (radius + 1, radius)), mode="edge").astype(np.float64)
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    square = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return (square / size**2).astype(np.float32)


def denoise(first, second, features):
    """The mean of two independent renderings with their noise removed, by non-local means.

    The difference of the two tells how noisy each pixel is, so only differences beyond noise count as detail.
    `features` are noise-free pictures (colour of surface, direction of surface) whose edges are kept.
    """
    mean = (first + second) / 2
    tone, tone_first, tone_second = (np.log1p(4 * light @ BRIGHTNESS) for light in (mean, first, second))
    noise = box_mean((tone_first - tone_second) ** 2 / 4, 3)
    total = mean.copy()
    weights = np.ones(mean.shape[:2], np.float32)
    for down in range(REACH + 1):
        for right in range(-REACH, REACH + 1):
            if down == 0 and right <= 0:
                continue  # the pair is seen from its other side
            there = (-down, -right)

            def at(values):
                return np.roll(values, there, axis=(0, 1))

            noise_there = at(noise)
            expected = noise + noise_there
            apart = ((tone - at(tone)) ** 2 - expected) / (1e-5 + STRICTNESS**2 * expected)
            apart = box_mean(apart, PATCH)
            for feature, width in features:
                apart = np.maximum(apart, ((feature - at(feature)) ** 2).sum(axis=2) / width**2)
            alike = np.exp(-np.maximum(apart, 0))
            total += alike[:, :, None] * at(mean)
            weights += alike
            back = np.roll(alike, (down, right), axis=(0, 1))
            total += back[:, :, None] * np.roll(mean, (down, right), axis=(0, 1))
            weights += back
    return total / weights[:, :, None]


def glow(light):
    """What a lens adds: a soft halo around what is brighter than white, and a little shade in the corners."""
    height, width, _ = light.shape
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    bright = np.fft.rfft2(np.minimum(np.maximum(light - 0.9, 0), 12), axes=(0, 1))
    result = light.copy()
    for radius, amount in ((0.004, 0.16), (0.016, 0.10), (0.06, 0.10)):
        spread = np.exp(-2 * (np.pi * radius * width) ** 2 * (down**2 + right**2))
        result += amount * np.fft.irfft2(bright * spread[:, :, None], s=(height, width), axes=(0, 1)).astype(np.float32)
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    return result * (1 - 0.28 * np.clip((x**2 + y**2) / 2, 0, 1) ** 1.5)[:, :, None].astype(np.float32)


def sheet(pictures, columns):
    """All pictures at half size, side by side on black."""
    gap = 4
    small = [(p[0::2, 0::2] + p[1::2, 0::2] + p[0::2, 1::2] + p[1::2, 1::2]) / 4 for p in pictures]
    height, width, _ = small[0].shape
    rows = -(-len(small) // columns)
    page = np.zeros((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), np.float32)
    for i, picture in enumerate(small):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        page[top : top + height, left : left + width] = picture
    return page


def chunks(png):
    """The (kind, content) chunks of a PNG file's bytes."""
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def animation(frames, path, milliseconds):
    """Joins PNG files of one size and kind to an endless animated PNG, copying their compressed pixels as they are."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    out, sequence = [], 0
    for i, frame in enumerate(frames):
        parts = list(chunks(Path(frame).read_bytes()))
        header = next(content for kind, content in parts if kind == b"IHDR")
        pixels = b"".join(content for kind, content in parts if kind == b"IDAT")
        width, height = struct.unpack(">II", header[:8])
        if i == 0:
            out += [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"acTL", struct.pack(">II", len(frames), 0))]
        out.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, milliseconds, 1000, 0, 0)))
        sequence += 1
        if i == 0:
            out.append(chunk(b"IDAT", pixels))
        else:
            out.append(chunk(b"fdAT", struct.pack(">I", sequence) + pixels))
            sequence += 1
    Path(path).write_bytes(b"".join([*out, chunk(b"IEND", b"")]))
