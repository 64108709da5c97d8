// Credits spent on a place in the queue (QUE-3, economics 8.2), and how much of a class boosted jobs may hold while
// others wait. Pure functions of parameters, rows and the queue index.
// The boost follows the root of credits per GPU-second, so that splitting a job or an account changes nothing.
// Proven by test: bounded overtaking, no gain by splits, 40 % of a saturated class for jobs without boost.
#pragma once

#include <cstdint>

#include "protocol/market/rows.h"
#include "protocol/params/params.h"

namespace starminer::protocol {

struct MarketView;

struct Boost {
  std::uint64_t credits = 0;  // to be spent: of those that the job offers, no more than the largest boost needs
  DurationMs ahead;           // whole seconds
  Agpu burned;                // with the credits
};

/// What the credits of a job come to: min(BoostMaxMs, isqrt(BoostGain x credits / GPU-seconds)), GPU-seconds by max_s.
[[nodiscard]] Boost boost_of(const Params& params, const JobSpec& spec);

/// Thousandths of GPUs of a class that may serve boosted jobs while others wait, of all that it has.
[[nodiscard]] std::uint64_t boost_lane(const Params& params, std::uint64_t total_milli);

/// Whether a boosted job would take more of a class than boosted jobs may hold while others wait, or than its requester
/// may of that; who holds no boosted job there may hold one. False for a job without boost.
[[nodiscard]] bool is_over_lane(const MarketView& market, const JobRow& job, ClassId hardware_class,
                                std::uint64_t total_milli);

}  // namespace starminer::protocol
