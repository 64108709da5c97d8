// Sends a plan over keep-alive connections with the project's own HTTP client, and measures references on the same
// machine: the bare check of a signature, and one synced write.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "load_plan.h"

namespace starminer::bench {

struct LoadResult {
  std::uint64_t requests = 0;
  double wall_s = 0;
  double cpu_s = 0;                  ///< Time of this process on cores during the run.
  std::vector<std::string> answers;  ///< Bodies of the answers, for the check after the clock stopped.
  std::vector<double> latencies_ms;  ///< Of all requests, sorted.
};

/// One thread and one connection for each lane. Fails at the first answer that is not 200, with what it said.
[[nodiscard]] Result<LoadResult, std::string> send_plan(const std::string& url, std::string_view target,
                                                        const std::vector<Lane>& lanes);

/// Signatures that libsodium verifies per second and core, on all cores at once for this long.
[[nodiscard]] double verify_rate_per_core(double seconds);

struct LatencyResult {
  std::vector<double> transaction_ms;  ///< Sorted.
  std::vector<double> sync_ms;         ///< Sorted.
};

/// Sends a lane one request after the other, and between stretches of it overwrites 4 KiB of a preallocated file in
/// `folder` as often, each with fdatasync: both see the same disk in the same minute.
[[nodiscard]] Result<LatencyResult, std::string> measure_latency(const std::string& url, std::string_view target,
                                                                 const Lane& lane, const std::filesystem::path& folder);

}  // namespace starminer::bench
