// The placement experiment of "Beware of Fragmentation" (USENIX ATC'23): jobs of a list arrive one by one in random
// order, each stays, one that fits nowhere is dropped for good, and what counts is how much of the GPUs is allocated
// when a share of them has been asked for. Pure computation: one seed, one result.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "sim/cluster.h"
#include "sim/policy.h"
#include "sim/random.h"

namespace starminer::sim {

/// Demand ends before it would pass this share of the GPUs.
inline constexpr std::uint32_t kDemandPercent = 130;

/// Positions in the list of jobs in the order in which they arrive: all of them shuffled, jobs drawn with replacement
/// behind them while the demand stays within `limit_milli`; a list that asks for more loses jobs at random until it
/// fits. Requires: a job asks for a GPU, the jobs are sorted by name.
[[nodiscard]] std::vector<std::size_t> draw_arrivals(const std::vector<TraceJob>& jobs, std::uint64_t limit_milli,
                                                     Random& random);

/// How much is allocated as demand arrives, in % of the GPUs.
class AllocationCurve {
 public:
  /// Requires: capacity is not 0.
  explicit AllocationCurve(std::uint64_t capacity_milli) : capacity_milli_(capacity_milli) {}

  /// Sums after a job arrived, whether it was placed or not.
  void add(std::uint64_t arrived_milli, std::uint64_t allocated_milli);
  /// Mean over the jobs at whose arrival the arrived demand rounds to this percentage; where there is none, the
  /// allocation after the last job before it, and 0 before the first.
  [[nodiscard]] double at(std::uint32_t percent) const;

 private:
  struct Bucket {
    std::uint64_t allocated_milli = 0;  // sum over the jobs
    std::uint64_t jobs = 0;
    std::uint64_t last_milli = 0;
  };
  std::uint64_t capacity_milli_;
  std::vector<Bucket> buckets_;
};

struct PlacementResult {
  std::uint64_t seed = 0;
  double allocation_at_100 = 0;  // %
  double allocation_at_130 = 0;
  std::size_t arrived = 0;
  std::size_t placed = 0;
};

/// Runs one seed on an empty cluster, and leaves it empty. Requires: the cluster was made with the policy's weights.
[[nodiscard]] PlacementResult run_placement(Cluster& cluster, const std::vector<TraceJob>& jobs, Policy policy,
                                            std::uint64_t seed);

struct Spread {
  double mean = 0;
  std::optional<double> sd{};  // of the sample; empty for a single value
};
/// Requires: there is a value.
[[nodiscard]] Spread spread_of(const std::vector<double>& values);

}  // namespace starminer::sim
