"""What cheating the market is worth: `starminer-sim attacks`, with its defences and without those that can be switched off."""

import json
import pathlib
import subprocess
import tempfile

from measuring import Failed, programs


def run(undefended=False, only=()):
    """What `starminer-sim attacks` writes; no names: all attacks."""
    with tempfile.TemporaryDirectory(prefix="starminer-bench-") as scratch:
        out = pathlib.Path(scratch) / "out.json"
        command = [str(programs() / "starminer-sim"), "attacks", "--json", str(out)] + (["--undefended"] if undefended else [])
        for name in only:
            command += ["--only", name]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}")
        return json.loads(out.read_text())


def merged(before, found):
    """A run of some attacks with those of an earlier run of the same worlds."""
    if any(before[of] != found[of] for of in ("seed", "seeds", "undefended")):
        raise Failed("the attacks in bench/quality.json are of other worlds: run all of them")
    return before | {"attacks": before["attacks"] | found["attacks"]}


def table(found):
    """Of the page: one line an attack."""
    lines = ["| attack | what is done | instead of | unit | honest | attacked | gain | spent, AGPU | bound | price of Standard | verdict | what stands against it |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for name, row in found["attacks"].items():
        start = f"| {name} | {row['attack']} | {row['control']} | {row['unit']} | "
        if "gain" not in row:
            lines.append(f"{start} | | | | | | {row['verdict']} | {row['defence']} |")
            continue
        verdict = row["verdict"] if row["verdict"] == "holds" else f"**{row['verdict']}**"
        price = f"{100 * row['price_change']:+.1f} %" if row["price_change"] else ""
        honest, attacked, gain = (round(row[of], 1) + 0.0 for of in ("honest", "attacked", "gain"))  # no "-0.0"
        spent = round(row["spent_agpu"], 2) + 0.0
        lines.append(f"{start}{honest:,.1f} | {attacked:,.1f} | {gain:+,.1f} ± {row['gain_error']:,.1f} | "
                     f"{spent:,.2f} | {row['bound']:,.2f} | {price} | {verdict} | {row['defence']} |")
    return "\n".join(lines)
