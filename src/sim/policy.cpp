#include "sim/policy.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "protocol/market/eligibility.h"
#include "sim/hosts.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr auto kPolicies = std::to_array<PolicyRow>({
    {Policy::Fit, "fit", "the market's matcher, weight 100 on fit"},
    {Policy::Standard, "standard", "the market's matcher, weights of tier Standard"},
    {Policy::FirstFit, "first-fit", "first node of the list"},
    {Policy::BestFit, "best-fit", "least CPU and GPU left"},
    {Policy::DotProduct, "dot-product", "least dot product of free and asked"},
    {Policy::Random, "random", "any node"},
});

constexpr std::uint64_t kMilli = 1000;
constexpr std::uint64_t kTop = 100;

/// CPU and GPU of a node or a job, in thousandths.
struct Amounts {
  std::uint64_t cpu = 0;
  std::uint64_t gpu = 0;
};

Amounts largest_node(const Cluster& cluster) {
  Amounts most;
  for (const NodeView& view : cluster.in_order()) {
    most.cpu = std::max(most.cpu, view.node->hardware.cpu_threads * kMilli);
    most.gpu = std::max(most.gpu, view.node->hardware.devices * kMilli);
  }
  return most;
}

Amounts free_on(const NodeView& view) {
  const auto& devices = view.capacity->device_free_milli;
  return {view.capacity->cpu_free_milli, std::accumulate(devices.begin(), devices.end(), std::uint64_t{0})};
}

/// 100 less the mean share of the largest node that is left, 0..100, the higher the better. Whole numbers, as
/// Kubernetes has them and as the published figures were made.
std::uint64_t best_fit(const Amounts& free, const Amounts& asked, const Amounts& most) {
  const u128 left = u128{free.cpu - asked.cpu} * most.gpu + u128{free.gpu - asked.gpu} * most.cpu;
  const u128 whole = u128{most.cpu} * most.gpu * 2;
  return static_cast<std::uint64_t>(kTop * (whole - left) / whole);
}

/// 100 less the mean product of the shares that are free and asked.
std::uint64_t dot_product(const Amounts& free, const Amounts& asked, const Amounts& most) {
  const u128 cpu = u128{most.cpu} * most.cpu;
  const u128 gpu = u128{most.gpu} * most.gpu;
  const u128 product = u128{free.cpu} * asked.cpu * gpu + u128{free.gpu} * asked.gpu * cpu;
  const u128 whole = cpu * gpu * 2;
  return static_cast<std::uint64_t>(kTop * (whole - product) / whole);
}

/// Nodes that pass every constraint, at most so many. Whether what is free would do is asked first: it is quickly told.
std::vector<const NodeView*> eligible(const Cluster& cluster, const Demand& demand, std::size_t most) {
  std::vector<const NodeView*> found;
  for (const NodeView& node : cluster.in_order()) {
    if (found.size() == most) break;
    if (fits_free(*node.capacity, demand.spec().resources) && !first_failure(demand, node)) found.push_back(&node);
  }
  return found;
}

/// The first of the nodes with the highest value.
template <class Value>
const NodeView* highest(const std::vector<const NodeView*>& nodes, Value value) {
  const NodeView* best = nullptr;
  std::uint64_t best_value = 0;
  for (const NodeView* node : nodes) {
    const std::uint64_t own = value(*node);
    if (best != nullptr && own <= best_value) continue;
    best = node;
    best_value = own;
  }
  return best;
}

const NodeView* choose_as_peer(Policy policy, const Cluster& cluster, const Arrival& arrival, Random& random) {
  const Demand demand = cluster.demand_of(arrival.spec);
  const auto nodes = eligible(cluster, demand, policy == Policy::FirstFit ? 1 : cluster.in_order().size());
  if (nodes.empty()) return nullptr;
  if (policy == Policy::FirstFit) return nodes.front();
  if (policy == Policy::Random) return nodes[random.below(nodes.size())];
  const Amounts most = largest_node(cluster);
  const Resources& resources = arrival.spec.resources;
  const Amounts asked{resources.cpu_milli, protocol::gpu_milli(resources)};
  const auto value = policy == Policy::BestFit ? best_fit : dot_product;
  return highest(nodes, [&](const NodeView& node) { return value(free_on(node), asked, most); });
}

/// Nodes that could take a part of a gang, in the order in which the policy would have them.
std::vector<const NodeView*> by_preference(Policy policy, const Cluster& cluster, const Demand& part, Random& random) {
  auto nodes = eligible(cluster, part, cluster.in_order().size());
  if (policy == Policy::Random) {
    for (std::size_t left = nodes.size(); left > 1; --left) std::swap(nodes[left - 1], nodes[random.below(left)]);
  } else if (policy != Policy::FirstFit) {
    const Amounts most = largest_node(cluster);
    const Resources& resources = part.spec().resources;
    const Amounts asked{resources.cpu_milli, protocol::gpu_milli(resources)};
    const auto value = policy == Policy::BestFit ? best_fit : dot_product;
    std::stable_sort(nodes.begin(), nodes.end(), [&](const NodeView* a, const NodeView* b) {
      return value(free_on(*a), asked, most) > value(free_on(*b), asked, most);
    });
  }
  return nodes;
}

}  // namespace

std::span<const PolicyRow> policies() { return kPolicies; }

std::optional<Policy> find_policy(std::string_view name) {
  const auto found =
      std::find_if(kPolicies.begin(), kPolicies.end(), [name](const PolicyRow& row) { return row.name == name; });
  return found != kPolicies.end() ? std::optional(found->policy) : std::nullopt;
}

std::string_view policy_name(Policy policy) { return kPolicies[static_cast<std::size_t>(policy)].name; }

Weights weights_of(Policy policy) { return policy == Policy::Standard ? standard_weights() : kFitAlone; }

std::optional<NodeId> choose_by_market(const Cluster& cluster, const Arrival& arrival) {
  const auto match = cluster.dispatch().choose(cluster.demand_of(arrival.spec), arrival.job);
  if (!match) return std::nullopt;
  return match->winner.node;
}

std::optional<NodeId> choose_node(Policy policy, const Cluster& cluster, const Arrival& arrival, Random& random) {
  if (policy == Policy::Fit || policy == Policy::Standard) return choose_by_market(cluster, arrival);
  const NodeView* node = choose_as_peer(policy, cluster, arrival, random);
  return node != nullptr ? std::optional(node->id) : std::nullopt;
}

std::vector<NodeId> choose_hosts(Policy policy, const Cluster& cluster, const Arrival& arrival, Random& random) {
  if (const auto node = choose_node(policy, cluster, arrival, random)) return {*node};
  return choose_gang(cluster.demand_of(arrival.spec),
                     [&](const Demand& part) { return by_preference(policy, cluster, part, random); });
}

}  // namespace starminer::sim
