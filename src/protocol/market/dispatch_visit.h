// How a pass goes over nodes: by the index, which leaves out those that cannot matter, else over all. Of DispatchPass
// alone; both find the same.
#pragma once

#include <algorithm>

#include "protocol/market/dispatch.h"
#include "protocol/market/node_index.h"

namespace starminer::protocol {

template <class Bound, class IsEnough, class Look>
void DispatchPass::visit(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                         const IsEnough& is_enough, const Look& look) {
  if (market_.known != nullptr) {
    if (market_.nodes != nullptr) market_.nodes->refresh_supply(market_);
    market_.known->supply().visit(demand, classes, ignored, bound, is_enough, look);
    return;
  }
  for (const NodeView& node : nodes().all()) {
    if (classes.test(node.node->hardware_class)) look(NodeView{node.id, node.node, nullptr, false, {}});
  }
}

template <class Bound, class Passes>
bool DispatchPass::any_node(const Demand& demand, const ClassSet& classes, ConstraintSet ignored, const Bound& bound,
                            const Passes& passes) {
  if (market_.known != nullptr) {
    if (market_.nodes != nullptr) market_.nodes->refresh_supply(market_);
    return market_.known->supply().any_active(demand, classes, ignored, bound, passes);
  }
  const auto& all = nodes().all();
  return std::any_of(all.begin(), all.end(), [&](const NodeView& node) {
    return classes.test(node.node->hardware_class) && passes(NodeView{node.id, node.node, nullptr, false, {}});
  });
}

}  // namespace starminer::protocol
