#include "protocol/registry/registry.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/registry/test_market.h"

namespace starminer::protocol {
namespace {

using namespace registry_test;

// REQ: REG-1, REG-2, REG-3, REG-5, REG-8
TEST(Registry, ANodeIsRegisteredWithEveryAttribute) {
  Market market;
  const NodeId id = market.make_node();
  const NodeRow& row = market.node(id);
  EXPECT_EQ(row.provider, kProvider);
  EXPECT_EQ(row.name, "rack 1");
  EXPECT_EQ(row.dense_id, 0U);
  EXPECT_EQ(market.registry.classes().get(row.hardware_class).name, "A100");
  EXPECT_EQ(row.hardware.model, "NVIDIA A100 80GB");
  EXPECT_EQ(row.hardware.network_down_mbps, 2'000U);
  EXPECT_EQ(market.registry.regions().get(row.offer.region).name, "eu-central");
  EXPECT_EQ(row.offer.country, "DE");
  EXPECT_EQ(row.offer.site_tier, 3);
  EXPECT_EQ(row.offer.energy.g_co2_per_kwh, 50U);
  EXPECT_EQ(row.offer.energy.renewable_ppm, 900'000U);
  EXPECT_EQ(row.offer.energy.certificate, sha256("certificate"));
  EXPECT_FALSE(row.offer.energy.verified) << "an owner cannot attest to himself";
  EXPECT_EQ(row.offer.proven_site_tier(), 0);
  EXPECT_EQ(row.offer.runtime_names, (std::vector<std::string>{"debian/blender-3.4", "debian/pytorch-1.13"}));
  EXPECT_TRUE(std::is_sorted(row.offer.runtimes.begin(), row.offer.runtimes.end()));
  EXPECT_TRUE(std::binary_search(row.offer.runtimes.begin(), row.offer.runtimes.end(),
                                 tag_of(std::string_view("debian/blender-3.4"))));
  EXPECT_TRUE(std::binary_search(row.offer.images.begin(), row.offer.images.end(), tag_of(sha256("image a"))));
  EXPECT_EQ(row.ratings[0].cu_x1000, 1'000U);
  EXPECT_EQ(row.ratings[0].benchmark, sha256("report"));
  EXPECT_EQ(row.ratings[1].cu_x1000, 0U);
  EXPECT_EQ(row.status, NodeStatus::Active);
  EXPECT_EQ(row.registered, kStart);
  EXPECT_EQ(market.registry.providers().get(kProvider).node_count, 1U);
  EXPECT_EQ(market.registry.providers().get(kProvider).payout, kPayout);
  ASSERT_EQ(market.events.size(), 1U);
  EXPECT_EQ(market.events[0].kind, EventKind::NodeChanged);
  EXPECT_EQ(market.events[0].node, id);
  EXPECT_EQ(market.make_node(), market.last);
  EXPECT_EQ(market.node(market.last).dense_id, 1U);
  EXPECT_EQ(market.registry.total_nodes(), 2U);
}

// REQ: REG-4
TEST(Registry, ANewNodeIsWhollyFree) {
  Market market;
  const NodeId id = market.make_node();
  const CapacityRow& free = market.registry.capacity().get(id);
  EXPECT_EQ(free.device_free_milli, (std::vector<std::uint16_t>{1'000, 1'000}));
  EXPECT_EQ(free.cpu_free_milli, 64'000U);
  EXPECT_EQ(free.ram_free_bytes, 256 * kGiB);
  EXPECT_EQ(free.disk_free_bytes, 1'000 * kGiB);
  EXPECT_EQ(free.jobs, 0U);
}

TEST(Registry, ANodeLocksItsIdentity) {
  Market market;
  market.make_provider();
  const std::uint64_t before = market.ledger.balance(kProvider, Asset::Agpu);
  const NodeId id = market.make_node();
  EXPECT_EQ(market.locked(id), 100'000'000U);
  EXPECT_EQ(before - market.ledger.balance(kProvider, Asset::Agpu), 100'000'000U);
}

TEST(Registry, WithoutALockNothingIsLocked) {
  Market market;
  ASSERT_TRUE(market.params.set(Parameter::NodeLock, 0));
  const NodeId id = market.make_node();
  EXPECT_EQ(market.locked(id), 0U);
  market.wait(2 * market.params.get(Parameter::NodeLockMs));
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::None);
}

TEST(Registry, ThePayoutAccountIsTheProviderUnlessNamed) {
  Market market;
  EXPECT_EQ(market.submit(ProviderRegister{"solo", {}}), RefusalCode::None);
  EXPECT_EQ(market.registry.providers().get(kProvider).payout, kProvider);
  EXPECT_EQ(market.ledger.accounts().get(kProvider).roles, 1U);
}

TEST(Registry, AnUpdateReplacesOfferAndRatings) {
  Market market;
  const NodeId id = market.make_node();
  NodeUpdate op = update_of(id);
  op.offer.region = "us-west";
  op.offer.runtimes = {};
  op.ratings = {{JobKind::Rendering, {3'000, sha256("second report")}}};
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  const NodeRow& row = market.node(id);
  EXPECT_EQ(market.registry.regions().get(row.offer.region).name, "us-west");
  EXPECT_TRUE(row.offer.runtimes.empty());
  EXPECT_EQ(row.ratings[0].cu_x1000, 0U);
  EXPECT_EQ(row.ratings[2].cu_x1000, 3'000U);
  op.ratings.clear();
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_EQ(market.node(id).ratings[2].cu_x1000, 3'000U);
}

TEST(Registry, TheFloorChangesOnceAnEpoch) {
  Market market;
  const NodeId id = market.make_node();
  NodeUpdate op = update_of(id);
  op.offer.offer.floor_32nds = 16;
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  op.offer.offer.floor_32nds = 17;
  std::string detail;
  EXPECT_EQ(market.submit(op, kProvider, &detail), RefusalCode::FloorChangeTooSoon);
  EXPECT_EQ(detail, "floor 16/32 of the anchor since epoch 5, which lasts 3600 s");
  op.offer.offer.floor_32nds = 16;
  EXPECT_EQ(market.submit(op), RefusalCode::None) << "an update that keeps the floor is free";
  ++market.context.epoch;
  op.offer.offer.floor_32nds = 17;
  EXPECT_EQ(market.submit(op), RefusalCode::None);
  EXPECT_EQ(market.node(id).offer.floor_32nds, 17);
}

TEST(Registry, DrainAndResume) {
  Market market;
  const NodeId id = market.make_node();
  market.wait(5);
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Drain}), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Draining);
  EXPECT_EQ(market.node(id).status_since, kStart + DurationMs{5});
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Resume}), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
}

// REQ: REG-1
TEST(Registry, AnIdleNodeLeavesAtOnceAndItsLockFollowsByTimer) {
  Market market;
  const NodeId id = market.make_node();
  market.wait(1'000);
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Left);
  EXPECT_EQ(market.registry.providers().get(kProvider).node_count, 0U);
  EXPECT_EQ(market.ledger.accounts().get(kProvider).roles, 1U) << "a payment may still arrive";
  EXPECT_GT(market.locked(id), 0U);
  const TimeMs due = kStart + market.params.duration(Parameter::NodeLockMs);
  EXPECT_FALSE(market.timers.pop_due({due.ms - 1}).has_value());
  const auto timer = market.timers.pop_due(due);
  ASSERT_TRUE(timer.has_value());
  EXPECT_EQ(timer->kind, TimerKind::LockRelease);
  market.registry.on_lock_release(NodeId{timer->subject}, market.context);
  EXPECT_EQ(market.locked(id), 0U);
  EXPECT_TRUE(market.ledger.invariants_hold());
}

TEST(Registry, AnOldNodesLockReturnsAtOnce) {
  Market market;
  const NodeId id = market.make_node();
  market.wait(market.params.get(Parameter::NodeLockMs));
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::None);
  EXPECT_EQ(market.locked(id), 0U);
  EXPECT_FALSE(market.timers.next_due().has_value());
}

TEST(Registry, ABusyNodeLeavesWithItsLastJob) {
  Market market;
  const NodeId id = market.make_node();
  const Resources ask{{}, 1, 0, 0, 1'000, 0, 0, 0};
  const auto first = market.registry.find_allocation(id, ask);
  market.registry.allocate(id, *first);
  const auto second = market.registry.find_allocation(id, ask);
  market.registry.allocate(id, *second);
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Draining);
  std::string detail;
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Leave}, kProvider, &detail), RefusalCode::NodeHasJobs);
  EXPECT_EQ(detail, "the node leaves by itself when 2 jobs have ended");
  market.registry.release(id, *first, market.context);
  EXPECT_EQ(market.node(id).status, NodeStatus::Draining);
  market.registry.release(id, *second, market.context);
  EXPECT_EQ(market.node(id).status, NodeStatus::Left);
  EXPECT_TRUE(market.registry.invariants_hold());
}

TEST(Registry, ResumeTakesALeaveBack) {
  Market market;
  const NodeId id = market.make_node();
  const auto held = market.registry.find_allocation(id, {{}, 1, 0, 0, 0, 0, 0, 0});
  market.registry.allocate(id, *held);
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Leave}), RefusalCode::None);
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Resume}), RefusalCode::None);
  market.registry.release(id, *held, market.context);
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
}

TEST(Registry, SilenceMakesSuspectAndABeatRestores) {
  Market market;
  const NodeId id = market.make_node();
  market.wait(7'000);
  EXPECT_EQ(market.submit(TelemetryReport{{id}, {}}, kOperator), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Suspect);
  market.wait(1'000);
  EXPECT_EQ(market.submit(TelemetryReport{{id}, {}}, kOperator), RefusalCode::None) << "a second report adds nothing";
  market.wait(1'000);
  EXPECT_EQ(market.registry.uptime(market.node(id), market.context.time).value, 777'777U);
  EXPECT_EQ(market.submit(TelemetryReport{{}, {id}}, kOperator), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Active);
  EXPECT_EQ(market.node(id).suspect_ms, 2'000U);
  EXPECT_EQ(market.submit(TelemetryReport{{}, {id}}, kOperator), RefusalCode::None);
  market.wait(1'000);
  EXPECT_EQ(market.registry.uptime(market.node(id), market.context.time).value, 800'000U);
}

TEST(Registry, UptimeOfANodeRegisteredNowIsWhole) {
  Market market;
  const NodeId id = market.make_node();
  EXPECT_EQ(market.registry.uptime(market.node(id), kStart).value, kPpm);
}

TEST(Registry, ASilentNodeThatResumesIsStillSuspect) {
  Market market;
  const NodeId id = market.make_node();
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Drain}), RefusalCode::None);
  EXPECT_EQ(market.submit(TelemetryReport{{id}, {}}, kOperator), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Draining);
  EXPECT_EQ(market.submit(NodeSetStatus{id, NodeChange::Resume}), RefusalCode::None);
  EXPECT_EQ(market.node(id).status, NodeStatus::Suspect);
}

// REQ: REG-8
TEST(Registry, TheFirstNodesOfAClassAreHeldAgainstItsReference) {
  Market market;
  const ClassId a100 = *market.registry.find_class("A100");
  ASSERT_EQ(market.registry.classes().get(a100).rating[0], 1'000U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(market.node(market.make_node(node_request("A100", 1'501))).status, NodeStatus::Suspect);
    EXPECT_EQ(market.node(market.make_node(node_request("A100", 599))).status, NodeStatus::Suspect);
    EXPECT_EQ(market.node(market.make_node(node_request("A100", 1'400))).status, NodeStatus::Active);
  }
  EXPECT_FALSE(market.registry.median_rating(a100, JobKind::Training)) << "none of the doubtful makes the median";
  market.make_node(node_request("A100", 1'400));
  EXPECT_EQ(market.registry.median_rating(a100, JobKind::Training), 1'400U);
  EXPECT_EQ(market.node(market.make_node(node_request("A100", 2'000))).status, NodeStatus::Active);
  EXPECT_EQ(market.node(market.make_node(node_request("A100", 800))).status, NodeStatus::Suspect);
}

// REQ: REG-8
TEST(Registry, ARatingFarFromTheMedianIsInDoubtOnceTheClassHasFiveNodes) {
  Market market;
  for (int i = 0; i < 5; ++i) market.make_node(node_request("A100", 1'000));
  EXPECT_EQ(market.registry.median_rating(*market.registry.find_class("A100"), JobKind::Training), 1'000U);
  EXPECT_EQ(market.node(market.make_node(node_request("A100", 1'500))).status, NodeStatus::Active);
  EXPECT_EQ(market.node(market.make_node(node_request("A100", 600))).status, NodeStatus::Active);
  EXPECT_EQ(market.node(market.make_node(node_request("A100", 599))).status, NodeStatus::Suspect);
  const NodeId high = market.make_node(node_request("A100", 1'501));
  EXPECT_EQ(market.node(high).status, NodeStatus::Suspect);
  EXPECT_EQ(market.submit(TelemetryReport{{}, {high}}, kOperator), RefusalCode::None);
  EXPECT_EQ(market.node(high).status, NodeStatus::Suspect) << "a beat says nothing of the rating";
}

TEST(Registry, MixedClassesHaveAWiderBand) {
  Market market;
  for (int i = 0; i < 5; ++i) market.make_node(node_request("CPU", 20));
  EXPECT_EQ(market.node(market.make_node(node_request("CPU", 100))).status, NodeStatus::Active);
  EXPECT_EQ(market.node(market.make_node(node_request("CPU", 4))).status, NodeStatus::Active);
  EXPECT_EQ(market.node(market.make_node(node_request("CPU", 101))).status, NodeStatus::Suspect);
  EXPECT_EQ(market.node(market.make_node(node_request("CPU", 3))).status, NodeStatus::Suspect);
}

TEST(Registry, TheMedianCountsActiveNodesOfTheKindOnly) {
  Market market;
  const ClassId a100 = *market.registry.find_class("A100");
  std::vector<NodeId> nodes;
  for (const std::uint32_t rating : {900U, 950U, 1'000U, 1'050U, 1'100U, 1'150U}) {
    nodes.push_back(market.make_node(node_request("A100", rating)));
  }
  EXPECT_EQ(market.registry.median_rating(a100, JobKind::Training), 1'000U) << "the lower of two";
  EXPECT_FALSE(market.registry.median_rating(a100, JobKind::Inference).has_value());
  EXPECT_FALSE(market.registry.median_rating(0, JobKind::Training).has_value());
  EXPECT_EQ(market.submit(NodeSetStatus{nodes[0], NodeChange::Drain}), RefusalCode::None);
  EXPECT_EQ(market.registry.median_rating(a100, JobKind::Training), 1'050U);
  EXPECT_EQ(market.submit(TelemetryReport{{nodes[5]}, {}}, kOperator), RefusalCode::None);
  EXPECT_FALSE(market.registry.median_rating(a100, JobKind::Training).has_value());
}

TEST(Registry, ClassesRegionsAndLatencies) {
  Market market;
  const auto& classes = market.registry.classes();
  const std::vector<std::pair<std::string, std::uint64_t>> anchors = {
      {"RTX4090", 375'000'000}, {"L40S", 710'000'000},   {"A100", 1'000'000'000}, {"H100", 1'830'000'000},
      {"H200", 2'670'000'000},  {"B200", 4'000'000'000}, {"GPU", 250'000'000},    {"CPU", 20'000'000}};
  ASSERT_EQ(classes.size(), anchors.size());
  for (const auto& [name, anchor] : anchors) {
    const auto id = market.registry.find_class(name);
    ASSERT_TRUE(id.has_value()) << name;
    EXPECT_EQ(classes.get(*id).anchor.nagpu_per_gpu_hour, anchor) << name;
  }
  for (const std::uint32_t rating : classes.get(*market.registry.find_class("A100")).rating) EXPECT_EQ(rating, 1'000U);
  for (const auto& [id, region] : market.registry.regions()) {
    EXPECT_GE(region.price_factor.value, 800'000U) << region.name;
    EXPECT_LE(region.price_factor.value, 1'500'000U) << region.name;
    EXPECT_EQ(market.registry.find_region(region.name), id);
    for (RegionId other = 0; other < market.registry.regions().size(); ++other) {
      EXPECT_EQ(market.registry.latency_ms(id, other), market.registry.latency_ms(other, id));
      EXPECT_GT(market.registry.latency_ms(id, other), 0U);
      EXPECT_TRUE(other == id || market.registry.latency_ms(id, other) > market.registry.latency_ms(id, id));
    }
  }
  EXPECT_EQ(
      market.registry.latency_ms(*market.registry.find_region("eu-central"), *market.registry.find_region("us-east")),
      90U);
  EXPECT_EQ(market.registry.latency_ms(*market.registry.find_region("local"), *market.registry.find_region("us-east")),
            400U)
      << "unknown pairs count as the farthest";
  EXPECT_FALSE(market.registry.find_class("a100").has_value());
  EXPECT_FALSE(market.registry.find_region("").has_value());
}

TEST(Registry, DemonstrationsScaleTheAnchors) {
  Market market(Preset::Dev);
  EXPECT_EQ(market.registry.classes().get(*market.registry.find_class("A100")).anchor.nagpu_per_gpu_hour,
            1'000U * kBasePerToken);
}

TEST(Registry, RollbackLeavesEverythingAsItWas) {
  Market market;
  for (int i = 0; i < 5; ++i) market.make_node();
  market.store.commit();
  static_cast<void>(market.store.take_changes());
  const Hash32 root = market.store.root();
  const ClassId a100 = *market.registry.find_class("A100");
  const std::size_t point = market.store.checkpoint();
  market.make_node(node_request("A100", 1'400));
  EXPECT_EQ(market.submit(NodeSetStatus{market.last, NodeChange::Leave}), RefusalCode::None);
  market.store.rollback(point);
  EXPECT_TRUE(market.registry.invariants_hold());
  EXPECT_EQ(market.registry.total_nodes(), 5U);
  EXPECT_EQ(market.registry.median_rating(a100, JobKind::Training), 1'000U);
  market.store.commit();
  static_cast<void>(market.store.take_changes());
  EXPECT_EQ(market.store.root(), root);
}

TEST(Registry, LoadsFromStoredRows) {
  Market market;
  for (int i = 0; i < 6; ++i) market.make_node();
  EXPECT_EQ(market.submit(TelemetryReport{{market.last}, {}}, kOperator), RefusalCode::None);
  market.store.commit();
  const auto changes = market.store.take_changes();
  state::Store store;
  Params params(store);
  Ledger ledger(store, params);
  Reputation reputation(store, params);
  Timers timers(store);
  const Registry registry(store, params, ledger, reputation, timers);
  for (std::size_t i = changes.size(); i-- > 0;) {
    ASSERT_TRUE(store.load(changes[i].table, changes[i].key, *changes[i].row));
  }
  EXPECT_EQ(store.root(), market.store.root());
  EXPECT_TRUE(registry.invariants_hold());
  EXPECT_EQ(registry.median_rating(*registry.find_class("A100"), JobKind::Training), 1'000U);
}

}  // namespace
}  // namespace starminer::protocol
