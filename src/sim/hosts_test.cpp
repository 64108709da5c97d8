// Hosts by simple rules: whom they take, and that all of them see the same sites.
#include "sim/hosts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/policy.h"

namespace starminer::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

struct Hosts : testing::Test {
  Hosts() {
    const std::vector<TraceNode> nodes = {{"other", 64, 1'000, 2, "P100"},
                                          {"a", 64, 1'000, 4, "T4"},
                                          {"b", 64, 1'000, 4, "T4"},
                                          {"c", 64, 1'000, 4, "T4"}};
    auto made = Cluster::make(nodes, {}, kFitAlone);
    EXPECT_TRUE(made.has_value());
    cluster = std::move(*made);
  }

  [[nodiscard]] NodeId node(std::size_t number) const { return cluster->in_order()[number].id; }
  /// A job of so many GPUs, that need not lie on one node.
  [[nodiscard]] static protocol::JobSpec gang(std::uint32_t gpus) {
    protocol::JobSpec spec = spec_of({"j", 1'000, 1, gpus, 0, {}});
    spec.placement = protocol::Placement::OneSite;
    return spec;
  }
  std::vector<NodeId> choose(Policy policy, const protocol::JobSpec& spec) {
    return choose_hosts(policy, *cluster, {JobId{}, spec}, random);
  }

  std::unique_ptr<Cluster> cluster;
  Random random{42};
};

TEST_F(Hosts, AreOneWhereANodeCanTakeTheJob) {
  EXPECT_THAT(choose(Policy::FirstFit, gang(4)), ElementsAre(node(1)));
  EXPECT_THAT(choose(Policy::BestFit, gang(2)), ElementsAre(node(0))) << "the node with the least left";
}

TEST_F(Hosts, AreTheFirstOrTheFullest) {
  EXPECT_THAT(choose(Policy::FirstFit, gang(6)), ElementsAre(node(1), node(2)));
  cluster->place(node(3), spec_of({"j", 1'000, 1, 1, 0, {}}).resources);
  EXPECT_THAT(choose(Policy::BestFit, gang(6)), ElementsAre(node(3), node(1)));
  EXPECT_THAT(choose(Policy::FirstFit, gang(8)), ElementsAre(node(1), node(2))) << "four whole GPUs each";
}

TEST_F(Hosts, AreOfOneSiteAndAllOrNone) {
  EXPECT_THAT(choose(Policy::FirstFit, gang(14)), IsEmpty()) << "seven of one host are too many, two of seven, too";
  const auto twelve = choose(Policy::Random, gang(12));
  EXPECT_THAT(twelve, UnorderedElementsAre(node(1), node(2), node(3)));
  const auto placed = cluster->place_on({node(2), node(3)}, gang(8).resources);
  cluster->place(node(1), gang(2).resources);
  EXPECT_THAT(choose(Policy::FirstFit, gang(4)), IsEmpty()) << "two GPUs are free on each of two nodes, at two sites";
  cluster->release(placed);
  EXPECT_THAT(choose(Policy::FirstFit, gang(4)), ElementsAre(node(2)));
  EXPECT_THAT(choose(Policy::FirstFit, gang(6)), ElementsAre(node(2), node(3)));
}

TEST_F(Hosts, CouldRunWhatTheSiteHolds) {
  const auto could = [this](std::uint32_t gpus) {
    const protocol::JobSpec spec = gang(gpus);
    return could_ever_run(cluster->demand_of(spec), cluster->in_order());
  };
  EXPECT_TRUE(could(12));
  EXPECT_FALSE(could(13)) << "no equal parts";
  EXPECT_FALSE(could(14)) << "the two GPUs of the other model are not of the site";
  cluster->place_on({node(1), node(2), node(3)}, gang(12).resources);
  EXPECT_TRUE(could(12)) << "once they are free";
}

}  // namespace
}  // namespace starminer::sim
