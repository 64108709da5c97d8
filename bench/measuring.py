"""What all parts of bench/run share: where the programs are, statistics, and the file of figures."""

import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from local_market import Failed, Market  # noqa: E402,F401


def cores():
    return len(os.sched_getaffinity(0))


class Build:
    """Where the measured programs were built."""

    folder = ROOT / "build" / "release"


def programs():
    return Build.folder / "bin"


def bench_program(name):
    return Build.folder / "bench" / "bin" / name


def quantile(values, q):
    """The value at a rank, without interpolation: one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def median(values):
    return statistics.median(values)


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_json(program, *arguments):
    """Runs a program of bench/ that prints one JSON object."""
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(program).name} {' '.join(map(str, arguments))} ended with {done.returncode}\n"
                     f"{done.stderr or done.stdout}")
    return json.loads(done.stdout)


class Figures:
    """name -> value, unit, reference, command, corpus."""

    def __init__(self, command):
        self.command = command
        self.table = {}

    def add(self, name, value, unit, corpus, reference=None, command=None):
        self.table[name] = {"value": round(value, 4), "unit": unit, "reference": reference and
                            {"name": reference[0], "value": round(reference[1], 4)},
                            "command": command or f"{self.command} --only {name}", "corpus": corpus}
        beside = f"   ({reference[0]}: {reference[1]:.4g})" if reference else ""
        say(f"  {name} = {value:.4g} {unit}{beside}")


def first_line(path, key):
    for line in pathlib.Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def describe_disk(folder):
    """File system and device of a folder, from the mount that is deepest on its way."""
    best = ("", "unknown", "unknown")
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        device, mount, kind = line.split()[:3]
        inside = str(folder) == mount or str(folder).startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best[0]):
            best = (mount, kind, device)
    return f"{best[1]} on {best[2]}"


def add_machine(figures, folder):
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = next((line.split("=", 1)[1].strip('"') for line in
                   pathlib.Path("/etc/os-release").read_text().splitlines() if line.startswith("PRETTY_NAME=")), "Linux")
    figures.add("machine_cores", cores(), "cores",
                f"{first_line('/proc/cpuinfo', 'model name')}; {system}, Linux {platform.release()}", command="nproc")
    figures.add("machine_memory_gib", memory_gib, "GiB", "physical memory", command="free -g")
    figures.add("machine_load_at_start", os.getloadavg()[0], "processes",
                "load average of the last minute before the run: above the number of cores, other work was running "
                "and times are longer than the project's own", command="uptime")
    figures.add("machine_disk", 1, "disk", f"{describe_disk(folder)}: temporary folder of the data",
                command="findmnt -T /var/tmp")
