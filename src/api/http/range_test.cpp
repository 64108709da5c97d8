#include "api/http/range.h"

#include <string>

#include <gtest/gtest.h>

namespace starminer::api::http {
namespace {

struct Row {
  const char* header;
  std::uint64_t size;
  RangeKind kind;
  std::uint64_t first;
  std::uint64_t length;
};

TEST(ChooseRange, FollowsTheTable) {
  const Row rows[] = {
      {"", 10, RangeKind::Whole, 0, 10},
      {"bytes=0-4", 10, RangeKind::Part, 0, 5},
      {"bytes=5-", 10, RangeKind::Part, 5, 5},
      {"bytes=-3", 10, RangeKind::Part, 7, 3},
      {"bytes=-30", 10, RangeKind::Part, 0, 10},
      {"bytes=0-99", 10, RangeKind::Part, 0, 10},
      {"bytes=9-9", 10, RangeKind::Part, 9, 1},
      {"bytes=10-", 10, RangeKind::Unsatisfiable, 0, 10},
      {"bytes=-0", 10, RangeKind::Unsatisfiable, 0, 10},
      {"bytes=0-", 0, RangeKind::Unsatisfiable, 0, 0},
      {"bytes=5-4", 10, RangeKind::Whole, 0, 10},
      {"bytes=0-1,3-4", 10, RangeKind::Whole, 0, 10},
      {"bytes=a-b", 10, RangeKind::Whole, 0, 10},
      {"bytes=-", 10, RangeKind::Whole, 0, 10},
      {"lines=0-1", 10, RangeKind::Whole, 0, 10},
      {"bytes=99999999999999999999-", 10, RangeKind::Whole, 0, 10},
  };
  for (const Row& row : rows) {
    const RangeChoice choice = choose_range(row.header, row.size);
    EXPECT_EQ(choice.kind, row.kind) << row.header;
    EXPECT_EQ(choice.range.first, row.first) << row.header;
    EXPECT_EQ(choice.range.length, row.length) << row.header;
  }
}

TEST(ParseContentRange, ReadsPartsAndTheEnd) {
  const auto part = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->range.first, 5U);
  EXPECT_EQ(part->range.length, 5U);
  EXPECT_EQ(part->total, 10U);
  const auto end = parse_content_range("bytes */10");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->range.first, 10U);
  EXPECT_EQ(end->range.length, 0U);
}

TEST(ParseContentRange, RefusesTheRest) {
  for (const char* text : {"", "bytes", "bytes 0-9", "bytes 0-9/*", "bytes 0-10/10", "bytes 5-4/10", "bytes -4/10",
                           "bytes 0-/10", "bytes 0-4/10 ", "lines 0-4/10", "bytes */", "bytes 0/4-10"}) {
    EXPECT_FALSE(parse_content_range(text)) << text;
  }
}

}  // namespace
}  // namespace starminer::api::http
