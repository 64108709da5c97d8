// Which node takes an arriving job: the market's own choice, and policies of others to compare with. All of them see
// the same nodes and the same constraints; inside the chosen node the registry picks the devices.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/cluster.h"
#include "sim/random.h"

namespace starminer::sim {

enum class Policy : std::uint8_t {
  Fit = 0,     ///< the market with the weight 100 on fit
  Standard,    ///< the market with the weights of the tier Standard
  FirstFit,    ///< the first node in the order of the list
  BestFit,     ///< the node with the least CPU and GPU left
  DotProduct,  ///< the node whose free CPU and GPU are least in line with what the job asks
  Random,      ///< any node that holds the job
};

struct PolicyRow {
  Policy policy{};
  std::string_view name;
  std::string_view what;
};
[[nodiscard]] std::span<const PolicyRow> policies();
[[nodiscard]] std::optional<Policy> find_policy(std::string_view name);
[[nodiscard]] std::string_view policy_name(Policy policy);
/// Weights with which the cluster must have been made for this policy.
[[nodiscard]] Weights weights_of(Policy policy);

/// A job that asks for a node now.
struct Arrival {
  JobId job;
  const protocol::JobSpec& spec;
};

/// The choice of the market's own dispatch: the node with the best score.
[[nodiscard]] std::optional<NodeId> choose_by_market(const Cluster& cluster, const Arrival& arrival);
/// The choice of a policy; `random` is drawn from by Random alone.
[[nodiscard]] std::optional<NodeId> choose_node(Policy policy, const Cluster& cluster, const Arrival& arrival,
                                                Random& random);
/// The same for a job that may be split over hosts of one site where no node can take it now; empty where it must wait.
/// Requires: no policy of the market.
[[nodiscard]] std::vector<NodeId> choose_hosts(Policy policy, const Cluster& cluster, const Arrival& arrival,
                                               Random& random);

}  // namespace starminer::sim
