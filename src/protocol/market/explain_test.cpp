#include "protocol/market/explain.h"

#include <bit>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;  // NOLINT(google-build-using-namespace): the words of these tests

ConstraintSet set_of(std::initializer_list<Constraint> constraints) {
  ConstraintSet set = 0;
  for (const Constraint constraint : constraints) set |= constraint_set(constraint);
  return set;
}

std::vector<Relaxation> relaxations(World& world, const JobId& job) {
  return explain_job(world.market.view(), job, world.job(job), world.context).relaxations;
}

/// A later job of this specification, in the same market.
bool starts(World& world, JobSpec spec, Price max_price) {
  spec.max_price = max_price;
  return world.run(JobOf().set([&](JobSpec& s) { s = spec; }), kBob).has_value();
}

// REQ: MAT-6
TEST(Relaxations, NameThePriceThatWouldDo) {
  World world;
  world.add_node(NodeOf().region("sa-east"));
  const NodeId cheap = world.add_node(NodeOf());
  const Price unit = world.unit_on(JobOf(), cheap);
  const JobId job = world.queue(JobOf().max_price(unit.nagpu_per_gpu_hour / 2));
  const auto found = relaxations(world, job);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].changed, set_of({Constraint::Price}));
  EXPECT_EQ(found[0].node, cheap);
  EXPECT_EQ(found[0].nodes, 2U);
  EXPECT_EQ(found[0].max_price, unit);
  EXPECT_FALSE(starts(world, found[0].spec, {unit.nagpu_per_gpu_hour - 1}));
  EXPECT_TRUE(starts(world, found[0].spec, unit));
}

// REQ: MAT-6
TEST(Relaxations, ChangeAsFewConstraintsAsPossibleTheCheapestFirst) {
  World world;
  world.add_node(NodeOf("L40S").region("us-east"));  // other class and region
  const JobOf job = JobOf().set([](JobSpec& s) { s.where.allow = {"eu-central"}; });
  const NodeId only = world.add_node(NodeOf());
  world.run(JobOf(job));
  const JobId waiting = world.queue(JobOf(job));
  auto found = relaxations(world, waiting);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].changed, set_of({Constraint::Class, Constraint::Region}));
  EXPECT_EQ(found[0].spec.resources.classes, (std::vector<std::string>{"A100", "L40S"}));
  EXPECT_EQ(found[0].spec.where.allow, (std::vector<std::string>{"eu-central", "us-east"}));
  world.add_node(NodeOf().region("us-east"));   // other region alone
  world.add_node(NodeOf().region("eu-north"));  // the same, cheaper
  found = relaxations(world, waiting);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].changed, set_of({Constraint::Region}));
  EXPECT_EQ(found[0].nodes, 2U);
  EXPECT_EQ(found[0].spec.where.allow, (std::vector<std::string>{"eu-central", "eu-north"}));
  // The busy node is waited for, not asked less of.
  const Explanation explained = explain_job(world.market.view(), waiting, world.job(waiting), world.context);
  ASSERT_TRUE(explained.held);
  EXPECT_EQ(explained.held->node, only);
  EXPECT_GT(explained.held->start, world.context.time);
  const auto standing = standing_reservations(world.market.view(), world.context, 8);
  ASSERT_EQ(standing.size(), 1U);
  EXPECT_EQ(standing[0].job, waiting);
  EXPECT_EQ(standing[0].start, explained.held->start);
}

TEST(Relaxations, AreNoneWhereNoChangeHelps) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  world.run(JobOf());
  const JobId waiting = world.queue(JobOf());
  EXPECT_TRUE(relaxations(world, waiting).empty()) << "the one node is busy";
  world.set_status(node, NodeChange::Drain);
  EXPECT_TRUE(relaxations(world, waiting).empty()) << "a draining node takes nothing";
}

/// Nodes and a job that fail each other in many ways.
NodeOf any_node() {
  NodeOf node(draw(rc::gen::element<std::string>("A100", "H100", "L40S")));
  node.devices(draw(rc::gen::inRange<std::uint32_t>(1, 4)));
  node.region(draw(rc::gen::element<std::string>("eu-central", "eu-north", "us-east")));
  return node.set([](NodeRegister& op) {
    op.hardware.device_memory_bytes = draw(rc::gen::inRange<std::uint64_t>(1, 4)) * 20 * kGiB;
    op.hardware.cpu_threads = draw(rc::gen::inRange<std::uint32_t>(1, 9)) * 8;
    op.hardware.ram_bytes = draw(rc::gen::inRange<std::uint64_t>(1, 5)) * 64 * kGiB;
    op.offer.offer.country = draw(rc::gen::element<std::string>("DE", "FR"));
    op.offer.offer.site_tier = draw(rc::gen::inRange<std::uint8_t>(0, 4));
    op.offer.offer.floor_32nds = draw(rc::gen::element<std::uint8_t>(0, 0, 0, 40));
  });
}

JobOf any_job() {
  return JobOf().gpus(draw(rc::gen::inRange<std::uint32_t>(1, 4))).set([](JobSpec& s) {
    s.resources.gpu_memory_bytes = draw(rc::gen::inRange<std::uint64_t>(0, 4)) * 20 * kGiB;
    s.resources.cpu_milli = draw(rc::gen::inRange<std::uint32_t>(1, 9)) * 8'000;
    s.resources.ram_bytes = draw(rc::gen::inRange<std::uint64_t>(1, 5)) * 64 * kGiB;
    if (draw(rc::gen::arbitrary<bool>())) s.where.allow = {"eu-central"};
    if (draw(rc::gen::arbitrary<bool>())) s.where.residency = "DE";
    s.where.site_tier_min = draw(rc::gen::inRange<std::uint8_t>(0, 4));
    s.max_price = {draw(rc::gen::element<std::uint64_t>(500'000'000, 1'200'000'000, 9'000'000'000))};
    s.budget = {50 * kAgpu};
  });
}

// REQ: MAT-6. Every relaxation yields its match, and none with fewer changes does.
RC_GTEST_PROP(Relaxations, YieldAMatchWithTheFewestChanges, ()) {
  World world;
  const int nodes = draw(rc::gen::inRange(1, 8));
  for (int i = 0; i < nodes; ++i) world.add_node(any_node());
  const JobSpec spec = any_job().spec();
  const MarketView market = world.market.view();
  const Demand::Terms terms{kStandard, spec.max_price, spec.budget, nullptr, {}};
  const Demand demand(market, spec, terms, world.context.time);
  const NodeList list(market);
  const auto found = relaxations_of(demand, list, 3);

  int fewest = 0;
  bool any = false, free = false;
  for (const NodeView& view : list.all()) {
    const ConstraintSet failed = failures(demand, view);
    free = free || failed == 0;
    if ((failed & ~kRelaxable) != 0) continue;
    fewest = any ? std::min(fewest, std::popcount(failed)) : std::popcount(failed);
    any = true;
  }
  RC_TAG(free ? "free" : found.empty() ? "none" : std::to_string(std::popcount(found[0].changed)));
  RC_ASSERT(found.empty() == (free || !any));
  if (!found.empty())
    RC_ASSERT(std::popcount(found[0].changed) <= fewest + 1 && std::popcount(found[0].changed) >= fewest);
  for (const Relaxation& relaxed : found) {
    const Demand changed(market, relaxed.spec, {kStandard, relaxed.max_price, relaxed.cap, nullptr, {}},
                         world.context.time);
    const NodeView* node = nullptr;
    for (const NodeView& view : list.all()) {
      if (view.id == relaxed.node) node = &view;
    }
    RC_ASSERT(node != nullptr && failures(changed, *node) == 0);
    // A limit on the whole cost may have to grow with what is asked less of.
    const ConstraintSet budget = constraint_set(Constraint::Budget);
    RC_ASSERT((failures(demand, *node) | budget) == (relaxed.changed | budget));
    if ((relaxed.changed & constraint_set(Constraint::Price)) == 0) RC_ASSERT(relaxed.max_price == spec.max_price);
  }
}

}  // namespace
}  // namespace starminer::protocol
