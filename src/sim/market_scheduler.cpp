// The market as a scheduler: submissions, queue, EASY backfill, dispatch, ticks and epochs of the protocol's own
// market (live_market.h). A job ends when its run time of the trace is over.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/operation/limits.h"
#include "sim/live_market.h"
#include "sim/price_record.h"
#include "sim/random.h"
#include "sim/scheduler.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr std::uint64_t kRequesterBalance = 900'000'000 * kBasePerToken;
constexpr std::uint64_t kMsPerSecond = 1000;
constexpr Ppm kBestReliability{1'200'000};

class MarketScheduler final : public Scheduler {
 public:
  MarketScheduler(bool prices_move, const std::vector<std::string>& models, const std::vector<TraceRun>& runs,
                  std::vector<JobSpec> asks, const ReplayOptions& options)
      : runs_(runs),
        asks_(std::move(asks)),
        options_(options),
        market_(models, {prices_move, options.seed, {}}),
        record_(market_.chain()),
        jobs_(runs.size()),
        prices_move_(prices_move) {}

  Result<void, std::string> set_up(const std::vector<TraceNode>& nodes) {
    if (auto added = market_.add_nodes(nodes); !added) return added;
    const Chain& chain = market_.chain();
    live_max_ = chain.params.get(Parameter::LiveJobsMax);
    const std::uint64_t requesters = runs_.size() / live_max_ + 1;
    for (std::uint64_t i = 0; i < requesters; ++i) market_.fund(requester_of(i), {kRequesterBalance / requesters});
    for (const auto& [id, row] : chain.registry.nodes()) {
      nodes_.push_back({id, &row, &chain.registry.capacity().get(id), false, std::nullopt});
    }
    if (!prices_move_) return {};
    for (const auto& [key, row] : chain.pricing.prices()) first_prices_.emplace(key.tier, row.price);
    last_arrival_ = kStart + DurationMs{runs_.back().submit_ms - runs_.front().submit_ms};
    market_.on_tick([this](std::uint64_t tick) {
      if (market_.now() <= last_arrival_) record_.on_tick(tick);
    });
    return {};
  }

  void advance(TimeMs now) override { market_.advance(now); }

  std::optional<std::string> submit(std::size_t run) override {
    const auto job = market_.submit(requester_of(run / live_max_), spec_of_run(run));
    if (!job) return std::string(job.error().info().name);
    jobs_[run] = *job;
    run_of_[*job] = run;
    return std::nullopt;
  }

  std::vector<Started> start() override {
    std::vector<Started> started;
    market_.start();
    for (const Begun& begun : market_.take_begun()) started.push_back({run_of_.at(begun.job), begun.unit});
    return started;
  }

  void finish(std::size_t run) override {
    market_.finish(jobs_[run]);
    run_of_.erase(jobs_[run]);
  }

  /// Where prices move, each tick may let a job start.
  [[nodiscard]] std::optional<TimeMs> next_event() const override {
    const QueueIndex& index = market_.chain().market.index();
    if (!prices_move_ || (index.waiting().empty() && index.parked().empty())) return std::nullopt;
    return market_.next_tick();
  }

  const std::vector<NodeView>& nodes() const override { return nodes_; }
  const std::vector<JobSpec>& asks() const override { return asks_; }
  [[nodiscard]] std::vector<PriceCourse> prices() const override { return record_.courses(); }

 private:
  static AccountId requester_of(std::uint64_t number) { return account_of(fmt::format("requester {}", number)); }

  JobSpec spec_of_run(std::size_t number) const {
    const TraceRun& run = runs_[number];
    JobSpec spec = asks_[number];
    const std::uint64_t run_s = (run.run_ms + kMsPerSecond - 1) / kMsPerSecond;
    const std::uint64_t least = std::max(run_s, market_.chain().params.get(Parameter::MaxSecondsMin));
    const std::uint64_t most = run_s > kLongestStandardS ? kJobSecondsMax : kLongestStandardS;
    const std::uint64_t stated_s = options_.stated_percent == 0 ? most : run_s * options_.stated_percent / 100;
    spec.max_s = std::max(least, std::min(stated_s, most));
    spec.expected_s = spec.max_s;
    const TierId tier = tier_of(run);
    spec.tier = tier == kEconomy ? TierChoice::Economy : tier == kPremium ? TierChoice::Premium : TierChoice::Standard;
    spec.wait = true;
    if (prices_move_) spec.max_price = worth_of(spec, tier, number);
    return spec;
  }

  /// What the job is worth to its requester: at least the first price, and twice of it to half of them, so that demand
  /// falls with the price by an elasticity of one. Who is priced out waits for a lower price.
  [[nodiscard]] Price worth_of(const JobSpec& spec, TierId tier, std::size_t number) const {
    constexpr double kWhole = 9007199254740992.0;
    Random dice(options_.seed * 1'000'003 + number);
    const double times = 1 / (static_cast<double>(dice.below(std::size_t{1} << 53) + 1) / kWhole);
    const double first = static_cast<double>(first_prices_.at(tier).nagpu_per_gpu_hour);
    constexpr double kDearest = 1000;  // times; above every ceiling
    FactorInput input;
    input.tier = tier;
    input.now = market_.now();
    input.reliability = kBestReliability;  // room for a node's own factors
    const Factors factors = market_.chain().pricing.factors(spec, input);
    return Pricing::unit_price({static_cast<std::uint64_t>(std::ceil(first * std::min(times, kDearest)))}, factors);
  }

  const std::vector<TraceRun>& runs_;
  std::vector<JobSpec> asks_;  // by run
  ReplayOptions options_;
  LiveMarket market_;
  PriceRecord record_;
  std::vector<NodeView> nodes_;
  std::vector<JobId> jobs_;              // by run
  std::map<JobId, std::size_t> run_of_;  // of those that have not ended
  std::map<TierId, Price> first_prices_;
  TimeMs last_arrival_;
  std::uint64_t live_max_ = 1;
  bool prices_move_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>, std::string> make_market_scheduler(Rule rule, const std::vector<TraceNode>& nodes,
                                                                      const std::vector<TraceRun>& runs,
                                                                      const ReplayOptions& options) {
  std::vector<TraceJob> jobs;
  for (const TraceRun& run : runs) jobs.push_back(run.job);
  auto scheduler = std::make_unique<MarketScheduler>(rule == Rule::Moving, models_of(nodes, jobs), runs,
                                                     asks_of(nodes, runs), options);
  if (auto ready = scheduler->set_up(nodes); !ready) return fail(ready.error());
  return scheduler;
}

}  // namespace starminer::sim
