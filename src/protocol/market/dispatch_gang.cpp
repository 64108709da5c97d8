// What a pass asks of gangs: hosts of a site that would take a job together, now or earliest (protocol section 3).
#include <algorithm>
#include <map>
#include <tuple>

#include "protocol/market/dispatch_visit.h"
#include "protocol/market/gang.h"
#include "protocol/market/score.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

constexpr auto kAnyRoom = [](const SupplyRoom& /*room*/) { return std::optional<std::uint64_t>(0); };

auto room_now(const RoomNeeds& needs) {
  return [&needs](const SupplyRoom& room) {
    return needs.may_fit_now(room) ? std::optional<std::uint64_t>(0) : std::nullopt;
  };
}

/// The best of them, as many as the job is split into, best first; empty where there are too few.
std::vector<Ranked> best_hosts(std::vector<Ranked> able, const Split& split) {
  if (able.size() < split.hosts) return {};
  std::partial_sort(able.begin(), able.begin() + split.hosts, able.end(), is_better);
  able.resize(split.hosts);
  return able;
}

/// With the price of the cheapest at the first: one dear host among cheap ones must not make all of them dear.
std::vector<Candidate> at_one_price(std::vector<Ranked> hosts) {
  std::vector<Candidate> chosen;
  chosen.reserve(hosts.size());
  for (Ranked& host : hosts) chosen.push_back(std::move(host.candidate));
  const auto cheapest = std::min_element(chosen.begin(), chosen.end(),
                                         [](const Candidate& a, const Candidate& b) { return a.unit < b.unit; });
  chosen.front().factors = Factors(cheapest->factors);
  chosen.front().unit = cheapest->unit;
  return chosen;
}

}  // namespace

const SiteIndex& DispatchPass::sites() {
  if (market_.known != nullptr) return market_.known->sites();
  if (!own_sites_) {
    own_sites_.emplace();
    for (const auto& [id, row] : market_.registry.nodes()) {
      own_sites_->change(id, nullptr, &row, whole_devices(market_.registry.capacity().get(id)));
    }
  }
  return *own_sites_;
}

std::vector<Ranked> DispatchPass::hosts_beside(const Candidate& best, const Demand& part, const Split& split,
                                               const Scorer& scorer) {
  const std::uint32_t dense_id = market_.registry.nodes().get(best.node).dense_id;
  const HostCount count(sites(), split, SiteIndex::Room::Free);
  if (!count.site_of(market_.registry.nodes().get(best.node))) return {};
  std::vector<Ranked> able;
  for (const auto& [id, host] : sites().hosts_of(dense_id)) {
    const NodeView view = view_of(host.id, *host.row);
    if (!first_failure(part, view)) able.push_back(scorer.ranked(view));
  }
  return best_hosts(std::move(able), split);
}

std::vector<Ranked> DispatchPass::hosts_anywhere(const Demand& part, const Split& split, const Scorer& scorer) {
  const HostCount count(sites(), split, SiteIndex::Room::Free);
  const RoomNeeds needs(part);
  std::map<std::uint32_t, std::vector<Ranked>> by_site;
  visit(
      part, part.classes(), 0, room_now(needs), [](std::uint64_t /*bound*/, std::uint32_t /*id*/) { return false; },
      [&](const NodeView& node) {
        const auto site = count.site_of(*node.node);
        if (!site) return;
        const NodeView view = view_of(node.id, *node.node);
        if (!first_failure(part, view)) by_site[*site].push_back(scorer.ranked(view));
      });
  std::vector<Ranked> best;
  for (auto& [site, able] : by_site) {
    std::vector<Ranked> hosts = best_hosts(std::move(able), split);
    if (!hosts.empty() && (best.empty() || is_better(hosts.front(), best.front()))) best = std::move(hosts);
  }
  return best;
}

// The best host of all is the first of the gang where its site has enough others, which is nearly always so.
std::optional<std::vector<Candidate>> DispatchPass::choose_gang(const Demand& demand, const JobId& job) {
  bool passed_over = false;
  for (const Split& split : splits_of(demand.spec())) {
    const Demand part = part_of(demand, split);
    if (!HostCount(sites(), split, SiteIndex::Room::Free).may_reach(part.classes())) continue;
    const auto best = winner(part, job);
    if (!best) continue;
    const Scorer scorer(part, fragmentation(), tie_start(context_.seed, job, market_.registry.total_nodes()));
    std::vector<Ranked> hosts = hosts_beside(*best, part, split, scorer);
    if (hosts.empty() && gangs_looked_for_ >= kGangLooksPerPass) {
      passed_over = true;
      continue;
    }
    if (hosts.empty()) {
      ++gangs_looked_for_;
      hosts = hosts_anywhere(part, split, scorer);
    }
    if (!hosts.empty()) return at_one_price(std::move(hosts));
  }
  if (passed_over) return std::nullopt;
  return std::vector<Candidate>{};
}

bool DispatchPass::is_taken_by_gang(const Demand& demand, ConstraintSet ignored) {
  const auto splits = splits_of(demand.spec());
  return std::any_of(splits.begin(), splits.end(), [&](const Split& split) {
    const Demand part = part_of(demand, split);
    HostCount count(sites(), split, SiteIndex::Room::Free);
    if (!count.may_reach(part.classes())) return false;
    const RoomNeeds needs(part);
    return any_node(part, part.classes(), ignored, room_now(needs), [&](const NodeView& node) {
      const auto site = count.site_of(*node.node);
      return site && !first_failure(part, view_of(node.id, *node.node), ignored) && count.add(*site);
    });
  });
}

std::optional<bool> DispatchPass::is_taken_in_turn(const Demand& demand) {
  if (is_taken_by_node(demand, 0)) return true;
  if (most_hosts_of(demand.spec()) == 1) return false;
  if (gangs_looked_for_ >= kGangLooksPerPass) return std::nullopt;
  ++gangs_looked_for_;
  return is_taken_by_gang(demand, 0);
}

bool DispatchPass::fits_on(const Demand& demand, const std::vector<NodeView>& hosts) {
  const auto fit = [&hosts](const Demand& of) {
    return std::count_if(hosts.begin(), hosts.end(), [&of](const NodeView& host) { return !first_failure(of, host); });
  };
  if (fit(demand) > 0) return true;
  const auto splits = splits_of(demand.spec());
  return std::any_of(splits.begin(), splits.end(), [&](const Split& split) {
    return split.hosts <= hosts.size() && fit(part_of(demand, split)) >= split.hosts;
  });
}

bool DispatchPass::may_wait_as_gang(const Demand& demand, const ClassSet& classes) {
  const auto splits = splits_of(demand.spec());
  return std::any_of(splits.begin(), splits.end(), [&](const Split& split) {
    const Demand part = part_of(demand, split);
    HostCount count(sites(), split, SiteIndex::Room::Installed);
    if (!count.may_reach(classes & part.classes())) return false;
    return any_node(part, classes, kBusy, kAnyRoom, [&](const NodeView& node) {
      const auto site = count.site_of(*node.node);
      return site && !first_failure(part, node, kBusy) && count.add(*site);
    });
  });
}

/// A gang starts when the last of its hosts is free; it takes those of a site that are free first. Of sites that are
/// equal in that, the one with the first host in the order of registration.
void DispatchPass::improve_by_gang(const Demand& demand, const ClassSet& classes, std::optional<EarliestFit>& best) {
  using Free = std::tuple<TimeMs, std::uint32_t, NodeId>;
  for (const Split& split : splits_of(demand.spec())) {
    const Demand part = part_of(demand, split);
    const HostCount count(sites(), split, SiteIndex::Room::Installed);
    if (!count.may_reach(classes & part.classes())) continue;
    const RoomNeeds needs(part);
    std::map<std::uint32_t, std::vector<Free>> by_site;
    std::optional<TimeMs> earliest;  // of any site that has enough hosts so far
    const auto order = [&split](std::vector<Free>& hosts) {
      std::partial_sort(hosts.begin(), hosts.begin() + split.hosts, hosts.end());
      return std::get<0>(hosts[split.hosts - 1]);
    };
    visit(
        part, classes, kBusy,
        [&needs](const SupplyRoom& room) {
          const auto start = needs.earliest(room);
          return start ? std::optional<std::uint64_t>(start->ms) : std::nullopt;
        },
        [&](std::uint64_t start_ms, std::uint32_t /*id*/) {
          return (best && start_ms >= best->start.ms) || (earliest && start_ms > earliest->ms);
        },
        [&](const NodeView& node) {
          const std::uint32_t dense_id = node.node->dense_id;
          const auto site = count.site_of(*node.node);
          if (!site || held_from_.contains(dense_id)) return;  // a job that gave notice comes next there
          if (first_failure(part, node, kBusy)) return;
          const auto from = fits_from(part, view_of(node.id, *node.node));
          if (!from) return;
          std::vector<Free>& hosts = by_site[*site];
          hosts.emplace_back(*from, dense_id, node.id);
          if (hosts.size() < split.hosts) return;
          const TimeMs start = order(hosts);
          if (!earliest || start < *earliest) earliest = start;
        });
    std::optional<EarliestFit> found;
    for (auto& [site, hosts] : by_site) {
      if (hosts.size() < split.hosts) continue;
      const TimeMs start = order(hosts);
      const auto& [from, dense_id, node] = hosts.front();
      if (found && (start > found->start || (start == found->start && dense_id > found->dense_id))) continue;
      found = EarliestFit{node, dense_id, start};
      for (std::size_t i = 1; i < split.hosts; ++i) {
        found->others.emplace_back(std::get<1>(hosts[i]), std::get<2>(hosts[i]));
      }
    }
    if (found && (!best || found->start < best->start)) best = std::move(found);
  }
}

}  // namespace starminer::protocol
