#include "protocol/market/dispatch.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "protocol/market/boost.h"
#include "protocol/market/dispatch_visit.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/node_index.h"
#include "protocol/market/score.h"

namespace starminer::protocol {
namespace {

Fragmentation fragmentation_of(const QueueIndex& index, const JobSpec* asking) {
  const auto shape = asking != nullptr ? std::optional<ShapeKey>(shape_of(asking->resources)) : std::nullopt;
  const auto demand = index.demand(kTypicalShapesMax, shape);
  return {demand.shapes, demand.total};
}

}  // namespace

DispatchPass::DispatchPass(const MarketView& market, const BlockContext& context, const JobSpec* asking)
    : market_(market),
      context_(context),
      asking_(asking),
      indexed_(market.nodes != nullptr && market.nodes->prepare(market, context.time)) {
  for (const auto& [node, job] : market.index.noticed()) {
    const TimeMs due = market.jobs.get(job).notice->due;
    add_reservation({job, node, market.registry.nodes().get(node).dense_id, due, true});
  }
}

bool DispatchPass::go_on() {
  if (!last_ || !goes_on_) return false;
  indexed_ = market_.nodes != nullptr && market_.nodes->prepare(market_, context_.time);
  nodes_.reset();
  fragmentation_.reset();
  priced_out_.clear();
  return true;
}

const NodeList& DispatchPass::nodes() {
  if (nodes_) return *nodes_;
  nodes_.emplace(market_);
  for (const Reservation& held : reservations_) nodes_->reserve(held.node, held_from_.at(held.dense_id));
  return *nodes_;
}

void DispatchPass::add_reservation(const Reservation& held) {
  const TimeMs from = held.by_notice ? context_.time : held.start;
  reservations_.push_back(held);
  held_from_[held.dense_id] = from;
  if (nodes_) nodes_->reserve(held.node, from);
}

const Fragmentation& DispatchPass::fragmentation() {
  if (indexed_) return market_.nodes->fragmentation();
  if (!fragmentation_) fragmentation_ = fragmentation_of(market_.index, asking_);
  return *fragmentation_;
}

std::optional<Match> DispatchPass::choose(const Demand& demand, const JobId& job) {
  if (!nodes().may_fit(demand.spec().resources, demand.classes())) return std::nullopt;
  if (!fragmentation_) fragmentation_ = fragmentation_of(market_.index, asking_);
  const std::uint32_t start = tie_start(context_.seed, job, market_.registry.total_nodes());
  return Scorer(demand, *fragmentation_, start).choose(nodes());
}

std::optional<Candidate> DispatchPass::winner(const Demand& demand, const JobId& job) {
  if (!indexed_) {
    const auto match = choose(demand, job);
    return match ? std::optional<Candidate>(match->winner) : std::nullopt;
  }
  std::vector<std::uint32_t> withheld;
  for (const Reservation& held : reservations_) {
    if (held.by_notice || latest_end(market_.params, demand.spec(), demand.now()) > held.start) {
      withheld.push_back(held.dense_id);
    }
  }
  const std::uint32_t start = tie_start(context_.seed, job, market_.registry.total_nodes());
  const auto chosen = market_.nodes->choose(demand, start, withheld);
  if (!chosen) return std::nullopt;
  const Candidate candidate = Scorer(demand, market_.nodes->fragmentation(), start).candidate(view_of(chosen->node));
  STARMINER_CHECK(candidate.score == chosen->score);
  return candidate;
}

NodeView DispatchPass::view_of(const NodeId& node) const { return view_of(node, market_.registry.nodes().get(node)); }

NodeView DispatchPass::view_of(const NodeId& node, const NodeRow& row) const {
  const CapacityRow& capacity = market_.registry.capacity().get(node);
  NodeView view{node, &row, &capacity, is_held_whole(market_, node, capacity), {}};
  if (const auto held = held_from_.find(row.dense_id); held != held_from_.end()) view.reserved_from = held->second;
  return view;
}

std::uint64_t DispatchPass::total_milli(ClassId hardware_class) {
  return market_.known != nullptr ? market_.known->total_milli(hardware_class)
                                  : nodes().room(hardware_class).total_milli;
}

bool DispatchPass::is_taken_by_node(const Demand& demand, ConstraintSet ignored) {
  const RoomNeeds needs(demand);
  return any_node(
      demand, demand.classes(), ignored,
      [&needs](const SupplyRoom& room) {
        return needs.may_fit_now(room) ? std::optional<std::uint64_t>(0) : std::nullopt;
      },
      [&](const NodeView& node) { return !first_failure(demand, view_of(node.id, *node.node), ignored); });
}

bool DispatchPass::is_taken(const Demand& demand, ConstraintSet ignored) {
  return is_taken_by_node(demand, ignored) || is_taken_by_gang(demand, ignored);
}

bool DispatchPass::waits_for_others(const JobId& job, const NodeId& node) const {
  const auto* occupants = market_.index.occupants(node);
  return occupants != nullptr && std::any_of(occupants->begin(), occupants->end(), [&](const auto& occupant) {
           return market_.assignments.get(occupant.second).preempted_by == job;
         });
}

/// It paid for the node, so neither a price that moved nor its own hold on the node keeps it away.
std::optional<Candidate> DispatchPass::start_on_notice(const JobId& job, const JobRow& row) {
  constexpr ConstraintSet kSettled =
      constraint_set(Constraint::Price) | constraint_set(Constraint::Floor) | constraint_set(Constraint::Reserved);
  const NodeId& node = row.notice->node;
  const Demand demand(market_, row, context_.time);
  const NodeView view = view_of(node);
  if (first_failure(demand, view, kSettled)) {
    if (!waits_for_others(job, node)) lost_nodes_.push_back(job);
    return std::nullopt;
  }
  return Scorer(demand, fragmentation(), tie_start(context_.seed, job, market_.registry.total_nodes())).candidate(view);
}

std::optional<Preemption> DispatchPass::preemption(const Demand& demand, const JobId& job, const ClassSet& classes) {
  PreemptionSearch search(demand, tie_start(context_.seed, job, market_.registry.total_nodes()));
  if (!search.is_allowed()) return std::nullopt;
  constexpr ConstraintSet kIgnored = constraint_set(Constraint::Capacity);
  const RoomNeeds needs(demand);
  visit(
      demand, classes, kIgnored,
      [&](const SupplyRoom& room) {
        return needs.may_fit_by_notice(room) ? std::optional<std::uint64_t>(elapsed(demand.now(), room.newest).ms)
                                             : std::nullopt;
      },
      [&search](std::uint64_t age_ms, std::uint32_t /*dense_id*/) { return search.beats(DurationMs{age_ms}); },
      [&](const NodeView& node) {
        if (held_from_.contains(node.node->dense_id) || first_failure(demand, node, kIgnored)) return;
        search.look_at(view_of(node.id, *node.node));
      });
  // Whoever comes newly may be in the way of one and so make another the one to go, who costs less.
  if (search.was_too_dear()) goes_on_ = false;
  return search.best();
}

std::optional<DispatchPass::Start> DispatchPass::next_start() {
  std::optional<Start> yielded;
  std::optional<Start> yielded_lane;
  const auto& order = market_.index.waiting();
  for (auto at = last_ ? order.upper_bound(*last_) : order.begin(); at != order.end(); ++at) {
    const auto& [place, waiting] = *at;
    if (waiting.row->notice) {
      auto ready = start_on_notice(place.job, *waiting.row);
      if (!ready) continue;
      goes_on_ = false;  // its node is held no more
      return Start{place.job, std::move(*ready)};
    }
    if (blocked_.contains(waiting.signature) || yielding_.contains({waiting.row->requester, waiting.signature}))
      continue;
    const Demand demand(market_, *waiting.row, context_.time);
    const bool known_blocked = without_node_.contains(waiting.signature);
    auto best = known_blocked ? std::nullopt : winner(demand, place.job);
    std::vector<Candidate> others;
    if (!best && !known_blocked) {
      auto gang = choose_gang(demand, place.job);
      if (!gang) continue;
      if (!gang->empty()) {
        best = std::move(gang->front());
        others.assign(std::make_move_iterator(gang->begin() + 1), std::make_move_iterator(gang->end()));
      }
    }
    if (!best) {
      auto notice = block(place.job, *waiting.row, waiting.signature, demand, true);
      if (notice) return Start{place.job, {}, std::move(notice)};
      continue;
    }
    const Turn turn = turn_of(place, waiting, *best, others, yielded.has_value());
    if (turn == Turn::Own) {
      last_ = place;
      return Start{place.job, *best, {}, std::move(others)};
    }
    goes_on_ = false;  // who is over a share or a lane may be so no more
    // It yields only while the other job really starts: where in the end nobody does, it starts after all.
    yielding_.insert({waiting.row->requester, waiting.signature});
    std::optional<Start>& first = turn == Turn::OfAnother ? yielded : yielded_lane;
    if (!first) first = Start{place.job, *best, {}, std::move(others)};
  }
  return yielded ? yielded : yielded_lane;
}

void DispatchPass::reserve_before(const Place& until) {
  for (const auto& [place, waiting] : market_.index.waiting()) {
    if (!(place < until)) break;
    if (waiting.row->notice) continue;  // its node is reserved already
    if (blocked_.contains(waiting.signature) || yielding_.contains({waiting.row->requester, waiting.signature}))
      continue;
    const Demand demand(market_, *waiting.row, context_.time);
    const auto taken = without_node_.contains(waiting.signature) ? std::optional(false) : is_taken_in_turn(demand);
    if (!taken) continue;
    if (*taken) {
      blocked_.insert(waiting.signature);
    } else {
      static_cast<void>(block(place.job, *waiting.row, waiting.signature, demand, false));
    }
  }
}

/// Those behind a boosted job whose lane is full go on as if it were not there.
std::optional<Preemption> DispatchPass::block(const JobId& job, const JobRow& row, const Hash32& signature,
                                              const Demand& demand, bool preempts) {
  without_node_.insert(signature);
  if (row.boost.ms != 0) goes_on_ = false;  // lanes open and close
  const ClassSet classes = open_lanes(row, demand);
  if (classes.none()) {
    yielding_.insert({row.requester, signature});
    return std::nullopt;
  }
  if (preempts && row.tier == kPremium) {
    if (auto found = preemption(demand, job, classes)) return found;
  }
  blocked_.insert(signature);
  reserve(job, demand, classes);
  return std::nullopt;
}

ClassSet DispatchPass::open_lanes(const JobRow& job, const Demand& demand) {
  ClassSet open = demand.classes();
  if (job.boost.ms == 0) return open;
  for (const auto& [id, row] : market_.registry.classes()) {
    if (!open.test(id) || !market_.index.waits_without_boost(row.name)) continue;
    if (is_over_lane(market_, job, id, total_milli(id))) open.reset(id);
  }
  return open;
}

/// Makes the job's reservation if it is the first in the order of one of its classes that cannot start. A class in
/// which no node could serve it now stays open to the next job.
void DispatchPass::reserve(const JobId& job, const Demand& demand, const ClassSet& classes) {
  if (demand.is_priced_out(market_.known != nullptr ? market_.known->places() : nodes().places())) {
    priced_out_.push_back(job);
    return;
  }
  const ClassSet unclaimed = classes & ~claimed_;
  ClassSet first_in;
  for (const auto& [id, row] : market_.registry.classes()) {
    if (!unclaimed.test(id)) continue;
    const bool served = any_node(
        demand, ClassSet().set(id), kBusy, [](const SupplyRoom& /*room*/) { return std::optional<std::uint64_t>(0); },
        [&demand](const NodeView& node) { return !first_failure(demand, node, kBusy); });
    if (served || may_wait_as_gang(demand, ClassSet().set(id))) first_in.set(id);
  }
  if (first_in.none()) return;
  claimed_ |= first_in;
  const auto fit = earliest_fit(demand, first_in);
  if (!fit) return;
  add_reservation({job, fit->node, fit->dense_id, fit->start});
  for (const auto& [dense_id, node] : fit->others) add_reservation({job, node, dense_id, fit->start});
}

std::optional<DispatchPass::EarliestFit> DispatchPass::earliest_fit(const Demand& demand, const ClassSet& classes) {
  std::optional<EarliestFit> best;
  const RoomNeeds needs(demand);
  visit(
      demand, classes, kBusy,
      [&needs](const SupplyRoom& room) {
        const auto start = needs.earliest(room);
        return start ? std::optional<std::uint64_t>(start->ms) : std::nullopt;
      },
      [&best](std::uint64_t start_ms, std::uint32_t dense_id) {
        return best && (start_ms > best->start.ms || (start_ms == best->start.ms && dense_id > best->dense_id));
      },
      [&](const NodeView& node) {
        const std::uint32_t dense_id = node.node->dense_id;
        if (held_from_.contains(dense_id)) return;  // a job that gave notice comes next there
        if (first_failure(demand, node, kBusy)) return;
        const auto start = fits_from(demand, view_of(node.id, *node.node));
        if (!start) return;
        if (!best || *start < best->start || (*start == best->start && dense_id < best->dense_id)) {
          best = EarliestFit{node.id, dense_id, *start};
        }
      });
  improve_by_gang(demand, classes, best);
  return best;
}

/// The latest end of the occupant after which the job fits, as they leave in order of their ends.
std::optional<TimeMs> DispatchPass::fits_from(const Demand& demand, const NodeView& node) const {
  const bool dedicated = demand.spec().dedicated;
  const auto fits = [&demand, dedicated](const CapacityRow& free, bool held_whole) {
    return !held_whole && (!dedicated || free.jobs == 0) && fits_free(free, demand.spec().resources);
  };
  if (fits(*node.capacity, node.held_whole)) return context_.time;
  const auto* occupants = market_.index.occupants(node.id);
  if (occupants == nullptr) return std::nullopt;
  CapacityRow free = *node.capacity;
  for (const auto& [end, job] : *occupants) {
    give_back(free, allocation_on(market_.assignments.get(job), node.id));
    // A job that holds the whole node is alone there: with it gone, the node is empty.
    if (fits(free, false)) return std::max(end, context_.time);
  }
  return std::nullopt;
}

/// Share limits (MAT-8) are of identities: accounts are free, so all without stake are one (decision 0027).
bool DispatchPass::is_over_share(const JobRow& job, ClassId hardware_class) {
  const u128 held = market_.index.held_by_identity(hardware_class, job.requester).gpu_milli;
  return held * kPpm > u128{total_milli(hardware_class)} * market_.params.get(Parameter::RequesterSharePpm);
}

bool DispatchPass::stays_in_share(const JobRow& job, ClassId hardware_class) {
  const Holding held = market_.index.held_by_identity(hardware_class, job.requester);
  const u128 then = u128{held.gpu_milli} + gpu_milli(job.spec.resources);
  return held.jobs == 0 ||
         then * kPpm <= u128{total_milli(hardware_class)} * market_.params.get(Parameter::RequesterSharePpm);
}

/// Who is over its share lets another go first that stays in its own, and a boosted job over its lane one that is not,
/// where that one's job fits the chosen node now.
DispatchPass::Turn DispatchPass::turn_of(const Place& place, const WaitingJob& waiting, const Candidate& winner,
                                         const std::vector<Candidate>& others, bool one_before_yields) {
  const ClassId hardware_class = market_.registry.nodes().get(winner.node).hardware_class;
  const std::uint64_t total = total_milli(hardware_class);
  const bool over_lane = is_over_lane(market_, *waiting.row, hardware_class, total);
  const bool over_share = is_over_share(*waiting.row, hardware_class);
  if (!over_lane && !over_share) return Turn::Own;
  if (over_lane && one_before_yields) return Turn::OfThoseInTheirLanes;
  const AccountId own = market_.index.identity_of(waiting.row->requester);
  if (!over_lane && own.is_zero() && market_.index.waiting_staked() == 0) return Turn::Own;  // there is nobody else
  const auto goes_first = [&](const JobRow& other) {
    const bool shares =
        over_share && market_.index.identity_of(other.requester) != own && stays_in_share(other, hardware_class);
    return is_over_lane(market_, other, hardware_class, total) ? over_lane && shares : over_lane || shares;
  };
  std::vector<NodeView> hosts = {view_of(winner.node)};
  for (const Candidate& other : others) hosts.push_back(view_of(other.node));
  std::set<Hash32> unfit;
  const auto& order = market_.index.waiting();
  for (auto other = order.upper_bound(place); other != order.end(); ++other) {
    const WaitingJob& candidate = other->second;
    if (without_node_.contains(candidate.signature) || unfit.contains(candidate.signature) ||
        !goes_first(*candidate.row)) {
      continue;
    }
    if (fits_on(Demand(market_, *candidate.row, context_.time), hosts)) {
      return over_lane ? Turn::OfThoseInTheirLanes : Turn::OfAnother;
    }
    unfit.insert(candidate.signature);
  }
  return Turn::Own;
}

}  // namespace starminer::protocol
