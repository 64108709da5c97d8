// How a whole market's prices answer when demand or supply changes at once: requesters of all three tiers who come by
// the price, jobs that hold what they got for hours, wait where nothing is free, are parked where the price is above
// their limit, and leave unserved when their patience ends. Queue, matching, prices and payments are the protocol's
// own (live_market.h); only demand is made up. Pure computation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sim/price_record.h"

namespace starminer::sim {

struct ResponseOptions {
  std::uint32_t nodes = 250;
  std::uint32_t devices_per_node = 8;
  double mean_run_s = 7'200;   // log-normal
  double patience_s = 14'400;  // mean; exponential
  double elasticity = 1;
  double demand_times = 1;  // of what would hold the first prices at the target loads, from the change on
  double supply_times = 1;  // of the nodes, from the change on; the others fall silent with all that runs there
  std::uint32_t hours_before = 24;
  std::uint32_t hours_after = 48;
  std::uint32_t paths = 6;
  std::uint64_t seed = 42;
};

/// Of one tier.
struct TierResponse {
  std::string tier;
  double overshoot = 0;      // of the mean path's log-price, share of the move that restores the target load
  double hours_to_85 = 0;    // of that move; -1: never
  double largest_step = 0;   // of any path, share of the price
  double log_deviation = 0;  // of the log-price in the last half of the time, mean of the paths
  double load_at_end = 0;    // mean of the last twelve hours
};

struct ResponseResult {
  std::vector<TierResponse> tiers;
  double used_before = 0;  // share of the GPUs, mean of the last twelve hours
  double used_after = 0;
  double waiting_jobs_12h = 0;  // that would pay the price of now, 12 hours after the change, of the worst path
  std::uint64_t submitted = 0;
  std::uint64_t refused = 0;
  std::uint64_t gave_up = 0;
  double revenue_agpu_per_gpu_hour = 0;  // over all GPUs online, after the change
  double burned_share = 0;               // of what was paid
  std::uint64_t envelopes_broken = 0;
  std::vector<PriceCourse> mean_paths;  // prices are geometric means over the paths; bands are those of the first path
  std::vector<std::vector<PriceCourse>> paths;
};

/// Fails where the registry refuses a node.
[[nodiscard]] Result<ResponseResult, std::string> respond(const ResponseOptions& options);

}  // namespace starminer::sim
