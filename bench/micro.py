"""The Google Benchmark programs of bench/: each prints ratios against a reference of the same run."""

import json
import pathlib
import subprocess
import tempfile

from measuring import Failed, bench_program

REPEATS = 5
MIN_TIME_S = 0.1

# program -> its figures, with the rate that comes beside some
PROGRAMS = {
    "base_bench": ("encode_over_memcpy", "decode_over_memcpy", "verify_over_libsodium", "transactions_verified_per_s"),
    "protocol_bench": ("apply_transfer_over_map_update", "apply_transfer_with_root_over_map_update",
                       "apply_transfers_hot_per_s", "apply_transfer_million_over_map_update", "apply_transfers_per_s",
                       "account_bytes_over_map_row", "bytes_per_account", "merkle_update_over_sha256",
                       "apply_transfer_over_unchecked", "apply_lifecycle_over_map_update", "apply_lifecycles_per_s"),
    "archive_bench": ("archived_contract_bytes_over_kept", "bytes_per_archived_contract"),
    "vrf_bench": ("vrf_prove_over_signature_check", "vrf_verify_over_signature_check"),
    "evidence_bench": ("verify_snp_over_signature", "verify_snp_ms", "verify_tdx_over_signature", "verify_tdx_ms",
                       "verify_gpu_cached_over_signature", "verify_gpu_cached_ms",
                       "verify_groth16_over_signature", "verify_groth16_ms"),
    "comparison_bench": ("compare_exact_over_memcmp", "compare_ulp_over_double_loop", "compare_ulp_elements_per_s",
                         "compare_mse_over_double_loop", "compare_mse_samples_per_s", "verdict_over_sha256",
                         "freivalds_over_product"),
    "abci_bench": ("abci_round_trip_over_echo", "abci_round_trips_per_s", "abci_pipelined_check_over_echo",
                   "abci_check_frames_per_s"),
    "market_bench": ("match_scan_over_memory_scan_1000", "match_scan_over_memory_scan_8000"),
    "match_bench": tuple(f"{kind}_{name}" for kind in ("match_us_over_scan", "match_us") for name in (
        "p50_40k", "p99_40k", "p50_1m", "p99_1m", "p99_40k_one_gpu", "p99_40k_one_place", "p99_1m_all_equal",
        "p99_40k_all_equal", "p99_1m_one_gpu", "p99_1m_one_place", "p99_40k_pairs", "p99_1m_pairs", "p99_40k_hidden",
        "p99_1m_hidden")) + (
            "match_over_scan_40k", "match_over_scan_1m", "match_over_vector_scan_40k", "match_over_vector_scan_1m",
            "match_life_over_scan", "matches_per_s", "match_index_bytes_over_row", "match_index_bytes_per_node"),
    "dispatch_bench": tuple(f"block_{what}_{size}" for what in (
        "reserve_over_scan", "preempt_over_scan", "gang_over_scan", "gang_reserve_over_scan", "premium_refused_over_list", "never_runnable_over_list",
        "tick_over_list", "match_behind_head_over_list") for size in (10_000, 40_000, 100_000, 1_000_000)) + tuple(
            f"block_{what}_over_scan_{size}" for what in ("reserve_hidden", "reserve_all_equal", "preempt_all_equal",
                                                         "reserve_one_gpu", "preempt_one_gpu")
            for size in (40_000, 1_000_000)),
    "sandbox_bench": ("sandbox_job_over_bwrap",),
}
NAMES = tuple(name for names in PROGRAMS.values() for name in names)


def measure(figures, program):
    with tempfile.TemporaryDirectory(prefix="starminer-bench-") as folder:
        ratios = pathlib.Path(folder) / "ratios.json"
        command = [str(bench_program(program)), f"--benchmark_repetitions={REPEATS}",
                   f"--benchmark_min_time={MIN_TIME_S}", "--benchmark_enable_random_interleaving=true",
                   f"--ratios={ratios}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0 or not ratios.exists():
            raise Failed(f"{program} ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        results = json.loads(ratios.read_text())
    for name, row in sorted(results.items()):
        unit = row["unit"]
        corpus = f"{row['corpus']}; {row['subject_ns']:.4g} {unit} each, median of {REPEATS} repetitions"
        figures.add(name, row["ratio"], "ratio", corpus, (f"{row['reference']}, {unit}", row["reference_ns"]))
        if row["rate_figure"] and unit == "ns":
            figures.add(row["rate_figure"], 1e9 / row["subject_ns"], "1/s", f"{corpus}; one core")
        elif row["rate_figure"]:
            figures.add(row["rate_figure"], row["subject_ns"], unit, row["corpus"])
