#include "protocol/market/explain.h"

#include <algorithm>
#include <bit>
#include <map>
#include <tuple>

#include "protocol/market/boost.h"
#include "protocol/market/gang.h"
#include "protocol/market/node_index.h"

namespace starminer::protocol {
namespace {

constexpr std::uint32_t kThreadMilli = 1000;
constexpr std::size_t kRelaxationsShown = 3;
// Candidates checked for each constraint set before it counts as one that no change helps.
constexpr std::size_t kTries = 4;

bool is_set(ConstraintSet set, Constraint constraint) { return (set & constraint_set(constraint)) != 0; }

/// Adds to a sorted list without repeats.
template <class T>
void insert_sorted(std::vector<T>& list, const T& value) {
  const auto at = std::lower_bound(list.begin(), list.end(), value);
  if (at == list.end() || *at != value) list.insert(at, value);
}

/// The job with less asked for in these constraints, as far as the node needs.
JobSpec relaxed_spec(const Demand& demand, const NodeView& view, ConstraintSet changed) {
  const MarketView& market = demand.market();
  JobSpec spec = demand.spec();
  Resources& needs = spec.resources;
  const Hardware& has = view.node->hardware;
  const Offer& offer = view.node->offer;
  if (is_set(changed, Constraint::Class)) {
    insert_sorted(needs.classes, market.registry.classes().get(view.node->hardware_class).name);
  }
  if (is_set(changed, Constraint::Devices)) needs.gpus = has.devices;
  if (is_set(changed, Constraint::DeviceMemory)) needs.gpu_memory_bytes = has.device_memory_bytes;
  if (is_set(changed, Constraint::Interconnect)) needs.interconnect = has.interconnect;
  if (is_set(changed, Constraint::Cpu)) needs.cpu_milli = has.cpu_threads * kThreadMilli;
  if (is_set(changed, Constraint::Ram)) needs.ram_bytes = has.ram_bytes;
  if (is_set(changed, Constraint::Disk)) needs.disk_bytes = has.disk_bytes;
  if (is_set(changed, Constraint::Region)) {
    insert_sorted(spec.where.allow, market.registry.regions().get(offer.region).name);
  }
  if (is_set(changed, Constraint::Residency)) spec.where.residency = offer.country;
  if (is_set(changed, Constraint::SiteTier)) spec.where.site_tier_min = offer.proven_site_tier();
  if (is_set(changed, Constraint::SandboxTier)) spec.where.sandbox_tier_min = offer.sandbox_tier;
  if (is_set(changed, Constraint::Reputation)) {
    const auto kind = static_cast<std::uint8_t>(spec.kind);
    spec.where.reputation_min = market.reputation.score(view.id, kind, demand.now());
  }
  if (is_set(changed, Constraint::Provider)) std::erase(spec.where.excluded_providers, view.node->provider);
  return spec;
}

Agpu cost_at(const Demand& demand, const NodeView& view, Price unit) {
  return Pricing::cost(unit, billing_milli(demand.job().resources), demand.expected_ms(view.node->hardware_class),
                       Rounding::Ceil);
}

/// The relaxation for one node, if with it the node passes every constraint.
std::optional<Relaxation> relaxed_for(const Demand& demand, const NodeView& view, ConstraintSet changed) {
  Relaxation relaxed;
  relaxed.changed = changed;
  relaxed.node = view.id;
  relaxed.spec = relaxed_spec(demand, view, changed);
  if (relaxed.spec.resources.gpus == 0 && demand.spec().resources.gpus > 0) return std::nullopt;
  Demand::Terms terms = demand.terms();
  if (is_set(changed, Constraint::Price)) terms.max_price = {};
  if (is_set(changed, Constraint::Budget)) terms.cap = {};
  {
    const Demand open(demand.market(), relaxed.spec, terms, demand.now());
    relaxed.unit = open.price_on(*view.node, view.id).unit;
    relaxed.expected = cost_at(open, view, relaxed.unit);
  }
  if (is_set(changed, Constraint::Price)) {
    // What is held grows with the limit of the price, up to the budget.
    terms.max_price = relaxed.unit;
    const std::uint64_t max_ms = seconds(relaxed.spec.max_s).ms;
    const Agpu whole = Pricing::cost(relaxed.unit, billing_milli(relaxed.spec.resources), max_ms, Rounding::Ceil);
    if (!terms.cap.is_zero()) {
      terms.cap = relaxed.spec.budget.is_zero() ? whole : std::min(relaxed.spec.budget, whole);
    }
  }
  const auto failed = [&] { return failures(Demand(demand.market(), relaxed.spec, terms, demand.now()), view); };
  if (is_set(changed, Constraint::Budget) || failed() == constraint_set(Constraint::Budget)) {
    // Asking less elsewhere can make the job dearer than its budget: then that has to grow as well.
    const Demand priced(demand.market(), relaxed.spec, terms, demand.now());
    terms.cap = priced.expected_cost_in(view.node->hardware_class, view.node->offer.region);
    relaxed.changed |= constraint_set(Constraint::Budget);
  }
  relaxed.max_price = terms.max_price;
  relaxed.cap = terms.cap;
  if (failed() != 0) return std::nullopt;
  return relaxed;
}

struct Candidates {
  std::uint32_t nodes = 0;
  std::multimap<Agpu, const NodeView*> cheapest{};  // at most kTries
};

}  // namespace

std::vector<Relaxation> relaxations_of(const Demand& demand, const NodeList& nodes, std::size_t limit) {
  std::map<ConstraintSet, Candidates> by_set;
  for (const NodeView& view : nodes.all()) {
    const ConstraintSet failed = failures(demand, view);
    if (failed == 0) return {};
    if ((failed & ~kRelaxable) != 0) continue;
    Candidates& candidates = by_set[failed];
    ++candidates.nodes;
    candidates.cheapest.emplace(cost_at(demand, view, demand.price_on(*view.node, view.id).unit), &view);
    if (candidates.cheapest.size() > kTries) candidates.cheapest.erase(std::prev(candidates.cheapest.end()));
  }
  std::map<std::pair<int, Agpu>, std::vector<Relaxation>> found;  // fewest constraints, then least cost
  for (const auto& [failed, candidates] : by_set) {
    for (const auto& [cost, view] : candidates.cheapest) {
      auto relaxed = relaxed_for(demand, *view, failed);
      if (!relaxed) continue;
      relaxed->nodes = candidates.nodes;
      const Agpu expected = relaxed->expected;
      found[{std::popcount(relaxed->changed), expected}].push_back(std::move(*relaxed));
      break;
    }
  }
  std::vector<Relaxation> best;
  for (auto& [rank, relaxations] : found) {
    for (Relaxation& relaxed : relaxations) {
      if (best.size() < limit) best.push_back(std::move(relaxed));
    }
  }
  return best;
}

namespace {

std::optional<FullLane> full_lane_of(const MarketView& market, const JobRow& row, const Demand& demand,
                                     const NodeList& nodes) {
  for (const auto& [id, hardware_class] : market.registry.classes()) {
    if (!demand.classes().test(id) || !market.index.waits_without_boost(hardware_class.name)) continue;
    const std::uint64_t total = nodes.room(id).total_milli;
    if (total == 0 || !is_over_lane(market, row, id, total)) continue;
    return FullLane{id, market.index.boosted(id).gpu_milli, boost_lane(market.params, total)};
  }
  return std::nullopt;
}

/// Of the site that has the most hosts for it now.
GangRoom gang_room(DispatchPass& pass, const Demand& part, const Split& split) {
  GangRoom room{split.hosts, split.part.resources.gpus, 0, 0};
  std::map<std::tuple<AccountId, std::string, ClassId, RegionId>, std::pair<std::uint32_t, std::uint32_t>> sites;
  for (const NodeView& view : pass.nodes().all()) {
    const NodeRow& node = *view.node;
    if (node.offer.site.empty()) continue;
    auto& [able, ready] = sites[{node.provider, node.offer.site, node.hardware_class, node.offer.region}];
    const ConstraintSet failed = failures(part, view);
    if ((failed & ~kBusy) == 0) ++able;
    if (failed == 0) ++ready;
  }
  for (const auto& [site, counts] : sites) {
    if (counts.first >= split.hosts) ++room.sites;
    room.most_ready = std::max(room.most_ready, counts.second);
  }
  return room;
}

}  // namespace

Explanation explain_job(const MarketView& market, const JobId& id, const JobRow& row, const BlockContext& context) {
  DispatchPass pass(market, context);
  const bool waits = row.state == JobState::Queued;
  if (waits) pass.reserve_before({row.key_ms, id});
  const Demand job(market, row, context.time);
  std::optional<Split> split;
  if (market.known != nullptr) split = split_asked_for(*market.known, job, 0);
  const Demand demand = split ? part_of(job, *split) : job;
  Explanation explanation;
  if (split) explanation.gang = gang_room(pass, demand, *split);
  explanation.exclusions = exclusions_of(demand, pass.nodes());
  if (!waits) return explanation;
  explanation.full_lane = full_lane_of(market, row, demand, pass.nodes());
  // What a part would have to ask less says nothing of how many hosts of one site would then take it.
  if (!split) explanation.relaxations = relaxations_of(demand, pass.nodes(), kRelaxationsShown);
  if (row.parked) return explanation;
  // Its own reservation last, as it would exclude the node from the answers above.
  pass.reserve_before({row.key_ms + 1, JobId{}});
  for (const Reservation& held : pass.reservations()) {
    if (held.job == id && !explanation.held) explanation.held = held;
  }
  return explanation;
}

std::vector<Reservation> standing_reservations(const MarketView& market, const BlockContext& context,
                                               std::size_t jobs_max) {
  const auto& waiting = market.index.waiting();
  if (waiting.empty() || jobs_max == 0) return {};
  DispatchPass pass(market, context);
  const auto behind = std::next(waiting.begin(), static_cast<std::ptrdiff_t>(std::min(jobs_max, waiting.size())));
  pass.reserve_before(behind != waiting.end() ? behind->first : Place{std::prev(behind)->first.key_ms + 1, JobId{}});
  return pass.reservations();
}

}  // namespace starminer::protocol
