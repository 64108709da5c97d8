#!/usr/bin/python3
"""One validator as real processes, against strangers and a slow pace. Whoever reaches CometBFT's RPC asks it anything,
and both processes go on. Blocks are further apart than a chain of one may be late, and time passes all the same.
REQ: DEC-1

Usage: hostile_test.py --bin DIR --transactions PROGRAM [--cometbft PROGRAM]
Ends with 77 where the CometBFT of tools/install-cometbft is not installed; with 1 if STARMINER_REQUIRE_COMETBFT is set.
"""

import argparse
import base64
import http.client
import pathlib
import random
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request

import network_test

# Preset dev: a tick is 6 s, and a chain of one takes half a second of lateness for a halt.
network_test.TIMES["CMT_CONSENSUS_TIMEOUT_COMMIT"] = "1150ms"
TICKS = 2
# What a client of the RPC can put into a query as it stands, and what the market must answer with a code.
PATHS = ["0xff", "0xfffe", "0x" + "c328" * 100, "0x2f726f77ff", "0x00", '""', '"/row"', '"/nowhere"']
TRANSACTIONS = ["0x", "0xff", "0x" + "0a00" * 30_000]


def row_of_chain(validator):
    """Height, halts in milliseconds and ticks; the end of the row is halted, ticks, epochs, epoch_ends."""
    answer = validator.ask("abci_query", path="/row", data="0000")["result"]["response"]
    row = base64.b64decode(answer["value"])
    return int(answer["height"]), int.from_bytes(row[-32:-24], "big"), int.from_bytes(row[-24:-16], "big")


def get(validator, call):
    try:
        with urllib.request.urlopen(f"{validator.rpc}/{call}", timeout=5) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()
    except (OSError, http.client.HTTPException) as error:
        raise AssertionError(f"CometBFT does not answer {call[:60]}: {error!r}") from error


def expect_alive(validator, after):
    for name, process in (("the market", validator.market), ("CometBFT", validator.comet)):
        if process.poll() is not None:
            raise AssertionError(f"{name} has ended with {process.returncode} after {after}")


def campaign(programs, folder):
    network = network_test.Network(programs, folder, random.Random(programs.seed))
    validator = network.validators[0]
    try:
        network.start()
        network.wait_for_height(2)
        for path in PATHS:
            for more in ("", "&data=0xff", "&height=9223372036854775807", "&prove=true"):
                get(validator, f"abci_query?path={path}{more}")
                expect_alive(validator, f"a query of {path[:20]}{more}")
        for transaction in TRANSACTIONS:
            get(validator, f"broadcast_tx_sync?tx={transaction}")
            expect_alive(validator, f"a transaction {transaction[:20]}")
        end = time.monotonic() + network_test.PATIENCE_S
        while row_of_chain(validator)[2] < TICKS:
            if time.monotonic() > end:
                height, halted, ticks = row_of_chain(validator)
                raise AssertionError(f"{ticks} ticks at height {height}, {halted} ms of it halts: time stands still")
            time.sleep(0.2)
        height, halted, ticks = row_of_chain(validator)
        if halted != 0:
            raise AssertionError(f"{halted} ms counted as halts, though a block came every second or two")
    finally:
        network.validators[0].stop()
    network_test.Network.run(programs.bin / "starminerd", "replay", "--data-dir", validator.data)
    print(f"{len(PATHS) * 4} queries, {len(TRANSACTIONS)} transactions and {ticks} ticks in {height} blocks", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--transactions", type=pathlib.Path, required=True)
    parser.add_argument("--cometbft", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    programs = parser.parse_args()
    programs.validators = 1
    programs.cometbft = programs.cometbft or network_test.find_cometbft()
    if programs.cometbft is None:
        return network_test.skipped()
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
