// Benchmarks that the protocol asks for: doubts and how they end, draws, deadlines.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using namespace registry_test;

constexpr std::uint32_t kMedian = 1'000;

/// Five nodes that make a median, and a sixth with another rating.
struct Doubtful : Market {
  NodeId node_in_doubt;

  explicit Doubtful(std::uint32_t claim = 3'000) {
    context.seed = sha256("seed of the block");
    for (int i = 0; i < 5; ++i) make_node(node_request("A100", kMedian));
    node_in_doubt = make_node(node_request("A100", claim));
  }
  [[nodiscard]] const BenchmarkRow& asked(const NodeId& id) const { return registry.benchmarks().get(id); }
  [[nodiscard]] const BenchmarkRow& asked() const { return asked(node_in_doubt); }
  RefusalCode answer(std::uint32_t measured, std::string* detail = nullptr) {
    return submit(NodeBenchmark{node_in_doubt, asked().seed, {{JobKind::Training, {measured, sha256("digest")}}}},
                  kProvider, detail);
  }
  /// Serves the timers that are due now.
  void serve_timers() {
    while (const auto timer = timers.pop_due(context.time)) {
      ASSERT_EQ(timer->kind, TimerKind::BenchmarkDue);
      registry.on_benchmark_due(NodeId{timer->subject}, context);
      ASSERT_TRUE(registry.invariants_hold());
    }
  }
};

// REQ: REG-8
TEST(Benchmark, ARatingOutOfItsClassIsDoubtedUntilABenchmarkConfirmsIt) {
  Doubtful market;
  const NodeId id = market.node_in_doubt;
  EXPECT_EQ(market.node(id).status, NodeStatus::Suspect);
  ASSERT_TRUE(market.asked().open);
  EXPECT_EQ(market.asked().reason, BenchmarkReason::Doubt);
  EXPECT_EQ(market.asked().due, kStart + market.params.duration(Parameter::BenchmarkMs));
  EXPECT_EQ(market.registry.benchmarks_due(kProvider), std::vector<NodeId>{id});
  // Neither a beat nor another claim ends it.
  EXPECT_EQ(market.submit(TelemetryReport{{}, {id}}, kOperator), RefusalCode::None);
  NodeUpdate op = update_of(id);
  op.ratings = {{JobKind::Training, {kMedian, sha256("a better claim")}}};
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Suspect);
  op.ratings = {{JobKind::Training, {3'000, sha256("the old claim")}}};
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  // The measurement does, though it lies as far from the median as the claim did: that is what was asked.
  market.wait(1'000);
  EXPECT_EQ(market.answer(2'900), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
  EXPECT_EQ(market.node(id).ratings[0].cu_x1000, 2'900U) << "what was measured takes the place of the claim";
  EXPECT_EQ(market.node(id).ratings[0].benchmark, sha256("digest"));
  EXPECT_FALSE(market.asked().open);
  EXPECT_TRUE(market.asked().confirmed);
  EXPECT_EQ(market.asked().answered, kStart + DurationMs{1'000});
  EXPECT_TRUE(market.registry.benchmarks_due(kProvider).empty());
  EXPECT_FALSE(market.timers.next_due().has_value()) << "its deadline is off";
}

// REQ: REG-8
TEST(Benchmark, AClaimThatTheBenchmarkDoesNotReachStaysInDoubt) {
  Doubtful market;
  const Hash32 first = market.asked().seed;
  EXPECT_EQ(market.answer(1'000), RefusalCode::None);
  EXPECT_EQ(market.node(market.node_in_doubt).status, NodeStatus::Suspect);
  EXPECT_EQ(market.node(market.node_in_doubt).ratings[0].cu_x1000, 1'000U);
  ASSERT_TRUE(market.asked().open) << "a second benchmark must agree with the first";
  EXPECT_FALSE(market.asked().confirmed);
  EXPECT_EQ(market.asked().round, 2U);
  EXPECT_NE(market.asked().seed, first);
  EXPECT_EQ(market.answer(1'050), RefusalCode::None);
  EXPECT_EQ(market.node(market.node_in_doubt).status, NodeStatus::Active);
}

TEST(Benchmark, TheBandOfAConfirmationIsTheClassesOwn) {
  for (const auto& [measured, confirmed] :
       std::map<std::uint32_t, bool>{{1'799, false}, {1'800, true}, {4'500, true}, {4'501, false}}) {
    Doubtful market;
    ASSERT_EQ(market.answer(measured), RefusalCode::None);
    EXPECT_EQ(market.asked().confirmed, confirmed) << measured;
    EXPECT_EQ(market.node(market.node_in_doubt).status == NodeStatus::Active, confirmed) << measured;
  }
}

// REQ: REG-8
TEST(Benchmark, TheSeedFollowsFromTheBlocksSeedTheNodeAndTheRound) {
  Doubtful one;
  Doubtful same;
  EXPECT_EQ(one.asked().seed, same.asked().seed);
  EXPECT_EQ(one.asked().seed, tagged_hash("starminer/benchmark/challenge/1", [&] {
              Bytes input(one.context.seed.bytes.begin(), one.context.seed.bytes.end());
              input.insert(input.end(), one.node_in_doubt.bytes.begin(), one.node_in_doubt.bytes.end());
              input.insert(input.end(), {0, 0, 0, 1});
              return input;
            }()));
  Market later;
  later.context.seed = sha256("seed of another block");
  for (int i = 0; i < 5; ++i) later.make_node(node_request("A100", kMedian));
  later.make_node(node_request("A100", 3'000));
  EXPECT_EQ(later.last, one.node_in_doubt);
  EXPECT_NE(later.registry.benchmarks().get(later.last).seed, one.asked().seed);
}

TEST(Benchmark, AnUpdateOutOfTheClassIsDoubted) {
  Doubtful market(kMedian);
  const NodeId id = market.node_in_doubt;
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
  EXPECT_FALSE(market.registry.benchmarks().contains(id));
  NodeUpdate op = update_of(id);
  op.ratings = {{JobKind::Training, {200, sha256("claim")}}};
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Suspect);
  EXPECT_TRUE(market.asked().open);
}

TEST(Benchmark, ALeavingNodeOwesNothing) {
  Doubtful market;
  EXPECT_EQ(market.submit(NodeSetStatus{market.node_in_doubt, NodeChange::Leave}), RefusalCode::None);
  EXPECT_FALSE(market.asked().open);
  EXPECT_TRUE(market.registry.benchmarks_due(kProvider).empty());
  market.wait(market.params.get(Parameter::BenchmarkMs));
  EXPECT_FALSE(market.timers.pop_due(market.context.time).has_value());
}

/// Six nodes as the median has them, and ticks that draw.
struct Drawn : Doubtful {
  Drawn() : Doubtful(kMedian) {
    EXPECT_TRUE(params.set(Parameter::BenchmarkSpotMs, 10 * params.get(Parameter::TickMs)));
  }
  void tick() {
    context.seed = sha256(context.seed.hex());
    wait(params.get(Parameter::TickMs));
    registry.on_tick(context);
    EXPECT_TRUE(registry.invariants_hold());
  }
  [[nodiscard]] std::size_t open() const { return registry.benchmarks_due(kProvider).size(); }
  void answer_all() {
    for (const NodeId& id : registry.benchmarks_due(kProvider)) {
      EXPECT_EQ(submit(NodeBenchmark{id, asked(id).seed, {{JobKind::Training, {kMedian, sha256("d")}}}}),
                RefusalCode::None);
    }
  }
};

// REQ: REG-8
TEST(Benchmark, ActiveNodesAreDrawnAtTheRateOfTheParameter) {
  Drawn market;
  std::map<NodeId, int> drawn;
  std::size_t total = 0;
  for (int i = 0; i < 2'000; ++i) {
    market.tick();
    for (const NodeId& id : market.registry.benchmarks_due(kProvider)) ++drawn[id];
    total += market.open();
    market.answer_all();
  }
  // 2,000 ticks of a tenth of a draw for each of six nodes: 1,200, with a standard deviation of about 33; a node drawn
  // twice in one tick is asked once.
  EXPECT_GT(total, 1'000U);
  EXPECT_LT(total, 1'350U);
  ASSERT_EQ(drawn.size(), 6U) << "each has its turns";
  for (const auto& [id, times] : drawn) {
    EXPECT_GT(times, 120);
    EXPECT_LT(times, 290);
    EXPECT_EQ(market.asked(id).reason, BenchmarkReason::Spot);
    EXPECT_EQ(market.node(id).status, NodeStatus::Active) << "a node that answers stays in service all the time";
  }
}

TEST(Benchmark, WhoIsDrawnFollowsFromTheSeed) {
  Drawn one;
  Drawn same;
  Drawn other;
  other.context.seed = sha256("other");
  std::vector<NodeId> by_one, by_same, by_other;
  for (int i = 0; i < 40; ++i) {
    one.tick();
    same.tick();
    other.tick();
    for (auto* market : {&one, &same, &other}) {
      auto& list = market == &one ? by_one : market == &same ? by_same : by_other;
      const auto due = market->registry.benchmarks_due(kProvider);
      list.insert(list.end(), due.begin(), due.end());
      list.push_back(kNobody);
      market->answer_all();
    }
  }
  EXPECT_EQ(by_one, by_same);
  EXPECT_NE(by_one, by_other);
}

TEST(Benchmark, BusyAndInactiveNodesAreNotDrawnAndZeroDrawsNobody) {
  Drawn market;
  for (std::uint32_t i = 0; i < market.registry.total_nodes(); ++i) {
    const NodeId id = market.registry.node_at(i);
    if (i % 2 == 0) {
      EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Drain}), RefusalCode::None);
      continue;
    }
    const auto held = market.registry.find_allocation(id, {{}, 1, 0, 0, 0, 0, 0, 0});
    ASSERT_TRUE(held.has_value());
    market.registry.allocate(id, *held);
  }
  for (int i = 0; i < 50; ++i) market.tick();
  EXPECT_EQ(market.open(), 0U);
  Drawn off;
  ASSERT_TRUE(off.params.set(Parameter::BenchmarkSpotMs, 0));
  for (int i = 0; i < 50; ++i) off.tick();
  EXPECT_EQ(off.open(), 0U);
}

// REQ: REG-8
TEST(Benchmark, ASilentAnswerPutsAnIdleNodeInDoubtAndALateOneEndsIt) {
  Drawn market;
  while (market.open() == 0) market.tick();
  const NodeId id = market.registry.benchmarks_due(kProvider).front();
  const Hash32 seed = market.asked(id).seed;
  market.wait(market.params.get(Parameter::BenchmarkMs));
  market.serve_timers();
  EXPECT_EQ(market.node(id).status, NodeStatus::Suspect);
  EXPECT_TRUE(market.asked(id).open);
  EXPECT_EQ(market.asked(id).due.ms, 0U);
  EXPECT_EQ(market.asked(id).seed, seed);
  market.answer_all();
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
  EXPECT_FALSE(market.asked(id).open);
}

TEST(Benchmark, ABusyNodeIsAskedAgainWithAnotherSeed) {
  Drawn market;
  while (market.open() == 0) market.tick();
  const NodeId id = market.registry.benchmarks_due(kProvider).front();
  const Hash32 seed = market.asked(id).seed;
  const auto held = market.registry.find_allocation(id, {{}, 1, 0, 0, 0, 0, 0, 0});
  market.registry.allocate(id, *held);
  market.wait(market.params.get(Parameter::BenchmarkMs));
  market.serve_timers();
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
  EXPECT_TRUE(market.asked(id).open);
  EXPECT_NE(market.asked(id).seed, seed) << "nobody may have had hours for it";
  EXPECT_GT(market.asked(id).due, market.context.time);
}

TEST(Benchmark, Refusals) {
  const auto expect = [](RefusalCode code, const std::string& detail,
                         const std::function<void(Doubtful&, NodeBenchmark&, AccountId&)>& plant) {
    Doubtful market;
    NodeBenchmark op{market.node_in_doubt, market.asked().seed, {{JobKind::Training, {3'000, sha256("digest")}}}};
    AccountId account = kProvider;
    plant(market, op, account);
    std::string given;
    EXPECT_EQ(market.submit(op, account, &given), code);
    EXPECT_TRUE(given.starts_with(detail)) << given;
  };
  expect(RefusalCode::TooManyItems, "ratings has 5 items", [](auto&, auto& op, auto&) { op.ratings.resize(5); });
  expect(RefusalCode::UnknownNode, "node ", [](auto&, auto& op, auto& account) {
    op.node = kNobody;
    account = kStranger;
  });
  expect(RefusalCode::NotNodeOwner, "provider ", [](auto&, auto& op, auto& account) {
    account = kStranger;
    op.seed = {};
  });
  expect(RefusalCode::NoBenchmarkDue, "benchmarks asked for so far: 1", [](auto& market, auto& op, auto&) {
    ASSERT_EQ(market.answer(3'000), RefusalCode::None);
    op.seed = {};
  });
  expect(RefusalCode::NoBenchmarkDue, "benchmarks asked for so far: 0",
         [](auto& market, auto& op, auto&) { op.node = market.registry.node_at(0); });
  expect(RefusalCode::WrongBenchmarkSeed, "asked for ", [](auto&, auto& op, auto&) {
    op.seed = sha256("chosen by myself");
    op.ratings.clear();
  });
  expect(RefusalCode::RatingImplausible, "no kind has a rating above 0",
         [](auto&, auto& op, auto&) { op.ratings.clear(); });
}

TEST(Benchmark, WhatIsOwedSurvivesALoadAndARollback) {
  Doubtful market;
  market.store.commit();
  const std::size_t point = market.store.checkpoint();
  ASSERT_EQ(market.answer(3'000), RefusalCode::None);
  market.store.rollback(point);
  EXPECT_EQ(market.registry.benchmarks_due(kProvider), std::vector<NodeId>{market.node_in_doubt});
  EXPECT_TRUE(market.registry.invariants_hold());
  const auto changes = market.store.take_changes();
  state::Store store;
  Params params(store);
  Ledger ledger(store, params);
  Reputation reputation(store, params);
  Timers timers(store);
  const Registry registry(store, params, ledger, reputation, timers);
  for (const auto& change : changes) ASSERT_TRUE(store.load(change.table, change.key, *change.row));
  EXPECT_TRUE(registry.invariants_hold());
  EXPECT_EQ(registry.benchmarks_due(kProvider), std::vector<NodeId>{market.node_in_doubt});
  EXPECT_EQ(registry.node_at(5), market.node_in_doubt);
}

}  // namespace
}  // namespace starminer::protocol
