"""One starminerd on this machine that is disturbed, and a witness beside it that remembers what it has acknowledged."""

import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import urllib.parse

from wire import Key, transaction_id

PATIENCE_S = 120
# One test asks more than a whole neighbourhood would.
NO_RATES = ("--api-read-rate", "1000000", "--api-transaction-rate", "1000000")
AMOUNT = 1_000
GRANT = 1000 * 10**9  # what each account holds in the genesis


class Broken(Exception):
    """A promise was not kept."""


class Node:
    """A data folder and the process that serves it."""

    def __init__(self, programs, folder):
        self.program = str(programs / "starminerd")
        self.folder = folder
        self.data = folder / "node"
        self.log = folder / "starminerd.log"
        self.process = None

    def init(self, keys):
        accounts = [argument for key in keys for argument in ("--account", f"{key.address}=1000 AGPU")]  # GRANT
        done = subprocess.run([self.program, "init", "--data-dir", str(self.data), "--preset", "dev", "--chain-id",
                               "durability", *accounts], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Broken(f"init: {done.stderr}")

    def wait_gone(self):
        """A tool may end before the process that it disturbed has let go of its files."""
        end = time.monotonic() + PATIENCE_S
        while self.process:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return
            if time.monotonic() > end:
                raise Broken("a killed starminerd does not go")
            time.sleep(0.002)

    def launch(self, wrapper=()):
        """Starts the process, perhaps below a tool that disturbs it; does not wait."""
        if self.process and self.process.poll() is not None:
            self.wait_gone()
        (self.data / "api.url").unlink(missing_ok=True)
        with open(self.log, "ab") as stream:
            self.process = subprocess.Popen(
                [*wrapper, self.program, "run", "--data-dir", str(self.data), "--api-listen", "127.0.0.1:0", *NO_RATES],
                stdout=stream, stderr=stream, start_new_session=True)

    def wait_ready(self):
        """True when it serves, False when it has ended before."""
        end = time.monotonic() + PATIENCE_S
        while not (self.data / "api.url").exists():
            if self.process.poll() is not None:
                return False
            if time.monotonic() > end:
                raise Broken(f"starminerd neither serves nor ends; log: {self.tail()}")
            time.sleep(0.005)
        return True

    def start(self):
        self.launch()
        if not self.wait_ready():
            raise Broken(f"starminerd does not start again: {self.tail()}")

    def connect(self):
        url = urllib.parse.urlsplit((self.data / "api.url").read_text().strip())
        return http.client.HTTPConnection(url.hostname, url.port, timeout=PATIENCE_S)

    def freeze(self):
        """No thread of the process runs any more when this returns; a signal alone does not wait for that."""
        os.kill(self.process.pid, signal.SIGSTOP)
        end = time.monotonic() + PATIENCE_S
        while any(thread_state(thread) != "T" for thread in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()):
            if time.monotonic() > end:
                raise Broken("a thread of starminerd does not stop")
            time.sleep(0.0005)

    def kill(self):
        """The whole group dies at once, tools included."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process:
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()

    def tail(self):
        return self.log.read_text(errors="replace")[-1500:]

    def snapshot(self, out):
        return subprocess.run([self.program, "snapshot", "create", "--data-dir", str(self.data), "--out", str(out)],
                              capture_output=True, text=True, check=False)

    def replay(self):
        done = subprocess.run([self.program, "replay", "--data-dir", str(self.data)], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise Broken(f"replay: {done.stdout}{done.stderr}")


class Witness:
    """Sends transfers and keeps every answer; a later node must still stand by each of them."""

    def __init__(self, count=2):
        self.keys = [Key(f"witness {number}") for number in range(count)]
        self.receiver = Key("receiver")
        self.sequence = [0] * count
        self.acknowledged = {}  # transaction id -> (height, index)
        self.sent = {}          # transaction id -> bytes whose fate is unknown
        self.refused = []       # answers that no healthy node gives
        self.found = 0          # so many of the acknowledged, the first, stood at the last check

    def send(self, node, connection, who):
        """One transfer. Raises OSError or HTTPException when the node dies under it."""
        signed = self.keys[who].transfer("durability", self.sequence[who], self.receiver.account, AMOUNT)
        self.sent[transaction_id(signed)] = signed
        return self.post(connection, signed, who)

    def post(self, connection, signed, who):
        status, answer = call(connection, "POST", "/v1/transactions", signed)
        if status == 200:
            name = transaction_id(signed)
            self.acknowledged[name] = (answer["height"], answer["index"])
            self.sent.pop(name, None)
            self.sequence[who] = max(self.sequence[who], answer["sequence"] + 1)
        return status, answer

    def send_until_it_dies(self, node, who):
        """For a thread of its own: what a node refuses before it dies is kept for `check`."""
        try:
            connection = node.connect()
            while True:
                status, answer = self.send(node, connection, who)
                if status != 200:
                    self.refused.append(answer)
                    return
        except (OSError, http.client.HTTPException, ValueError):
            pass

    def check(self, node, older=None):
        """Every acknowledged transfer stands where the receipt said; the unknown ones stand once or not at all.
        `older`: how many of those that an earlier check found are drawn and asked for again, for rigs that check
        thousands of times; the receiver's balance counts them all every time. None: all."""
        if self.refused:
            raise Broken(f"a transfer was refused: {self.refused[0]}")
        connection = node.connect()
        names = list(self.acknowledged)
        if older is not None and older < self.found:
            names = random.sample(names[:self.found], older) + names[self.found:]
        for name in names:
            height, index = self.acknowledged[name]
            status, receipt = call(connection, "GET", "/v1/transactions/" + name)
            if status != 200:
                raise Broken(f"acknowledged transaction {name} of height {height} is lost: {status} {receipt}")
            if (receipt["height"], receipt["index"]) != (height, index):
                raise Broken(f"transaction {name} has moved from {height}/{index} to {receipt}")
        unknown = 0
        for name in list(self.sent):
            status, receipt = call(connection, "GET", "/v1/transactions/" + name)
            if status == 200:
                self.acknowledged[name] = (receipt["height"], receipt["index"])
                unknown += 1
        self.sent.clear()
        for who, key in enumerate(self.keys):
            _, account = call(connection, "GET", "/v1/accounts/" + key.address)
            self.sequence[who] = account["next_sequence"]
        _, account = call(connection, "GET", "/v1/accounts/" + self.receiver.address)
        _, status = call(connection, "GET", "/v1/status")
        held = int(account["balances"]["AGPU"]) + sum(int(lock["amount"]) for lock in account["locks"])
        if held != GRANT + AMOUNT * len(self.acknowledged):
            raise Broken(f"the receiver holds {held - GRANT} more, {len(self.acknowledged)} transfers of {AMOUNT} stand")
        if not all(row["conserved"] for row in status["supply"].values()):
            raise Broken("money is not conserved")
        self.found = len(self.acknowledged)
        connection.close()
        return status


def call(connection, method, path, body=None):
    headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text else {}


def thread_state(thread):
    """The letter of proc(5): R runs, S and D wait, T is stopped."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def programs_of(path):
    folder = pathlib.Path(path).resolve()
    if not (folder / "starminerd").exists():
        sys.exit(f"{folder} holds no starminerd: build first, or name the folder with --bin")
    return folder
