// What the price controller is told.
#include "protocol/market/load_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

/// As a tick will measure it for which everybody has waited long enough.
Load load_of(const World& world, TierId tier, const std::string& hardware_class = "A100") {
  BlockContext context = world.context;
  context.time = context.time + world.params.duration(Parameter::TickMs);
  const Loads loads = world.market.loads(context);
  const auto it = loads.find({tier, world.class_id(hardware_class)});
  return it != loads.end() ? it->second : Load{};
}

TEST(Load, ATierHasItsShareOfWhatIsOnline) {
  World world;
  EXPECT_TRUE(world.market.loads(world.context).empty()) << "nothing online: nothing to follow";
  for (int i = 0; i < 5; ++i) world.add_node(NodeOf().devices(8));
  EXPECT_EQ(load_of(world, kStandard), (Load{20'000, 0, 0}));
  EXPECT_EQ(load_of(world, kPremium), (Load{8'000, 0, 0}));
  EXPECT_EQ(load_of(world, kEconomy), (Load{40'000, 0, 0})) << "its 12 and what the others do not use";
  world.run(JobOf().gpus(8));
  world.run(JobOf().gpus(1).share(500));
  EXPECT_EQ(load_of(world, kStandard), (Load{20'000, 8'500, 0}));
  EXPECT_EQ(load_of(world, kEconomy), (Load{31'500, 0, 0})) << "what Standard uses is not there to borrow";
  const JobId job = world.queue(JobOf().gpus(4).tier(TierChoice::Economy));
  world.match();
  EXPECT_EQ(load_of(world, kEconomy), (Load{31'500, 4'000, 0}));
  world.complete(job);
  EXPECT_EQ(load_of(world, kEconomy), (Load{31'500, 0, 0}));
}

TEST(Load, CountsNodesThatServeAtThePriceOnly) {
  World world;
  for (int i = 0; i < 4; ++i) world.add_node(NodeOf().devices(8));
  const NodeId drained = world.add_node(NodeOf().devices(8));
  world.add_node(NodeOf().devices(8).floor(32));  // the anchor: above Economy's price
  world.add_node(NodeOf().devices(8).floor(60));  // above Premium's
  EXPECT_EQ(load_of(world, kPremium).online_milli, 9'600U) << "a fifth of 48";
  EXPECT_EQ(load_of(world, kStandard).online_milli, 24'000U) << "half of 48";
  EXPECT_EQ(load_of(world, kEconomy).online_milli, 12'000U + 24'000U + 9'600U);
  world.set_status(drained, NodeChange::Drain);
  EXPECT_EQ(load_of(world, kStandard).online_milli, 20'000U);
  world.set_status(drained, NodeChange::Resume);
  EXPECT_EQ(load_of(world, kStandard).online_milli, 24'000U);
}

TEST(Load, WhoWaitsCountsUpToAQuarter) {
  World world;
  for (int i = 0; i < 2; ++i) world.add_node(NodeOf().devices(8));
  for (int i = 0; i < 2; ++i) world.run(JobOf().gpus(8));
  EXPECT_EQ(load_of(world, kStandard), (Load{8'000, 16'000, 0}));
  world.queue(JobOf().gpus(1));
  EXPECT_EQ(load_of(world, kStandard), (Load{8'000, 16'000, 1'000}));
  for (int i = 0; i < 6; ++i) world.queue(JobOf().gpus(8), i % 2 == 0 ? kAda : kBob);
  EXPECT_EQ(load_of(world, kStandard), (Load{8'000, 16'000, 2'000})) << "a queue is no way to any price";
  ASSERT_TRUE(world.params.set(Parameter::QueuedLoadMaxPpm, 1'000'000));
  EXPECT_EQ(load_of(world, kStandard).queued_milli, 4'000U) << "a quarter for each of two requesters";
}

// REQ: MTP-3. Who comes just before a tick and leaves just after it moves nothing.
TEST(Load, WhoWaitsCountsFromAWholeTickOn) {
  World world;
  for (int i = 0; i < 2; ++i) world.add_node(NodeOf().devices(8));
  for (int i = 0; i < 2; ++i) world.run(JobOf().gpus(8));
  const JobId job = world.queue(JobOf());
  const PriceKey standard{kStandard, world.class_id("A100")};
  world.wait_ms(59'999);
  EXPECT_EQ(world.market.weigh_load(world.context).at(standard).queued_milli, 0U);
  EXPECT_FALSE(world.job(job).weighed);
  world.wait_ms(1);
  EXPECT_EQ(world.market.loads(world.context).at(standard).queued_milli, 1'000U);
  EXPECT_FALSE(world.job(job).weighed) << "a question marks nobody";
  EXPECT_EQ(world.market.weigh_load(world.context).at(standard).queued_milli, 1'000U);
  EXPECT_TRUE(world.job(job).weighed);
  EXPECT_TRUE(world.sound());
}

// REQ: MTP-3. A queue for what few nodes have is no sign of a short class.
TEST(Load, WhatFewNodesCouldServeIsNoLoad) {
  for (const std::uint32_t rare_nodes : {1U, 2U}) {
    World world;
    const auto rare = [](NodeRegister& op) { op.offer.runtimes = {"rare"}; };
    for (std::uint32_t i = 0; i < 8; ++i) {
      NodeOf node = NodeOf().devices(8);
      if (i < rare_nodes) node.set(rare);
      world.add_node(node, i < rare_nodes ? kBarn : kFarm);
      world.run(JobOf().gpus(8), kCleo);
    }
    const std::uint64_t counted = rare_nodes == 2 ? 1'000U : 0U;
    const JobId runtime = world.queue(JobOf().set([](JobSpec& s) { s.runtime = "rare"; }));
    EXPECT_EQ(load_of(world, kStandard).queued_milli, counted) << "two of eight are a quarter";
    world.cancel(runtime);
    world.queue(JobOf().set([](JobSpec& s) { s.where.excluded_providers = {kFarm}; }));
    EXPECT_EQ(load_of(world, kStandard).queued_milli, counted);
    ASSERT_TRUE(world.params.set(Parameter::QueuedLoadServedPpm, 0));
    EXPECT_EQ(load_of(world, kStandard).queued_milli, 1'000U) << "without the rule each counts";
  }
}

TEST(Load, ALargeClassIsJudgedByASample) {
  for (const std::uint32_t one_in : {2U, 20U}) {
    World world;
    for (std::uint32_t i = 0; i < 200; ++i) {
      NodeOf node = NodeOf();
      if (i % one_in == 0) node.set([](NodeRegister& op) { op.offer.runtimes = {"rare"}; });
      world.add_node(node);
    }
    const JobId job = world.queue(JobOf().set([](JobSpec& s) { s.runtime = "rare"; }));
    for (int tick = 0; tick < 20; ++tick) {
      world.next_seed();
      EXPECT_EQ(load_of(world, kStandard).queued_milli, one_in == 2 ? 1'000U : 0U);
    }
    world.cancel(job);
  }
}

// REQ: MTP-3 (jobs that cannot run or pay are no demand: they move no price)
TEST(Load, LeavesOutWhoIsPricedOutOrTooLargeOrHoldsNoGpu) {
  World world;
  const NodeId large = world.add_node(NodeOf().devices(16));
  world.add_node(NodeOf().devices(4));
  world.run(JobOf().gpus(16));
  world.run(JobOf().gpus(4));
  world.queue(JobOf().gpus(16));
  EXPECT_EQ(load_of(world, kStandard).queued_milli, 2'500U);
  world.set_status(large, NodeChange::Drain);
  EXPECT_EQ(load_of(world, kStandard).queued_milli, 0U) << "no node online is large enough";
  const JobId job = world.queue(JobOf().gpus(1).max_price(1'100'000'000));
  EXPECT_FALSE(world.job(job).parked);
  EXPECT_EQ(load_of(world, kStandard).queued_milli, 1'000U);
  world.cancel(job);
  const JobId cheap = world.queue(JobOf().gpus(1).max_price(800'000'000));
  EXPECT_TRUE(world.job(cheap).parked);
  EXPECT_EQ(load_of(world, kStandard).queued_milli, 0U);
}

TEST(Load, AJobThatTakesAnyClassWeighsOnEachWithItsPart) {
  World world;
  world.add_node(NodeOf().devices(12));
  world.add_node(NodeOf("H100").devices(12));
  world.run(JobOf().gpus(12));
  world.run(JobOf().classes({"H100"}).gpus(12).budget(100 * kAgpu));
  world.queue(JobOf().classes({"A100", "H100"}).gpus(1));
  EXPECT_EQ(load_of(world, kStandard).queued_milli, 500U);
  EXPECT_EQ(load_of(world, kStandard, "H100").queued_milli, 500U);
}

TEST(Load, ASmallClassHasOneForAllTiers) {
  World world;
  world.add_node(NodeOf().devices(9));
  world.run(JobOf().gpus(2));
  world.run(JobOf().gpus(1).tier(TierChoice::Economy));
  for (const TierId tier : {kEconomy, kStandard, kPremium}) EXPECT_EQ(load_of(world, tier), (Load{9'000, 3'000, 0}));
  world.run(JobOf().gpus(6));
  for (int i = 0; i < 4; ++i) {
    world.queue(JobOf().gpus(3));
    world.queue(JobOf().gpus(3).tier(TierChoice::Economy));
  }
  for (const TierId tier : {kEconomy, kStandard, kPremium})
    EXPECT_EQ(load_of(world, tier), (Load{9'000, 9'000, 2'250}));
  world.add_node(NodeOf().devices(1));
  EXPECT_EQ(load_of(world, kStandard).online_milli, 5'000U) << "from ten on each has its own";
}

// Online and busy are kept by change; a count of all nodes and jobs says the same after any sequence of steps.
RC_GTEST_PROP(Load, AgreesWithACountOfEverything, ()) {
  World world;
  std::vector<NodeId> nodes;
  std::vector<JobId> jobs;
  const auto steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const auto kind = *rc::gen::inRange(0, 6);
    if (kind == 0 || nodes.empty()) {
      nodes.push_back(world.add_node(NodeOf()
                                         .devices(*rc::gen::inRange<std::uint32_t>(1, 17))
                                         .floor(*rc::gen::element<std::uint8_t>(0, 0, 20, 32, 60))));
    } else if (kind == 1) {
      const NodeId node = *rc::gen::elementOf(nodes);
      const NodeStatus status = world.registry.nodes().get(node).status;
      if (status == NodeStatus::Active) world.set_status(node, NodeChange::Drain);
      if (status == NodeStatus::Draining) world.set_status(node, NodeChange::Resume);
    } else if (kind == 2 && !jobs.empty()) {
      const JobId job = *rc::gen::elementOf(jobs);
      if (world.market.assignments().contains(job)) world.complete(job);
    } else {
      const auto tier = *rc::gen::element(TierChoice::Economy, TierChoice::Standard);
      if (world.submit(JobOf().gpus(*rc::gen::inRange<std::uint32_t>(1, 9)).tier(tier)) == RefusalCode::None) {
        jobs.push_back(world.last_job);
      }
      world.match();
    }
    const ClassId a100 = world.class_id("A100");
    const std::uint64_t anchor = world.registry.classes().get(a100).anchor.nagpu_per_gpu_hour;
    std::array<std::uint64_t, 3> online{};
    std::array<std::uint64_t, 3> busy{};
    for (TierId tier = 0; tier < 3; ++tier) {
      for (const auto& [id, node] : world.registry.nodes()) {
        const std::uint64_t price = world.pricing.price(tier, a100).nagpu_per_gpu_hour;
        // A price a millionth below the floor is on it.
        const bool serves = node.offer.floor_32nds * anchor <= price * 32 + price * 32 / 1'000'000;
        if (node.status == NodeStatus::Active && serves) online[tier] += node.hardware.devices * std::uint64_t{1000};
      }
    }
    for (const auto& [id, row] : world.market.assignments()) {
      busy[world.job(id).tier] += gpu_milli(world.job(id).spec.resources);
    }
    for (const TierId tier : {kStandard, kPremium}) {
      const Load load = load_of(world, tier);
      const bool small = online[tier] < 10'000;
      const std::uint64_t share = small ? online[tier] : online[tier] * (tier == kStandard ? 5 : 2) / 10;
      RC_ASSERT(load.online_milli == share);
      if (share == 0) continue;
      RC_ASSERT(load.busy_milli == (small ? busy[0] + busy[1] + busy[2] : busy[tier]));
      RC_ASSERT(load.queued_milli <= share / 4);
    }
  }
  RC_ASSERT(world.sound());
}

}  // namespace
}  // namespace starminer::protocol
