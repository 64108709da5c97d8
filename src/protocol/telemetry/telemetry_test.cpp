#include "protocol/telemetry/telemetry.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/operation/limits.h"
#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using registry_test::kGiB;
using registry_test::kNobody;
using registry_test::kOperator;
using registry_test::kProvider;
using registry_test::Market;

constexpr AccountId kSecond{{4}};
constexpr AccountId kThird{{5}};

struct Watched : Market {
  Telemetry telemetry{store, params, registry};

  explicit Watched(std::size_t nodes = 5, std::uint64_t window = 3) {
    EXPECT_TRUE(params.set(Parameter::TelemetryWindowNodes, window));
    for (std::size_t i = 0; i < nodes; ++i) make_node();
    next_epoch();
  }
  void next_epoch() {
    ++context.epoch;
    telemetry.on_epoch(context);
    EXPECT_TRUE(telemetry.invariants_hold());
  }
  RefusalCode send(const TelemetryAggregate& op, const AccountId& account = kOperator, std::string* detail = nullptr) {
    const auto valid = TelemetryAggregate::validate(op);
    if (!valid) return note(valid.error(), detail);
    const Sender sender{account, 0};
    const auto checked = telemetry.check(*valid, sender);
    if (!checked) return note(checked.error(), detail);
    telemetry.apply(*checked, sender, context);
    return RefusalCode::None;
  }
  /// A report of all nodes of the last window with these figures.
  [[nodiscard]] TelemetryAggregate report(const BeatFigures& figures) const {
    TelemetryAggregate op{telemetry.windows().last.epoch, sha256("raw"), {}};
    for (const NodeId& node : telemetry.nodes_of(telemetry.windows().last)) op.entries.push_back({node, figures});
    std::sort(op.entries.begin(), op.entries.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
    return op;
  }
};

// REQ: REG-7
TEST(Telemetry, WindowsTakeTurnsThroughAllNodes) {
  Watched market;
  std::map<NodeId, int> turns;
  for (int epoch = 0; epoch < 5; ++epoch) {
    for (const NodeId& node : market.telemetry.nodes_of(market.telemetry.windows().running)) ++turns[node];
    market.next_epoch();
  }
  ASSERT_EQ(turns.size(), 5U);
  for (const auto& [node, count] : turns) EXPECT_EQ(count, 3) << "15 places for 5 nodes";
}

// REQ: REG-7
TEST(Telemetry, AReportOfTheLastEpochIsKeptWithTheHashOfItsRawBeats) {
  Watched market;
  market.next_epoch();
  TelemetryAggregate op = market.report({360, 20, 40, 90});
  const NodeId unheard = op.entries.back().node;
  op.entries.pop_back();
  ASSERT_EQ(market.send(op), RefusalCode::None);
  const TelemetryReportRow& row = market.telemetry.reports().get(kOperator);
  EXPECT_EQ(row.epoch, op.epoch);
  EXPECT_EQ(row.raw_hash, sha256("raw"));
  EXPECT_EQ(row.reported, market.context.time);
  EXPECT_EQ(row.entries.size(), 2U);
  const NodeTelemetryRow& heard = market.telemetry.nodes().get(op.entries.front().node);
  EXPECT_EQ(heard.epoch, op.epoch);
  EXPECT_EQ(heard.operators, 1U) << "with one operator the median is that of one";
  EXPECT_EQ(heard.figures, (BeatFigures{360, 20, 40, 90}));
  EXPECT_EQ(market.telemetry.nodes().get(unheard).figures, BeatFigures{}) << "a node that is left out was not heard";
  EXPECT_EQ(market.telemetry.nodes().size(), 3U);
}

// REQ: REG-7
TEST(Telemetry, OfSeveralOperatorsTheMedianCounts) {
  Watched market;
  market.registry.write_genesis({kOperator, kSecond, kThird});
  market.next_epoch();
  ASSERT_EQ(market.send(market.report({360, 20, 40, 90})), RefusalCode::None);
  ASSERT_EQ(market.send(market.report({300, 30, 31, 32}), kSecond), RefusalCode::None);
  const NodeId node = market.telemetry.nodes().begin()->first;
  EXPECT_EQ(market.telemetry.nodes().get(node).figures, (BeatFigures{300, 20, 31, 32})) << "the lower of two";
  TelemetryAggregate third = market.report({1, 500, 500, 500});
  third.entries.erase(third.entries.begin());  // one operator who hears nothing of it changes little
  const NodeId left_out = market.report({1, 0, 0, 0}).entries.front().node;
  ASSERT_EQ(market.send(third, kThird), RefusalCode::None);
  EXPECT_EQ(market.telemetry.nodes().get(left_out).figures, (BeatFigures{300, 20, 31, 32}));
  const NodeId other = third.entries.front().node;
  EXPECT_EQ(market.telemetry.nodes().get(other).figures, (BeatFigures{300, 30, 40, 90}));
  EXPECT_EQ(market.telemetry.nodes().get(other).operators, 3U);
  market.next_epoch();
  ASSERT_EQ(market.send(market.report({7, 1, 2, 3})), RefusalCode::None);
  const NodeId later = market.telemetry.nodes_of(market.telemetry.windows().last).front();
  EXPECT_EQ(market.telemetry.nodes().get(later).operators, 1U) << "reports of other epochs do not count";
}

TEST(Telemetry, Refusals) {
  const auto expect = [](RefusalCode code, const std::string& detail,
                         const std::function<void(Watched&, TelemetryAggregate&, AccountId&)>& plant) {
    Watched market;
    market.next_epoch();
    TelemetryAggregate op = market.report({360, 20, 40, 90});
    AccountId account = kOperator;
    plant(market, op, account);
    std::string given;
    EXPECT_EQ(market.send(op, account, &given), code);
    EXPECT_TRUE(given.starts_with(detail)) << given;
  };
  expect(RefusalCode::TooManyItems, "entries has 1001 items", [](auto&, auto& op, auto&) { op.entries.resize(1'001); });
  expect(RefusalCode::InvalidField, "raw_hash", [](auto&, auto& op, auto&) { op.raw_hash = {}; });
  expect(RefusalCode::InvalidField, "entries must be in the order",
         [](auto&, auto& op, auto&) { op.entries.push_back(op.entries.back()); });
  expect(RefusalCode::InvalidField, "entries must have a beat",
         [](auto&, auto& op, auto&) { op.entries[0].figures.beats = 0; });
  expect(RefusalCode::InvalidField, "entries must have a beat",
         [](auto&, auto& op, auto&) { op.entries[0].figures.p90_ms = 91; });
  expect(RefusalCode::NotOperator, "account ", [](auto&, auto& op, auto& account) {
    account = kProvider;
    op.epoch = 99;
  });
  expect(RefusalCode::WrongTelemetryEpoch, "epoch 99 given, 6 ended last",
         [](auto&, auto& op, auto&) { op.epoch = 99; });
  expect(RefusalCode::TelemetryReported, "epoch 6", [](auto& market, auto& op, auto&) {
    ASSERT_EQ(market.send(op), RefusalCode::None);
    op.entries = {{kNobody, {1, 0, 0, 0}}};
  });
  expect(RefusalCode::UnknownNode, "node ", [](auto&, auto& op, auto&) { op.entries = {{kNobody, {1, 0, 0, 0}}}; });
  expect(RefusalCode::NodeNotInWindow, "node ", [](auto& market, auto& op, auto&) {
    op.entries = {{market.registry.node_at(4), {1, 0, 0, 0}}};
  });
}

TEST(Telemetry, NothingIsTakenBeforeAWindowHasEnded) {
  Watched market;
  std::string detail;
  EXPECT_EQ(market.send({0, sha256("raw"), {}}, kOperator, &detail), RefusalCode::WrongTelemetryEpoch);
  EXPECT_EQ(detail, "epoch 0 given, no window has ended yet");
  Watched empty(0);
  empty.next_epoch();
  EXPECT_EQ(empty.send({empty.telemetry.windows().last.epoch, sha256("raw"), {}}), RefusalCode::WrongTelemetryEpoch);
}

RC_GTEST_PROP(Telemetry, AWindowHoldsExactlyItsNodes, ()) {
  const auto nodes = *rc::gen::inRange<std::uint32_t>(1, 40);
  const TelemetryWindow window{0, *rc::gen::inRange<std::uint32_t>(0, nodes),
                               *rc::gen::inRange<std::uint32_t>(0, nodes + 1), nodes};
  std::set<std::uint32_t> inside;
  for (std::uint32_t i = 0; i < window.count; ++i) inside.insert((window.first + i) % nodes);
  for (std::uint32_t id = 0; id < nodes + 3; ++id) RC_ASSERT(Telemetry::contains(window, id) == inside.contains(id));
}

RC_GTEST_PROP(Telemetry, AMinorityOfOperatorsCannotMoveAMedianOutOfWhatTheOthersSay, ()) {
  const auto honest = *rc::gen::inRange<std::size_t>(2, 6);
  const auto liars = *rc::gen::inRange<std::size_t>(0, honest);
  std::vector<BeatFigures> reports;
  for (std::size_t i = 0; i < honest; ++i) {
    const auto trip = *rc::gen::inRange<std::uint32_t>(10, 30);
    reports.push_back({*rc::gen::inRange<std::uint32_t>(300, 360), trip, trip, trip});
  }
  for (std::size_t i = 0; i < liars; ++i) {
    const auto trip = *rc::gen::arbitrary<std::uint32_t>();
    reports.push_back({*rc::gen::inRange<std::uint32_t>(1, ~0U), trip, trip, trip});
  }
  const BeatFigures median = median_figures(reports);
  RC_ASSERT(median.beats >= 300U && median.beats < 360U);
  RC_ASSERT(median.p50_ms >= 10U && median.p50_ms < 30U);
}

}  // namespace
}  // namespace starminer::protocol
