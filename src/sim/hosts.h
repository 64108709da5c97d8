// Hosts for a job by simple rules: one node, or where the job may be split as many of one site as its parts need, all
// or nothing. The ways to split and the sites are the market's own (protocol/market/gang.h); which hosts is the rule's
// choice. Pure computation.
#pragma once

#include <functional>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/site_index.h"

namespace starminer::sim {

[[nodiscard]] protocol::SiteKey site_of(const protocol::NodeView& node);

/// Whether one of the nodes could ever run the job, or hosts of one site together.
[[nodiscard]] bool could_ever_run(const protocol::Demand& job, const std::vector<protocol::NodeView>& nodes);

/// Nodes that could take a job, or a part of one, now: the most wanted first.
using AbleNodes = std::function<std::vector<const protocol::NodeView*>(const protocol::Demand&)>;
/// The most wanted node, else the hosts that share the job; empty where it must wait.
[[nodiscard]] std::vector<NodeId> choose_hosts(const protocol::Demand& job, const AbleNodes& able);
/// The hosts that share the job: fewest first, of the site that has enough earliest in the order of `able`.
[[nodiscard]] std::vector<NodeId> choose_gang(const protocol::Demand& job, const AbleNodes& able);

}  // namespace starminer::sim
