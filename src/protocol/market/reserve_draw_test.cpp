// Who draws a reserve, and when (RSV-1): preferred routing to nodes that stand by while their class is short of GPUs.
#include <gtest/gtest.h>

#include "protocol/market/reserve_view.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

constexpr std::uint64_t kLevel = 10'000 * kAgpu;  // AMAX at one U each

/// Two nodes of eight A100 each: the one that stands by loses to the other on every other term.
struct Surge : World {
  NodeId plain = add_node(NodeOf().devices(8));
  NodeId pooled =
      add_node(NodeOf().devices(8).set([](NodeRegister& op) { op.offer.offer.last_mile_level = 7; }), kBarn);

  Surge() {
    registry.set_reserve(pooled, ReserveStanding::StandsBy, context);
    stake(kAda, kLevel);
    stake(kBob, kLevel - 1);
  }
  /// As if the last tick had found this load of the class.
  void load(std::uint32_t ppm) { class_demand.put(class_id("A100"), {0, 0, 0, 240, 0, ppm}); }
  /// The winner, by a look at every node.
  [[nodiscard]] std::optional<Candidate> winner(const JobOf& job, const AccountId& requester) {
    const MarketView market_view = view();
    const JobSpec spec = job.spec();
    const Demand demand(market_view, spec, {kStandard, {}, {}, nullptr, {}, nullptr, false, requester}, context.time);
    const auto match = Scorer(demand, Fragmentation({}, 0), 0).choose(NodeList(market_view));
    return match ? std::optional(match->winner) : std::nullopt;
  }
  [[nodiscard]] NodeId winner_of(const AccountId& requester) { return winner(JobOf(), requester)->node; }
};

// REQ: RSV-1
TEST(ReserveDraw, PrefersNodesThatStandByInASurge) {
  Surge world;
  world.load(950'000);
  EXPECT_EQ(world.winner_of(kAda), world.plain) << "at the limit there is no surge";
  world.load(950'001);
  const auto drawn = world.winner(JobOf(), kAda);
  ASSERT_TRUE(drawn);
  EXPECT_EQ(drawn->node, world.pooled);
  EXPECT_EQ(drawn->reserve, 240U);
  std::uint32_t sum = 30 * 240;
  const auto& weights = world.pricing.tier(kStandard).weights;
  for (std::size_t i = 0; i < kScoreTermCount; ++i) sum += std::uint32_t{weights[i]} * drawn->parts[i];
  EXPECT_EQ(drawn->score, sum);
  EXPECT_EQ(world.winner_of(kBob), world.plain) << "one unit of stake short";
  EXPECT_EQ(world.winner_of(kCleo), world.plain) << "no stake";
}

TEST(ReserveDraw, IsOfTheClassAndForGpuJobsAlone) {
  Surge world;
  world.class_demand.put(world.class_id("H100"), {0, 0, 0, 240, 0, 2'000'000});
  EXPECT_EQ(world.winner_of(kAda), world.plain) << "another class is short";
  world.load(1'000'000);
  EXPECT_EQ(world.winner_of(kAda), world.pooled);
  EXPECT_EQ(world.winner(JobOf().gpus(0).cpu(4), kAda)->reserve, 0U);
  world.registry.set_reserve(world.pooled, ReserveStanding::Lapsed, world.context);
  EXPECT_EQ(world.winner_of(kAda), world.plain) << "too little is staked on it";
}

// A preference, no wall: nodes that stand by serve everybody, and who may draw gets every other node, too.
TEST(ReserveDraw, KeepsNobodyOut) {
  Surge world;
  world.load(1'000'000);
  const NodeId whole = world.winner(JobOf().gpus(8), kCleo)->node;
  EXPECT_EQ(whole, world.plain);
  world.set_status(world.plain, NodeChange::Drain);
  EXPECT_EQ(world.winner_of(kCleo), world.pooled);
  world.set_status(world.plain, NodeChange::Resume);
  const auto allocation = world.registry.find_allocation(world.pooled, JobOf().gpus(8).spec().resources);
  world.registry.allocate(world.pooled, *allocation);
  EXPECT_EQ(world.winner_of(kAda), world.plain);
}

// What a tick finds: all that jobs hold and wait for, whatever their tier, over all active GPUs.
TEST(ReserveDraw, JudgesTheLoadAtTicks) {
  World world;
  world.add_node(NodeOf().devices(8));
  world.add_node(NodeOf().devices(2), kBarn);
  const auto load = [&] {
    static_cast<void>(world.market.weigh_load(world.context));
    const ClassDemandRow* row = world.market.class_demand().find(world.class_id("A100"));
    return row != nullptr ? row->load_ppm : 0;
  };
  EXPECT_EQ(load(), 0U);
  world.queue(JobOf().gpus(8).budget(100 * kAgpu));
  world.queue(JobOf().share(500).tier(TierChoice::Economy), kBob);
  world.match();
  EXPECT_EQ(load(), 850'000U);
  world.queue(JobOf().gpus(1), kBob);
  world.queue(JobOf().gpus(2), kCleo);
  world.match();
  EXPECT_EQ(load(), 950'000U) << "who came within this tick does not count";
  world.wait_s(60);
  EXPECT_EQ(load(), 1'075'000U) << "as far as it counts for prices: a quarter of what Standard has";
}

// REQ: RSV-1. What a pool would have to cover: waiting jobs of those who may draw it, where it stands.
TEST(ReserveDraw, TellsWhoWaitsForAPool) {
  World world;
  world.add_node(NodeOf().devices(1));
  world.stake(kAda, kLevel);
  world.queue(JobOf(), kBob);
  world.match();
  world.queue(JobOf().gpus(1), kBob);
  world.queue(JobOf().gpus(1), kAda);
  world.queue(JobOf().share(250).any_class(), kAda);
  world.queue(JobOf().set([](JobSpec& s) { s.where.allow = {"eu-central"}; }), kAda);
  world.match();
  const ReservePlace here{world.class_id("A100"), *world.registry.find_region("eu-central")};
  const ReservePlace elsewhere{world.class_id("A100"), *world.registry.find_region("us-east")};
  const ReservePlace other{world.class_id("H100"), *world.registry.find_region("us-east")};
  const auto asked = waiting_to_draw(world.market.view(), world.context.time, {here, elsewhere, other});
  EXPECT_EQ(asked.at(here).jobs, 3U);
  EXPECT_EQ(asked.at(here).gpu_milli, 2'250U);
  EXPECT_EQ(asked.at(elsewhere).jobs, 2U);
  EXPECT_EQ(asked.at(other).gpu_milli, 250U);
}

}  // namespace
}  // namespace starminer::protocol
