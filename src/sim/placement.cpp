#include "sim/placement.h"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "base/check.h"

namespace starminer::sim {
namespace {

constexpr std::uint64_t kPercent = 100;
constexpr AccountId kRequester{{0x51}};

std::uint64_t demand_of(const std::vector<TraceJob>& jobs) {
  return std::accumulate(jobs.begin(), jobs.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const TraceJob& job) { return sum + gpu_milli(job); });
}

}  // namespace

std::vector<std::size_t> draw_arrivals(const std::vector<TraceJob>& jobs, std::uint64_t limit_milli, Random& random) {
  std::uint64_t demand = demand_of(jobs);
  STARMINER_CHECK(demand > 0);
  std::vector<std::size_t> order(jobs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  random.shuffle(order);
  while (demand > limit_milli) {
    demand -= gpu_milli(jobs[order.back()]);
    order.pop_back();
  }
  while (true) {
    const std::size_t drawn = random.below(jobs.size());
    demand += gpu_milli(jobs[drawn]);
    if (demand > limit_milli) return order;
    order.push_back(drawn);
  }
}

void AllocationCurve::add(std::uint64_t arrived_milli, std::uint64_t allocated_milli) {
  const std::size_t percent = (arrived_milli * kPercent * 2 + capacity_milli_) / (capacity_milli_ * 2);
  if (buckets_.size() <= percent) {
    const Bucket before{0, 0, buckets_.empty() ? 0 : buckets_.back().last_milli};
    buckets_.resize(percent + 1, before);
  }
  Bucket& bucket = buckets_[percent];
  bucket.allocated_milli += allocated_milli;
  bucket.last_milli = allocated_milli;
  ++bucket.jobs;
}

double AllocationCurve::at(std::uint32_t percent) const {
  if (buckets_.empty()) return 0;
  const Bucket& bucket = percent < buckets_.size() ? buckets_[percent] : buckets_.back();
  const bool hit = percent < buckets_.size() && bucket.jobs > 0;
  const double milli = hit ? static_cast<double>(bucket.allocated_milli) / static_cast<double>(bucket.jobs)
                           : static_cast<double>(bucket.last_milli);
  return milli * kPercent / static_cast<double>(capacity_milli_);
}

PlacementResult run_placement(Cluster& cluster, const std::vector<TraceJob>& jobs, Policy policy, std::uint64_t seed) {
  Random random(seed);
  const auto arrivals = draw_arrivals(jobs, cluster.gpu_milli() * kDemandPercent / kPercent, random);
  cluster.set_seed(sha256(fmt::format("starminer-sim/placement/{}", seed)));
  AllocationCurve curve(cluster.gpu_milli());
  PlacementResult result;
  result.seed = seed;
  result.arrived = arrivals.size();
  std::uint64_t arrived_milli = 0;
  std::uint64_t allocated_milli = 0;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const TraceJob& job = jobs[arrivals[i]];
    const protocol::JobSpec spec = spec_of(job);
    arrived_milli += gpu_milli(job);
    const auto node = choose_node(policy, cluster, {job_id_of(kRequester, i), spec}, random);
    if (node) {
      cluster.place(*node, spec.resources);
      allocated_milli += gpu_milli(job);
      ++result.placed;
    }
    curve.add(arrived_milli, allocated_milli);
  }
  cluster.clear();
  result.allocation_at_100 = curve.at(kPercent);
  result.allocation_at_130 = curve.at(kDemandPercent);
  return result;
}

Spread spread_of(const std::vector<double>& values) {
  STARMINER_CHECK(!values.empty());
  const auto count = static_cast<double>(values.size());
  Spread spread;
  spread.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.sd = std::sqrt(squares / (count - 1));
  return spread;
}

}  // namespace starminer::sim
