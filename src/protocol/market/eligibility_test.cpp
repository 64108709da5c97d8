#include "protocol/market/eligibility.h"

#include <functional>

#include <gtest/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

/// A change of the node, of the job, or of both that breaks exactly one constraint.
struct Breach {
  Constraint constraint;
  std::function<void(NodeOf&)> node = [](NodeOf&) {};
  std::function<void(JobSpec&)> job = [](JobSpec&) {};
};

std::vector<Breach> breaches() {
  const auto none = [](NodeOf&) {};
  return {
      {Constraint::Class, none, [](JobSpec& s) { s.resources.classes = {"H100"}; }},
      {Constraint::Kind, none, [](JobSpec& s) { s.kind = JobKind::Simulation; }},
      {Constraint::Devices, none, [](JobSpec& s) { s.resources.gpus = 3; }},
      {Constraint::DeviceMemory, none, [](JobSpec& s) { s.resources.gpu_memory_bytes = 80 * kGiB + 1; }},
      {Constraint::Interconnect, none,
       [](JobSpec& s) {
         s.resources.gpus = 2;
         s.resources.interconnect = 2;
       }},
      {Constraint::Cpu, none, [](JobSpec& s) { s.resources.cpu_milli = 64'001; }},
      {Constraint::Ram, none, [](JobSpec& s) { s.resources.ram_bytes = 256 * kGiB + 1; }},
      {Constraint::Disk, none, [](JobSpec& s) { s.resources.disk_bytes = 1'000 * kGiB + 1; }},
      {Constraint::Region, none, [](JobSpec& s) { s.where.allow = {"us-east"}; }},
      {Constraint::Residency, none, [](JobSpec& s) { s.where.residency = "FR"; }},
      {Constraint::SiteTier, none, [](JobSpec& s) { s.where.site_tier_min = 3; }},
      {Constraint::SandboxTier, none, [](JobSpec& s) { s.where.sandbox_tier_min = 2; }},
      {Constraint::Tee, none, [](JobSpec& s) { s.where.tee_kinds = {1}; }},
      {Constraint::Runtime, none, [](JobSpec& s) { s.runtime = "debian/cobol-85"; }},
      {Constraint::Reputation, none, [](JobSpec& s) { s.where.reputation_min = 91; }},
      {Constraint::Provider, none, [](JobSpec& s) { s.where.excluded_providers = {kFarm}; }},
      {Constraint::Floor, [](NodeOf& node) { node.floor(33); }},
  };
}

// REQ: MAT-3, MAT-4. Every hard constraint alone keeps a node from a job, and is the reason that is named.
TEST(Eligibility, EachConstraintAlone) {
  for (const Breach& breach : breaches()) {
    World world;
    NodeOf node = NodeOf().devices(2);
    breach.node(node);
    world.add_node(node);
    const MarketView view = world.view();
    JobSpec spec = JobOf().spec();
    breach.job(spec);
    const NodeList nodes(view);
    const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, world.context.time);
    EXPECT_EQ(failures(demand, nodes.all()[0]), constraint_set(breach.constraint))
        << constraint_name(breach.constraint);
    EXPECT_EQ(first_failure(demand, nodes.all()[0]), breach.constraint);
    EXPECT_EQ(could_ever_run(demand, nodes.all()[0]), breach.constraint == Constraint::Floor);
  }
}

TEST(Eligibility, TheSameFiguresExactlyAtTheLimitPass) {
  World world;
  world.add_node(NodeOf().devices(2).floor(32));
  const MarketView view = world.view();
  JobSpec spec = JobOf().spec();
  spec.resources.gpus = 2;
  spec.resources.gpu_memory_bytes = 80 * kGiB;
  spec.resources.interconnect = 1;
  spec.resources.cpu_milli = 64'000;
  spec.resources.ram_bytes = 256 * kGiB;
  spec.resources.disk_bytes = 1'000 * kGiB;
  spec.runtime = "debian/pytorch-1.13";
  spec.where.allow = {"eu-central"};
  spec.where.residency = "DE";
  spec.where.site_tier_min = 2;
  spec.where.sandbox_tier_min = 1;
  spec.where.reputation_min = 90;
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, world.context.time);
  EXPECT_EQ(failures(demand, NodeList(view).all()[0]), 0U);
}

// REQ: REG-5
TEST(Eligibility, AnUnverifiedSiteTierCountsAsZero) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  JobSpec spec = JobOf().spec();
  spec.where.site_tier_min = 2;
  const auto failed = [&] {
    const MarketView view = world.view();
    return failures(Demand(view, spec, {kStandard, {}, {}, nullptr, {}}, world.context.time), NodeList(view).all()[0]);
  };
  EXPECT_EQ(failed(), 0U);
  world.registry.set_verified(node, Aspect::SiteTier, false, world.context);
  EXPECT_EQ(failed(), constraint_set(Constraint::SiteTier));
  const JobOf asks_for_a_tier = JobOf().set([](JobSpec& s) { s.where.site_tier_min = 2; });
  EXPECT_EQ(world.submit(asks_for_a_tier), RefusalCode::NeverRunnable);
}

// A submission that is refused must not cost a look at every node.
TEST(Eligibility, OfManyNodesThatAreTooSmallSomeAreLookedAt) {
  World world;
  for (std::uint32_t i = 0; i < 10; ++i) world.add_node(NodeOf().devices(1 + i % 3));
  const MarketView view = world.view();
  const JobSpec spec = JobOf().gpus(4).spec();
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, world.context.time);
  const auto first_words = [](const std::string& text) { return text.substr(0, text.find(';')); };
  EXPECT_EQ(first_words(explain_never(demand, 10)), "of 10 nodes: 10 too few devices");
  EXPECT_EQ(first_words(explain_never(demand, 9)), "of 5 nodes looked at: 5 too few devices");
  EXPECT_EQ(first_words(explain_never(demand, 4)), "of 4 nodes looked at: 4 too few devices");
}

TEST(Eligibility, StatusPriceBudgetAndRoom) {
  World world;
  const NodeId node = world.add_node(NodeOf());
  const MarketView view = world.view();
  const JobSpec spec = JobOf().spec();
  const Price unit = world.unit_on(JobOf(), node);
  const auto failed = [&](Price max_price, Agpu cap) {
    return failures(Demand(view, spec, {kStandard, max_price, cap, nullptr, {}}, world.context.time),
                    NodeList(view).all()[0]);
  };
  EXPECT_EQ(failed(unit, {}), 0U);
  EXPECT_EQ(failed({unit.nagpu_per_gpu_hour - 1}, {}), constraint_set(Constraint::Price));
  const Agpu half_hour = Pricing::cost(unit, 1000, 1'800'000, Rounding::Ceil);
  EXPECT_EQ(failed({}, half_hour), 0U);
  EXPECT_EQ(failed({}, {half_hour.base - 1}), constraint_set(Constraint::Budget));
  world.run(JobOf());
  EXPECT_EQ(failed({}, {}), constraint_set(Constraint::Capacity));
  world.set_status(node, NodeChange::Drain);
  EXPECT_EQ(failed({}, {}), constraint_set(Constraint::Capacity) | constraint_set(Constraint::Status));
}

// A share brings its part of the memory with it, whole devices must be free as a whole.
TEST(Eligibility, SharesAndWholeDevices) {
  World world;
  world.add_node(NodeOf().devices(2));
  EXPECT_TRUE(world.run(JobOf().share(600)));
  EXPECT_TRUE(world.run(JobOf().share(400))) << "the tightest device";
  EXPECT_TRUE(world.run(JobOf().share(10)));
  EXPECT_FALSE(world.run(JobOf()));
  EXPECT_TRUE(world.sound());
  JobOf memory = JobOf().share(500).set([](JobSpec& s) { s.resources.gpu_memory_bytes = 41 * kGiB; });
  EXPECT_EQ(world.submit(memory), RefusalCode::NeverRunnable) << "half a device has 40 GiB";
}

// A dedicated job takes a whole node and shares it with nobody.
TEST(Eligibility, DedicatedNodes) {
  World world;
  const NodeId one = world.add_node(NodeOf());
  const NodeId two = world.add_node(NodeOf().devices(2));
  const auto dedicated = [](JobSpec& s) { s.dedicated = true; };
  const JobOf cpu_only = JobOf().set([](JobSpec& s) {
    s.resources.gpus = 0;
    s.resources.cpu_milli = 1'000;
    s.where.reputation_min = 0;
  });
  EXPECT_EQ(world.run(JobOf().set(dedicated)), one) << "it pays for all devices of the node, so it asks for as many";
  EXPECT_EQ(world.run(cpu_only), two);
  EXPECT_FALSE(world.run(JobOf().gpus(2).set(dedicated))) << "somebody is there";
  EXPECT_EQ(world.submit(JobOf().gpus(3).set(dedicated)), RefusalCode::NeverRunnable);
}

TEST(Eligibility, SizesOfFreeRoomAgreeWithTheRegistry) {
  World world;
  const NodeId node = world.add_node(NodeOf().devices(3));
  world.run(JobOf().share(600));
  world.run(JobOf().cpu(20));
  const NodeRow& row = world.registry.nodes().get(node);
  for (const std::uint32_t gpus : {0U, 1U, 2U, 3U, 4U}) {
    for (const std::uint32_t share : {0U, 10U, 400U, 410U, 990U}) {
      for (const std::uint32_t threads : {1U, 44U, 45U}) {
        if (share != 0 && gpus != 1) continue;
        const Resources resources = JobOf().gpus(gpus).share(share).cpu(threads).spec().resources;
        const bool there = world.registry.find_allocation(node, resources).has_value();
        EXPECT_EQ(fits_free(world.registry.capacity().get(node), resources) && Registry::fits_empty(row, resources),
                  there)
            << gpus << " " << share << " " << threads;
      }
    }
  }
}

// REQ: REG-4. What a job may get is counted from the very rows that show what is free.
TEST(Explain, CountsFirstAloneAndBusy) {
  World world;
  world.add_node(NodeOf());                          // will be busy
  world.add_node(NodeOf("L40S"));                    // other class
  world.add_node(NodeOf("L40S").region("us-east"));  // other class and region
  world.add_node(NodeOf().region("us-east"));        // other region alone
  world.add_node(NodeOf().floor(40));                // floor alone
  const NodeId leaving = world.add_node(NodeOf());
  world.set_status(leaving, NodeChange::Leave);  // gone
  const JobOf job = JobOf().set([](JobSpec& s) { s.where.allow = {"eu-central"}; });
  world.run(JobOf(job));
  const JobId waiting = world.queue(JobOf(job));
  EXPECT_TRUE(world.match().empty());
  const Exclusions found = world.market.explain(waiting, world.context);
  const auto first = [&](Constraint c) { return found.first[static_cast<std::size_t>(c)]; };
  const auto alone = [&](Constraint c) { return found.alone[static_cast<std::size_t>(c)]; };
  EXPECT_EQ(found.nodes, 5U);
  EXPECT_EQ(found.eligible, 0U);
  EXPECT_EQ(found.eligible_busy, 1U);
  EXPECT_EQ(first(Constraint::Class), 2U);
  EXPECT_EQ(alone(Constraint::Class), 1U);
  EXPECT_EQ(first(Constraint::Region), 1U);
  EXPECT_EQ(alone(Constraint::Region), 1U);
  EXPECT_EQ(first(Constraint::Floor), 1U);
  EXPECT_EQ(first(Constraint::Capacity), 1U);
  EXPECT_EQ(alone(Constraint::Capacity), 1U);
  EXPECT_FALSE(found.cheapest_over_cap);
}

TEST(Explain, NamesTheCheapestPriceAboveTheLimit) {
  World world;
  const NodeId dear = world.add_node(NodeOf().region("sa-east"));
  const NodeId cheap = world.add_node(NodeOf());
  const std::uint64_t unit = world.unit_on(JobOf(), cheap).nagpu_per_gpu_hour;
  const JobId job = world.queue(JobOf().max_price(unit / 2));
  const Exclusions found = world.market.explain(job, world.context);
  ASSERT_TRUE(found.cheapest_over_cap);
  EXPECT_EQ(found.cheapest_over_cap->nagpu_per_gpu_hour, unit);
  EXPECT_LT(*found.cheapest_over_cap, world.unit_on(JobOf(), dear));
  EXPECT_EQ(found.alone[static_cast<std::size_t>(Constraint::Price)], 2U);
}

TEST(Constraints, HaveUniqueNamesAndSentences) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kConstraintCount; ++i) {
    EXPECT_TRUE(names.insert(constraint_name(static_cast<Constraint>(i))).second);
    EXPECT_FALSE(constraint_sentence(static_cast<Constraint>(i)).empty());
  }
}

}  // namespace
}  // namespace starminer::protocol
