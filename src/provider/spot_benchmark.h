// Benchmarks that the protocol asks this provider's nodes for (REG-8): runs them on the device with the seed of the
// challenge, one at a time and only while no job runs, and sends the signed result. The agent's main thread calls; the
// measurement has a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/hash.h"
#include "base/ids.h"
#include "provider/chain.h"
#include "provider/registration.h"
#include "provider/settings.h"

namespace starminer::provider {

class SpotBenchmark {
 public:
  SpotBenchmark(const AgentSettings& settings, Chain& chain, const std::vector<NodeRecord>& nodes);
  /// Waits for a measurement that runs.
  ~SpotBenchmark();
  SpotBenchmark(const SpotBenchmark&) = delete;
  SpotBenchmark& operator=(const SpotBenchmark&) = delete;

  /// Looks at what is owed (`benchmarks` of GET /v1/assignments) and begins the first of them where nothing runs. A
  /// measurement that a job came across is worth nothing and is taken again.
  void serve(const nlohmann::json& owed, bool jobs_run);

 private:
  void measure(const NodeRecord& node, const Hash32& seed);

  const AgentSettings& settings_;
  Chain& chain_;
  const std::vector<NodeRecord>& nodes_;
  std::thread thread_;
  std::atomic<bool> measuring_{false};
  std::atomic<bool> disturbed_{false};
  std::atomic<bool> sent_{false};
  std::chrono::steady_clock::time_point not_before_{};  ///< after a failure: the next try
};

}  // namespace starminer::provider
