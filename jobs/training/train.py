"""Trains a small character-level transformer on a text and proves that it learned.

Reads text.txt beside this file; writes weights.pt, loss.svg, sample.txt and metrics.json to --out.
Exit status: 0 goal met, 3 loss goal missed, 2 bad input.
The same text, seed, steps and kind of CPU give the same weights.
"""
import argparse
import hashlib
import json
import math
import os
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

GOAL_RATIO = 0.60  # of ln(vocabulary), the loss of a model that knows nothing
CONTEXT = 64
CHANNELS = 64
LAYERS = 3
HEADS = 4
NEIGHBOURS = 4  # characters that the first layer sees as one, so that common syllables need no attention
BATCH = 32
PEAK_RATE = 6e-3
WARMUP_STEPS = 40
HELD_OUT = 0.1  # the end of the text, never trained on
OPENING = 32  # characters that the samples go on from
EVALUATIONS = 40  # over the whole training
EVALUATION_WINDOWS = 160  # of CONTEXT characters, spread over the held-out part


def progress(done, total, note):
    print("@progress " + json.dumps({"done": done, "total": total, "unit": "step", "note": note}), flush=True)


class Text:
    """A text as numbers: the vocabulary is the sorted set of its characters."""

    def __init__(self, path):
        self.content = path.read_text(encoding="utf-8")
        self.characters = sorted(set(self.content))
        number = {c: i for i, c in enumerate(self.characters)}
        numbers = torch.tensor([number[c] for c in self.content], dtype=torch.long)
        split = int(len(numbers) * (1 - HELD_OUT))
        self.training, self.held_out = numbers[:split], numbers[split:]
        if len(self.held_out) <= CONTEXT:
            raise ValueError(f"{path} has {len(self.content)} characters; at least {CONTEXT * 11} are needed")

    def openings(self, count, length):
        """Starts of paragraphs in the held-out part, for the model to go on from."""
        held_out = self.decode(self.held_out.tolist())
        paragraphs = [p for p in held_out.split("\n\n")[1:] if len(p) > length] or [held_out]
        return [p[:length] for p in paragraphs[:: max(1, len(paragraphs) // count)][:count]]

    def encode(self, string):
        return [self.characters.index(c) for c in string]

    def decode(self, numbers):
        return "".join(self.characters[i] for i in numbers)


# Tensors are [batch, channels, time], and every matrix product is written as a convolution of width one: oneDNN does
# them at the full speed of a core, while the reference BLAS of Debian, behind nn.Linear and bmm, is 15 times slower.
# A dilation means nothing at width one, but with a single thread PyTorch hands only dilated ones of them to oneDNN.


def multiply(left, right):
    """The product of each pair of [group, rows, inner] and [group, inner, columns]."""
    groups, rows, inner = left.shape
    pixels = right.reshape(1, groups * inner, -1)
    return F.conv1d(pixels, left.reshape(groups * rows, inner, 1), groups=groups, dilation=2).view(groups, rows, -1)


class Linear(nn.Conv1d):
    def __init__(self, inputs, outputs, bias=True):
        super().__init__(inputs, outputs, 1, dilation=2, bias=bias)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(CHANNELS, 1))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-6) * self.scale


class Block(nn.Module):
    """One transformer layer: every character looks back at the earlier ones, then thinks on its own."""

    def __init__(self):
        super().__init__()
        self.attention_norm, self.thought_norm = Norm(), Norm()
        self.query_key_value = Linear(CHANNELS, 3 * CHANNELS, bias=False)
        self.attention_out = Linear(CHANNELS, CHANNELS, bias=False)
        self.thought_in = Linear(CHANNELS, 4 * CHANNELS)
        self.thought_out = Linear(4 * CHANNELS, CHANNELS)
        self.register_buffer("future", torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).triu(1), persistent=False)

    def attend(self, x):
        batch, _, length = x.shape
        heads = self.query_key_value(x).view(batch, 3, HEADS, CHANNELS // HEADS, length)
        query, key, value = (part.flatten(0, 1) for part in heads.unbind(dim=1))
        scores = multiply(query.transpose(1, 2), key) / math.sqrt(CHANNELS // HEADS)
        weights = scores.masked_fill(self.future[:length, :length], -math.inf).softmax(dim=2)
        seen = multiply(value, weights.transpose(1, 2))
        return self.attention_out(seen.reshape(batch, CHANNELS, length))

    def forward(self, x):
        x = x + self.attend(self.attention_norm(x))
        return x + self.thought_out(F.gelu(self.thought_in(self.thought_norm(x))))


class Transformer(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.character = nn.Embedding(vocabulary, CHANNELS)
        self.neighbours = nn.Conv1d(CHANNELS, CHANNELS, NEIGHBOURS)
        self.position = nn.Parameter(torch.zeros(CHANNELS, CONTEXT))
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = Norm()
        self.head = Linear(CHANNELS, vocabulary)
        nn.init.normal_(self.character.weight, std=0.5)
        nn.init.normal_(self.position, std=0.1)
        for block in self.blocks:
            for layer in (block.query_key_value, block.thought_in):
                nn.init.normal_(layer.weight, std=CHANNELS**-0.5)
            for layer in (block.attention_out, block.thought_out):
                nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * LAYERS))
            nn.init.zeros_(block.thought_in.bias)
            nn.init.zeros_(block.thought_out.bias)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, numbers):
        x = self.character(numbers).transpose(1, 2)
        x = x + self.neighbours(F.pad(x, (NEIGHBOURS - 1, 0))) + self.position[:, : numbers.shape[1]]
        return self.head(self.norm(self.blocks(x)))


def windows(numbers, starts):
    rows = torch.stack([numbers[s : s + CONTEXT + 1] for s in starts])
    return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def evaluate(model, numbers):
    starts = list(range(0, len(numbers) - CONTEXT, CONTEXT))
    if len(starts) > EVALUATION_WINDOWS:
        starts = starts[:: len(starts) // EVALUATION_WINDOWS][:EVALUATION_WINDOWS]
    losses = []
    for i in range(0, len(starts), BATCH):
        given, expected = windows(numbers, starts[i : i + BATCH])
        losses += F.cross_entropy(model(given), expected, reduction="none").mean(dim=1).tolist()
    return math.fsum(losses) / len(losses)


def train(model, text, steps, seed):
    """Returns two curves, of training and of held-out loss, as lists of (step, loss)."""
    chance = torch.Generator().manual_seed(seed)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))

    def rate(step):
        if step < WARMUP_STEPS:
            return (step + 1) / WARMUP_STEPS
        return 0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)))

    every = max(1, steps // EVALUATIONS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    trained, held_out = [], [(0, evaluate(model, text.held_out))]
    for step in range(1, steps + 1):
        starts = torch.randint(len(text.training) - CONTEXT, (BATCH,), generator=chance).tolist()
        given, expected = windows(text.training, starts)
        loss = F.cross_entropy(model(given), expected)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        trained.append((step, loss.item()))
        if not math.isfinite(trained[-1][1]):
            raise ArithmeticError(f"the loss became {trained[-1][1]} at step {step}; lower PEAK_RATE")
        if step % every == 0 or step == steps:
            held_out.append((step, evaluate(model, text.held_out)))
        if step % 10 == 0 or step == steps:
            progress(step, steps, f"loss {held_out[-1][1]:.2f}")
        if step % 100 == 0:
            print(f"step {step}: training loss {trained[-1][1]:.3f}, held-out loss {held_out[-1][1]:.3f}", flush=True)
    return trained, held_out


@torch.no_grad()
def write_on(model, text, openings, length, seed, temperature=0.6):
    """Goes on from openings of equal length, all at once."""
    chance = torch.Generator().manual_seed(seed)
    numbers = torch.tensor([text.encode(opening) for opening in openings])
    for _ in range(length):
        chances = (model(numbers[:, -CONTEXT:])[:, :, -1] / temperature).softmax(dim=1)
        numbers = torch.cat([numbers, torch.multinomial(chances, 1, generator=chance)], dim=1)
    return [text.decode(row) for row in numbers.tolist()]


def smoothed(curve, width):
    """Means over `width` neighbouring steps, one point for each."""
    groups = [curve[i : i + width] for i in range(0, len(curve), width)]
    return [(sum(s for s, _ in g) / len(g), sum(v for _, v in g) / len(g)) for g in groups]


class Chart:
    """The loss over the steps as an SVG that needs no script, no font file and no colour scheme of its reader."""

    WIDTH, HEIGHT = 960, 540
    LEFT, RIGHT, TOP, BOTTOM = 76, 172, 96, 64
    FONT = "font-family=\"'Inter','Helvetica Neue','DejaVu Sans',Arial,sans-serif\""
    INK, SOFT, GRID, TRAIN, HELD_OUT, GOAL = "#16202c", "#5b6875", "#e4e8ec", "#9db8d9", "#0b5fb0", "#c2571a"

    def __init__(self, steps, highest):
        self.steps, self.highest = steps, math.ceil(highest * 2 + 0.2) / 2
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" {self.FONT} role="img">',
            f'<rect width="{self.WIDTH}" height="{self.HEIGHT}" fill="#ffffff"/>',
        ]

    def x(self, step):
        return self.LEFT + (self.WIDTH - self.LEFT - self.RIGHT) * step / self.steps

    def y(self, loss):
        return self.TOP + (self.HEIGHT - self.TOP - self.BOTTOM) * (1 - loss / self.highest)

    def text(self, x, y, string, size=13, colour=SOFT, anchor="start", weight=400):
        place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}"'
        string = string.replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(f'<text {place} fill="{colour}" text-anchor="{anchor}">{string}</text>')

    def line(self, x0, y0, x1, y1, colour, width=1, dash=""):
        ends = f'x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
        self.parts.append(f'<line {ends} stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dash}"/>')

    def curve(self, points, colour, width):
        path = " ".join(f"{self.x(s):.1f},{self.y(v):.1f}" for s, v in points)
        shape = f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round" stroke-linecap="round"'
        self.parts.append(f'<polyline points="{path}" {shape}/>')

    def axes(self):
        right, bottom = self.WIDTH - self.RIGHT, self.y(0)
        for half in range(int(self.highest * 2) + 1):
            loss = half / 2
            self.line(self.LEFT, self.y(loss), right, self.y(loss), self.INK if half == 0 else self.GRID)
            if half % 2 == 0:
                self.text(self.LEFT - 12, self.y(loss) + 4.5, f"{loss:.0f}", anchor="end")
        rough = self.steps / 6
        unit = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
        spacing = next((unit * m for m in (1, 2, 5) if unit * m >= rough), unit * 10)
        for step in range(0, self.steps + 1, spacing):
            self.line(self.x(step), bottom, self.x(step), bottom + 5, self.INK)
            self.text(self.x(step), bottom + 22, f"{step:,}", anchor="middle")
        self.text((self.LEFT + right) / 2, self.HEIGHT - 16, "training step", anchor="middle")
        self.text(self.LEFT - 12, self.TOP - 14, "loss, nats per character", anchor="start")

    def level(self, loss, label, detail, colour):
        right = self.WIDTH - self.RIGHT
        self.line(self.LEFT, self.y(loss), right, self.y(loss), colour, 1.5, "5 5")
        self.text(right + 10, self.y(loss) - 2, label, colour=colour, weight=600)
        self.text(right + 10, self.y(loss) + 14, detail, 12, colour)

    def point(self, step, loss, label, detail, colour):
        self.parts.append(f'<circle cx="{self.x(step):.1f}" cy="{self.y(loss):.1f}" r="5" fill="{colour}"/>')
        self.text(self.x(step) + 10, self.y(loss) - 2, label, colour=colour, weight=600)
        self.text(self.x(step) + 10, self.y(loss) + 14, detail, 12, colour)

    def svg(self):
        return "\n".join([*self.parts, "</svg>", ""])


def draw(trained, held_out, chance_loss, steps, parameters):
    final = held_out[-1][1]
    chart = Chart(steps, max(chance_loss, max(v for _, v in trained)))
    chart.text(chart.LEFT - 12, 36, "A small transformer learns to write", 21, chart.INK, weight=700)
    facts = f"{parameters:,} parameters, {steps:,} steps; the text held out of training is the measure"
    chart.text(chart.LEFT - 12, 58, facts, 14)
    chart.axes()
    chart.level(chance_loss, f"pure guessing {chance_loss:.2f}", "ln(vocabulary)", chart.SOFT)
    goal = GOAL_RATIO * chance_loss
    chart.level(goal, f"goal {goal:.2f}", f"{GOAL_RATIO:.0%} of guessing", chart.GOAL)
    chart.curve(smoothed(trained, max(1, steps // 240)), chart.TRAIN, 1.5)
    chart.curve(held_out, chart.HELD_OUT, 2.5)
    chart.point(steps, final, f"held out {final:.2f}", f"{final / chance_loss:.0%} of guessing", chart.HELD_OUT)
    label = held_out[len(held_out) // 3] if len(held_out) > 6 else None
    if label:
        chart.text(chart.x(label[0]), chart.y(label[1]) + 34, "training batches", 13, "#6f8fb8", "middle", 600)
    return chart.svg()


def digest(tensors):
    """SHA-256 over names and values, the same for the same weights whatever the file around them."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(name.encode() + b"\0" + tensor.contiguous().numpy().tobytes())
    return total.hexdigest()


def write_results(out, model, text, curves, arguments):
    """No time goes into a file, so that two providers' results can be compared byte by byte."""
    trained, held_out = curves
    chance_loss, final = math.log(len(text.characters)), held_out[-1][1]
    parameters = sum(p.numel() for p in model.parameters())
    weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
    torch.save({"weights": weights, "characters": text.characters, "context": CONTEXT}, out / "weights.pt")
    (out / "loss.svg").write_text(draw(trained, held_out, chance_loss, arguments.steps, parameters), encoding="utf-8")
    samples = write_on(model, text, text.openings(4, OPENING), 480, arguments.seed)
    title = f"Each passage starts with {OPENING} characters that the model had never seen; it wrote the rest."
    (out / "sample.txt").write_text("\n\n* * *\n\n".join([title, *samples]) + "\n", encoding="utf-8")
    metrics = {
        "vocabulary": len(text.characters),
        "ln_vocabulary": round(chance_loss, 6),
        "training_loss": round(sum(v for _, v in trained[-50:]) / len(trained[-50:]), 6),
        "held_out_loss": round(final, 6),
        "ratio": round(final / chance_loss, 6),
        "goal_ratio": GOAL_RATIO,
        "goal_met": final < GOAL_RATIO * chance_loss,
        "steps": arguments.steps,
        "seed": arguments.seed,
        "parameters": parameters,
        "characters_seen": arguments.steps * BATCH * CONTEXT,
        "weights_sha256": digest(weights),
        "text_sha256": hashlib.sha256(text.content.encode()).hexdigest(),
    }
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    return metrics, samples


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="an existing folder for the results")
    parser.add_argument("--text", type=Path, default=Path(__file__).resolve().parent / "text.txt")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    if not 1 <= arguments.steps <= 1_000_000:
        parser.error(f"--steps is {arguments.steps}; choose 1 to 1000000")
    if not arguments.out.is_dir() or not os.access(arguments.out, os.W_OK):
        parser.error(f"--out {arguments.out} is not a folder that can be written")
    try:
        text = Text(arguments.text)
    except (OSError, ValueError) as problem:
        parser.error(f"--text: {problem}")
    return arguments, text


def main():
    started = time.monotonic()
    arguments, text = parse_arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True)
    model = Transformer(len(text.characters))
    chance_loss = math.log(len(text.characters))
    print(f"{len(text.content):,} characters, vocabulary {len(text.characters)}; pure guessing loses {chance_loss:.3f}")
    progress(0, arguments.steps, "starting")
    curves = train(model, text, arguments.steps, arguments.seed)
    metrics, samples = write_results(arguments.out, model, text, curves, arguments)
    print(f"\n{samples[0]}\n")
    outcome = f"held-out loss {metrics['held_out_loss']:.3f}, {metrics['ratio']:.1%} of pure guessing"
    print(f"{outcome}, after {time.monotonic() - started:.1f} s", flush=True)
    if not metrics["goal_met"]:
        print(f"the goal, below {GOAL_RATIO:.0%}, is missed; raise --steps", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
