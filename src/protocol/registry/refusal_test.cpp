// Every refusal of the registry's operations: one row each in the order of the checks, planted with all later ones.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/operation/limits.h"
#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using namespace registry_test;

template <class Op>
struct Row {
  RefusalCode code;
  std::function<void(Market&, Op&, AccountId&)> plant;
  std::string detail;  // begins so
};

/// Each row alone gives its code and its detail; each row with all later rows still gives its code.
template <class Op>
void expect_order(const std::vector<Row<Op>>& rows, const std::function<Op(Market&)>& prepare,
                  const AccountId& sender = kProvider) {
  for (std::size_t first = 0; first < rows.size(); ++first) {
    for (const bool with_later : {false, true}) {
      SCOPED_TRACE(std::string(refusal_info(rows[first].code).name) + (with_later ? " with later ones" : " alone"));
      Market market;
      Op op = prepare(market);
      AccountId account = sender;
      for (std::size_t i = rows.size(); i-- > first + 1;) {
        if (with_later) rows[i].plant(market, op, account);
      }
      rows[first].plant(market, op, account);
      std::string detail;
      EXPECT_EQ(market.submit(op, account, &detail), rows[first].code);
      EXPECT_TRUE(with_later || detail.starts_with(rows[first].detail)) << detail;
      EXPECT_TRUE(market.registry.invariants_hold());
    }
  }
  Market market;
  EXPECT_EQ(market.submit(prepare(market), sender), RefusalCode::None);
}

TEST(RegistryRefusals, ProviderRegister) {
  expect_order<ProviderRegister>(
      {{RefusalCode::InvalidField, [](Market&, auto& op, auto&) { op.display_name.clear(); },
        "display_name has 0 bytes; allowed 1 to 64"},
       {RefusalCode::ProviderExists, [](Market& market, auto&, auto&) { market.make_provider(); },
        "account " + kProvider.text()},
       {RefusalCode::PayoutUnknown, [](Market&, auto& op, auto&) { op.payout = AccountId{{77}}; },
        "payout account " + AccountId{{77}}.text()}},
      [](Market&) {
        return ProviderRegister{"Ada's farm", kPayout};
      });
}

TEST(RegistryRefusals, NodeRegister) {
  expect_order<NodeRegister>(
      {{RefusalCode::TooManyItems, [](Market&, auto& op, auto&) { op.ratings.resize(5); },
        "ratings has 5 items; allowed 4"},
       {RefusalCode::NotAProvider, [](Market&, auto&, auto& account) { account = kStranger; },
        "account " + kStranger.text()},
       {RefusalCode::TooManyNodes,
        [](Market& market, auto&, auto&) {
          if (market.registry.total_nodes() == 0) market.make_node();
          ASSERT_TRUE(market.params.set(Parameter::NodesPerProvider, 1));
        },
        "nodes 1, allowed 1"},
       {RefusalCode::UnknownClass, [](Market&, auto& op, auto&) { op.hardware_class = "A1000"; }, "class A1000"},
       {RefusalCode::UnknownRegion, [](Market&, auto& op, auto&) { op.offer.region = "mars"; }, "region mars"},
       {RefusalCode::RatingImplausible, [](Market&, auto& op, auto&) { op.ratings[0].rating = {}; },
        "no kind has a rating above 0"},
       {RefusalCode::BalanceTooSmall,
        [](Market& market, auto&, auto&) {
          // The nodes that other rows need are registered before the lock rises.
          if (!market.registry.providers().contains(kProvider)) market.make_provider();
          if (market.registry.total_nodes() == 0) market.make_node();
          ASSERT_TRUE(market.params.set(Parameter::NodeLock, 1'000 * kBasePerToken));
        },
        "available 999.89 AGPU, lock of a node 1000.00 AGPU, missing 0.11 AGPU"}},
      [](Market& market) {
        market.make_provider();
        return node_request();
      });
}

TEST(RegistryRefusals, NodeUpdate) {
  expect_order<NodeUpdate>(
      {{RefusalCode::InvalidField, [](Market&, auto& op, auto&) { op.offer.offer.site_tier = 5; },
        "offer.site_tier is 5; allowed 0 to 4"},
       {RefusalCode::UnknownNode, [](Market&, auto& op, auto&) { op.node = kNobody; }, "node " + kNobody.text()},
       {RefusalCode::NotNodeOwner, [](Market&, auto&, auto& account) { account = kStranger; },
        "provider " + kProvider.text()},
       {RefusalCode::WrongNodeStatus,
        [](Market& market, auto&, auto&) {
          ASSERT_EQ(market.submit(NodeSetStatus{market.last, NodeChange::Leave}), RefusalCode::None);
        },
        "the node has left"},
       {RefusalCode::UnknownRegion, [](Market&, auto& op, auto&) { op.offer.region = "mars"; }, "region mars"},
       {RefusalCode::FloorChangeTooSoon,
        [](Market& market, auto& op, auto&) {
          NodeUpdate change = update_of(market.last);
          change.offer.offer.floor_32nds = 100;
          ASSERT_EQ(market.submit(change), RefusalCode::None);
          op.offer.offer.floor_32nds = 101;
        },
        "floor 100/32 of the anchor since epoch 5, which lasts 3600 s"},
       {RefusalCode::RatingImplausible,
        [](Market&, auto& op, auto&) {
          op.ratings = {{JobKind::Rendering, {100'001, sha256("r")}}};
        },
        "rendering rating 100001, at most 100000 in class A100 (100 times the reference 1000)"}},
      [](Market& market) { return update_of(market.make_node()); });
}

TEST(RegistryRefusals, NodeSetStatus) {
  const auto hold_a_job = [](Market& market) {
    const auto held = market.registry.find_allocation(market.last, {{}, 1, 0, 0, 0, 0, 0, 0});
    ASSERT_TRUE(held.has_value());
    market.registry.allocate(market.last, *held);
  };
  expect_order<NodeSetStatus>(
      {{RefusalCode::InvalidField, [](Market&, auto& op, auto&) { op.change = static_cast<NodeChange>(3); },
        "change is 3; allowed 0 to 2"},
       {RefusalCode::UnknownNode, [](Market&, auto& op, auto&) { op.node = kNobody; }, "node " + kNobody.text()},
       {RefusalCode::NotNodeOwner, [](Market&, auto&, auto& account) { account = kStranger; },
        "provider " + kProvider.text()},
       {RefusalCode::WrongNodeStatus, [](Market&, auto& op, auto&) { op.change = NodeChange::Resume; },
        "status active"}},
      [](Market& market) {
        return NodeSetStatus{market.make_node(), NodeChange::Drain};
      });
  expect_order<NodeSetStatus>({{RefusalCode::NodeHasJobs,
                                [&hold_a_job](Market& market, auto& op, auto&) {
                                  hold_a_job(market);
                                  ASSERT_EQ(market.submit(op), RefusalCode::None);
                                },
                                "the node leaves by itself when 1 jobs have ended"}},
                              [](Market& market) {
                                return NodeSetStatus{market.make_node(), NodeChange::Leave};
                              });
}

TEST(RegistryRefusals, EveryStatusAllowsItsChangesOnly) {
  const std::vector<std::pair<std::vector<NodeChange>, std::vector<NodeChange>>> refused_after = {
      {{}, {NodeChange::Resume}},
      {{NodeChange::Drain}, {NodeChange::Drain}},
      {{NodeChange::Drain, NodeChange::Resume}, {NodeChange::Resume}},
      {{NodeChange::Leave}, {NodeChange::Drain, NodeChange::Resume, NodeChange::Leave}},
  };
  for (const auto& [done, refused] : refused_after) {
    for (const NodeChange change : refused) {
      Market market;
      const NodeId id = market.make_node();
      for (const NodeChange step : done) ASSERT_EQ(market.submit(NodeSetStatus{id, step}), RefusalCode::None);
      EXPECT_EQ(market.submit(NodeSetStatus{id, change}), RefusalCode::WrongNodeStatus);
    }
  }
}

TEST(RegistryRefusals, TelemetryReport) {
  expect_order<TelemetryReport>(
      {{RefusalCode::TooManyItems, [](Market&, auto& op, auto&) { op.heard.resize(1'001); },
        "heard has 1001 items; allowed 1000"},
       {RefusalCode::InvalidField, [](Market&, auto& op, auto&) { op.heard = op.silent; },
        "heard must not name a node that stands in silent"},
       {RefusalCode::NotOperator, [](Market&, auto&, auto& account) { account = kProvider; },
        "account " + kProvider.text()},
       {RefusalCode::UnknownNode, [](Market&, auto& op, auto&) { op.heard = {kNobody}; }, "node " + kNobody.text()}},
      [](Market& market) {
        return TelemetryReport{{market.make_node()}, {}};
      },
      kOperator);
}

TEST(RegistryRefusals, ShapesOfANode) {
  struct Fault {
    std::function<void(NodeRegister&)> plant;
    std::string detail;
    RefusalCode code = RefusalCode::InvalidField;
  };
  const std::vector<Fault> faults = {
      {[](auto& op) { op.name = "a\nb"; }, "name must be UTF-8 without control characters"},
      {[](auto& op) { op.hardware_class = ""; }, "hardware.hardware_class has 0 bytes; allowed 1 to 32"},
      {[](auto& op) { op.hardware.model = ""; }, "hardware.model has 0 bytes; allowed 1 to 96"},
      {[](auto& op) { op.hardware.devices = 0; }, "hardware.devices is 0; allowed 1 to 64"},
      {[](auto& op) { op.hardware.devices = 65; }, "hardware.devices is 65; allowed 1 to 64"},
      {[](auto& op) { op.hardware.device_memory_bytes = kDeviceMemoryMax + 1; },
       "hardware.device_memory_bytes is 4398046511105; allowed 0 to 4398046511104"},
      {[](auto& op) { op.hardware.interconnect = 8; }, "hardware.interconnect is 8; allowed 0 to 7"},
      {[](auto& op) { op.hardware.cpu_threads = 0; }, "hardware.cpu_threads is 0; allowed 1 to 4096"},
      {[](auto& op) { op.hardware.ram_bytes = 0; }, "hardware.ram_bytes is 0; allowed 1 to 140737488355328"},
      {[](auto& op) { op.hardware.disk_bytes = kDiskBytesMax + 1; },
       "hardware.disk_bytes is 4503599627370497; allowed 0 to 4503599627370496"},
      {[](auto& op) { op.hardware.network_up_mbps = 10'000'001; },
       "hardware.network_up_mbps is 10000001; allowed 0 to 10000000"},
      {[](auto& op) { op.hardware.network_down_mbps = 10'000'001; },
       "hardware.network_down_mbps is 10000001; allowed 0 to 10000000"},
      {[](auto& op) { op.offer.region = ""; }, "offer.region has 0 bytes; allowed 1 to 32"},
      {[](auto& op) { op.offer.offer.country = ""; },
       "offer.country must be two capital letters, an ISO 3166-1 country code"},
      {[](auto& op) { op.offer.offer.sandbox_tier = 4; }, "offer.sandbox_tier is 4; allowed 0 to 3"},
      {[](auto& op) { op.offer.offer.last_mile_level = 8; }, "offer.last_mile_level is 8; allowed 0 to 7"},
      {[](auto& op) { op.offer.offer.energy.g_co2_per_kwh = 5'001; },
       "offer.energy.g_co2_per_kwh is 5001; allowed 0 to 5000"},
      {[](auto& op) { op.offer.offer.energy.renewable_ppm = 1'000'001; },
       "offer.energy.renewable_ppm is 1000001; allowed 0 to 1000000"},
      {[](auto& op) { op.offer.offer.energy.pue_ppm = 999'999; },
       "offer.energy.pue_ppm is 999999; allowed 1000000 to 10000000"},
      {[](auto& op) { op.offer.runtimes.assign(65, "r"); }, "offer.runtimes has 65 items; allowed 64",
       RefusalCode::TooManyItems},
      {[](auto& op) { op.offer.runtimes = {"a b"}; },
       "offer.runtimes has a character outside printable ASCII without spaces"},
      {[](auto& op) {
         op.offer.runtimes = {"a", "a"};
       },
       "offer.runtimes must name each item once"},
      {[](auto& op) { op.offer.images.assign(513, sha256("i")); }, "offer.images has 513 items; allowed 512",
       RefusalCode::TooManyItems},
      {[](auto& op) { op.offer.images = {Hash32{}}; }, "offer.images must not hold a zero hash"},
      {[](auto& op) { op.offer.images.assign(2, sha256("i")); }, "offer.images must name each item once"},
      {[](auto& op) { op.ratings[0].kind = static_cast<JobKind>(4); }, "ratings.kind is 4; allowed 0 to 3"},
      {[](auto& op) { op.ratings.push_back(op.ratings[0]); }, "ratings.kind must name each item once"},
      {[](auto& op) { op.ratings[0].rating.benchmark = {}; },
       "ratings.benchmark_digest must name the report of the benchmark that the rating comes from"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.detail);
    NodeRegister op = node_request();
    fault.plant(op);
    const auto valid = NodeRegister::validate(op);
    ASSERT_FALSE(valid.has_value());
    EXPECT_EQ(valid.error().code, fault.code);
    EXPECT_EQ(valid.error().detail, fault.detail);
  }
}

TEST(RegistryRefusals, TelemetryListsAreSorted) {
  const NodeId a{{1}};
  const NodeId b{{2}};
  EXPECT_TRUE(TelemetryReport::validate({{a, b}, {}}).has_value());
  EXPECT_FALSE(TelemetryReport::validate({{b, a}, {}}).has_value());
  EXPECT_FALSE(TelemetryReport::validate({{}, {a, a}}).has_value());
}

TEST(RegistryRefusals, CpuRatingsHaveALowerCeiling) {
  Market market;
  market.make_provider();
  std::string detail;
  EXPECT_EQ(market.submit(node_request("CPU", 501), kProvider, &detail), RefusalCode::RatingImplausible);
  EXPECT_EQ(detail, "training rating 501, at most 500 in class CPU (50 times the reference 10)");
  EXPECT_EQ(market.submit(node_request("CPU", 500)), RefusalCode::None);
}

}  // namespace
}  // namespace starminer::protocol
