// The registry against a plain model: random operations with blocks that are rolled back, every invariant after each.
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using namespace registry_test;

/// What the rules say of a node, without the registry's data structures.
struct ModelNode {
  bool draining = false;
  bool leaving = false;
  bool left = false;
  bool silent = false;
  bool in_doubt = false;
  std::uint32_t rating = 0;
  std::vector<Allocation> jobs;
  TimeMs lock_until;
  bool locked = true;

  [[nodiscard]] NodeStatus status() const {
    if (left) return NodeStatus::Left;
    if (draining) return NodeStatus::Draining;
    return silent || in_doubt ? NodeStatus::Suspect : NodeStatus::Active;
  }
};

struct Model {
  std::map<NodeId, ModelNode> nodes;

  [[nodiscard]] std::optional<std::uint32_t> median(std::size_t least) const {
    std::multiset<std::uint32_t> ratings;
    for (const auto& [id, node] : nodes) {
      if (node.status() == NodeStatus::Active) ratings.insert(node.rating);
    }
    if (ratings.size() < least) return std::nullopt;
    return *std::next(ratings.begin(), static_cast<std::ptrdiff_t>((ratings.size() - 1) / 2));
  }
  [[nodiscard]] bool in_doubt(std::uint32_t rating, std::size_t least) const {
    const std::uint32_t middle = median(least).value_or(1'000);  // the reference of the class
    return rating * 10 < middle * 6 || rating * 10 > middle * 15;
  }
};

class Run {
 public:
  Run() { market_.make_provider(); }

  void step() {
    market_.wait(*rc::gen::inRange<std::uint64_t>(1, 200'000'000));
    release_locks();
    const Model before = model_;
    const std::size_t point = market_.store.checkpoint();
    const TimeMs time = market_.context.time;
    act(*rc::gen::inRange(0, 9));
    ++steps_;
    if (*rc::gen::inRange(0, 5) == 0) {
      market_.store.rollback(point);
      market_.context.time = time;
      model_ = before;
    }
    compare();
  }
  [[nodiscard]] bool half_accepted() const { return accepted_ * 2 >= steps_; }

 private:
  NodeId pick() {
    if (model_.nodes.empty()) return kNobody;
    return std::next(model_.nodes.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(model_.nodes)))->first;
  }
  void expect(RefusalCode code, bool allowed) {
    RC_ASSERT((code == RefusalCode::None) == allowed);
    if (allowed) ++accepted_;
  }

  void act(int action) {
    const NodeId id = pick();
    ModelNode* const node = id == kNobody ? nullptr : &model_.nodes[id];
    if (action <= 1 || node == nullptr) return add();
    switch (action) {
      case 2:
        return change(id, *node, NodeChange::Drain,
                      node->status() == NodeStatus::Active || node->status() == NodeStatus::Suspect);
      case 3: return change(id, *node, NodeChange::Resume, node->status() == NodeStatus::Draining);
      case 4: return change(id, *node, NodeChange::Leave, !node->left && !node->leaving);
      case 5: return observe(id, *node);
      case 6: return take(id, *node);
      case 7: return answer(id, *node);
      default: return give(id, *node);
    }
  }
  void add() {
    const auto rating = *rc::gen::inRange(300U, 2'500U);
    const bool doubt = model_.in_doubt(rating, 5);
    const RefusalCode code = market_.submit(node_request("A100", rating));
    expect(code, true);
    ModelNode node;
    node.rating = rating;
    node.in_doubt = doubt;
    node.lock_until = market_.context.time + market_.params.duration(Parameter::NodeLockMs);
    model_.nodes[market_.last] = node;
  }
  void leave(ModelNode& node) {
    node.left = true;
    node.leaving = node.draining = node.silent = false;
    if (node.lock_until <= market_.context.time) node.locked = false;
  }
  void change(const NodeId& id, ModelNode& node, NodeChange wanted, bool allowed) {
    expect(market_.submit(NodeSetStatus{id, wanted}), allowed);
    if (!allowed) return;
    node.draining = wanted != NodeChange::Resume;
    node.leaving = wanted == NodeChange::Leave;
    if (node.leaving && node.jobs.empty()) leave(node);
  }
  void observe(const NodeId& id, ModelNode& node) {
    const bool silent = *rc::gen::arbitrary<bool>();
    const TelemetryReport report = silent ? TelemetryReport{{id}, {}} : TelemetryReport{{}, {id}};
    expect(market_.submit(report, kOperator), true);
    if (!node.left) node.silent = silent;
  }
  void answer(const NodeId& id, ModelNode& node) {
    const BenchmarkRow* const asked = market_.registry.benchmarks().find(id);
    const auto measured = *rc::gen::inRange(300U, 2'500U);
    const Hash32 seed = asked != nullptr ? asked->seed : Hash32{};
    const bool owed = node.in_doubt && !node.left;
    expect(market_.submit(NodeBenchmark{id, seed, {{JobKind::Training, {measured, sha256("digest")}}}}), owed);
    if (!owed) return;
    node.in_doubt = measured * 10 < node.rating * 6 || measured * 10 > node.rating * 15;
    node.rating = measured;
  }
  void take(const NodeId& id, ModelNode& node) {
    const auto allocation =
        market_.registry.find_allocation(id, {{}, 1, *rc::gen::element(0U, 300U), 0, 1'000, 0, 0, 0});
    if (!allocation || node.left) return;
    market_.registry.allocate(id, *allocation);
    node.jobs.push_back(*allocation);
    ++accepted_;
  }
  void give(const NodeId& id, ModelNode& node) {
    if (node.jobs.empty()) return;
    market_.registry.release(id, node.jobs.back(), market_.context);
    node.jobs.pop_back();
    ++accepted_;
    if (node.leaving && node.jobs.empty()) leave(node);
  }
  void release_locks() {
    while (const auto timer = market_.timers.pop_due(market_.context.time)) {
      if (timer->kind == TimerKind::BenchmarkDue) {
        // Whoever owes a result here is in doubt already, and stays so.
        market_.registry.on_benchmark_due(NodeId{timer->subject}, market_.context);
        continue;
      }
      RC_ASSERT(timer->kind == TimerKind::LockRelease);
      market_.registry.on_lock_release(NodeId{timer->subject}, market_.context);
      model_.nodes[NodeId{timer->subject}].locked = false;
    }
  }

  void compare() {
    RC_ASSERT(market_.registry.invariants_hold());
    RC_ASSERT(market_.ledger.invariants_hold());
    RC_ASSERT(market_.registry.total_nodes() == model_.nodes.size());
    std::uint32_t live = 0;
    for (const auto& [id, node] : model_.nodes) {
      const NodeRow& row = market_.registry.nodes().get(id);
      RC_ASSERT(row.status == node.status());
      RC_ASSERT(row.rating_in_doubt == node.in_doubt);
      RC_ASSERT(row.leaving == node.leaving);
      RC_ASSERT(market_.registry.capacity().get(id).jobs == node.jobs.size());
      RC_ASSERT(market_.locked(id) == (node.locked ? market_.params.get(Parameter::NodeLock) : 0));
      RC_ASSERT(market_.registry.uptime(row, market_.context.time).value <= kPpm);
      if (!node.left) ++live;
    }
    RC_ASSERT(market_.registry.providers().get(kProvider).node_count == live);
    RC_ASSERT(market_.registry.median_rating(*market_.registry.find_class("A100"), JobKind::Training) ==
              model_.median(5));
  }

  Market market_;
  Model model_;
  int steps_ = 0;
  int accepted_ = 0;
};

// REQ: REG-1, REG-4
RC_GTEST_PROP(RegistryModel, RegistryAndModelAgreeAfterEveryStep, ()) {
  Run run;
  const int steps = *rc::gen::inRange(1, 80);
  for (int i = 0; i < steps; ++i) run.step();
  RC_CLASSIFY(run.half_accepted(), "at least half of the steps accepted");
}

}  // namespace
}  // namespace starminer::protocol
