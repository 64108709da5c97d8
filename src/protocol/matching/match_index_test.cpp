// The index against a plain look at every node, over random markets and every kind of update. The number of markets is
// STARMINER_MARKETS where that is set ("a million random markets" is a matter of patience), else a few hundred.
#include "protocol/matching/match_index.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "protocol/matching/test_market.h"

namespace starminer::protocol {
namespace {

using namespace matching_test;

std::uint64_t markets() {
  const char* const asked = std::getenv("STARMINER_MARKETS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 300;
}

/// One random market: an index and the plain list that it must agree with.
class Market {
 public:
  Market(std::uint64_t seed, const MatchKernels& kernels) : draw(seed) {
    rules.spread = draw.of({Spread::Mixed, Spread::Mixed, Spread::Equal, Spread::AllDifferent});
    rules.tiers = 1 + draw.upto(3);
    for (std::size_t tier = 0; tier < rules.tiers; ++tier) {
      rules.fit_weights[tier] = static_cast<std::uint16_t>(draw.of({0U, 30U, 60U, 100U}));
    }
    const MatchIndex::Layout layout{draw.of<std::size_t>({1, 2, 7, 64}), draw.of<std::size_t>({1, 2, 32}), &kernels};
    index = std::make_unique<MatchIndex>(
        std::vector<std::uint16_t>(rules.fit_weights.begin(),
                                   rules.fit_weights.begin() + static_cast<std::ptrdiff_t>(rules.tiers)),
        layout);
    for (int i = 0; i < 4; ++i) add_state();
    total = draw.of({0U, 1U, 5U, 40U, 200U});
    std::vector<std::uint32_t> ids(total);
    for (std::uint32_t id = 0; id < total; ++id) ids[id] = id;
    for (std::uint32_t i = total; i > 1; --i) std::swap(ids[i - 1], ids[draw.upto(i - 1)]);
    for (const std::uint32_t id : ids) put(draw_node(draw, id, rules));
  }

  void put(const NodeFacts& node) {
    nodes[node.id] = node;
    index->put(node);
  }
  void add_state() {
    rows.push_back(draw_row(draw, rules.spread));
    EXPECT_EQ(index->add_state(rows.back()), rows.size() - 1);
    rules.states = static_cast<std::uint32_t>(rows.size());
  }
  /// A place, a release, a change of offer, of quality, of status, a departure, a registration.
  void update() {
    if (nodes.empty()) {
      put(draw_node(draw, total++, rules));
      return;
    }
    auto at = nodes.begin();
    std::advance(at, draw.upto(static_cast<std::uint32_t>(nodes.size()) - 1));
    NodeFacts node = at->second;
    const NodeFacts other = draw_node(draw, node.id, rules);
    switch (draw.upto(9)) {
      case 0: node.open = !node.open; break;
      case 1: node.quality = other.quality; break;
      case 2: node.images = other.images; break;
      case 3:
        index->erase(node.id);
        nodes.erase(node.id);
        return;
      case 4: node = draw_node(draw, total++, rules); break;
      case 5: node = other; break;
      case 6:
        if (rows.size() < 40) add_state();
        break;
      case 7: node.pooled = !node.pooled; break;
      default: {
        // What a job that starts or ends changes; by the short way, or below by the long one.
        NodeRoom room{node.id,
                      other.open,
                      other.empty,
                      other.whole_free,
                      other.share_free,
                      other.cpu_free_milli,
                      draw.one_in(4) ? node.state : draw.upto(rules.states - 1),
                      other.ram_free,
                      other.disk_free};
        node.set_room(room);
        if (draw.one_in(3)) break;
        nodes[node.id] = node;
        index->put_room(room);
        return;
      }
    }
    put(node);
  }
  /// One decision, by definition and by the index in both ways.
  void decide() {
    MatchRequest job = draw_request(draw, rules, total, judge);
    const std::vector<std::uint32_t> excluded = {draw.upto(5)};
    std::vector<std::uint32_t> withheld;
    for (std::uint32_t i = draw.upto(3); i > 0 && total > 0; --i) withheld.push_back(draw.upto(total));
    if (draw.one_in(4)) job.excluded = excluded;
    if (draw.one_in(4)) job.withheld = withheld;
    const auto expected = best_of(nodes, rows, rules, job);
    ASSERT_EQ(index->choose(job), expected);
    ASSERT_EQ(index->choose_by_scan(job), expected);
    ASSERT_EQ(index->choose(job), expected) << "after it tidied its bounds";
    ++(expected ? chosen : refused);
    ASSERT_LE(expected ? expected->score : 0, 31'200U);
  }

  Draw draw;
  Rules rules;
  TestJudge judge;
  std::unique_ptr<MatchIndex> index;
  std::map<std::uint32_t, NodeFacts> nodes;
  std::vector<FitRow> rows;
  std::uint32_t total = 0;
  std::uint64_t chosen = 0;
  std::uint64_t refused = 0;
};

// REQ: MAT-1. The choice is that of a look at every node, after every kind of update, in every layout.
TEST(MatchIndex, ChoosesWhatALookAtEveryNodeChooses) {
  std::uint64_t chosen = 0;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 0; seed < markets(); ++seed) {
    SCOPED_TRACE("market " + std::to_string(seed));
    Market market(seed, seed % 2 == 0 ? best_kernels() : plain_kernels());
    for (int step = 0; step < 20; ++step) {
      market.decide();
      for (std::uint32_t i = market.draw.upto(6); i > 0; --i) market.update();
      ASSERT_FALSE(HasFatalFailure());
    }
    ASSERT_TRUE(market.index->is_consistent());
    chosen += market.chosen;
    refused += market.refused;
  }
  EXPECT_GT(chosen, markets()) << "too many of the drawn jobs fit nowhere";
  EXPECT_GT(refused, markets());
}

// The invariants hold after each single step, and what was put in comes out again.
TEST(MatchIndex, IsConsistentAfterEveryUpdate) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("market " + std::to_string(seed));
    Market market(seed, best_kernels());
    for (int step = 0; step < 60; ++step) {
      market.update();
      ASSERT_TRUE(market.index->is_consistent()) << "step " << step;
      ASSERT_EQ(market.index->size(), market.nodes.size());
    }
    for (const auto& [id, node] : market.nodes) ASSERT_EQ(market.index->facts(id), node);
    while (!market.nodes.empty()) {
      market.index->erase(market.nodes.begin()->first);
      market.nodes.erase(market.nodes.begin());
      ASSERT_TRUE(market.index->is_consistent());
    }
    EXPECT_EQ(market.index->blocks(), 0U);
    for (std::uint8_t hardware_class = 0; hardware_class < kClassesMax; ++hardware_class) {
      EXPECT_EQ(market.index->regions_of(hardware_class), 0U);
    }
  }
}

// An index that went through updates chooses as one built of the same nodes anew, in another order and layout.
TEST(MatchIndex, TheLayoutDoesNotShow) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("market " + std::to_string(seed));
    Market market(seed, best_kernels());
    for (int step = 0; step < 50; ++step) market.update();
    MatchIndex rebuilt(
        std::vector<std::uint16_t>(market.rules.fit_weights.begin(),
                                   market.rules.fit_weights.begin() + static_cast<std::ptrdiff_t>(market.rules.tiers)),
        {5, 3, &plain_kernels()});
    for (const FitRow& row : market.rows) static_cast<void>(rebuilt.add_state(row));
    for (auto node = market.nodes.rbegin(); node != market.nodes.rend(); ++node) rebuilt.put(node->second);
    for (int i = 0; i < 20; ++i) {
      const MatchRequest job = draw_request(market.draw, market.rules, market.total, market.judge);
      ASSERT_EQ(market.index->choose(job), rebuilt.choose(job));
    }
  }
}

/// A market of one place whose nodes are all alike, in the order of their ids.
struct EqualNodes {
  explicit EqualNodes(std::uint32_t count) : index({60}), total(count) {
    FitRow row;
    row.fit.fill(100);
    static_cast<void>(index.add_state(row));
    for (std::uint32_t id = 0; id < count; ++id) {
      NodeFacts node;
      node.id = id;
      node.open = true;
      node.kinds = 1;
      index.put(node);
    }
  }
  [[nodiscard]] std::uint32_t winner(std::uint32_t start) {
    MatchRequest job;
    job.classes = 1;
    job.regions = 1;
    job.tie_start = start;
    job.total_nodes = total;
    TestJudge judge;
    judge.places[0] = {true, false, 255, 100};
    job.judge = &judge;
    job.class_bounds[0] = 100;
    return index.choose(job)->id;
  }
  MatchIndex index;
  std::uint32_t total;
};

// REQ: MAT-3. Ties go to the first id from the start, and a decision among equals looks into few blocks.
TEST(MatchIndex, TiesGoRoundTheIdsAndLookIntoOneBlock) {
  EqualNodes market(20'000);
  Draw draw(7);
  for (int i = 0; i < 200; ++i) {
    const std::uint32_t start = draw.upto(market.total - 1);
    EXPECT_EQ(market.winner(start), start);
  }
  EXPECT_EQ(market.index.blocks_visited(), 200U);
}

// Fairness between providers: among equals each wins as often as it has nodes, whatever lies where.
TEST(MatchIndex, EqualNodesWinEquallyOften) {
  EqualNodes market(100);
  std::array<int, 4> wins{};
  for (std::uint32_t start = 0; start < 100; ++start) ++wins[market.winner(start) / 25];
  for (const int of_provider : wins) EXPECT_EQ(of_provider, 25);
}

}  // namespace
}  // namespace starminer::protocol
