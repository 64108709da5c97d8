"""A whole market on this machine: one starminerd, provider agents, a requester's command line, each a real process.
Used by ./quickstart and by the tests that kill processes."""

import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

START_PATIENCE_S = 60


class Failed(Exception):
    """Something the user must know; the message says what to do."""


class Market:
    """The processes of one market and the folder they live in."""

    def __init__(self, programs, folder):
        self.programs = programs
        self.folder = folder
        self.processes = []
        self.url = ""

    def program(self, name):
        return str(self.programs / name)

    def start(self, name, arguments, log):
        """A long-running program, its log in the market's folder, so that an error can be read later."""
        stream = open(self.folder / log, "ab")
        process = subprocess.Popen([self.program(name), *arguments], stdout=stream, stderr=stream,
                                   start_new_session=True)
        self.processes.append((name, log, process))
        return process

    def run(self, name, *arguments, show=True, check=True):
        if show:
            print("$", name, *arguments, flush=True)
        done = subprocess.run([self.program(name), *arguments], env=self.environment(),
                              stdout=None if show else subprocess.PIPE, stderr=None if show else subprocess.PIPE)
        if check and done.returncode != 0:
            text = "" if show else (done.stderr or b"").decode(errors="replace")
            raise Failed(f"{name} {' '.join(arguments)} ended with {done.returncode}\n{text}")
        return done

    def json(self, name, *arguments):
        return json.loads(self.run(name, *arguments, show=False).stdout)

    def environment(self):
        return {**os.environ, "STARMINER_API_URL": self.url or "http://127.0.0.1:1",
                "STARMINER_KEY_FILE": str(self.folder / "requester.key.json"),
                "STARMINER_STATE_DIR": str(self.folder / "requester-state")}

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failed(f"{path}: {error.code} {error.read().decode(errors='replace')}") from error

    def wait_until(self, what, ready):
        end = time.monotonic() + START_PATIENCE_S
        while True:
            for name, log, process in self.processes:
                if process.poll() is not None:
                    tail = (self.folder / log).read_text(errors="replace")[-2000:]
                    raise Failed(f"{name} ended with {process.returncode}:\n{tail}")
            if ready():
                return
            if time.monotonic() > end:
                raise Failed(f"{what} took more than {START_PATIENCE_S} s; the logs are in {self.folder}")
            time.sleep(0.05)

    def stop(self):
        """Agents first, so that they say goodbye to a node that still listens."""
        for _, _, process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name, _, process in self.processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                print(f"{name} did not stop in 20 s and is killed", flush=True)
                process.kill()
                process.wait()

    def make_chain(self, preset, providers, parameters=()):
        """Data folder, genesis and agents' keys. Every provider begins with 10 AGPU for fees and its node's lock;
        `parameters` are NAME=VALUE."""
        funded = []
        for name in providers:
            address = self.json("starminer-provider", "address", "--json", *self.state_of(name))["address"]
            funded += ["--account", f"{address}=10 AGPU"]
        for parameter in parameters:
            funded += ["--parameter", parameter]
        self.run("starminerd", "init", "--data-dir", str(self.data), "--preset", preset, *funded, show=False)

    def start_node(self, port=0):
        (self.data / "api.url").unlink(missing_ok=True)
        process = self.start("starminerd", ["run", "--data-dir", str(self.data), "--api-listen", f"127.0.0.1:{port}"],
                             "starminerd.log")
        self.wait_until("starting starminerd", (self.data / "api.url").exists)
        self.url = (self.data / "api.url").read_text().strip()
        return process

    def set_up_provider(self, name, show=True):
        self.run("starminer-provider", "setup", "--provider-name", name, "--benchmark-quick", "--offer-ram-bytes",
                 str(4 << 30), "--offer-disk-bytes", str(8 << 30), *self.state_of(name), "--api-url", self.url, show=show)

    def start_provider(self, name):
        return self.start("starminer-provider", ["run", *self.state_of(name), "--api-url", self.url], f"{name}.log")

    def state_of(self, name):
        return ["--state-dir", str(self.folder / name)]

    @property
    def data(self):
        return self.folder / "node"

    def wait_for_nodes(self):
        self.wait_until("the nodes' first beat", lambda: all(
            node["status"] == "active" for node in self.get("/v1/nodes")["nodes"]))

    def jobs(self):
        address = self.json("starminer", "address", "--json")["address"]
        return self.get(f"/v1/jobs?requester={address}&limit=500")["jobs"]
