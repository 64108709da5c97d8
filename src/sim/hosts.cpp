#include "sim/hosts.h"

#include <algorithm>
#include <map>

#include "protocol/market/eligibility.h"
#include "protocol/market/gang.h"

namespace starminer::sim {

using namespace protocol;

SiteKey site_of(const NodeView& node) {
  return {node.node->hardware_class, node.node->offer.region, node.node->provider, node.node->offer.site};
}

bool could_ever_run(const Demand& job, const std::vector<NodeView>& nodes) {
  const auto runs_on = [](const Demand& wanted) {
    return [&wanted](const NodeView& node) { return protocol::could_ever_run(wanted, node); };
  };
  if (std::any_of(nodes.begin(), nodes.end(), runs_on(job))) return true;
  const std::vector<Split> splits = splits_of(job.spec());
  return std::any_of(splits.begin(), splits.end(), [&](const Split& split) {
    const Demand part = part_of(job, split);
    std::map<SiteKey, std::uint32_t> hosts;
    return std::any_of(nodes.begin(), nodes.end(), [&](const NodeView& node) {
      return runs_on(part)(node) && ++hosts[site_of(node)] >= split.hosts;
    });
  });
}

std::vector<NodeId> choose_hosts(const Demand& job, const AbleNodes& able) {
  const auto nodes = able(job);
  return nodes.empty() ? choose_gang(job, able) : std::vector<NodeId>{nodes.front()->id};
}

std::vector<NodeId> choose_gang(const Demand& job, const AbleNodes& able) {
  for (const Split& split : splits_of(job.spec())) {
    std::map<SiteKey, std::vector<NodeId>> hosts;
    for (const NodeView* node : able(part_of(job, split))) {
      std::vector<NodeId>& of_site = hosts[site_of(*node)];
      of_site.push_back(node->id);
      if (of_site.size() == split.hosts) return of_site;
    }
  }
  return {};
}

}  // namespace starminer::sim
