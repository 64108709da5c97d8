#!/usr/bin/python3
"""starminerd as CometBFT meets it: the genesis of a network, and the socket of ABCI, spoken byte by byte.  REQ: DEC-1

Usage: validator_test.py --bin DIR [unittest arguments]
"""

import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PROGRAMS = pathlib.Path(sys.argv[2]).resolve()
PATIENCE_S = 120
ADDRESS = "93DB0B03C4D0C74E8AFDBE2EA54AB1C6FA6CEAAB"
INFO = bytes.fromhex("161a140a07302e33382e3235100b18082205322e302e30")
FLUSH = bytes.fromhex("021200")


class ValidatorTest(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="starminer-validator-")
        self.folder = pathlib.Path(self.holder.name)
        self.data = self.folder / "market"
        self.processes = []
        self.addCleanup(self.clean)

    def clean(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.holder.cleanup()

    def daemon(self, *arguments, code=0):
        done = subprocess.run([PROGRAMS / "starminerd", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def fails(self, *arguments, code, says):
        self.assertIn(says, self.daemon(*arguments, code=code))

    def make_network(self):
        key = self.daemon("vrf-key", "--data-dir", self.data).strip()
        return self.daemon("init", "--data-dir", self.data, "--chain-id", "net-1", "--validator", f"{ADDRESS}={key}")

    def start(self, *arguments):
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen([PROGRAMS / "starminerd", "run", "--engine-kind", "cometbft", "--data-dir", self.data,
                                        "--api-listen", "127.0.0.1:0", *arguments], stdout=log, stderr=log)
        self.processes.append(process)
        end = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"ABCI at (\S+)", (self.folder / "log").read_text())):
            self.assertIsNone(process.poll(), (self.folder / "log").read_text())
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        return process, found[1]

    @staticmethod
    def ask(address, frames, answers):
        """The first bytes of what comes back, as many as expected."""
        if address.startswith("unix://"):
            client = socket.socket(socket.AF_UNIX)
            client.connect(address[len("unix://"):])
        else:
            host, port = address[len("tcp://"):].rsplit(":", 1)
            client = socket.create_connection((host, int(port)))
        with client:
            client.settimeout(PATIENCE_S)
            client.sendall(frames)
            got = b""
            while len(got) < answers:
                piece = client.recv(65536)
                if not piece:
                    break
                got += piece
            return got

    def test_a_vrf_key_is_made_once(self):
        first = json.loads(self.daemon("vrf-key", "--data-dir", self.data, "--json"))
        self.assertTrue(first["made"])
        self.assertRegex(first["vrf_key"], "^[0-9a-f]{64}$")
        self.assertEqual((self.data / "vrf.key.json").stat().st_mode & 0o777, 0o600)
        again = json.loads(self.daemon("vrf-key", "--data-dir", self.data, "--json"))
        self.assertEqual(again, {"vrf_key": first["vrf_key"], "made": False})
        self.assertEqual(self.daemon("vrf-key", "--data-dir", self.data).strip(), first["vrf_key"])
        (self.data / "vrf.key.json").write_text("{}")
        self.fails("vrf-key", "--data-dir", self.data, code=1, says="no VRF key")

    def test_the_genesis_of_a_network(self):
        says = self.make_network()
        self.assertIn("validators 1", re.sub(" +", " ", says))
        self.assertIn("--engine-kind cometbft", says)
        genesis = json.loads((self.data / "genesis.json").read_text())
        self.assertEqual(len(genesis["proposers"]), 1)
        other = self.folder / "other"
        for bad in ("nonsense", f"{ADDRESS}=00", f"{ADDRESS[:-2]}={'00' * 32}", f"={'00' * 32}", f"{ADDRESS}={'zz' * 32}"):
            self.fails("init", "--data-dir", other, "--validator", bad, code=2, says="expected ADDRESS=KEY")
        self.fails("init", "--data-dir", other, "--validator", f"{ADDRESS}={'ff' * 32}", code=2, says="VRF key is no point")
        key = self.daemon("vrf-key", "--data-dir", self.data).strip()
        self.fails("init", "--data-dir", other, "--validator", f"{ADDRESS}={key}", "--validator", f"{ADDRESS}={key}", code=2,
                   says="another has its VRF key")
        self.assertFalse((other / "genesis.json").exists())
        self.daemon("init", "--data-dir", other, "--validator", f"{ADDRESS.lower()}={key.upper()}")
        named = json.loads((other / "genesis.json").read_text())["proposers"]
        self.assertEqual(named, genesis["proposers"])

    def test_speaks_abci_and_says_what_is_on_disk(self):
        self.make_network()
        for arguments in ((), ("--abci-listen", "tcp://127.0.0.1:0")):
            process, address = self.start(*arguments)
            self.assertTrue(address.startswith("tcp://127.0.0.1:" if arguments else f"unix://{self.data}"), address)
            answer = self.ask(address, INFO + FLUSH, 20)
            self.assertIn(b"starminer", answer)
            self.assertTrue(answer.endswith(bytes.fromhex("021a00")), answer)
            self.assertIn(f"proposes the blocks of validator {ADDRESS.lower()}", (self.folder / "log").read_text())
            self.assertIn(b"none of ABCI 2.0", self.ask(address, bytes.fromhex("03aa0100"), 40))
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(PATIENCE_S), 0)

    def test_starts_again_after_the_worst_end(self):
        self.make_network()
        process, address = self.start()
        process.kill()
        process.wait()
        self.assertTrue((self.data / "abci.sock").exists(), "left over")
        _, address = self.start()
        self.assertIn(b"starminer", self.ask(address, INFO + FLUSH, 20))
        self.fails("run", "--engine-kind", "cometbft", "--data-dir", self.data, code=1, says="another process")

    def test_says_that_it_will_not_propose(self):
        self.make_network()
        (self.data / "vrf.key.json").rename(self.folder / "vrf.key.json")
        self.start()
        self.assertIn("this node proposes no blocks", (self.folder / "log").read_text())

    def test_says_what_is_wrong(self):
        self.fails("run", "--engine-kind", "cometbft", "--data-dir", self.data, code=5, says="there is no chain here")
        self.fails("run", "--engine-kind", "raft", "--data-dir", self.data, code=2, says="cometbft")
        self.make_network()
        self.fails("run", "--data-dir", self.data, "--api-listen", "127.0.0.1:0", "--engine-kind", "cometbft", "--abci-listen",
                   "somewhere", code=1, says="expected unix://PATH or tcp://ADDRESS:PORT")
        self.fails("run", "--data-dir", self.data, "--api-listen", "127.0.0.1:0", "--engine-kind", "cometbft", "--abci-listen",
                   "tcp://0.0.0.0:0", code=1, says="whoever reaches this socket decides blocks")
        # Without the flag it would make a chain of its own under the network's name.
        self.fails("run", "--data-dir", self.data, "--api-listen", "127.0.0.1:0", code=1, says="--engine-kind cometbft")
        self.fails("run", "--engine-kind", "cometbft", "--abci-listen", "unix:///nowhere/at/all.sock", "--data-dir", self.data,
                   "--api-listen", "127.0.0.1:0", code=1, says="--abci-listen")
        self.fails("run", "--engine-kind", "cometbft", "--data-dir", self.data, "--api-listen", "127.0.0.1:0", "--cometbft-rpc",
                   "unix:///run/comet.sock", code=1, says="expected tcp://HOST:PORT")

    def api(self, path, body=None):
        request = urllib.request.Request((self.data / "api.url").read_text().strip() + path,
                                         json.dumps(body).encode() if body else None, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_serves_the_api_while_cometbft_is_away(self):
        self.make_network()
        process, _ = self.start("--cometbft-rpc", "tcp://127.0.0.1:1")
        status, text = self.api("/v1/status")
        self.assertEqual((status, json.loads(text)["engine"], json.loads(text)["order_rule"]), (200, "cometbft", "lanes"))
        status, text = self.api("/healthz")
        self.assertEqual((status, json.loads(text)["code"], json.loads(text)["height"]), (503, "orderer_away", 0))
        # The gift is a transaction, and nobody takes it.
        status, text = self.api("/v1/faucet", {"address": "sm1gf005hh6hxgnxp3x9scjx8kkwkmhzm34jpx7cs"})
        self.assertEqual((status, json.loads(text)["code"]), (503, "E1107"))
        self.assertIn("127.0.0.1:1", text)
        self.assertIn('starminer_readiness{state="orderer_away"} 1', self.api("/metrics")[1])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
