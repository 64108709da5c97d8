#!/usr/bin/python3
"""Validators as real processes: CometBFT between nodes that hold the market. Accounts send random transactions while
processes are killed with -9 and started again. At the end every validator has the same app hash at every height, every
transaction that any of them once showed in a block is in the blocks of all, and each chain replays to the same roots.
REQ: DEC-1, DEC-2

Usage: network_test.py --bin DIR --transactions PROGRAM [--cometbft PROGRAM] [--validators N] [--kills N] [--seed N]
Ends with 77 where the CometBFT of tools/install-cometbft is not installed; with 1 if STARMINER_REQUIRE_COMETBFT is set.
"""

import argparse
import base64
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_S = 180
SHUTDOWN_S = 30  # of CometBFT
CHAIN = "network-test-1"
ACCOUNTS = 6
# What docs/operators.md sets for validators on one machine, so that a test takes seconds.
TIMES = {"CMT_CONSENSUS_TIMEOUT_PROPOSE": "500ms", "CMT_CONSENSUS_TIMEOUT_PREVOTE": "200ms",
         "CMT_CONSENSUS_TIMEOUT_PRECOMMIT": "200ms", "CMT_CONSENSUS_TIMEOUT_COMMIT": "100ms",
         "CMT_CONSENSUS_PEER_GOSSIP_SLEEP_DURATION": "10ms", "CMT_P2P_FLUSH_THROTTLE_TIMEOUT": "10ms",
         "CMT_P2P_PEX": "false", "CMT_P2P_ALLOW_DUPLICATE_IP": "true", "CMT_P2P_ADDR_BOOK_STRICT": "false",
         "CMT_MEMPOOL_SIZE": "20000", "CMT_MEMPOOL_MAX_TXS_BYTES": "33554432", "CMT_MEMPOOL_CACHE_SIZE": "100000",
         "CMT_LOG_LEVEL": "error", "CMT_TX_INDEX_INDEXER": "null"}


class Validator:
    """One CometBFT and the node behind it."""

    def __init__(self, number, folder, programs, address):
        self.number, self.programs, self.address = number, programs, address
        self.home = folder / "net" / f"node{number}"
        self.data = folder / f"market{number}"
        self.log = (folder / f"log{number}").open("a", buffering=1)
        self.rpc = f"http://{address}:26657"
        self.api = f"http://{address}:7700"
        self.market = self.comet = None

    def start(self):
        socket = f"unix://{self.data}/abci.sock"
        if self.market is None or self.market.poll() is not None:
            self.market = subprocess.Popen(
                [self.programs.bin / "starminerd", "run", "--engine-kind", "cometbft", "--data-dir", self.data,
                 "--api-listen", f"{self.address}:7700", "--cometbft-rpc", f"tcp://{self.address}:26657"],
                stdout=self.log, stderr=self.log)
        if self.comet is None or self.comet.poll() is not None:
            self.comet = subprocess.Popen(
                [self.programs.cometbft, "start", "--home", self.home, "--proxy_app", socket, "--p2p.laddr",
                 f"tcp://{self.address}:26656", "--rpc.laddr", f"tcp://{self.address}:26657"],
                stdout=self.log, stderr=self.log, env={**os.environ, **TIMES})

    def kill(self, which):
        """Ends one process or both; or the disk of the market is new, or of both, with nothing but keys on it."""
        for process in {"market": [self.market], "comet": [self.comet]}.get(which, [self.market, self.comet]):
            process.send_signal(signal.SIGKILL)
            process.wait()
        if which == "market":
            # It cannot go on without the market, and says so by ending; now and then it hangs in its own shutdown.
            self.end_comet()
        if which in ("both, market empty", "both, all empty"):
            shutil.rmtree(self.data / "chain")
        if which == "both, all empty":
            # The state of the key stays: without it a validator may sign twice.
            for entry in (self.home / "data").iterdir():
                if entry.name != "priv_validator_state.json":
                    shutil.rmtree(entry)

    def end_comet(self):
        """As a supervisor does it: who has not ended after a while is killed."""
        try:
            self.comet.wait(SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            print(f"CometBFT of validator {self.number} hangs in its shutdown and is killed", flush=True)
            self.comet.kill()
            self.comet.wait()

    def stop(self):
        for process in (self.comet, self.market):
            if process and process.poll() is None:
                process.terminate()
        if self.comet:
            self.end_comet()
        if self.market:
            self.market.wait(PATIENCE_S)

    def ask(self, method, **params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.rpc, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def height(self):
        try:
            return int(self.ask("status")["result"]["sync_info"]["latest_block_height"])
        except (OSError, KeyError, ValueError):
            return 0

    def has_receipt(self, tx):
        answer = self.ask("abci_query", path="/receipt", data=tx)["result"]["response"]
        return answer.get("code", 0) == 0


class Network:
    def __init__(self, programs, folder, chance, accounts=None):
        """`accounts` are those of the genesis, as arguments of starminerd init; those of the test's senders if not given."""
        self.programs, self.folder, self.chance = programs, folder, chance
        # All of 127.0.0.0/8 is this machine: two runs at once take other addresses.
        block = f"127.{chance.randrange(2, 250)}.{chance.randrange(2, 250)}"
        count = programs.validators
        self.run(programs.cometbft, "testnet", "--v", str(count), "--o", folder / "net", "--starting-ip-address", f"{block}.1")
        self.validators = [Validator(i, folder, programs, f"{block}.{i + 1}") for i in range(count)]
        self.make_genesis(self.accounts_of_senders() if accounts is None else accounts)

    @staticmethod
    def run(*command):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def accounts_of_senders(self):
        accounts = []
        for address in self.run(self.programs.transactions, "addresses", "t", ACCOUNTS).split():
            accounts += ["--account", f"{address}=1000 AGPU", "--account", f"{address}=1000 AMAX"]
        return accounts

    def make_genesis(self, accounts):
        daemon = self.programs.bin / "starminerd"
        named = []
        for validator in self.validators:
            vrf = self.run(daemon, "vrf-key", "--data-dir", validator.data).strip()
            key = json.loads((validator.home / "config/priv_validator_key.json").read_text())
            named += ["--validator", f"{key['address']}={vrf}"]
        first = self.validators[0].data
        self.run(daemon, "init", "--data-dir", first, "--preset", "dev", "--chain-id", CHAIN, *named, *accounts)
        for validator in self.validators[1:]:
            shutil.copy(first / "genesis.json", validator.data)
        time_text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
        for validator in self.validators:
            file = validator.home / "config/genesis.json"
            genesis = json.loads(file.read_text())
            genesis["chain_id"], genesis["genesis_time"] = CHAIN, time_text
            genesis["consensus_params"]["block"] = {"max_bytes": "4194304", "max_gas": "-1"}
            genesis["consensus_params"]["version"] = {"app": "1"}
            file.write_text(json.dumps(genesis))

    def start(self):
        for validator in self.validators:
            validator.start()

    def wait_for_height(self, height, who=None):
        end = time.monotonic() + PATIENCE_S
        for validator in who or self.validators:
            while validator.height() < height:
                if time.monotonic() > end:
                    raise AssertionError(f"validator {validator.number} stays at height {validator.height()}, not {height}")
                time.sleep(0.05)


class Sender(threading.Thread):
    """An account: each transaction is sent until a validator shows it in a block; then it may never be lost."""

    def __init__(self, network, account, seed):
        super().__init__(daemon=True)
        self.network, self.account, self.chance = network, account, random.Random(seed)
        self.acknowledged, self.failure, self.stopping = [], None, False

    def run(self):
        try:
            while not self.stopping:
                for tx, encoded in self.sign(20):
                    if self.stopping:
                        return
                    self.send(tx, encoded)
                    self.acknowledged.append(tx)
        except Exception as error:  # noqa: told at the end, by the main thread
            self.failure = error

    def sign(self, count):
        expires = int((time.time() + PATIENCE_S + 60) * 1000)
        lines = Network.run(self.network.programs.transactions, "sign", "t", ACCOUNTS, self.account, len(self.acknowledged),
                            count, CHAIN, expires)
        return [line.split() for line in lines.splitlines()]

    def send(self, tx, encoded):
        end = time.monotonic() + PATIENCE_S
        refused = ""
        while time.monotonic() < end:
            validator = self.chance.choice(self.network.validators)
            try:
                answer = validator.ask("broadcast_tx_sync", tx=encoded)
                refused = answer.get("result", {}).get("log", "") or str(answer.get("error", ""))
                for _ in range(20):
                    if self.chance.choice(self.network.validators).has_receipt(tx):
                        return
                    time.sleep(0.05)
            except (OSError, KeyError, ValueError):
                time.sleep(0.05)
        raise AssertionError(f"transaction {tx} is in no block: {refused}")


def app_hashes(validator, height):
    """Of the blocks up to one, as the market of this validator keeps them: the headers of CometBFT are decided, and so
    the same whatever each market holds."""
    hashes = []
    for block in range(1, height + 1):
        answer = validator.ask("abci_query", path="/block", data=block.to_bytes(8, "big").hex())["result"]["response"]
        if answer.get("code", 0) != 0:
            raise AssertionError(f"validator {validator.number} has no block {block}: {answer}")
        hashes.append(base64.b64decode(answer["value"])[-32:].hex())  # the last field of a LoggedBlock
    return hashes


def campaign(programs, folder):
    chance = random.Random(programs.seed)
    network = Network(programs, folder, chance)
    try:
        network.start()
        network.wait_for_height(2)
        senders = [Sender(network, account, chance.random()) for account in range(ACCOUNTS)]
        for sender in senders:
            sender.start()
        ways = ["market", "comet", "both", "both, market empty"]
        if programs.validators >= 4:
            ways.append("both, all empty")  # the others have the blocks
        for _ in range(programs.kills):
            time.sleep(chance.uniform(0.5, 2.5))
            victim = chance.choice(network.validators)
            before = max(validator.height() for validator in network.validators)
            which = chance.choice(ways)
            victim.kill(which)
            time.sleep(chance.uniform(0, 1))
            begin = time.monotonic()
            victim.start()
            network.wait_for_height(before + 2, [victim])
            print(f"validator {victim.number}: killed {which}, at height {before + 2} again after {time.monotonic() - begin:.1f} s",
                  flush=True)
        time.sleep(2)
        for sender in senders:
            sender.stopping = True
        for sender in senders:
            sender.join(PATIENCE_S + 10)
            if sender.failure:
                raise sender.failure
        top = max(validator.height() for validator in network.validators) + 1
        network.wait_for_height(top)
        acknowledged = [tx for sender in senders for tx in sender.acknowledged]
        if not acknowledged:
            raise AssertionError("no transaction came into a block")
        reference = app_hashes(network.validators[0], top)
        if len(set(reference)) != top:
            raise AssertionError("the app hash does not change with each block")
        for validator in network.validators:
            if app_hashes(validator, top) != reference:
                raise AssertionError(f"validator {validator.number} has other app hashes")
            missing = [tx for tx in acknowledged if not validator.has_receipt(tx)]
            if missing:
                raise AssertionError(f"validator {validator.number} lacks {len(missing)} of {len(acknowledged)}: {missing[:3]}")
    finally:
        for validator in network.validators:
            validator.stop()
    for validator in network.validators:
        Network.run(programs.bin / "starminerd", "replay", "--data-dir", validator.data)
    print(f"{programs.validators} validators, {programs.kills} kills: {len(acknowledged)} transactions in {top} blocks, the same "
          "app hash everywhere at each height, nothing that was shown is lost, and all logs replay", flush=True)


def find_cometbft():
    """The release that networks run on, and no other that may lie in PATH."""
    wanted = re.search(r"^COMETBFT_VERSION=v(\S+)", (ROOT / "tools/install-cometbft").read_text(), re.MULTILINE).group(1)
    for candidate in (ROOT / "build/cometbft/bin/cometbft", shutil.which("cometbft")):
        if candidate and pathlib.Path(candidate).is_file():
            said = subprocess.run([candidate, "version"], capture_output=True, text=True, check=False)
            if said.stdout.strip() == wanted:
                return pathlib.Path(candidate)
    return None


def skipped():
    print("skipped: the CometBFT that networks run on is not on this machine; tools/install-cometbft gets it")
    return 1 if os.environ.get("STARMINER_REQUIRE_COMETBFT") else 77


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--transactions", type=pathlib.Path, required=True)
    parser.add_argument("--cometbft", type=pathlib.Path)
    parser.add_argument("--validators", type=int, default=4)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    programs = parser.parse_args()
    programs.cometbft = programs.cometbft or find_cometbft()
    if programs.cometbft is None:
        return skipped()
    print(f"seed {programs.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="starminer-network-"))
    try:
        campaign(programs, folder)
    except BaseException:
        for log in sorted(folder.glob("log*")):
            print(f"--- {log.name}\n" + log.read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
