#include "protocol/market/score.h"

#include <gtest/gtest.h>

#include "protocol/market/test_world.h"
#include "protocol/randomness/seed.h"

namespace starminer::protocol {
namespace {

using namespace market_test;

class ScoreTest : public ::testing::Test {
 protected:
  World world;

  ScoreParts parts(const JobOf& job, const NodeId& node, Agpu cap = {}) {
    const MarketView view = world.view();
    const JobSpec spec = job.spec();
    const Fragmentation fragmentation({}, 0);
    const Demand demand(view, spec, {kStandard, {}, cap, nullptr, {}}, world.context.time);
    const NodeList nodes(view);
    for (const NodeView& found : nodes.all()) {
      if (found.id == node) return Scorer(demand, fragmentation, 0).parts(found);
    }
    ADD_FAILURE() << "no such node";
    return {};
  }
  std::uint16_t part(ScoreTerm term, const JobOf& job, const NodeId& node, Agpu cap = {}) {
    return parts(job, node, cap)[static_cast<std::size_t>(term)];
  }
};

// REQ: MAT-1. 240 less the share of the cap that the expected cost takes.
TEST_F(ScoreTest, Budget) {
  const NodeId node = world.add_node(NodeOf());
  // 1 AGPU x 1.015 for the runtime, half an hour: 0.5075 AGPU.
  EXPECT_EQ(part(ScoreTerm::Budget, JobOf(), node, {2'030'000'000}), 180U) << "a quarter of the cap";
  EXPECT_EQ(part(ScoreTerm::Budget, JobOf(), node, {2'029'999'999}), 180U) << "floor(60.00000003)";
  EXPECT_EQ(part(ScoreTerm::Budget, JobOf(), node, {2'000'000'000}), 180U) << "floor(60.9)";
  EXPECT_EQ(part(ScoreTerm::Budget, JobOf(), node, {1'990'000'000}), 179U) << "floor(61.2)";
  EXPECT_EQ(part(ScoreTerm::Budget, JobOf(), node, {507'500'000}), 0U) << "all of it";
}

// A slower class takes longer, up to what could be billed.
TEST_F(ScoreTest, BudgetKnowsTheClassesSpeed) {
  const NodeId fast = world.add_node(NodeOf("H100").rating(1'840));
  const NodeId slow = world.add_node(NodeOf());
  const JobOf either = JobOf().classes({"A100", "H100"});
  // H100: 1.83 x 1.015 x 0.5 h = 0.928725. A100: 1.015 x min(0.5 h x 1.84, 1.5 x 0.5 h) = 0.76125.
  EXPECT_EQ(part(ScoreTerm::Budget, either, fast, {4 * kAgpu}), 240 - 55);
  EXPECT_EQ(part(ScoreTerm::Budget, either, slow, {4 * kAgpu}), 240 - 45);
  EXPECT_EQ(part(ScoreTerm::Budget, JobOf(), slow, {4 * kAgpu}), 240 - 30) << "alone it is its own measure";
}

// REQ: MAT-2
TEST_F(ScoreTest, Reputation) {
  const NodeId node = world.add_node(NodeOf());
  EXPECT_EQ(part(ScoreTerm::Reputation, JobOf(), node), 90U) << "the prior";
  const auto training = static_cast<std::uint8_t>(JobKind::Training);
  for (int i = 0; i < 20; ++i) world.reputation.record(node, training, Outcome::Success, 1000, world.context.time);
  EXPECT_EQ(part(ScoreTerm::Reputation, JobOf(), node), world.reputation.score(node, training, world.context.time));
  EXPECT_GT(part(ScoreTerm::Reputation, JobOf(), node), 150U);
  JobOf rendering = JobOf().set([](JobSpec& s) { s.kind = JobKind::Rendering; });
  EXPECT_EQ(part(ScoreTerm::Reputation, rendering, node), 90U) << "each kind has its own";
}

TEST_F(ScoreTest, Speed) {
  const NodeId slow = world.add_node(NodeOf().rating(1'000));
  const NodeId fast = world.add_node(NodeOf("H100").rating(1'840));
  const JobOf any = JobOf().classes({"A100", "H100"});
  // Of class: floor(205 x 1000 / 1840) = 111; level of 1.0: floor(400 x 8 / 900) = 3.
  EXPECT_EQ(part(ScoreTerm::Speed, any, slow), 111 + 5 * 3);
  EXPECT_EQ(part(ScoreTerm::Speed, any, fast), 205 + 5 * 3);
  EXPECT_EQ(part(ScoreTerm::Speed, JobOf(), slow), 205 + 5 * 3) << "the best of the classes that are allowed";
}

// From RatingClassNodesMin nodes on, the measure is the median of the class.
TEST_F(ScoreTest, SpeedWithinTheClass) {
  std::map<std::uint32_t, NodeId> nodes;
  for (const std::uint32_t rating : {600U, 800U, 1'000U, 1'200U, 1'500U}) {
    nodes[rating] = world.add_node(NodeOf().rating(rating));
  }
  ASSERT_EQ(world.registry.median_rating(world.class_id("A100"), JobKind::Training), 1'000U);
  EXPECT_EQ(part(ScoreTerm::Speed, JobOf(), nodes[600]), 205U);
  EXPECT_EQ(part(ScoreTerm::Speed, JobOf(), nodes[800]), 205 + 5 * 1);
  EXPECT_EQ(part(ScoreTerm::Speed, JobOf(), nodes[1'000]), 205 + 5 * 3);
  EXPECT_EQ(part(ScoreTerm::Speed, JobOf(), nodes[1'200]), 205 + 5 * 3) << "faster than the median is a mere word";
  EXPECT_EQ(part(ScoreTerm::Speed, JobOf(), nodes[1'500]), 205 + 5 * 3);
}

// REQ: MAT-3
TEST_F(ScoreTest, Proximity) {
  const auto mile = [](std::uint8_t level) {
    return NodeOf().set([level](NodeRegister& op) { op.offer.offer.last_mile_level = level; });
  };
  const NodeId near = world.add_node(mile(0));
  const NodeId far = world.add_node(mile(3).region("us-east"));
  const NodeId abroad = world.add_node(mile(7).region("oceania"));
  EXPECT_EQ(part(ScoreTerm::Proximity, JobOf(), far), 205 + 5 * 4) << "who names no region is near to all";
  JobOf european = JobOf().set([](JobSpec& s) { s.where.prefer = {"eu-central"}; });
  EXPECT_EQ(part(ScoreTerm::Proximity, european, near), 205 - 205 * 5 / 200 + 5 * 7) << "5 ms of 200";
  EXPECT_EQ(part(ScoreTerm::Proximity, european, far), 205 - 205 * 90 / 200 + 5 * 4);
  EXPECT_EQ(part(ScoreTerm::Proximity, european, abroad), 0U) << "250 ms are beyond the limit";
  european.set([](JobSpec& s) { s.latency_ms = 100; });
  EXPECT_EQ(part(ScoreTerm::Proximity, european, far), 205 - 205 * 90 / 100 + 5 * 4);
  JobOf allowed = JobOf().set([](JobSpec& s) { s.where.allow = {"us-east"}; });
  EXPECT_EQ(part(ScoreTerm::Proximity, allowed, far), 205 - 205 * 5 / 200 + 5 * 4) << "else the first allowed region";
}

TEST_F(ScoreTest, Ready) {
  const Hash32 image = sha256("image");
  const NodeId cached = world.add_node(NodeOf().set([&](NodeRegister& op) { op.offer.images = {image}; }));
  const NodeId bare = world.add_node(NodeOf());
  const JobOf with_image = JobOf().set([&](JobSpec& s) { s.image = image; });
  EXPECT_EQ(part(ScoreTerm::Ready, with_image, cached), 240U);
  EXPECT_EQ(part(ScoreTerm::Ready, with_image, bare), 96U);
  EXPECT_EQ(part(ScoreTerm::Ready, JobOf(), cached), 96U);
}

// REQ: REG-5, MTP-4. A region that nobody confirmed makes a node no dearer, and may make it cheaper.
TEST_F(ScoreTest, AnUnconfirmedRegionIsWorthNoMore) {
  const NodeId home = world.add_node(NodeOf());
  const NodeId dear = world.add_node(NodeOf().region("sa-east"));  // x 1.20
  const NodeId cheap = world.add_node(NodeOf().region("eu-north"));
  const Price plain = world.unit_on(JobOf(), home);
  EXPECT_GT(world.unit_on(JobOf(), dear).nagpu_per_gpu_hour, plain.nagpu_per_gpu_hour * 119 / 100);
  for (const NodeId& node : {dear, cheap}) world.registry.set_verified(node, Aspect::Region, false, world.context);
  EXPECT_EQ(world.unit_on(JobOf(), dear), plain);
  EXPECT_LT(world.unit_on(JobOf(), cheap), plain);
  // What a place costs at least covers both kinds of nodes there, so nobody is parked who could be served.
  const std::uint64_t most = plain.nagpu_per_gpu_hour * 106 / 100;  // 5 % are for naming a region
  JobOf job = JobOf().max_price(most).set([](JobSpec& s) { s.where.allow = {"sa-east"}; });
  EXPECT_EQ(world.run(job), dear);
}

TEST_F(ScoreTest, SpreadAndScarceComeFromTheirRows) {
  const NodeId node = world.add_node(NodeOf());
  const ClassId a100 = world.class_id("A100");
  EXPECT_EQ(part(ScoreTerm::Spread, JobOf(), node), 240U);
  const std::array<std::uint16_t, 4> spread = {240, 160, 80, 0};
  for (std::uint8_t level = 0; level < 4; ++level) {
    world.shares.put({a100, kFarm}, {1, static_cast<std::uint8_t>(3 - level)});
    world.shares.put({a100, {}}, {1, level});
    EXPECT_EQ(part(ScoreTerm::Spread, JobOf(), node), spread[level]) << "the provider has no stake";
  }
  world.class_demand.put(a100, {1, 1, 1, 77});
  EXPECT_EQ(part(ScoreTerm::Scarce, JobOf(), node), 240U) << "this job names the class";
  EXPECT_EQ(part(ScoreTerm::Scarce, JobOf().any_class(), node), 77U);
}

// REQ: MAT-3. Taking GPUs that part of the demand cannot use is worth as much as the GPUs and that part are large.
TEST_F(ScoreTest, FitFavoursClassesThatPartOfTheDemandCannotUse) {
  const NodeId node = world.add_node(NodeOf().devices(8));
  const std::uint16_t one = part(ScoreTerm::Fit, JobOf().gpus(1), node);
  const std::uint16_t four = part(ScoreTerm::Fit, JobOf().gpus(4), node);
  const std::uint16_t without = part(ScoreTerm::Fit, JobOf().gpus(0), node);
  const ClassId a100 = world.class_id("A100");
  world.class_demand.put(a100, {1, 1, 1, 240, 256});
  EXPECT_EQ(part(ScoreTerm::Fit, JobOf().gpus(1), node), one + 60) << "a quarter of the demand, one GPU";
  EXPECT_EQ(part(ScoreTerm::Fit, JobOf().any_class().gpus(1), node), one + 60) << "whoever asks";
  EXPECT_EQ(part(ScoreTerm::Fit, JobOf().gpus(4), node), four + 240);
  world.class_demand.put(a100, {1, 1, 1, 240, 1024});
  EXPECT_EQ(part(ScoreTerm::Fit, JobOf().gpus(4), node), four + 240) << "and no more than the term's own range";
  EXPECT_EQ(part(ScoreTerm::Fit, JobOf().gpus(0), node), without) << "it takes no GPU";
}

TEST_F(ScoreTest, TheScoreIsTheWeightedSumAndAtMost24000) {
  const NodeId node = world.add_node(NodeOf());
  const ScoreParts terms = parts(JobOf(), node, {4 * kAgpu});
  const MarketView view = world.view();
  const JobSpec spec = JobOf().spec();
  const Fragmentation fragmentation({}, 0);
  const Demand demand(view, spec, {kStandard, {}, {4 * kAgpu}, nullptr, {}}, world.context.time);
  const Candidate candidate = Scorer(demand, fragmentation, 0).candidate(NodeList(view).all()[0]);
  EXPECT_EQ(candidate.parts, terms);
  // fit 136: level 8, 64 vCPU left give floor(16 / 20) = 0.
  EXPECT_EQ(terms, (ScoreParts{1 + 15 * 8 + 14, 240, 240 - 30, 90, 205 + 15, 205 + 35, 96, 240}));
  EXPECT_EQ(candidate.score, 30U * 135 + 10 * 240 + 10 * 210 + 15 * 90 + 10 * 220 + 10 * 240 + 10 * 96 + 5 * 240);
  EXPECT_LE(candidate.score, 24'000U);
}

TEST_F(ScoreTest, TiesGoToTheFirstIdFromTheStartCyclically) {
  std::vector<NodeId> by_dense_id;
  for (int i = 0; i < 5; ++i) by_dense_id.push_back(world.add_node(NodeOf()));
  const MarketView view = world.view();
  const JobSpec spec = JobOf().spec();
  const Fragmentation fragmentation({}, 0);
  const Demand demand(view, spec, {kStandard, {}, {}, nullptr, {}}, world.context.time);
  for (std::uint32_t start = 0; start < 5; ++start) {
    const auto match = Scorer(demand, fragmentation, start).choose(NodeList(view));
    ASSERT_TRUE(match);
    EXPECT_EQ(match->winner.node, by_dense_id[start]);
    EXPECT_EQ(match->runner_up->node, by_dense_id[(start + 1) % 5]);
    EXPECT_EQ(match->eligible, 5U);
    EXPECT_EQ(match->considered, 5U);
  }
}

TEST_F(ScoreTest, TheStartIsTheTieRankScaledToTheIds) {
  const Hash32 seed = sha256("seed");
  std::array<int, 4> counts{};
  for (std::uint64_t i = 0; i < 400; ++i) {
    const JobId job = job_id_of(kAda, i);
    const std::uint32_t start = tie_start(seed, job, 4);
    ASSERT_LT(start, 4U);
    EXPECT_EQ(start, tie_rank(seed, job) >> 62);
    ++counts[start];
  }
  for (const int count : counts) EXPECT_GT(count, 50);
  EXPECT_EQ(tie_start(seed, job_id_of(kAda, 1), 0), 0U);
}

}  // namespace
}  // namespace starminer::protocol
