#!/usr/bin/python3
"""Campaigns that must fail: each bug of planted.cpp is switched on in a process of its own, and the campaign that is named
beside it must see it. Without a bug the same campaigns pass. Ends with 1 where one was not seen.

  planted_test.py --program build/dev/tests/scenario/scenario_campaign [--only NAME]"""

import argparse
import os
import re
import subprocess
import sys

A1 = "Campaign.KeepsEveryInvariantAndEveryBalance"
A1_RESTARTED = "Campaign.TheSameSeedGivesTheSameHashesAlsoOverARestart"
A3 = "Orders.*"
A4 = "Edges.*"

SEEN_BY = {
    A1: ("provider-paid-less", "wrong-pool", "nothing-burned", "escrow-too-small", "escrow-kept", "one-unit-out-of-nothing",
         "twice-the-balance", "account-in-use-may-close", "stake-never-returns", "credits-spent-by-half",
         "cost-rounds-down", "remainder-to-treasury", "capacity-not-released", "deadline-forgotten",
         "hosts-hold-less-than-is-billed"),
    A1_RESTARTED: ("sites-forget-what-is-free",),
    A3: ("anybody-accepts", "anybody-cancels", "failed-provider-again", "late-start-forgiven", "escrow-kept",
         "anybody-ends-a-host"),
    A4: ("cost-in-64-bits", "amounts-cut-to-size", "stake-cut-to-size", "locks-cut-to-size"),
}
SETTINGS = {"STARMINER_SIGNATURES": "off", "STARMINER_SEEDS": "6", "STARMINER_STEPS": "500", "STARMINER_SCENARIO_DEPTH": "4"}


def run(program, campaign, bug=None):
    """How the campaign ended, and what it said of it."""
    environment = {**os.environ, **SETTINGS, **({"STARMINER_PLANTED": bug} if bug else {})}
    done = subprocess.run([program, f"--gtest_filter={campaign}", "--gtest_brief=1", "--gtest_fail_fast"], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, errors="replace")
    lines = [line.strip() for line in done.stdout.splitlines() if re.search(r"counted|broken|disagree|stuck|step|assert|check", line)]
    return done.returncode, lines[-1][:120] if lines else done.stdout[-300:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="scenario_campaign of a build")
    parser.add_argument("--only", help="this bug")
    given = parser.parse_args()
    failures, seen, sowed = [], 0, 0
    for campaign, bugs in SEEN_BY.items():
        code, said = run(given.program, campaign)
        if code != 0:
            failures.append(f"{campaign} fails without a bug: {said}")
        for bug in bugs:
            if given.only not in (None, bug):
                continue
            sowed += 1
            code, said = run(given.program, campaign, bug)
            print(f"{bug}: {'seen' if code else 'NOT SEEN'} by {campaign}: {said if code else ''}", flush=True)
            seen += code != 0
            if code == 0:
                failures.append(f"{campaign} did not see {bug}")
    print(f"planted bugs seen: {seen} of {sowed}", *failures, sep="\n")
    return 1 if failures or not sowed else 0


if __name__ == "__main__":
    sys.exit(main())
