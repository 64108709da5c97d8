// Gangs: jobs whose GPUs lie on several hosts of one site (protocol section 3).
#include "protocol/market/gang.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/explain.h"
#include "protocol/market/test_random.h"
#include "protocol/market/test_world.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

NodeOf host(std::uint32_t devices, const std::string& site = "hall") {
  return NodeOf().devices(devices).set([&](NodeRegister& op) { op.offer.offer.site = site; });
}

JobOf gang(std::uint32_t gpus, std::uint32_t hosts_max = 0) {
  return JobOf().gpus(gpus).budget(500 * kAgpu).set([hosts_max](JobSpec& s) {
    s.placement = Placement::OneSite;
    s.hosts_max = hosts_max;
  });
}

/// Hosts of the job's match, the lead first.
std::vector<NodeId> hosts_of(const World& world, const JobId& job) {
  std::vector<NodeId> hosts;
  if (!world.market.assignments().contains(job)) return hosts;
  for_each_host(world.market.assignments().get(job),
                [&hosts](const NodeId& node, const Allocation& /*allocation*/) { hosts.push_back(node); });
  return hosts;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> ways(const JobOf& job) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> found;
  for (const Split& split : splits_of(job.spec())) found.emplace_back(split.hosts, split.part.resources.gpus);
  return found;
}

TEST(Split, IsIntoEqualPartsOfWholeGpus) {
  using Ways = std::vector<std::pair<std::uint32_t, std::uint32_t>>;
  EXPECT_EQ(ways(gang(12)), (Ways{{2, 6}, {3, 4}, {4, 3}, {6, 2}, {12, 1}}));
  EXPECT_EQ(ways(gang(12, 4)), (Ways{{2, 6}, {3, 4}, {4, 3}}));
  EXPECT_EQ(ways(gang(64)), (Ways{{2, 32}, {4, 16}, {8, 8}, {16, 4}})) << "at most 16 hosts";
  EXPECT_EQ(ways(gang(12, 1)), Ways{});
  EXPECT_EQ(ways(gang(1)), Ways{});
  EXPECT_EQ(ways(gang(0)), Ways{});
  EXPECT_EQ(ways(gang(1).share(500)), Ways{});
  EXPECT_EQ(ways(JobOf().gpus(12)), Ways{}) << "all on one node, unless the job says otherwise";
}

TEST(Split, EveryPartHasItsShareOfCpuAndMemoryAndAllTheDisk) {
  const JobOf job = gang(6).set([](JobSpec& s) {
    s.resources.cpu_milli = 10'000;
    s.resources.ram_bytes = 100;
    s.resources.disk_bytes = 50;
    s.resources.gpu_memory_bytes = 7;
  });
  const Split split = splits_of(job.spec())[1];
  ASSERT_EQ(split.hosts, 3U);
  EXPECT_EQ(split.part.resources.cpu_milli, 3'334U) << "rounded up";
  EXPECT_EQ(split.part.resources.ram_bytes, 34U);
  EXPECT_EQ(split.part.resources.disk_bytes, 50U) << "each host fetches all inputs";
  EXPECT_EQ(split.part.resources.gpu_memory_bytes, 7U) << "of each GPU";
}

TEST(Gang, TakesHostsOfOneSiteWhereNoNodeIsLargeEnough) {
  World world;
  world.add_node(host(8));
  const NodeId first = world.add_node(host(8, "barn"));
  const NodeId second = world.add_node(host(8, "barn"));
  const JobId job = world.queue(gang(16).cpu(32));
  const auto made = world.match();
  ASSERT_EQ(made.size(), 1U);
  auto hosts = hosts_of(world, job);
  std::sort(hosts.begin(), hosts.end());
  std::vector<NodeId> both = {first, second};
  std::sort(both.begin(), both.end());
  EXPECT_EQ(hosts, both);
  for (const NodeId& node : both) {
    const CapacityRow& free = world.registry.capacity().get(node);
    EXPECT_EQ(free.jobs, 1U);
    EXPECT_EQ(free.cpu_free_milli, 48'000U) << "half of the threads on each";
    EXPECT_EQ(std::count(free.device_free_milli.begin(), free.device_free_milli.end(), 0), 8);
  }
  EXPECT_EQ(world.market.assignments().get(job).gpu_milli, 16'000U);
  EXPECT_TRUE(world.sound());
  world.complete(job);
  for (const NodeId& node : both) EXPECT_EQ(world.registry.capacity().get(node).jobs, 0U);
  EXPECT_TRUE(world.sound());
}

// Several hosts make it dearer (economics 2.4), and it goes over more of them only where it must.
TEST(Gang, UsesAsFewHostsAsCanTakeIt) {
  World world;
  for (int i = 0; i < 4; ++i) world.add_node(host(4));
  const JobId wide = world.queue(gang(8));
  const auto made = world.match();
  ASSERT_EQ(hosts_of(world, wide).size(), 2U);
  const auto gang_factor = [](const MatchMade& match) {
    return match.winner.factors.ppm[static_cast<std::size_t>(Factor::Gang)];
  };
  EXPECT_EQ(gang_factor(made[0]), 1'090'000U) << "3 doublings, and over hosts";
  const JobId narrow = world.queue(gang(4));
  EXPECT_EQ(gang_factor(world.match().at(0)), 1'040'000U);
  EXPECT_EQ(hosts_of(world, narrow).size(), 1U) << "it fits one node";
  const JobId single = world.queue(gang(2));
  world.match();
  const JobId four = world.queue(gang(4));
  EXPECT_TRUE(world.match().empty()) << "one host has 2 GPUs left, the other none of its fellows";
  world.complete(single);
  world.match();
  EXPECT_EQ(hosts_of(world, four).size(), 1U);
  EXPECT_TRUE(world.sound());
}

TEST(Gang, IsAllOrNothing) {
  World world;
  const NodeId first = world.add_node(host(8));
  world.add_node(host(8));
  const JobId small = world.queue(JobOf());
  world.match();
  const JobId job = world.queue(gang(16));
  EXPECT_TRUE(world.match().empty());
  EXPECT_TRUE(hosts_of(world, job).empty());
  EXPECT_EQ(world.registry.capacity().get(first).jobs + world.registry.capacity().get(world.registry.node_at(1)).jobs,
            1U);
  world.complete(small);
  EXPECT_EQ(world.match().size(), 1U);
  EXPECT_EQ(hosts_of(world, job).size(), 2U);
}

TEST(Gang, WhatCanNeverRunIsRefusedWithTheReason) {
  World world;
  world.add_node(host(8));
  EXPECT_EQ(world.submit(gang(16)), RefusalCode::NeverRunnable);
  EXPECT_NE(world.detail.find("as a gang: no site has 16 hosts for 1 GPU each, nor fewer hosts for more"),
            std::string::npos)
      << world.detail;
  world.add_node(host(8, ""));
  EXPECT_EQ(world.submit(gang(16)), RefusalCode::NeverRunnable) << "a host of no site";
  world.add_node(host(8), kBarn);
  EXPECT_EQ(world.submit(gang(16)), RefusalCode::NeverRunnable) << "another provider's";
  world.add_node(host(8));
  EXPECT_EQ(world.submit(gang(16, 1)), RefusalCode::NeverRunnable) << "one host is allowed";
  EXPECT_EQ(world.submit(JobOf().gpus(16).budget(500 * kAgpu)), RefusalCode::NeverRunnable);
  EXPECT_EQ(world.submit(gang(16)), RefusalCode::None) << world.detail;
}

// REQ: CSC-1. The bill covers all GPUs, at a price that knows that they lie on several hosts.
TEST(Gang, TheCapCoversAllParts) {
  World world;
  world.add_node(host(4));
  world.add_node(host(4));
  const JobId job = world.queue(gang(8));
  const auto made = world.match();
  ASSERT_EQ(made.size(), 1U);
  EXPECT_LE(made[0].winner.unit, world.job(job).max_price);
  EXPECT_GE(world.job(job).cap, Pricing::cost(made[0].winner.unit, 8'000, seconds(3'600).ms, Rounding::Ceil));
  EXPECT_EQ(Pricing::unit_price(made[0].base, made[0].winner.factors), made[0].winner.unit);
}

// Of hosts with different factors the cheapest says the price, whichever leads.
TEST(Gang, TheCheapestHostSaysThePrice) {
  for (const bool dear_leads : {false, true}) {
    World world;
    const NodeId dear = world.add_node(host(4).rating(dear_leads ? 1'000 : 700).set([](NodeRegister& op) {
      op.offer.offer.energy = {20, 1'000'000, 1'100'000, sha256("certificate")};
    }));
    world.registry.set_verified(dear, Aspect::Energy, true, world.context);
    const NodeId plain = world.add_node(host(4).rating(dear_leads ? 700 : 1'000));
    const JobId job = world.queue(gang(8));
    const auto made = world.match();
    ASSERT_EQ(hosts_of(world, job).size(), 2U);
    EXPECT_EQ(made[0].winner.node, dear_leads ? dear : plain);
    const auto factor = [&](Factor which) { return made[0].winner.factors.ppm[static_cast<std::size_t>(which)]; };
    EXPECT_EQ(factor(Factor::Energy), 1'000'000U);
    EXPECT_EQ(factor(Factor::Gang), 1'090'000U);
    EXPECT_EQ(made[0].winner.unit, Pricing::unit_price(made[0].base, made[0].winner.factors));
  }
}

// EASY (QUE-1): hosts that come free last hold the others for the first gang that cannot start.
TEST(Gang, HoldsItsHostsAgainstLaterJobs) {
  World world;
  world.add_node(host(8));
  world.add_node(host(8));
  const JobId running = world.queue(JobOf().gpus(8).max_s(3'600).budget(100 * kAgpu));
  world.match();
  const JobId blocked = world.queue(gang(16).max_s(3'600));
  EXPECT_TRUE(world.match().empty());
  world.wait_s(1);
  const JobId longer = world.queue(JobOf().gpus(8).max_s(7'200).budget(100 * kAgpu));
  EXPECT_TRUE(world.match().empty()) << "it would delay the gang";
  const JobId shorter = world.queue(JobOf().gpus(8).max_s(600).budget(100 * kAgpu));
  EXPECT_EQ(world.match().size(), 1U) << "this ends before";
  EXPECT_EQ(hosts_of(world, shorter).size(), 1U);
  world.complete(shorter);
  world.complete(running);
  world.match();
  EXPECT_EQ(hosts_of(world, blocked).size(), 2U);
  EXPECT_TRUE(hosts_of(world, longer).empty());
  EXPECT_TRUE(world.sound());
}

// A look over all sites is dear, so a pass makes only so many of them (GangLooksPerPass): gangs behind that wait for
// the next pass, and neither hold hosts nor take those of others meanwhile.
TEST(Gang, IsPassedOverWhereThePassHasLookedForManyInVain) {
  World world;
  for (int i = 0; i < 2; ++i) world.add_node(host(8));
  const auto memory = [](JobOf job, std::uint64_t bytes) {
    return job.set([bytes](JobSpec& s) { s.resources.ram_bytes = bytes; });
  };
  world.queue(memory(JobOf().gpus(2).max_s(7'200).budget(100 * kAgpu), 200 * kGiB));
  ASSERT_EQ(world.match().size(), 1U);
  std::vector<JobId> in_vain;  // both hosts have GPUs for a part, one of them has no memory; they end before it has
  for (std::uint64_t i = 0; i < kGangLooksPerPass; ++i)
    in_vain.push_back(world.queue(memory(gang(12, 2), 200 * kGiB + i)));
  world.add_node(host(1, ""));  // the best host for one GPU is of no site
  for (int i = 0; i < 2; ++i) world.add_node(host(1, "yard").rating(700));
  world.wait_s(1);
  const JobId far = world.queue(gang(2, 2).max_s(10'800));  // longer than the first of them lets others use its hosts
  EXPECT_TRUE(world.match().empty());
  EXPECT_FALSE(world.market.assignments().contains(far));
  EXPECT_TRUE(world.sound());

  ASSERT_EQ(world.cancel(in_vain.back()), RefusalCode::None);
  ASSERT_EQ(world.match().size(), 1U);
  EXPECT_EQ(hosts_of(world, far).size(), 2U);
  EXPECT_TRUE(world.sound());
}

TEST(Gang, AnotherAttemptAvoidsTheProvider) {
  World world;
  for (int i = 0; i < 2; ++i) world.add_node(host(4));
  const JobId job = world.queue(gang(8));
  world.match();
  EXPECT_FALSE(world.fail_provider(job)) << "nobody else has such a site";
  for (int i = 0; i < 2; ++i) world.add_node(host(4), kBarn);
  const JobId again = world.queue(gang(8));
  world.match();
  ASSERT_EQ(hosts_of(world, again).size(), 2U);
  EXPECT_TRUE(world.fail_provider(again));
  world.match();
  ASSERT_EQ(hosts_of(world, again).size(), 2U);
  EXPECT_EQ(world.job(again).avoided.size(), 1U);
}

TEST(Gang, IsQuotedAndExplainedByItsParts) {
  World world;
  world.add_node(host(4));
  world.add_node(host(4));
  const Quote quote = world.market.quote(gang(8).spec(), kAda, world.context);
  ASSERT_TRUE(quote.match.has_value());
  EXPECT_EQ(quote.others.size(), 1U);
  EXPECT_EQ(quote.hosts, 2U);
  EXPECT_TRUE(quote.starts_now);
  EXPECT_EQ(quote.exclusions.eligible, 2U);
  ASSERT_EQ(quote.classes.size(), 1U);
  EXPECT_EQ(quote.classes[0].eligible, 2U);
  const JobId job = world.queue(gang(8));
  const auto made = world.match();
  EXPECT_EQ(made.at(0).winner.unit, quote.match->winner.unit) << "quote and match agree";
  const Quote busy = world.market.quote(gang(8).spec(), kAda, world.context);
  EXPECT_FALSE(busy.match.has_value());
  EXPECT_EQ(busy.hosts, 2U);
  EXPECT_EQ(busy.exclusions.eligible_busy, 2U);
  EXPECT_EQ(hosts_of(world, job).size(), 2U);
}

TEST(Gang, ExplainSaysHowManyHostsHaveRoom) {
  World world;
  for (int i = 0; i < 3; ++i) world.add_node(host(4));
  world.add_node(host(4, "barn"));
  world.queue(gang(8).max_s(3'600));
  world.match();
  world.wait_s(1);
  const JobId waits = world.queue(gang(8));
  ASSERT_TRUE(world.match().empty());
  const Explanation explained = explain_job(world.market.view(), waits, world.job(waits), world.context);
  ASSERT_TRUE(explained.gang.has_value());
  EXPECT_EQ(explained.gang->hosts, 2U);
  EXPECT_EQ(explained.gang->gpus_each, 4U);
  EXPECT_EQ(explained.gang->sites, 1U) << "the barn has one host";
  EXPECT_EQ(explained.gang->most_ready, 1U);
  EXPECT_EQ(explained.exclusions.eligible, 2U) << "hosts for one part, in the hall and in the barn";
  ASSERT_TRUE(explained.held.has_value());
  EXPECT_TRUE(explained.relaxations.empty());
}

TEST(Gang, PremiumStartsNowOrIsRefused) {
  World world;
  world.add_node(host(4));
  world.add_node(host(4));
  const JobOf premium = gang(8).tier(TierChoice::Premium);
  const JobId first = world.queue(premium);
  world.match();
  EXPECT_EQ(hosts_of(world, first).size(), 2U);
  EXPECT_EQ(world.submit(premium), RefusalCode::PremiumCannotStart);
  EXPECT_NE(world.detail.find("free in"), std::string::npos) << world.detail;
}

/// The rule, by a look at everything: fewest hosts that a site has; of these sites that of the best host; its best
/// hosts.
std::vector<NodeId> reference_gang(const World& world, const JobId& id) {
  MarketView market = world.market.view();
  market.known = nullptr;  // it looks at all nodes
  const JobRow& row = world.job(id);
  const Demand job(market, row, world.context.time);
  DispatchPass pass(market, world.context);
  const NodeList& nodes = pass.nodes();
  const auto demand = market.index.demand(kTypicalShapesMax, std::nullopt);
  const Fragmentation fragmentation(demand.shapes, demand.total);
  const std::uint32_t start = tie_start(world.context.seed, id, world.registry.total_nodes());
  for (const Split& split : splits_of(row.spec)) {
    const Demand part = part_of(job, split);
    const Scorer scorer(part, fragmentation, start);
    std::map<SiteKey, std::vector<Ranked>> sites;
    for (const NodeView& view : nodes.all()) {
      const NodeRow& node = *view.node;
      if (node.offer.site.empty() || first_failure(part, view)) continue;
      sites[{node.hardware_class, node.offer.region, node.provider, node.offer.site}].push_back(scorer.ranked(view));
    }
    std::vector<Ranked> best;
    for (auto& [key, hosts] : sites) {
      if (hosts.size() < split.hosts) continue;
      std::sort(hosts.begin(), hosts.end(), is_better);
      if (best.empty() || is_better(hosts.front(), best.front())) best = hosts;
    }
    if (best.empty()) continue;
    std::vector<NodeId> chosen;
    for (std::uint32_t i = 0; i < split.hosts; ++i) chosen.push_back(best[i].candidate.node);
    return chosen;
  }
  return {};
}

// REQ: MAT-1, MAT-3. Over random sites, and jobs that come and go, a gang gets exactly the hosts that the rule names,
// and where it waits, no site could take it.
RC_GTEST_PROP(Gang, FollowsTheReference, ()) {
  World world;
  const std::vector<std::string> names = {"", "a", "b"};
  const auto nodes = *rc::gen::inRange(2, 10);
  for (int i = 0; i < nodes; ++i) {
    const auto devices = *rc::gen::element(1U, 2U, 4U, 8U);
    const std::string hardware_class = *rc::gen::element<std::string>("A100", "A100", "H100");
    world.add_node(NodeOf(hardware_class)
                       .devices(devices)
                       .floor(static_cast<std::uint8_t>(*rc::gen::element(0, 0, 0, 40)))
                       .set([&](NodeRegister& op) { op.offer.offer.site = *rc::gen::elementOf(names); }),
                   *rc::gen::element(kFarm, kFarm, kBarn));
  }
  std::vector<JobId> live;
  const auto steps = *rc::gen::inRange(1, 12);
  for (int step = 0; step < steps; ++step) {
    world.wait_s(1);
    world.next_seed();
    if (!live.empty() && *rc::gen::inRange(0, 3) == 0) {
      const std::size_t at = *rc::gen::inRange<std::size_t>(0, live.size());
      if (world.market.assignments().contains(live[at])) {
        world.complete(live[at]);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    world.match();  // those that waited for what has ended
    const bool nobody_waits = world.market.index().waiting().empty();
    JobOf job = gang(*rc::gen::inRange(1U, 17U), *rc::gen::inRange(0U, 5U));
    if (*rc::gen::arbitrary<bool>()) job.any_class();
    if (world.submit(job) != RefusalCode::None) continue;
    const JobId id = world.last_job;
    live.push_back(id);
    const std::vector<NodeId> expected = reference_gang(world, id);
    for (const MatchMade& made : world.match()) {
      if (made.job != id || made.others.empty()) continue;
      std::vector<NodeId> got = {made.winner.node};
      for (const HostShare& other : made.others) got.push_back(other.node);
      RC_ASSERT(got == expected);
    }
    // Who waits behind another may find hosts that are held for that one.
    if (nobody_waits && !world.market.assignments().contains(id)) RC_ASSERT(expected.empty());
    RC_ASSERT(world.sound());
  }
}

}  // namespace
}  // namespace starminer::protocol
