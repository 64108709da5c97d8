#include "sim/response.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <queue>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/market/queue_index.h"
#include "sim/live_market.h"
#include "sim/random.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kTicksPerHour = 60;
constexpr std::uint64_t kMsPerHour = 3'600'000;
constexpr std::size_t kRequesters = 64;
constexpr std::size_t kTiers = 3;
constexpr Agpu kBalance{2'000'000 * kBasePerToken};
constexpr Agpu kProviderBalance{100 * kBasePerToken};
constexpr const char* kModel = "A100";
constexpr Ppm kBestReliability{1'200'000};
constexpr double kRunSpread = 0.8;  // of the logarithm of run times

struct Gang {
  std::uint32_t gpus = 1;
  std::uint32_t percent = 0;
};
constexpr std::array<Gang, 4> kGangs = {{{1, 50}, {2, 15}, {4, 15}, {8, 20}}};

/// Draws that every library gives alike but for the last digits of log and exp.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] Random& random() { return random_; }

  /// In (0, 1].
  [[nodiscard]] double unit() {
    constexpr std::size_t kSteps = std::size_t{1} << 53;
    return static_cast<double>(random_.below(kSteps) + 1) / static_cast<double>(kSteps);
  }
  [[nodiscard]] double exponential(double mean) { return -mean * std::log(unit()); }
  [[nodiscard]] double normal() {
    return std::sqrt(-2 * std::log(unit())) * std::cos(2 * 3.14159265358979323846 * unit());
  }
  [[nodiscard]] std::uint32_t poisson(double mean) {
    const double least = std::exp(-mean);
    std::uint32_t count = 0;
    for (double product = unit(); product > least; product *= unit()) ++count;
    return count;
  }

 private:
  Random random_;
};

/// GPUs that are busy in a tier when its load is at the target: Economy has what the others leave of their parts, too.
std::array<double, kTiers> busy_at_target(const Pricing& pricing, double gpus) {
  std::array<double, kTiers> busy{};
  double unused = 0;
  for (const TierId tier : {kStandard, kPremium, kEconomy}) {
    const TierRow& row = pricing.tier(tier);
    const double part = gpus * static_cast<double>(row.capacity_share.value) / kPpm;
    const double online = row.preemptible ? part + unused : part;
    busy[tier] = online * static_cast<double>(row.target_load.value) / kPpm;
    unused += online - busy[tier];
  }
  return busy;
}

class Path {
 public:
  Path(const ResponseOptions& options, std::uint64_t seed)
      : options_(options),
        dice_(seed),
        market_({kModel}, {true, seed, {}}),
        record_(market_.chain()),
        gpus_(static_cast<double>(options.nodes) * options.devices_per_node) {}

  Result<void, std::string> set_up() {
    for (std::size_t i = 0; i < kRequesters; ++i) {
      requesters_.push_back(account_of(fmt::format("requester {}", i)));
      market_.fund(requesters_.back(), kBalance);
    }
    // A provider for each node, so that a lost node excludes no other.
    for (std::uint32_t i = 0; i < options_.nodes; ++i) {
      const AccountId provider = account_of(fmt::format("provider {}", i));
      market_.fund(provider, kProviderBalance);
      const auto node = market_.add_node(
          provider, registration_of({fmt::format("node-{}", i), 64, 1 << 20, options_.devices_per_node, kModel}));
      if (!node) return fail(node.error());
      nodes_.push_back(*node);
    }
    const Pricing& pricing = market_.chain().pricing;
    for (TierId tier = 0; tier < kTiers; ++tier) first_prices_[tier] = agpu_per_hour(pricing.price(tier, 0));
    busy_ = busy_at_target(pricing, gpus_);
    for (const Gang& gang : kGangs) {
      if (gang.gpus <= options_.devices_per_node) {
        percents_ += gang.percent;
        mean_gang_ += gang.gpus * gang.percent;
      }
    }
    mean_gang_ /= percents_;
    market_.on_tick([this](std::uint64_t tick) { record_.on_tick(tick); });
    return {};
  }

  void run(ResponseResult& result) {
    pass_hours(options_.hours_before);
    result.used_before += used_share();
    demand_times_ = options_.demand_times;
    lose_nodes();
    paid_ = burned_ = 0;
    const std::uint32_t drained = std::min<std::uint32_t>(12, options_.hours_after);
    pass_hours(drained);
    result.waiting_jobs_12h = std::max(result.waiting_jobs_12h, payable_waiting());
    pass_hours(options_.hours_after - drained);
    result.used_after += used_share();
    result.submitted += submitted_;
    result.refused += refused_;
    result.gave_up += gave_up_;
    result.revenue_agpu_per_gpu_hour += paid_ / (gpus_ * options_.supply_times * options_.hours_after);
    result.burned_share += paid_ > 0 ? burned_ / paid_ : 0;
    result.paths.push_back(record_.courses());
    STARMINER_CHECK(market_.chain().pricing.invariants_hold() && market_.chain().market.invariants_hold());
  }

 private:
  struct Event {
    std::uint64_t at_ms = 0;
    JobId job;

    bool operator>(const Event& other) const { return std::tie(at_ms, job) > std::tie(other.at_ms, other.job); }
  };
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;
  struct Asked {
    std::uint64_t run_ms = 0;
    AccountId requester;
    std::uint64_t ends_ms = 0;  // 0: it does not run
  };

  void pass_hours(std::uint64_t hours) {
    used_gpu_ticks_ = 0;
    used_ticks_ = 0;
    const std::uint64_t ticks = hours * kTicksPerHour;
    for (std::uint64_t i = 0; i < ticks; ++i) {
      pass_tick();
      if (i + 12 * kTicksPerHour < ticks) continue;
      for (const auto& [job, row] : market_.chain().market.assignments()) {
        used_gpu_ticks_ += static_cast<double>(row.gpu_milli) / 1000;
      }
      ++used_ticks_;
    }
  }

  /// From one tick to the next: ends at their moments, then who is out of patience, then who comes.
  void pass_tick() {
    const TimeMs tick = market_.next_tick();
    while (!ends_.empty() && ends_.top().at_ms < tick.ms) {
      const Event end = ends_.top();
      ends_.pop();
      market_.advance({end.at_ms});
      finish(end);
      start();
    }
    market_.advance(tick);
    while (!patience_.empty() && patience_.top().at_ms <= tick.ms) {
      const JobId job = patience_.top().job;
      patience_.pop();
      const auto asked = asked_.find(job);
      if (asked == asked_.end() || !market_.cancel(asked->second.requester, job)) continue;
      asked_.erase(asked);
      ++gave_up_;
    }
    arrive();
    start();
  }

  void finish(const Event& end) {
    const auto asked = asked_.find(end.job);
    if (asked == asked_.end() || asked->second.ends_ms != end.at_ms) return;  // its node was lost meanwhile
    const FeeSplit bill = market_.finish(end.job);
    paid_ += static_cast<double>(bill.pay.base) / static_cast<double>(kBasePerToken);
    burned_ += static_cast<double>(bill.burn.base + bill.surge_burn.base) / static_cast<double>(kBasePerToken);
    asked_.erase(asked);
  }

  void start() {
    for (const MatchMade& made : market_.start()) {
      Asked& asked = asked_.at(made.job);
      asked.ends_ms = market_.now().ms + asked.run_ms;
      ends_.push({asked.ends_ms, made.job});
    }
  }

  void arrive() {
    for (TierId tier = 0; tier < kTiers; ++tier) {
      const double price = agpu_per_hour(market_.chain().pricing.price(tier, 0));
      const double rate = demand_times_ * busy_[tier] / (mean_gang_ * options_.mean_run_s / 60) *
                          std::pow(price / first_prices_[tier], -options_.elasticity);
      for (std::uint32_t left = dice_.poisson(rate); left > 0; --left) submit(tier, price);
    }
  }

  void submit(TierId tier, double price) {
    const double run_s =
        std::exp(std::log(options_.mean_run_s) - kRunSpread * kRunSpread / 2 + kRunSpread * dice_.normal());
    Asked asked{static_cast<std::uint64_t>(std::clamp(run_s, 60.0, 1e6) * 1000),
                requesters_[dice_.random().below(kRequesters)], 0};
    TraceJob job;
    job.cpu_milli = 1'000;
    job.memory_mib = 1'024;
    job.gpus = gang();
    JobSpec spec = spec_of(job);
    spec.expected_s = spec.max_s = 2 * (asked.run_ms / 1000 + 1);
    spec.tier = tier == kEconomy ? TierChoice::Economy : tier == kPremium ? TierChoice::Premium : TierChoice::Standard;
    spec.wait = true;
    FactorInput input;
    input.tier = tier;
    input.now = market_.now();
    input.reliability = kBestReliability;  // room for a node's own factors
    // Who comes at the price of now would pay more with the chance that makes demand fall by the elasticity.
    const double worth = price * std::exp(dice_.exponential(1 / options_.elasticity));
    spec.max_price = Pricing::unit_price({static_cast<std::uint64_t>(std::ceil(std::min(worth, 1e3) * kBasePerToken))},
                                         market_.chain().pricing.factors(spec, input));
    ++submitted_;
    const auto id = market_.submit(asked.requester, spec);
    if (!id) {
      ++refused_;
      return;
    }
    patience_.push({market_.now().ms + static_cast<std::uint64_t>(dice_.exponential(options_.patience_s) * 1000), *id});
    asked_[*id] = asked;
  }

  std::uint32_t gang() {
    auto draw = static_cast<std::uint32_t>(dice_.random().below(percents_));
    for (const Gang& gang : kGangs) {
      if (draw < gang.percent) return gang.gpus;
      draw -= gang.percent;
    }
    return 1;
  }

  void lose_nodes() {
    const auto kept = static_cast<std::size_t>(std::llround(options_.nodes * options_.supply_times));
    if (kept >= nodes_.size()) return;
    for (auto& [job, asked] : asked_) {
      const auto* row = market_.chain().market.assignments().find(job);
      if (row != nullptr &&
          std::find(nodes_.begin() + static_cast<std::ptrdiff_t>(kept), nodes_.end(), row->node) != nodes_.end()) {
        asked.run_ms = asked.ends_ms - market_.now().ms;  // it goes on where it was
        asked.ends_ms = 0;
      }
    }
    market_.lose({nodes_.begin() + static_cast<std::ptrdiff_t>(kept), nodes_.end()});
    std::erase_if(asked_, [this](const auto& entry) {
      return market_.chain().market.jobs().get(entry.first).state == JobState::Refunded;
    });
    start();
  }

  [[nodiscard]] double used_share() const {
    std::uint64_t active = 0;
    for (const auto& [id, row] : market_.chain().registry.nodes()) active += row.status == NodeStatus::Active ? 1U : 0U;
    const auto online = static_cast<double>(active * options_.devices_per_node);
    return used_ticks_ == 0 ? 0 : used_gpu_ticks_ / static_cast<double>(used_ticks_) / online;
  }
  [[nodiscard]] double payable_waiting() const {
    return static_cast<double>(market_.chain().market.index().waiting().size());
  }

  ResponseOptions options_;
  Dice dice_;
  LiveMarket market_;
  PriceRecord record_;
  double gpus_;
  std::vector<AccountId> requesters_;
  std::vector<NodeId> nodes_;
  std::array<double, kTiers> first_prices_{};
  std::array<double, kTiers> busy_{};
  std::uint32_t percents_ = 0;
  double mean_gang_ = 0;
  double demand_times_ = 1;
  std::map<JobId, Asked> asked_;
  Events ends_;
  Events patience_;
  std::uint64_t submitted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t gave_up_ = 0;
  double paid_ = 0;
  double burned_ = 0;
  double used_gpu_ticks_ = 0;
  std::uint64_t used_ticks_ = 0;
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
