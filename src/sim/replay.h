// A trace replayed in time: jobs arrive when they did, run as long as they did, and start when and where a scheduler
// says. Measured over the time of arrivals, from the first to the last: how full, how fragmented, how long jobs wait,
// how much lies idle while somebody waits who could use it. Pure computation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/scheduler.h"

namespace starminer::sim {

/// Seconds; ranks without interpolation.
struct Distribution {
  std::size_t count = 0;
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
};
[[nodiscard]] Distribution distribution_of(std::vector<double> seconds);
/// (sum x)^2 / (n sum x^2) of what each got (Jain, Chiu, Hawe 1984); 0 of nothing.
[[nodiscard]] double jain_index(const std::vector<double>& shares);

struct ReplaySample {
  double hour = 0;        // from the first arrival
  double allocated = 0;   // % of the GPUs
  double fragmented = 0;  // % of the GPUs: free, and of no use to a typical job
  std::size_t waiting = 0;
};

struct ReplayResult {
  std::size_t jobs = 0;
  std::size_t finished = 0;
  std::map<std::string, std::size_t> refused;  // by the refusal's name
  double window_hours = 0;                     // first to last arrival
  double makespan_hours = 0;                   // first arrival to last end
  double allocation = 0;                       // %, mean over the window
  double fragmentation = 0;                    // %, mean of the samples
  Distribution wait;
  Distribution completion;  // from submission to end
  /// Jain's index over the jobs' speeds run / (wait + run): 1 where all are slowed alike, 1/n where one alone gets on.
  double fairness = 0;
  std::map<std::string, Distribution> wait_by_tier;
  std::map<std::string, Distribution> wait_by_size;
  /// Free GPUs of nodes on which a waiting job would fit, integrated over the window.
  double idle_while_waiting_gpu_hours = 0;
  double revenue_agpu = 0;               // what finished jobs cost at the prices agreed
  double revenue_agpu_per_gpu_hour = 0;  // over all GPUs and the makespan
  std::vector<ReplaySample> samples;     // at equal steps of the window
  std::vector<PriceCourse> prices;       // of the window; empty where prices stand
};

/// "no GPU", "share", "1 GPU", "2-7 GPUs", "8 and more GPUs".
[[nodiscard]] std::string size_of(const TraceJob& job);

/// Requires: `runs` is sorted by submission and not empty; the scheduler was made for it and is fresh.
[[nodiscard]] ReplayResult replay(Scheduler& scheduler, const std::vector<TraceRun>& runs);

}  // namespace starminer::sim
