#!/usr/bin/python3
"""Starts a market on this machine, runs the example jobs through the real programs and writes what happened to
quickstart-out/summary.json. Called by ./quickstart; everything it does can be typed by hand (it prints the commands)."""

import argparse
import hashlib
import json
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from local_market import Failed, Market  # noqa: E402
OUT = ROOT / "quickstart-out"
JOBS = ("rendering", "training")
PROVIDERS = ("aurora", "borealis")


def say(text):
    print(f"\n== {text}", flush=True)


def start_market(market):
    say("A network node, two providers with separate owners, one requester")
    market.make_chain("dev", PROVIDERS)
    market.start_node()
    print(f"starminerd serves {market.url}", flush=True)
    for name in PROVIDERS:
        market.set_up_provider(name)
        market.start_provider(name)
    market.wait_for_nodes()
    market.run("starminer", "login")


def balances(market):
    """Every account that takes part, and what the protocol itself holds."""
    requester = market.json("starminer", "address", "--json")["address"]
    accounts = {"requester": requester}
    for node in market.get("/v1/nodes")["nodes"]:
        accounts[f"provider {node['name']}"] = node["provider"]
    table = {name: market.get("/v1/accounts/" + address)["balances"]["AGPU"] for name, address in accounts.items()}
    supply = market.get("/v1/status")["supply"]["AGPU"]
    table["burned"] = supply["burned"]
    table["pools"] = supply["pools"]
    return table


def file_hash(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def run_job(market, kind):
    say(f"Job: {kind}")
    job_file = str(ROOT / "jobs" / kind / "job.yaml")
    market.run("starminer", "plan", job_file)
    quote = market.json("starminer", "plan", job_file, "--json")
    known = {job["id"] for job in market.jobs()}
    target = OUT / kind
    market.run("starminer", "run", job_file, "--yes", "--new", "--out", str(target))
    new = [job for job in market.jobs() if job["id"] not in known]
    if len(new) != 1:
        raise Failed(f"expected one new job, found {len(new)}")
    job = market.get("/v1/jobs/" + new[0]["id"])
    contract = market.get("/v1/contracts/" + job["contract"])
    files = [{"path": str(path.relative_to(OUT)), "sha256": file_hash(path), "size": path.stat().st_size}
             for path in sorted(target.rglob("*")) if path.is_file()]
    on_chain = set(contract["outputs"])
    missing = on_chain - {entry["sha256"] for entry in files}
    if missing:
        raise Failed(f"{len(missing)} outputs of contract {contract['id']} are not in {target}")
    for entry in files:
        entry["in_contract"] = entry["sha256"] in on_chain
    bundle = target.parent / f"{kind}-settlement.json"
    market.run("starminer", "audit", "receipt", contract["id"], "--out", str(bundle))
    # The root comes from the block that the bundle names, by a way of its own: later blocks have other roots.
    height = json.loads(bundle.read_text())["proof"]["height"]
    verified = market.run("starminer", "audit", "verify", str(bundle), "--root",
                          market.get(f"/v1/blocks/{height}")["app_hash"], check=False).returncode == 0
    return {"kind": kind, "job": job["id"], "state": job["state"], "end_reason": job["end_reason"],
            "contract": contract["id"], "provider": contract["provider"], "node": contract["node"], "quote": quote,
            "bill": contract["bill"], "refund": contract["refund"], "metered_ms": contract["metered_ms"],
            "files": files, "settlement_bundle": bundle.name, "settlement_proof_verified": verified}


def show(summary):
    say("What happened")
    for job in summary["jobs"]:
        print(f"{job['kind']}: {job['state']} ({job['end_reason']}), contract {job['contract']}")
        print(f"  paid {int(job['bill']['pay']) / 1e9:.4f} AGPU (quote {int(job['quote']['expected']) / 1e9:.4f}), "
              f"{int(job['refund']) / 1e9:.4f} returned, settlement proof "
              f"{'verified' if job['settlement_proof_verified'] else 'NOT VERIFIED'}")
        for entry in job["files"]:
            if entry["in_contract"]:
                print(f"  quickstart-out/{entry['path']}  {entry['size']} bytes, hash as in the contract")
    print("balances (AGPU)".ljust(24), "before".rjust(18), "after".rjust(18))
    for name, before in summary["balances_before"].items():
        print(name.ljust(24), f"{int(before) / 1e9:18.9f}", f"{int(summary['balances_after'][name]) / 1e9:18.9f}")
    conserved = summary["conservation"]["conserved"]
    print(f"conservation: minted - burned = balances + locks + pools: {'holds' if conserved else 'BROKEN'}", flush=True)


def good(summary):
    return summary["conservation"]["conserved"] and all(
        job["state"] == "settled" and job["settlement_proof_verified"] for job in summary["jobs"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--job", action="append", choices=JOBS)
    options = parser.parse_args()
    if OUT.exists():
        shutil.rmtree(OUT)
    folder = OUT / "market"
    folder.mkdir(parents=True)
    market = Market(options.bin.resolve(), folder)
    code, keep = 1, False
    try:
        start_market(market)
        before = balances(market)
        jobs = [run_job(market, kind) for kind in options.job or JOBS]
        status = market.get("/v1/status")
        summary = {"jobs": jobs, "balances_before": before, "balances_after": balances(market),
                   "conservation": status["supply"]["AGPU"], "chain_id": status["chain_id"],
                   "height": status["height"], "app_hash": status["app_hash"]}
        (OUT / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        show(summary)
        code = 0 if good(summary) else 1
        keep = options.keep
    except Failed as failure:
        print(f"\nquickstart failed: {failure}\nThe logs are in {folder}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nquickstart: interrupted", file=sys.stderr)
        code = 130
    finally:
        if not keep:
            market.stop()
    if keep:
        print(f"""
The market goes on running. Use it with:
  export STARMINER_API_URL={market.url} STARMINER_KEY_FILE={folder}/requester.key.json
  {options.bin}/starminer list --all
Stop it with: kill {' '.join(str(process.pid) for _, _, process in market.processes)}""")
    return code


if __name__ == "__main__":
    sys.exit(main())
