#include "protocol/market/preemption.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/market/admission.h"
#include "protocol/market/eligibility.h"

namespace starminer::protocol {
namespace {

struct Holder {
  JobId job;
  TimeMs matched;
  const Allocation* allocation = nullptr;
};

/// Newest first.
std::vector<Holder> holders_of(const MarketView& market, const NodeId& node, TimeMs now) {
  std::vector<Holder> holders;
  const auto* occupants = market.index.occupants(node);
  if (occupants == nullptr) return holders;
  for (const auto& [end, job] : *occupants) {
    if (!may_be_preempted(market, job, now)) continue;
    const AssignmentRow& held = market.assignments.get(job);
    holders.push_back({job, held.matched, &allocation_on(held, node)});
  }
  std::sort(holders.begin(), holders.end(), [](const Holder& a, const Holder& b) {
    return a.matched != b.matched ? a.matched > b.matched : a.job < b.job;
  });
  return holders;
}

bool fits_without(const Demand& demand, const NodeView& node, const std::vector<Holder>& gone) {
  CapacityRow free = *node.capacity;
  for (const Holder& holder : gone) give_back(free, *holder.allocation);
  // Who holds a whole node is alone there.
  const bool held_whole = node.held_whole && gone.empty();
  return !held_whole && (!demand.spec().dedicated || free.jobs == 0) && fits_free(free, demand.spec().resources);
}

/// The share of each in the price of a minute, by what it is billed for; what rounding leaves goes to the newest.
std::vector<Victim> with_compensation(const Demand& demand, const std::vector<JobId>& jobs, Price unit) {
  const MarketView& market = demand.market();
  const Agpu minute = Pricing::cost(unit, billing_milli(demand.spec().resources),
                                    market.params.get(Parameter::NoticeMinimumMs), Rounding::Ceil);
  std::uint64_t whole = 0;
  for (const JobId& job : jobs) whole += billing_milli(market.jobs.get(job).spec.resources);
  std::vector<Victim> victims;
  std::uint64_t left = minute.base;
  for (const JobId& job : jobs) {
    const JobRow& row = market.jobs.get(job);
    const AssignmentRow& held = market.assignments.get(job);
    const std::uint64_t milli = billing_milli(row.spec.resources);
    const std::uint64_t share = mul_div(minute.base, milli, whole, Rounding::Floor).value_or(0);
    left -= share;
    const std::uint64_t ran_ms = held.started.ms == 0 ? 0 : elapsed(demand.now(), held.started).ms;
    const std::uint64_t unsaved_ms = std::min(ran_ms, market.params.get(Parameter::UnsavedMaxMs));
    victims.push_back({job, {share}, Pricing::cost(row.unit, milli, unsaved_ms, Rounding::Ceil)});
  }
  victims.front().share.base += left;
  return victims;
}

std::optional<Agpu> sum_of(const std::vector<Victim>& victims) {
  std::optional<Agpu> sum = Agpu{};
  for (const Victim& victim : victims) {
    for (const Agpu part : {victim.share, victim.unsaved}) {
      if (sum) sum = checked_add(*sum, part);
    }
  }
  return sum;
}

/// Whether the cap that is left covers what the job may cost there when it starts: prices move until then.
bool has_room(const Demand& demand, const NodeRow& node, Agpu compensation) {
  const Agpu cap = demand.terms().cap;
  if (cap.is_zero()) return true;
  const auto rest = checked_sub(cap, compensation);
  if (!rest) return false;
  const Params& params = demand.market().params;
  const std::uint64_t tick_ms = params.get(Parameter::TickMs);
  const auto ticks = static_cast<std::uint32_t>((params.get(Parameter::NoticeMs) + tick_ms - 1) / tick_ms);
  const Price dearest = demand.highest_price(node.hardware_class, node.offer.region, ticks);
  const Price most = demand.terms().max_price;
  const Price unit = most.nagpu_per_gpu_hour == 0 ? dearest : std::min(dearest, most);
  return *rest >= demand.expected_cost(node.hardware_class, dearest) &&
         *rest >= minimum_charge(demand.market(), demand.spec(), unit);
}

}  // namespace

bool may_be_preempted(const MarketView& market, const JobId& job, TimeMs now) {
  const AssignmentRow& held = market.assignments.get(job);
  const JobRow& row = market.jobs.get(job);
  if (!market.pricing.tier(held.tier).preemptible || !row.spec.preemptible || !held.preempted_by.is_zero())
    return false;
  if (row.preemptions == 0) return true;
  return held.started.ms != 0 && elapsed(now, held.started) >= market.params.duration(Parameter::ShieldMs);
}

std::vector<JobId> find_victims(const Demand& demand, const NodeView& node) {
  const std::vector<Holder> holders = holders_of(demand.market(), node.id, demand.now());
  if (fits_without(demand, node, {})) return {};
  for (const Holder& holder : holders) {
    if (fits_without(demand, node, {holder})) return {holder.job};
  }
  std::vector<Holder> gone;
  for (const Holder& holder : holders) {
    if (fits_without(demand, node, gone)) break;
    gone.push_back(holder);
  }
  if (!fits_without(demand, node, gone)) return {};
  for (std::size_t i = gone.size(); i-- > 0;) {
    std::vector<Holder> fewer = gone;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    if (fits_without(demand, node, fewer)) gone = std::move(fewer);
  }
  std::vector<JobId> jobs;
  jobs.reserve(gone.size());
  for (const Holder& holder : gone) jobs.push_back(holder.job);
  return jobs;
}

bool PreemptionSearch::is_allowed() const {
  const JobSpec& spec = demand_.spec();
  const TimeMs end = demand_.now() + demand_.market().params.duration(Parameter::NoticeMs) + seconds(spec.max_s);
  return demand_.terms().tier == kPremium && (spec.deadline.ms == 0 || spec.deadline >= end);
}

bool PreemptionSearch::beats(DurationMs age) const {
  return best_ && std::get<0>(rank_) == 1 && std::get<1>(rank_) < age.ms;
}

void PreemptionSearch::look_at(const NodeView& node) {
  const MarketView& market = demand_.market();
  const std::vector<JobId> jobs = find_victims(demand_, node);
  if (jobs.empty()) return;
  const std::uint32_t id = node.node->dense_id;
  const std::uint32_t total = market.registry.total_nodes();
  const TimeMs oldest = market.assignments.get(jobs.back()).matched;
  const Rank rank{jobs.size(), elapsed(demand_.now(), oldest).ms,
                  id >= tie_start_ ? id - tie_start_ : id + (total - tie_start_)};
  if (best_ && rank_ <= rank) return;
  std::vector<Victim> victims = with_compensation(demand_, jobs, demand_.price_on(*node.node, node.id).unit);
  const auto sum = sum_of(victims);
  if (!sum || !has_room(demand_, *node.node, *sum)) {
    too_dear_ = true;
    return;
  }
  rank_ = rank;
  best_ = Preemption{node.id, std::move(victims), *sum};
}

}  // namespace starminer::protocol
