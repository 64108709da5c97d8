// Published traces of clusters: nodes and jobs as the simulator takes them, read from the columns in which they were
// published (README.md lists them). Bounds are those of the protocol, so what was read can be registered and submitted.
// Values; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sim/csv.h"

namespace starminer::sim {

struct TraceNode {
  std::string name;
  std::uint32_t cpu_threads = 0;
  std::uint64_t memory_mib = 0;
  std::uint32_t gpus = 0;  // at least 1
  std::string model;       // of its GPUs
};

struct TraceJob {
  std::string name;
  std::uint32_t cpu_milli = 0;
  std::uint64_t memory_mib = 0;
  std::uint32_t gpus = 0;           // 0: a job without a GPU
  std::uint32_t share_milli = 0;    // 0: whole devices; else of one device
  std::vector<std::string> models;  // sorted, unique; empty: any
};

/// A job with its times, for a replay.
struct TraceRun {
  TraceJob job;
  std::uint64_t submit_ms = 0;  // from the beginning of the trace
  std::uint64_t run_ms = 0;     // at least 1
  std::string qos;              // as the trace has it; empty where it has none
};

struct TraceRuns {
  std::vector<TraceRun> runs;  // by submission
  std::size_t left_out = 0;    // jobs of the list that never ran there
};

/// Thousandths of a GPU.
[[nodiscard]] std::uint64_t gpu_milli(const TraceJob& job);

/// Columns sn, cpu_milli, memory_mib, gpu, model; others are ignored.
[[nodiscard]] Result<std::vector<TraceNode>, InputError> parse_nodes(std::string_view text);
/// Columns name, cpu_milli, memory_mib, num_gpu, gpu_milli and, where there is one, gpu_spec; others are ignored.
[[nodiscard]] Result<std::vector<TraceJob>, InputError> parse_jobs(std::string_view text);
/// The columns of openb with creation_time, scheduled_time, deletion_time (s) and qos, where jobs that were never
/// scheduled are left out; those of Muri's Philly lists job_id, num_gpu, submit_s, duration_s; or those of Sia's
/// name, time, num_replicas, which state no run time: every job gets `run_s`, and 0 refuses them.
[[nodiscard]] Result<TraceRuns, InputError> parse_runs(std::string_view text, std::uint64_t run_s);

}  // namespace starminer::sim
