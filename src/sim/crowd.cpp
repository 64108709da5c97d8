#include "sim/crowd.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sim/price_record.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr Agpu kBalance{2'000'000 * kBasePerToken};
constexpr Ppm kBestReliability{1'200'000};
constexpr double kRunSpread = 0.8;  // of the logarithm of run times
constexpr double kMsPerMinute = 60'000;

struct Gang {
  std::uint32_t gpus = 1;
  std::uint32_t percent = 0;
};
constexpr std::array<Gang, 4> kGangs = {{{1, 50}, {2, 15}, {4, 15}, {8, 20}}};

double tokens(Agpu amount) { return static_cast<double>(amount.base) / static_cast<double>(kBasePerToken); }

/// GPUs that are busy in a tier when its load is at the target: Economy has what the others leave of their parts, too.
std::array<double, Crowd::kTiers> busy_at_target(const Pricing& pricing, double gpus) {
  std::array<double, Crowd::kTiers> busy{};
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

}  // namespace

Crowd::Crowd(LiveMarket& market, const CrowdOptions& options)
    : market_(market), options_(options), dice_(options.seed) {
  for (std::size_t i = 0; i < kAccounts; ++i) {
    accounts_.push_back(account(i));
    market_.fund(accounts_.back(), kBalance);
  }
  const Pricing& pricing = market_.chain().pricing;
  for (TierId tier = 0; tier < kTiers; ++tier) first_prices_[tier] = agpu_per_hour(pricing.price(tier, 0));
  busy_ = busy_at_target(pricing, options_.gpus);
  for (const Gang& gang : kGangs) {
    if (gang.gpus > options_.widest) continue;
    percents_ += gang.percent;
    mean_gang_ += gang.gpus * gang.percent;
  }
  mean_gang_ /= percents_;
}

AccountId Crowd::account(std::size_t number) { return account_of(fmt::format("requester {}", number)); }

void Crowd::pass_tick() {
  const TimeMs tick = market_.next_tick();
  end_until({tick.ms - 1});
  advance(tick);
  while (!patience_.empty() && patience_.top().at_ms <= tick.ms) {
    const JobId job = patience_.top().job;
    patience_.pop();
    if (cancel(job)) ++gave_up_;
  }
  arrive();
  start();
}

void Crowd::pass_until(TimeMs moment) {
  end_until(moment);
  advance(moment);
}

void Crowd::advance(TimeMs moment) {
  market_.advance(moment);
  note_begun();
  for (const JobId& job : market_.take_lost()) {
    const auto asked = asked_.find(job);
    if (asked == asked_.end() || asked->second.ends_ms == 0) continue;
    lost_minutes_ += static_cast<double>(market_.now().ms - asked->second.started_ms) / kMsPerMinute *
                     static_cast<double>(asked->second.gpu_milli) / 1000;
    asked->second.ends_ms = 0;  // it begins anew
  }
}

void Crowd::end_until(TimeMs moment) {
  for (;;) {
    const bool ends = !ends_.empty() && ends_.top().at_ms <= moment.ms;
    const TimeMs next = ends ? TimeMs{ends_.top().at_ms} : moment;
    // What providers do by themselves may begin or end something before.
    if (const auto act = market_.next_act(next)) {
      advance(*act);
      start();
      continue;
    }
    if (!ends) return;
    const Event end = ends_.top();
    ends_.pop();
    advance(next);
    finish(end);
    start();
  }
}

bool Crowd::cancel(const JobId& job) {
  const auto asked = asked_.find(job);
  if (asked == asked_.end() || !market_.cancel(asked->second.requester, job)) return false;
  if (asked->second.ends_ms != 0) {
    count(asked->second);
    const Agpu paid = market_.chain().market.jobs().get(job).paid;
    requesters_[asked->second.requester].agpu += tokens(paid);
    providers_[asked->second.provider].agpu += tokens(market_.chain().pricing.split(paid, 0, 0, false).provider);
  }
  asked_.erase(asked);
  return true;
}

void Crowd::count(const Asked& asked) {
  const double minutes = static_cast<double>(market_.now().ms - asked.started_ms) / kMsPerMinute *
                         static_cast<double>(asked.gpu_milli) / 1000;
  requesters_[asked.requester].gpu_minutes += minutes;
  providers_[asked.provider].gpu_minutes += minutes;
}

void Crowd::finish(const Event& end) {
  const auto asked = asked_.find(end.job);
  if (asked == asked_.end() || asked->second.ends_ms != end.at_ms) return;  // its node was lost meanwhile
  count(asked->second);
  const FeeSplit bill = market_.finish(end.job);
  requesters_[asked->second.requester].agpu += tokens(bill.pay);
  providers_[asked->second.provider].agpu += tokens(bill.provider);
  paid_ += tokens(bill.pay);
  burned_ += tokens(bill.burn) + tokens(bill.surge_burn);
  asked_.erase(asked);
}

void Crowd::close() {
  for (auto& [job, asked] : asked_) {
    if (asked.ends_ms == 0) continue;
    count(asked);
    const auto& row = market_.chain().market.jobs().get(job);
    const Agpu so_far = Pricing::cost(row.unit, asked.gpu_milli, market_.now().ms - asked.started_ms, Rounding::Floor);
    providers_[asked.provider].agpu += tokens(market_.chain().pricing.split(so_far, 0, 0, false).provider);
    requesters_[asked.requester].agpu += tokens(so_far);
    asked.started_ms = market_.now().ms;
  }
}

void Crowd::start() {
  market_.start();
  note_begun();
}

void Crowd::note_begun() {
  for (const Begun& begun : market_.take_begun()) {
    Asked& asked = asked_.at(begun.job);
    asked.started_ms = begun.at.ms;
    asked.ends_ms = begun.at.ms + asked.run_ms;
    asked.provider = market_.chain().registry.nodes().get(begun.node).provider;
    asked.gpu_milli = market_.chain().market.assignments().get(begun.job).gpu_milli;
    Tally& tally = requesters_[asked.requester];
    ++tally.started;
    tally.wait_s += static_cast<double>(begun.at.ms - asked.submitted_ms) / 1000;
    ends_.push({asked.ends_ms, begun.job});
  }
}

void Crowd::arrive() {
  for (TierId tier = 0; tier < kTiers; ++tier) {
    const double price = agpu_per_hour(market_.chain().pricing.price(tier, 0));
    const double rate = demand_times_ * busy_[tier] / (mean_gang_ * options_.mean_run_s / 60) *
                        std::pow(price / first_prices_[tier], -options_.elasticity);
    for (std::uint32_t left = dice_.poisson(rate); left > 0; --left) come(tier);
  }
}

JobSpec Crowd::spec_for(TierId tier, std::uint32_t gpus, std::uint64_t run_ms, double worth_over_price) const {
  TraceJob job;
  job.cpu_milli = 1'000;
  job.memory_mib = 1'024;
  job.gpus = gpus;
  JobSpec spec = spec_of(job);
  spec.expected_s = spec.max_s = 2 * (run_ms / 1000 + 1);
  spec.tier = tier == kEconomy ? TierChoice::Economy : tier == kPremium ? TierChoice::Premium : TierChoice::Standard;
  spec.wait = true;
  FactorInput input;
  input.tier = tier;
  input.now = market_.now();
  input.reliability = kBestReliability;  // room for a node's own factors
  constexpr double kDearest = 1000;
  const double worth = std::min(kDearest, agpu_per_hour(market_.chain().pricing.price(tier, 0)) * worth_over_price);
  spec.max_price = Pricing::unit_price({static_cast<std::uint64_t>(std::ceil(worth * kBasePerToken))},
                                       market_.chain().pricing.factors(spec, input));
  return spec;
}

void Crowd::come(TierId tier) {
  const double run_s =
      std::exp(std::log(options_.mean_run_s) - kRunSpread * kRunSpread / 2 + kRunSpread * dice_.normal());
  const auto run_ms = static_cast<std::uint64_t>(std::clamp(run_s, 60.0, 1e6) * 1000);
  const AccountId& account = accounts_[dice_.below(kAccounts)];
  const std::uint32_t gpus = gang();
  // Who comes at the price of now would pay more with the chance that makes demand fall by the elasticity.
  const double worth = std::exp(dice_.exponential(1 / options_.elasticity));
  ++submitted_;
  JobSpec spec = spec_for(tier, gpus, run_ms, worth);
  spec.preemptible = options_.preemptible && tier == kEconomy;
  const auto job = add(account, spec, run_ms);
  if (!job) {
    ++refused_;
    return;
  }
  patience_.push({market_.now().ms + static_cast<std::uint64_t>(dice_.exponential(options_.patience_s) * 1000), *job});
}

std::optional<JobId> Crowd::add(const AccountId& requester, const JobSpec& spec, std::uint64_t run_ms) {
  const auto job = market_.submit(requester, spec);
  if (!job) return std::nullopt;
  asked_[*job] = {requester, run_ms, market_.now().ms, 0, 0, {}, 0};
  return *job;
}

std::uint32_t Crowd::gang() {
  auto draw = static_cast<std::uint32_t>(dice_.below(percents_));
  for (const Gang& gang : kGangs) {
    if (draw < gang.percent) return gang.gpus;
    draw -= gang.percent;
  }
  return 1;
}

void Crowd::lose(const std::vector<NodeId>& nodes) {
  for (auto& [job, asked] : asked_) {
    const auto* row = market_.chain().market.assignments().find(job);
    if (row == nullptr || std::find(nodes.begin(), nodes.end(), row->node) == nodes.end()) continue;
    count(asked);
    asked.run_ms = asked.ends_ms - market_.now().ms;  // it goes on where it was
    asked.ends_ms = 0;
  }
  market_.lose(nodes);
  std::erase_if(asked_, [this](const auto& entry) {
    return market_.chain().market.jobs().get(entry.first).state == JobState::Refunded;
  });
  start();
}

Tally Crowd::crowd() const {
  Tally sum;
  for (const AccountId& account : accounts_) {
    const auto found = requesters_.find(account);
    if (found == requesters_.end()) continue;
    sum.gpu_minutes += found->second.gpu_minutes;
    sum.agpu += found->second.agpu;
    sum.wait_s += found->second.wait_s;
    sum.started += found->second.started;
  }
  return sum;
}

}  // namespace starminer::sim
