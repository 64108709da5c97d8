#include "sim/placement.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::sim {
namespace {

TraceNode node(std::uint32_t gpus, std::string model = "T4") { return {"n", 64, 1'000, gpus, std::move(model)}; }

TraceJob job(std::uint32_t gpus, std::uint32_t share_milli = 0, std::vector<std::string> models = {}) {
  return {"j", 1'000, 1, gpus, share_milli, std::move(models)};
}

std::unique_ptr<Cluster> make(const std::vector<TraceNode>& nodes, const std::vector<TraceJob>& demand,
                              const Weights& weights = kFitAlone) {
  auto cluster = Cluster::make(nodes, demand, weights);
  EXPECT_TRUE(cluster.has_value()) << cluster.error();
  return std::move(*cluster);
}

const protocol::NodeView& chosen(const Cluster& cluster, Policy policy, const TraceJob& asking,
                                 std::uint64_t sequence = 0) {
  Random random(1);
  const protocol::JobSpec spec = spec_of(asking);
  const auto id = choose_node(policy, cluster, {job_id_of({}, sequence), spec}, random);
  const auto& nodes = cluster.in_order();
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&id](const protocol::NodeView& view) { return id && view.id == *id; });
  EXPECT_NE(found, nodes.end());
  return *found;
}

std::uint64_t free_milli(const Cluster& cluster) {
  std::uint64_t sum = 0;
  for (const protocol::NodeView& view : cluster.in_order()) {
    for (const std::uint16_t milli : view.capacity->device_free_milli) sum += milli;
  }
  return sum;
}

TEST(AllocationCurve, IsTheMeanOverJobsAtWhoseArrivalDemandRoundsToThePercentage) {
  AllocationCurve curve(1'000);
  EXPECT_EQ(curve.at(100), 0.0);
  curve.add(500, 500);
  curve.add(994, 900);
  curve.add(995, 910);    // 99.5 % rounds to 100
  curve.add(1'004, 920);  // 100.4 %
  curve.add(1'005, 950);  // 100.5 % rounds to 101
  EXPECT_DOUBLE_EQ(curve.at(50), 50.0);
  EXPECT_DOUBLE_EQ(curve.at(75), 50.0);  // nobody arrived there: as it was before
  EXPECT_DOUBLE_EQ(curve.at(99), 90.0);
  EXPECT_DOUBLE_EQ(curve.at(100), 91.5);
  EXPECT_DOUBLE_EQ(curve.at(101), 95.0);
  EXPECT_DOUBLE_EQ(curve.at(130), 95.0);
}

TEST(Spread, IsThatOfASample) {
  EXPECT_DOUBLE_EQ(spread_of({2, 4, 9}).mean, 5.0);
  EXPECT_DOUBLE_EQ(*spread_of({2, 4, 9}).sd * *spread_of({2, 4, 9}).sd, 13.0);
  EXPECT_EQ(spread_of({3}).sd, std::nullopt);
}

RC_GTEST_PROP(Arrivals, AreAllJobsOnceThenDrawnOnesUpToTheLimit, (std::uint64_t seed)) {
  const auto sizes = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0U, 9U)));
  std::vector<TraceJob> jobs = {job(1)};
  for (const std::uint32_t gpus : sizes) jobs.push_back(job(gpus));
  std::uint64_t demand = 0;
  for (const TraceJob& one : jobs) demand += gpu_milli(one);
  const std::uint64_t limit = *rc::gen::inRange<std::uint64_t>(0, 40'000);
  Random random(seed);
  const auto order = draw_arrivals(jobs, limit, random);
  std::uint64_t sum = 0;
  std::map<std::size_t, std::size_t> times;
  for (const std::size_t position : order) {
    sum += gpu_milli(jobs.at(position));
    ++times[position];
  }
  RC_ASSERT(sum <= limit);
  RC_ASSERT(sum + 8'000 >= std::min(limit, demand));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (demand <= limit)
      RC_ASSERT(std::count(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(jobs.size()), i) == 1);
  }
  Random again(seed);
  RC_ASSERT(draw_arrivals(jobs, limit, again) == order);
}

// Two nodes of two GPUs; a GPU is shared by 0.6 and 0.4, and the wish for whole pairs keeps one node empty.
TEST(Placement, PlacesByHand) {
  const std::vector<TraceJob> demand = {job(1, 600), job(1, 400), job(2)};
  const auto cluster = make({node(2), node(2)}, demand);
  EXPECT_EQ(cluster->gpu_milli(), 4'000U);
  const auto& first = chosen(*cluster, Policy::Fit, demand[0]);
  cluster->place(first.id, spec_of(demand[0]).resources);
  EXPECT_EQ(free_milli(*cluster), 3'400U);
  const auto& second = chosen(*cluster, Policy::Fit, demand[1]);
  EXPECT_EQ(second.id, first.id) << "the rest of the device that is in use";
  cluster->place(second.id, spec_of(demand[1]).resources);
  EXPECT_EQ(*std::min_element(first.capacity->device_free_milli.begin(), first.capacity->device_free_milli.end()), 0);
  const auto& third = chosen(*cluster, Policy::Fit, demand[2]);
  EXPECT_NE(third.id, first.id);
  cluster->clear();
  EXPECT_EQ(free_milli(*cluster), 4'000U);
}

TEST(Placement, CountsByHand) {
  // One node of four GPUs, jobs of two: two fit, whatever the order, and half of the demand goes unserved at 130 %.
  const std::vector<TraceJob> jobs = {job(2), job(2)};
  const auto cluster = make({node(4)}, jobs);
  const PlacementResult result = run_placement(*cluster, jobs, Policy::Fit, 42);
  EXPECT_EQ(result.arrived, 2U) << "a third job would pass 130 %";
  EXPECT_EQ(result.placed, 2U);
  EXPECT_DOUBLE_EQ(result.allocation_at_100, 100.0);
  EXPECT_DOUBLE_EQ(result.allocation_at_130, 100.0);
  // Jobs of three on nodes of four: a quarter of each node is of no use.
  const std::vector<TraceJob> wide(16, job(3));
  const auto row = make(std::vector<TraceNode>(10, node(4)), wide);
  const PlacementResult of_three = run_placement(*row, wide, Policy::Fit, 42);
  EXPECT_EQ(of_three.arrived, 17U);
  EXPECT_EQ(of_three.placed, 10U);
  EXPECT_DOUBLE_EQ(of_three.allocation_at_130, 75.0);
}

TEST(Placement, KeepsToTheModelsThatAJobNames) {
  const std::vector<TraceJob> demand = {job(1, 0, {"V100"}), job(1)};
  for (const PolicyRow& policy : policies()) {
    const auto cluster = make({node(1, "T4"), node(1, "V100"), node(1, "T4")}, demand, weights_of(policy.policy));
    EXPECT_EQ(&chosen(*cluster, policy.policy, demand[0]), &cluster->in_order()[1]) << policy.name;
  }
}

TEST(Placement, LeavesScarceModelsWithTheWeightsOfStandard) {
  // All jobs but one name V100; the one that does not goes elsewhere, wherever ties begin.
  std::vector<TraceJob> demand(9, job(1, 0, {"V100"}));
  demand.push_back(job(1));
  const auto cluster = make({node(1, "T4"), node(1, "V100")}, demand, standard_weights());
  for (std::uint64_t sequence = 0; sequence < 20; ++sequence) {
    EXPECT_EQ(&chosen(*cluster, Policy::Standard, job(1), sequence), &cluster->in_order()[0]);
  }
}

TEST(Placement, PeersChooseByHand) {
  const std::vector<TraceJob> demand = {job(1)};
  const auto cluster = make({node(4), node(2), node(8)}, demand);
  EXPECT_EQ(&chosen(*cluster, Policy::FirstFit, demand[0]), &cluster->in_order()[0]);
  EXPECT_EQ(&chosen(*cluster, Policy::BestFit, demand[0]), &cluster->in_order()[1]);
  EXPECT_EQ(&chosen(*cluster, Policy::DotProduct, demand[0]), &cluster->in_order()[1]);
}

TEST(Placement, GivesTheSameForTheSameSeedAndLeavesTheClusterEmpty) {
  std::vector<TraceJob> jobs;
  for (std::uint32_t i = 0; i < 30; ++i) jobs.push_back(i % 3 == 0 ? job(i % 4) : job(1, 100 * (1 + i % 9)));
  const std::vector<TraceNode> nodes = {node(4), node(2), node(8), node(1)};
  for (const PolicyRow& policy : policies()) {
    const auto cluster = make(nodes, jobs, weights_of(policy.policy));
    const PlacementResult first = run_placement(*cluster, jobs, policy.policy, 7);
    EXPECT_EQ(free_milli(*cluster), cluster->gpu_milli());
    const PlacementResult other = run_placement(*cluster, jobs, policy.policy, 8);
    const PlacementResult again = run_placement(*cluster, jobs, policy.policy, 7);
    EXPECT_EQ(first.allocation_at_130, again.allocation_at_130) << policy.name;
    EXPECT_EQ(first.placed, again.placed) << policy.name;
    EXPECT_LE(other.placed, other.arrived);
    const auto elsewhere = make(nodes, jobs, weights_of(policy.policy));
    EXPECT_EQ(run_placement(*elsewhere, jobs, policy.policy, 7).allocation_at_100, first.allocation_at_100);
  }
}

}  // namespace
}  // namespace starminer::sim
