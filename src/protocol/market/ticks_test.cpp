// Parking, waking, and what is judged at ticks and epochs.
#include <gtest/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

std::vector<JobId> started(World& world) {
  std::vector<JobId> jobs;
  for (const MatchMade& made : world.match()) jobs.push_back(made.job);
  return jobs;
}

TEST(Parking, WaitsForThePriceAndWakesAtATick) {
  World world;
  world.add_node(NodeOf().region("sa-east"));  // x 1.20
  const JobId job = world.queue(JobOf().max_price(950'000'000));
  EXPECT_TRUE(world.job(job).parked);
  EXPECT_EQ(world.events.back().kind, EventKind::JobParked);
  EXPECT_TRUE(started(world).empty());
  EXPECT_FALSE(world.market.queue_position(job));
  world.wait_s(60);
  world.market.on_tick(world.context);
  EXPECT_TRUE(world.job(job).parked);
  const NodeId cheap = world.add_node(NodeOf().region("eu-north"));  // x 0.90
  world.wait_s(60);
  world.market.on_tick(world.context);
  EXPECT_FALSE(world.job(job).parked);
  EXPECT_EQ(world.job(job).key_ms, world.context.time.ms - 300'000) << "its time in the queue begins when it wakes";
  EXPECT_EQ(world.match_one(job), cheap);
}

TEST(Parking, WakesInOrderAndWithinTheBound) {
  World world;
  ASSERT_TRUE(world.params.set(Parameter::WakesPerBlock, 16));
  const NodeId node = world.add_node(NodeOf().region("sa-east"));
  std::vector<JobId> parked;
  for (int i = 0; i < 20; ++i) {
    parked.push_back(world.queue(JobOf().max_price(950'000'000)));
    world.wait_s(1);
  }
  world.set_status(node, NodeChange::Leave);
  world.add_node(NodeOf().region("eu-north"));
  world.market.on_tick(world.context);
  for (std::size_t i = 0; i < parked.size(); ++i) EXPECT_EQ(world.job(parked[i]).parked, i >= 16) << i;
  world.market.on_tick(world.context);
  for (const JobId& job : parked) EXPECT_FALSE(world.job(job).parked);
}

// A waiting job that the price has left behind neither reserves nor blocks: it is parked on the way.
TEST(Parking, HappensInTheQueueToo) {
  World world;
  const NodeId cheap = world.add_node(NodeOf().region("eu-north"));
  world.add_node(NodeOf().region("sa-east"));
  const JobId first = world.queue(JobOf().max_price(950'000'000));
  world.match();
  const JobId second = world.queue(JobOf().max_price(950'000'000));
  EXPECT_TRUE(started(world).empty());
  EXPECT_FALSE(world.job(second).parked);
  world.set_status(cheap, NodeChange::Leave);
  world.complete(first);
  EXPECT_TRUE(started(world).empty());
  EXPECT_TRUE(world.job(second).parked);
  EXPECT_TRUE(world.sound());
}

TEST(Ticks, SpreadFollowsAProvidersShareOfTheEpoch) {
  World world;
  world.stake(kFarm, kAgpu);
  world.stake(kBarn, kAgpu);
  world.add_node(NodeOf().devices(8), kFarm);
  world.add_node(NodeOf().devices(8), kBarn);
  const auto level = [&](const AccountId& provider) {
    const Quote quote = world.market.quote(JobOf().spec(), kAda, world.context);
    for (const auto& candidate : {quote.match->winner, quote.match->runner_up.value_or(quote.match->winner)}) {
      if (world.registry.nodes().get(candidate.node).provider == provider) {
        return candidate.parts[static_cast<std::size_t>(ScoreTerm::Spread)];
      }
    }
    return std::uint16_t{999};
  };
  const JobId job = world.queue(JobOf());
  const NodeId node = *world.match_one(job);
  const AccountId busy = world.registry.nodes().get(node).provider;
  EXPECT_EQ(level(busy), 240U) << "levels change at ticks only";
  world.market.on_tick(world.context);
  EXPECT_EQ(level(busy), 0U) << "it got the whole epoch's work";
  EXPECT_EQ(level(busy == kFarm ? kBarn : kFarm), 240U);
  world.market.on_epoch(world.context);
  EXPECT_EQ(level(busy), 240U);
}

// REQ: MAT-8. A provider account more is no way past the share either.
TEST(Ticks, ProvidersWithoutStakeAreOneInSpread) {
  World world;
  world.stake(kCleo, kAgpu);
  const NodeId first = world.add_node(NodeOf().devices(8), kFarm);
  const NodeId second = world.add_node(NodeOf().devices(8), kBarn);
  const NodeId staked = world.add_node(NodeOf().devices(8), kCleo);
  world.set_status(second, NodeChange::Drain);
  world.set_status(staked, NodeChange::Drain);
  ASSERT_EQ(world.run(JobOf().gpus(8)), first);
  world.set_status(second, NodeChange::Resume);
  world.set_status(staked, NodeChange::Resume);
  world.market.on_tick(world.context);
  const auto spread = [&](const NodeId& node) {
    const Quote quote = world.market.quote(JobOf().spec(), kAda, world.context);
    for (const auto& candidate : {quote.match->winner, quote.match->runner_up.value_or(quote.match->winner)}) {
      if (candidate.node == node) return candidate.parts[static_cast<std::size_t>(ScoreTerm::Spread)];
    }
    return std::uint16_t{999};
  };
  EXPECT_EQ(spread(second), 0U) << "what the other without stake got counts for it, too";
  EXPECT_EQ(spread(staked), 240U);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(world.run(JobOf()), staked);
}

TEST(Ticks, SmallClassesHaveNoSpread) {
  World world;
  world.add_node(NodeOf().devices(9));
  world.run(JobOf());
  world.market.on_tick(world.context);
  EXPECT_EQ(world.market.quote(JobOf().spec(), kAda, world.context)
                .match->winner.parts[static_cast<std::size_t>(ScoreTerm::Spread)],
            240U);
}

// REQ: MAT-3
TEST(Ticks, DemandThatNamesOtherClassesRaisesTheFitOfAClass) {
  World world;
  world.add_node(NodeOf().devices(1));
  world.add_node(NodeOf("H100").devices(1).rating(1'840));
  const auto fit_on = [&world](const char* name) {
    return world.market.quote(JobOf().classes({name}).spec(), kAda, world.context)
        .match->winner.parts[static_cast<std::size_t>(ScoreTerm::Fit)];
  };
  const std::uint16_t h100 = fit_on("H100");
  const std::uint16_t a100 = fit_on("A100");
  for (int i = 0; i < 3; ++i) world.queue(JobOf().gpus(1));  // they name A100
  world.queue(JobOf().any_class());
  EXPECT_EQ(fit_on("H100"), h100) << "judged at ticks";
  world.market.on_tick(world.context);
  EXPECT_EQ(fit_on("H100"), h100 + 180) << "three of four cannot use it";
  EXPECT_EQ(fit_on("A100"), a100);
  world.market.on_epoch(world.context);
  world.market.on_tick(world.context);
  EXPECT_EQ(fit_on("H100"), h100 + 180) << "they wait, and were asked for in the last epoch";
}

// The share of demand that names a class makes it less attractive to jobs that do not.
TEST(Ticks, ScarceIsTheShareOfDemandThatNamesTheClass) {
  World world;
  world.add_node(NodeOf().devices(1));
  const auto scarce = [&] {
    return world.market.quote(JobOf().any_class().spec(), kAda, world.context)
        .match->winner.parts[static_cast<std::size_t>(ScoreTerm::Scarce)];
  };
  EXPECT_EQ(scarce(), 240U);
  std::vector<JobId> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(world.queue(JobOf().gpus(1)));
  jobs.push_back(world.queue(JobOf().any_class()));
  EXPECT_EQ(scarce(), 240U) << "recomputed at ticks";
  world.market.on_tick(world.context);
  EXPECT_EQ(scarce(), 60U) << "three of four jobs that wait name it";
  for (const JobId& job : jobs) ASSERT_EQ(world.cancel(job), RefusalCode::None);
  world.market.on_tick(world.context);
  EXPECT_EQ(scarce(), 240U);
  world.market.on_epoch(world.context);
  world.market.on_tick(world.context);
  EXPECT_EQ(scarce(), 60U) << "what was asked for in the last epoch counts as typical";
  world.market.on_epoch(world.context);
  world.market.on_tick(world.context);
  EXPECT_EQ(scarce(), 240U);
}

}  // namespace
}  // namespace starminer::protocol
