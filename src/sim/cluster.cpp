#include "sim/cluster.h"

#include <algorithm>

#include "base/check.h"
#include "protocol/market/gang.h"

namespace starminer::sim {
namespace {

using namespace protocol;

}  // namespace

Weights standard_weights() {
  Chain chain;
  load_rows(chain.store, trace_genesis({}, {}, std::nullopt));
  return chain.pricing.tier(kStandard).weights;
}

Cluster::Cluster() {
  jobs_.add_observer(index_);
  assignments_.add_observer(index_);
  shapes_.add_observer(index_);
  context_.height = 1;
  context_.time = kStart;
}

Result<std::unique_ptr<Cluster>, std::string> Cluster::make(const std::vector<TraceNode>& nodes,
                                                            const std::vector<TraceJob>& demand,
                                                            const Weights& weights) {
  std::unique_ptr<Cluster> cluster(new Cluster);
  load_rows(cluster->store_, trace_genesis(models_of(nodes, demand), demand, weights));
  if (auto added = cluster->add_nodes(nodes); !added) return fail(added.error());
  return cluster;
}

Result<void, std::string> Cluster::add_nodes(const std::vector<TraceNode>& nodes) {
  if (auto added = register_nodes(registry_, ledger_, params_, context_, nodes); !added) return added;
  for (const TraceNode& node : nodes) gpu_milli_ += std::uint64_t{node.gpus} * 1000;
  store_.commit();
  dispatch_ = std::make_unique<DispatchPass>(view_, context_);
  in_order_ = dispatch_->nodes().all();
  std::sort(in_order_.begin(), in_order_.end(),
            [](const NodeView& a, const NodeView& b) { return a.node->dense_id < b.node->dense_id; });
  return {};
}

Demand Cluster::demand_of(const JobSpec& spec) const {
  return {view_, spec, {kStandard, {}, {}, nullptr, {}}, context_.time};
}

std::vector<HostShare> Cluster::place_on(const std::vector<NodeId>& hosts, const Resources& resources) {
  const Resources part = part_of(resources, static_cast<std::uint32_t>(hosts.size()));
  std::vector<HostShare> shares;
  shares.reserve(hosts.size());
  for (const NodeId& host : hosts) shares.push_back({host, place(host, part)});
  return shares;
}

void Cluster::release(const std::vector<HostShare>& hosts) {
  for (const HostShare& host : hosts) release(host.node, host.allocation);
}

Allocation Cluster::place(const NodeId& node, const Resources& resources) {
  const auto allocation = registry_.find_allocation(node, resources);
  STARMINER_CHECK(allocation.has_value());
  registry_.allocate(node, *allocation);
  return *allocation;
}

void Cluster::release(const NodeId& node, const Allocation& allocation) {
  registry_.release(node, allocation, context_);
}

void Cluster::clear() { store_.rollback(0); }

}  // namespace starminer::sim
