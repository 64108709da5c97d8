#include "sim/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/plot.h"

namespace starminer::sim {
namespace {

using testing::HasSubstr;

TraceRun run_of(std::uint32_t gpus, std::uint64_t submit_s, std::uint64_t run_s, std::string qos = "") {
  TraceRun run;
  run.job = {"j", 1'000, 1, gpus, 0, {}};
  run.submit_ms = submit_s * 1000;
  run.run_ms = run_s * 1000;
  run.qos = std::move(qos);
  return run;
}

ReplayResult run_rule(Rule rule, const std::vector<TraceNode>& nodes, const std::vector<TraceRun>& runs,
                      const ReplayOptions& options = {}) {
  auto scheduler = make_scheduler(rule, nodes, runs, options);
  EXPECT_TRUE(scheduler.has_value()) << scheduler.error();
  return replay(**scheduler, runs);
}

std::string runs_error(std::string_view text) {
  const auto runs = parse_runs(text, 0);
  return runs ? "" : runs.error().in("f");
}

TEST(TraceRuns, ReadsTheFormOfOpenb) {
  const std::string heading =
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,qos,creation_time,deletion_time,scheduled_time\n";
  const auto runs = parse_runs(
      heading + "late,1000,1,1,460,BE,50,90,60\nnever,1000,1,1,1000,LS,10,20,\nfirst,1000,1,0,0,LS,5,5,5\n", 0);
  ASSERT_TRUE(runs.has_value());
  EXPECT_EQ(runs->left_out, 1U);
  ASSERT_EQ(runs->runs.size(), 2U);
  EXPECT_EQ(runs->runs[0].job.name, "first");
  EXPECT_EQ(runs->runs[0].run_ms, 1U) << "no job runs for no time at all";
  EXPECT_EQ(runs->runs[1].submit_ms, 50'000U);
  EXPECT_EQ(runs->runs[1].run_ms, 30'000U);
  EXPECT_EQ(tier_of(runs->runs[0]), protocol::kPremium);
  EXPECT_EQ(tier_of(runs->runs[1]), protocol::kEconomy);
  EXPECT_EQ(runs_error(heading + "a,1000,1,1,1000,BE,50,55,60\n"), "f:2:23: deletion_time is before scheduled_time");
  EXPECT_EQ(runs_error(heading + "a,1000,1,1,1000,BE,50,55,\n"), "f:1:1: there is no job that ran below the heading");
}

TEST(TraceRuns, ReadsTheFormsOfPhillyAndSia) {
  const auto philly = parse_runs("job_id,num_gpu,submit_s,duration_s\n0,8,0.0,5095.5\n1,1,7.0,0\n", 0);
  ASSERT_TRUE(philly.has_value());
  EXPECT_EQ(philly->runs[0].job.gpus, 8U);
  EXPECT_EQ(philly->runs[0].run_ms, 5'095'500U);
  EXPECT_EQ(philly->runs[1].run_ms, 1U);
  const std::string sia = "name,time,application,num_replicas,batch_size\nncf-2,135,ncf,1,256\n";
  EXPECT_EQ(runs_error(sia), "f:1:1: the list states no run times: --run-time gives one to all jobs");
  const auto given = parse_runs(sia, 600);
  ASSERT_TRUE(given.has_value());
  EXPECT_EQ(given->runs[0].submit_ms, 135'000U);
  EXPECT_EQ(given->runs[0].run_ms, 600'000U);
  EXPECT_EQ(runs_error("job_id,num_gpu,submit_s,duration_s\n0,0,0,1\n"),
            "f:2:3: num_gpu is '0', expected an integer of 1..4096");
}

TEST(Distribution, IsByRank) {
  const Distribution found = distribution_of({3, 1, 2, 10});
  EXPECT_EQ(found.count, 4U);
  EXPECT_DOUBLE_EQ(found.mean, 4.0);
  EXPECT_DOUBLE_EQ(found.p50, 3.0);
  EXPECT_DOUBLE_EQ(found.p99, 10.0);
  EXPECT_EQ(distribution_of({}).count, 0U);
}

// One node of two GPUs. A takes one of them for 100 s, B wants both, C wants one for 50 s; then nobody comes.
const std::vector<TraceNode> kPair = {{"n", 64, 1'000, 2, "T4"}};
std::vector<TraceRun> three_runs() { return {run_of(1, 0, 100), run_of(2, 10, 100), run_of(1, 20, 50)}; }

TEST(Replay, QueuesInOrderOfArrivalByHand) {
  const ReplayResult result = run_rule(Rule::FirstFit, kPair, three_runs());
  EXPECT_EQ(result.finished, 3U);
  // A at once, B at 100, C behind B at 200.
  EXPECT_DOUBLE_EQ(result.wait.mean, (0.0 + 90 + 180) / 3);
  EXPECT_DOUBLE_EQ(result.completion.mean, (100.0 + 190 + 230) / 3);
  EXPECT_NEAR(result.makespan_hours * 3600, 250.0, 1e-6);
  EXPECT_NEAR(result.window_hours * 3600, 20.0, 1e-6);
  EXPECT_DOUBLE_EQ(result.allocation, 50.0) << "one of two GPUs from 0 to 20";
}

TEST(Replay, BackfillsByHand) {
  const ReplayResult greedy = run_rule(Rule::Backfill, kPair, three_runs());
  EXPECT_DOUBLE_EQ(greedy.wait.mean, (0.0 + 90 + 0) / 3);
  EXPECT_DOUBLE_EQ(greedy.idle_while_waiting_gpu_hours, 0.0) << "B waits, but one GPU is of no use to it";
}

TEST(Replay, LetsTheMarketBackfillOnlyWhatDoesNotDelay) {
  // C states 100 s, double its time. It would surely end before A's 200 stated seconds are over.
  const ReplayResult market = run_rule(Rule::Market, kPair, three_runs());
  EXPECT_EQ(market.finished, 3U);
  EXPECT_LE(market.wait.mean, 90.0);
  // One that runs for long does not go ahead of B.
  std::vector<TraceRun> runs = three_runs();
  runs[2] = run_of(1, 20, 5'000);
  EXPECT_DOUBLE_EQ(run_rule(Rule::Market, kPair, runs).wait.mean, (0.0 + 90 + 180) / 3);
}

TEST(Replay, CountsWhatLiesIdleWhileSomebodyWaits) {
  // A wants four GPUs of a node that has two free, and holds up D, which wants one, in strict order only.
  const std::vector<TraceNode> nodes = {{"n", 64, 1'000, 4, "T4"}};
  const std::vector<TraceRun> runs = {run_of(2, 0, 1'000), run_of(4, 0, 10), run_of(1, 0, 10), run_of(1, 3'600, 10)};
  // From 0 to 1000 s the two free GPUs would have taken the third job.
  EXPECT_NEAR(run_rule(Rule::FirstFit, nodes, runs).idle_while_waiting_gpu_hours * 3600, 2 * 1'000.0, 1e-6);
  EXPECT_DOUBLE_EQ(run_rule(Rule::Backfill, nodes, runs).idle_while_waiting_gpu_hours, 0.0);
}

TEST(Replay, HoldsAuctionsByHand) {
  // A is posted at 0 and starts at 30; B's bids close at 40 and every 30 s from then on, and it starts at 130, when A
  // is done; C's close at 50, when one GPU is free, and it is done at 100.
  const ReplayResult result = run_rule(Rule::Auction, kPair, three_runs());
  EXPECT_EQ(result.finished, 3U);
  EXPECT_DOUBLE_EQ(result.wait_by_size.at("1 GPU").mean, 30.0);
  EXPECT_DOUBLE_EQ(result.wait_by_size.at("2-7 GPUs").mean, 120.0);
  EXPECT_GT(result.idle_while_waiting_gpu_hours, 0.0) << "while bids are open";
  EXPECT_GT(result.revenue_agpu, 0.0);
}

TEST(Replay, SendsAuctionsToTheLowestAsk) {
  // Of many nodes the one with the lowest ask is taken first, whatever fits better.
  std::vector<TraceNode> nodes;
  for (int i = 0; i < 20; ++i) nodes.push_back({"n" + std::to_string(i), 64, 1'000, 2, "T4"});
  const std::vector<TraceRun> one = {run_of(1, 0, 3'600)};
  const double lowest = run_rule(Rule::Auction, nodes, one).revenue_agpu;
  const double at_anchor = run_rule(Rule::Market, nodes, one).revenue_agpu;
  EXPECT_GT(lowest, 0.7 * at_anchor);
  EXPECT_LT(lowest, at_anchor);
}

TEST(Fairness, IsJainsIndex) {
  EXPECT_DOUBLE_EQ(jain_index({2, 2, 2}), 1.0);
  EXPECT_DOUBLE_EQ(jain_index({1, 0, 0, 0}), 0.25);
  EXPECT_DOUBLE_EQ(jain_index({}), 0.0);
  EXPECT_DOUBLE_EQ(run_rule(Rule::FirstFit, kPair, {run_of(1, 0, 100), run_of(1, 0, 100)}).fairness, 1.0);
}

TEST(Replay, RefusesWhatNoNodeCouldRun) {
  const std::vector<TraceRun> runs = {run_of(1, 0, 10), run_of(3, 5, 10), run_of(2, 9, 10)};
  for (const RuleRow& rule : rules()) {
    const ReplayResult result = run_rule(rule.rule, kPair, runs);
    EXPECT_EQ(result.finished, 2U) << rule.name;
    EXPECT_EQ(result.refused.at("NeverRunnable"), 1U) << rule.name;
  }
}

// Two nodes of two GPUs. A takes one of them for 100 s, B wants four and goes to both nodes when A is done.
TEST(Replay, SplitsWhatNoNodeHoldsOverHostsOfTheSite) {
  const std::vector<TraceNode> nodes = {{"a", 64, 1'000, 2, "T4"}, {"b", 64, 1'000, 2, "T4"}};
  const std::vector<TraceRun> runs = {run_of(1, 0, 100), run_of(4, 10, 50)};
  for (const RuleRow& rule : rules()) {
    const ReplayResult result = run_rule(rule.rule, nodes, runs);
    EXPECT_EQ(result.finished, 2U) << rule.name;
    EXPECT_TRUE(result.refused.empty()) << rule.name;
    // Bids for A close at 30, those for B that find room at 130.
    const bool auction = rule.rule == Rule::Auction;
    if (rule.rule != Rule::Moving) {
      EXPECT_DOUBLE_EQ(result.wait_by_size.at("2-7 GPUs").mean, auction ? 120 : 90) << rule.name;
    }
    if (auction) continue;  // there, GPUs are idle while bids are open
    EXPECT_DOUBLE_EQ(result.idle_while_waiting_gpu_hours, 0.0) << rule.name << ": three GPUs are of no use to B";
  }
}

TEST(Replay, SplitsNothingOverModelsOrIntoUnequalParts) {
  const std::vector<TraceNode> models = {{"a", 64, 1'000, 2, "T4"}, {"b", 64, 1'000, 2, "P100"}};
  const std::vector<TraceNode> two = {{"a", 64, 1'000, 2, "T4"}, {"b", 64, 1'000, 2, "T4"}};
  for (const RuleRow& rule : rules()) {
    EXPECT_EQ(run_rule(rule.rule, models, {run_of(4, 0, 10), run_of(1, 0, 10)}).refused.at("NeverRunnable"), 1U)
        << rule.name;
    EXPECT_EQ(run_rule(rule.rule, two, {run_of(3, 0, 10), run_of(1, 0, 10)}).refused.at("NeverRunnable"), 1U)
        << rule.name;
  }
}

TEST(Replay, CountsHostsThatAGangWouldHaveTaken) {
  // A holds one node of three, B wants all three, and C, behind it, would have gone to the two others until 1000 s.
  const std::vector<TraceNode> nodes = {
      {"a", 64, 1'000, 2, "T4"}, {"b", 64, 1'000, 2, "T4"}, {"c", 64, 1'000, 2, "T4"}};
  const std::vector<TraceRun> runs = {run_of(2, 0, 1'000), run_of(6, 0, 10), run_of(4, 0, 10), run_of(1, 3'600, 10)};
  EXPECT_NEAR(run_rule(Rule::FirstFit, nodes, runs).idle_while_waiting_gpu_hours * 3600, 4 * 1'000.0, 1e-6);
  EXPECT_DOUBLE_EQ(run_rule(Rule::Backfill, nodes, runs).idle_while_waiting_gpu_hours, 0.0);
  EXPECT_DOUBLE_EQ(run_rule(Rule::Backfill, nodes, runs).wait.mean, (0.0 + 1'000 + 0 + 0) / 4);
}

TEST(Replay, PutsPremiumBeforeEconomyInTheMarket) {
  const std::vector<TraceRun> runs = {run_of(2, 0, 1'000), run_of(2, 10, 100, "BE"), run_of(2, 20, 100, "LS")};
  const ReplayResult market = run_rule(Rule::Market, kPair, runs);
  EXPECT_DOUBLE_EQ(market.wait_by_tier.at("Premium").mean, 980.0);
  EXPECT_DOUBLE_EQ(market.wait_by_tier.at("Economy").mean, 1'090.0);
  EXPECT_GT(market.revenue_agpu, 0.0);
  const ReplayResult fifo = run_rule(Rule::FirstFit, kPair, runs);
  EXPECT_DOUBLE_EQ(fifo.wait_by_tier.at("Economy").mean, 990.0);
}

TEST(Replay, GivesTheSameForTheSameSeedOverDaysOfTicks) {
  std::vector<TraceRun> runs;
  for (std::uint32_t i = 0; i < 60; ++i) runs.push_back(run_of(1 + i % 3, i * 1'700, 1'000 + i * 977 % 9'000));
  runs.push_back(run_of(1, 250'000, 100));
  const std::vector<TraceNode> nodes = {{"a", 64, 1'000, 2, "T4"}, {"b", 64, 1'000, 4, "P100"}};
  for (const RuleRow& rule : rules()) {
    const ReplayResult first = run_rule(rule.rule, nodes, runs);
    const ReplayResult again = run_rule(rule.rule, nodes, runs);
    EXPECT_EQ(first.finished, runs.size()) << rule.name;
    EXPECT_EQ(first.wait.mean, again.wait.mean) << rule.name;
    EXPECT_EQ(first.samples.size(), 1'000U);
    EXPECT_EQ(first.samples.back().waiting, again.samples.back().waiting);
    EXPECT_LE(first.allocation, 100.0);
  }
}

// REQ: MTP-3, MTP-7
TEST(Replay, LetsPricesFollowTheLoadAndBandsHold) {
  // Nodes of 8 GPUs under jobs that ask for more than there is, then for little.
  std::vector<TraceNode> nodes;
  for (int i = 0; i < 3; ++i) nodes.push_back({"n" + std::to_string(i), 64, 100'000, 8, "T4"});
  std::vector<TraceRun> runs;
  for (std::uint32_t i = 0; i < 150; ++i) runs.push_back(run_of(1 + i % 4, i * 300, 4'000 + i * 977 % 9'000));
  runs.push_back(run_of(1, 400'000, 100));
  const ReplayResult moving = run_rule(Rule::Moving, nodes, runs);
  EXPECT_EQ(moving.finished, runs.size()) << "who is priced out starts when the price has fallen";
  ASSERT_EQ(moving.prices.size(), 3U);
  const PriceCourse& standard = moving.prices[protocol::kStandard];
  EXPECT_EQ(standard.name, "Standard T4");
  EXPECT_EQ(standard.ticks.size(), 400'000U / 60);
  EXPECT_GT(standard.most(), 1.5 * standard.ticks.front().price);
  EXPECT_LT(standard.ticks.back().price, standard.ticks.front().price);
  EXPECT_LE(standard.largest_step(), 0.03 + 1e-6);
  EXPECT_GT(standard.envelopes, 3 * 6'000U);
  EXPECT_EQ(standard.envelopes_broken, 0U);
  for (std::size_t i = 0; i < protocol::kBandCount; ++i) {
    EXPECT_EQ(standard.matured[i], standard.ticks.size() - protocol::kBandTicks[i]);
    EXPECT_GT(standard.coverage(i), 0.85);
  }
  const ReplayResult fixed = run_rule(Rule::Market, nodes, runs);
  EXPECT_TRUE(fixed.prices.empty());
  EXPECT_GT(moving.revenue_agpu, fixed.revenue_agpu) << "they came when it was dear";
}

TEST(Plot, ShadesAreasBehindLines) {
  const std::string svg = svg_of({"t", "h", "p", {{"line", {{0, 1}, {10, 2}}}}, {{"area", {{0, 0, 5}, {10, 1, 4}}}}});
  EXPECT_THAT(svg, HasSubstr("<polygon fill='#0072b2' fill-opacity='0.2' points='70.0,40.0 750.0,106.0 "));
  EXPECT_LT(svg.find("<polygon"), svg.find("<polyline"));
}

TEST(Plot, DrawsLinesBetweenRoundAxes) {
  const std::string svg = svg_of({"A < B", "h", "%", {{"one", {{0, 0}, {9, 47}}}}});
  EXPECT_THAT(svg, HasSubstr("A &lt; B"));
  EXPECT_THAT(svg, HasSubstr("points='70.0,370.0 682.0,59.8 '")) << "axes to 10 and 50";
  EXPECT_THAT(svg_of({}), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace starminer::sim
