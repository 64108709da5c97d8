#include "sim/response.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/market/queue_index.h"
#include "sim/crowd.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kTicksPerHour = 60;
constexpr std::uint64_t kEndHours = 12;  // over which use is looked at
constexpr Agpu kProviderBalance{100 * kBasePerToken};
constexpr const char* kModel = "A100";

class Path {
 public:
  Path(const ResponseOptions& options, std::uint64_t seed)
      : options_(options),
        market_({kModel}, {true, seed, {}}),
        crowd_(market_, {static_cast<double>(options.nodes) * options.devices_per_node, options.devices_per_node,
                         options.mean_run_s, options.patience_s, options.elasticity, seed}),
        record_(market_.chain()) {}

  Result<void, std::string> set_up() {
    // A provider for each node, so that a lost node excludes no other.
    for (std::uint32_t i = 0; i < options_.nodes; ++i) {
      const AccountId provider = account_of(fmt::format("provider {}", i));
      market_.fund(provider, kProviderBalance);
      const auto node = market_.add_node(
          provider, registration_of({fmt::format("node-{}", i), 64, 1 << 20, options_.devices_per_node, kModel}));
      if (!node) return fail(node.error());
      nodes_.push_back(*node);
    }
    market_.on_tick([this](std::uint64_t tick) { record_.on_tick(tick); });
    return {};
  }

  void run(ResponseResult& result) {
    result.used_before += pass_hours(options_.hours_before);
    crowd_.set_demand(options_.demand_times);
    const auto kept = static_cast<std::size_t>(std::llround(options_.nodes * options_.supply_times));
    if (kept < nodes_.size()) crowd_.lose({nodes_.begin() + static_cast<std::ptrdiff_t>(kept), nodes_.end()});
    crowd_.forget_payments();
    const std::uint64_t drained = std::min<std::uint64_t>(12, options_.hours_after);
    double used = pass_hours(drained);
    const auto waiting = static_cast<double>(market_.chain().market.index().waiting().size());
    result.waiting_jobs_12h = std::max(result.waiting_jobs_12h, waiting);
    if (drained < options_.hours_after) used = pass_hours(options_.hours_after - drained);
    result.used_after += used;
    result.submitted += crowd_.submitted();
    result.refused += crowd_.refused();
    result.gave_up += crowd_.gave_up();
    const double gpu_hours = static_cast<double>(kept * options_.devices_per_node) * options_.hours_after;
    if (gpu_hours > 0) result.revenue_agpu_per_gpu_hour += crowd_.paid_agpu() / gpu_hours;
    if (crowd_.paid_agpu() > 0) result.burned_share += crowd_.burned_agpu() / crowd_.paid_agpu();
    result.paths.push_back(record_.courses());
    STARMINER_CHECK(market_.chain().pricing.invariants_hold() && market_.chain().market.invariants_hold());
  }

 private:
  /// Share of the active GPUs that was used in the last hours, on average.
  double pass_hours(std::uint64_t hours) {
    double used = 0;
    std::uint64_t looked = 0;
    const std::uint64_t ticks = hours * kTicksPerHour;
    for (std::uint64_t i = 0; i < ticks; ++i) {
      crowd_.pass_tick();
      if (i + kEndHours * kTicksPerHour < ticks) continue;
      used += used_now();
      ++looked;
    }
    return looked == 0 ? 0 : used / static_cast<double>(looked);
  }

  [[nodiscard]] double used_now() const {
    std::uint64_t active = 0;
    for (const auto& [id, row] : market_.chain().registry.nodes()) active += row.status == NodeStatus::Active ? 1U : 0U;
    std::uint64_t milli = 0;
    for (const auto& [job, row] : market_.chain().market.assignments()) milli += row.gpu_milli;
    return static_cast<double>(milli) / 1000 / static_cast<double>(active * options_.devices_per_node);
  }

  ResponseOptions options_;
  LiveMarket market_;
  Crowd crowd_;
  PriceRecord record_;
  std::vector<NodeId> nodes_;
};

/// Geometric mean of the prices of all paths, tick by tick.
std::vector<PriceCourse> mean_of(const std::vector<std::vector<PriceCourse>>& paths) {
  std::vector<PriceCourse> mean = paths.front();
  for (std::size_t i = 0; i < mean.size(); ++i) {
    for (std::size_t t = 0; t < mean[i].ticks.size(); ++t) {
      double sum = 0;
      double load = 0;
      for (const auto& path : paths) {
        sum += std::log(path[i].ticks[t].price);
        load += path[i].ticks[t].load;
      }
      mean[i].ticks[t].price = std::exp(sum / static_cast<double>(paths.size()));
      mean[i].ticks[t].load = load / static_cast<double>(paths.size());
    }
  }
  return mean;
}

double log_deviation_from(const PriceCourse& course, std::size_t from) {
  PriceCourse part = course;
  part.ticks.erase(part.ticks.begin(), part.ticks.begin() + static_cast<std::ptrdiff_t>(from));
  return part.log_deviation();
}

TierResponse tier_response(const ResponseOptions& options, const std::vector<std::vector<PriceCourse>>& paths,
                           const PriceCourse& mean, std::size_t tier) {
  constexpr std::size_t kStartTicks = 2 * kTicksPerHour;
  constexpr std::size_t kEndTicks = 12 * kTicksPerHour;
  TierResponse found;
  found.tier = mean.name.substr(0, mean.name.find(' '));
  const std::size_t change = options.hours_before * kTicksPerHour;
  double start = 0;
  for (std::size_t t = change - kStartTicks; t < change; ++t) start += std::log(mean.ticks[t].price) / kStartTicks;
  const double move = std::log(options.demand_times / options.supply_times) / options.elasticity;
  found.hours_to_85 = -1;
  for (std::size_t t = change; t < mean.ticks.size() && move != 0; ++t) {
    const double part = (std::log(mean.ticks[t].price) - start) / move;
    found.overshoot = std::max(found.overshoot, part - 1);
    if (found.hours_to_85 < 0 && part >= 0.85) {
      found.hours_to_85 = static_cast<double>(t - change) / static_cast<double>(kTicksPerHour);
    }
  }
  for (const auto& path : paths) {
    found.largest_step = std::max(found.largest_step, path[tier].largest_step());
    found.log_deviation +=
        log_deviation_from(path[tier], path[tier].ticks.size() / 2) / static_cast<double>(paths.size());
  }
  const std::size_t end = std::min(kEndTicks, mean.ticks.size());
  for (std::size_t t = mean.ticks.size() - end; t < mean.ticks.size(); ++t) {
    found.load_at_end += mean.ticks[t].load / static_cast<double>(end);
  }
  return found;
}

}  // namespace

Result<ResponseResult, std::string> respond(const ResponseOptions& options) {
  STARMINER_CHECK(options.paths > 0 && options.hours_before >= 12 && options.hours_after > 0);
  ResponseResult result;
  for (std::uint32_t i = 0; i < options.paths; ++i) {
    auto path = std::make_unique<Path>(options, options.seed * 1'000 + i);
    if (auto ready = path->set_up(); !ready) return fail(ready.error());
    path->run(result);
  }
  const double paths = options.paths;
  for (double* mean :
       {&result.used_before, &result.used_after, &result.revenue_agpu_per_gpu_hour, &result.burned_share}) {
    *mean /= paths;
  }
  for (const auto& path : result.paths) {
    for (const PriceCourse& course : path) result.envelopes_broken += course.envelopes_broken;
  }
  result.mean_paths = mean_of(result.paths);
  for (std::size_t i = 0; i < result.mean_paths.size(); ++i) {
    result.tiers.push_back(tier_response(options, result.paths, result.mean_paths[i], i));
  }
  return result;
}

}  // namespace starminer::sim
