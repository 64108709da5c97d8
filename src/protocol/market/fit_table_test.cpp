// The table against the definition: every row is what Fragmentation gives shape by shape, whatever states came and
// went.
#include "protocol/market/fit_table.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/market/test_random.h"

namespace starminer::protocol {
namespace {

using market_test::draw;

std::uint32_t upto(std::uint32_t most) { return draw(rc::gen::inRange<std::uint32_t>(0, most + 1)); }

Fragmentation draw_demand() {
  std::vector<std::pair<ShapeKey, std::uint64_t>> shapes;
  std::uint64_t total = 0;
  for (std::uint32_t i = upto(40); i > 0; --i) {
    const bool share = upto(1) == 0;
    const ShapeKey shape =
        share ? ShapeKey{1, 10 * (1 + upto(98)), 500 * upto(40)} : ShapeKey{1 + upto(9), 0, 1'300 * upto(40)};
    const auto same = [&shape](const auto& other) { return other.first == shape; };
    if (std::any_of(shapes.begin(), shapes.end(), same)) continue;
    shapes.emplace_back(shape, 100 - 2 * shapes.size());
    total += shapes.back().second;
  }
  return {shapes, total};
}

CapacityRow draw_room() {
  CapacityRow free;
  for (std::uint32_t i = upto(draw(rc::gen::element(1U, 8U, 64U))); i > 0; --i) {
    const std::uint32_t kind = upto(2);
    free.device_free_milli.push_back(static_cast<std::uint16_t>(kind == 0 ? 1000 : (kind == 1 ? 0 : 10 * upto(99))));
  }
  free.cpu_free_milli = 700 * upto(60);
  return free;
}

/// A row's figure for a job: the fit by definition, or 0 where the node has less CPU than the job asks.
bool is_right(const FitTable& table, const FitRow& row, const CapacityRow& free, const ShapeKey& job) {
  const std::uint8_t figure = row.fit[table.shape_number(job)];
  return figure == table.fragmentation().fit(free, job) || (figure == 0 && free.cpu_free_milli < job.cpu_milli);
}

// REQ: MAT-1. A row holds the fit of each job by definition, on every kind of processor, and 0 where a job's own shape
// finds too little CPU.
RC_GTEST_PROP(FitTable, RowsAreTheFitOfEachShape, ()) {
  FitTable table(draw_demand(), *draw(rc::gen::element(&plain_kernels(), &best_kernels())));
  MatchIndex index({40});
  for (int i = 0; i < 20; ++i) {
    const CapacityRow free = draw_room();
    const FitRow row = index.row(table.state_number(free, index));
    for (const ShapeKey& shape : table.fragmentation().stand_ins()) {
      RC_ASSERT(is_right(table, row, free, shape));
      if (shape.share_milli == 0 && free.cpu_free_milli < shape.cpu_milli) {
        RC_ASSERT(row.fit[table.shape_number(shape)] == 0);
      }
      // Jobs that count as some other shape.
      RC_ASSERT(is_right(table, row, free, {shape.gpus, shape.share_milli, 900 * upto(50)}));
      if (shape.share_milli != 0) RC_ASSERT(is_right(table, row, free, {1, shape.share_milli + 5, 900 * upto(50)}));
    }
  }
}

// Nodes go from state to state far more often than there are states: the rows of those in use stay right, equal rooms
// are one state, and numbers come back.
TEST(FitTableTest, StatesWithoutNodesGiveTheirNumbersBack) {
  FitTable table(Fragmentation({{{1, 0, 4'000}, 3}, {{1, 250, 1'000}, 2}}, 5));
  MatchIndex index({40});
  constexpr std::uint32_t kNodes = 50;
  std::vector<CapacityRow> rooms(kNodes);
  std::uint32_t drawn = 0;
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    drawn = (drawn * 5 + 1) % 65'536;  // every number once
    CapacityRow free;
    for (std::uint32_t i = 0, rest = drawn; i < 8; ++i, rest /= 3) {
      free.device_free_milli.push_back(static_cast<std::uint16_t>(rest % 3 * 500));
    }
    free.cpu_free_milli = drawn / 6'561 * 2'000 + drawn % 7;
    const std::uint32_t id = step % kNodes;
    NodeFacts node;
    node.id = id;
    node.state = table.state_number(free, index);
    index.put(node);
    rooms[id] = free;
    ASSERT_EQ(table.state_number(free, index), node.state);
  }
  EXPECT_LT(index.states(), 2'000U) << "as many as nodes, and some to spare";
  EXPECT_LE(table.states(), index.states());
  for (std::uint32_t id = 0; id < kNodes; ++id) {
    const FitRow& row = index.row(index.facts(id).state);
    for (const ShapeKey& shape : table.fragmentation().stand_ins()) {
      EXPECT_TRUE(is_right(table, row, rooms[id], shape));
    }
  }
  EXPECT_TRUE(index.is_consistent());
}

}  // namespace
}  // namespace starminer::protocol
