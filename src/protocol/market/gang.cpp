#include "protocol/market/gang.h"

#include <algorithm>

#include "protocol/market/eligibility.h"
#include "protocol/market/node_index.h"

namespace starminer::protocol {
namespace {

std::uint64_t part_up(std::uint64_t whole, std::uint64_t hosts) { return (whole + hosts - 1) / hosts; }

}  // namespace

Resources part_of(const Resources& whole, std::uint32_t hosts) {
  Resources part = whole;
  if (hosts == 1) return part;
  part.gpus = whole.gpus / hosts;
  part.cpu_milli = static_cast<std::uint32_t>(part_up(whole.cpu_milli, hosts));
  part.ram_bytes = part_up(whole.ram_bytes, hosts);
  return part;
}

std::uint32_t most_hosts_of(const JobSpec& spec) {
  const Resources& whole = spec.resources;
  if (spec.placement == Placement::OneNode || whole.share_milli != 0 || whole.gpus == 0) return 1;
  const std::uint32_t most = spec.hosts_max != 0 ? spec.hosts_max : static_cast<std::uint32_t>(kGangHostsMax);
  return std::min(most, whole.gpus);
}

std::vector<Split> splits_of(const JobSpec& spec) {
  const Resources& whole = spec.resources;
  std::vector<Split> splits;
  for (std::uint32_t hosts = 2; hosts <= most_hosts_of(spec); ++hosts) {
    if (whole.gpus % hosts != 0) continue;
    Split split{hosts, spec};
    split.part.resources = part_of(whole, hosts);
    splits.push_back(std::move(split));
  }
  return splits;
}

Demand part_of(const Demand& job, const Split& split) {
  Demand::Terms terms = job.terms();
  terms.whole = &job.spec();
  terms.hosts = split.hosts;
  return {job.market(), split.part, terms, job.now()};
}

bool HostCount::may_reach(const ClassSet& classes) const {
  return sites_.any(classes, room_, split_.part.resources.gpus, split_.hosts);
}

std::optional<std::uint32_t> HostCount::site_of(const NodeRow& node) const {
  return sites_.site_of(node.dense_id, room_, split_.part.resources.gpus, split_.hosts);
}

std::vector<std::pair<ClassId, RegionId>> gang_places(const NodeIndex& nodes, const Demand& job, const Split& split) {
  const Demand part = part_of(job, split);
  HostCount count(nodes.sites(), split, SiteIndex::Room::Installed);
  if (!count.may_reach(part.classes())) return {};
  return nodes.supply().places_where(part, [&](const NodeView& node) {
    const auto site = count.site_of(*node.node);
    return site && could_ever_run(part, node) && count.add(*site);
  });
}

bool could_be_gang(const NodeIndex& nodes, const Demand& job, const PartTest& passes) {
  for (const Split& split : splits_of(job.spec())) {
    const Demand part = part_of(job, split);
    HostCount count(nodes.sites(), split, SiteIndex::Room::Installed);
    if (!count.may_reach(part.classes())) continue;
    const bool found = nodes.supply().any_node(part, [&](const NodeView& node) {
      const auto site = count.site_of(*node.node);
      return site && could_ever_run(part, node) && passes(part, node) && count.add(*site);
    });
    if (found) return true;
  }
  return false;
}

std::optional<Split> split_asked_for(const NodeIndex& nodes, const Demand& job, std::size_t hosts) {
  std::vector<Split> splits = splits_of(job.spec());
  if (splits.empty() || hosts == 1) return std::nullopt;
  if (hosts == 0 && nodes.supply().any_node(job, [&job](const NodeView& node) { return could_ever_run(job, node); })) {
    return std::nullopt;
  }
  for (Split& split : splits) {
    if (hosts != 0 ? split.hosts == hosts : !gang_places(nodes, job, split).empty()) return std::move(split);
  }
  return std::nullopt;
}

}  // namespace starminer::protocol
