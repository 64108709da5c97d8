#include "protocol/matching/tag_bits.h"

#include <vector>

#include <gtest/gtest.h>

namespace starminer::protocol {
namespace {

using Tags = std::vector<std::uint64_t>;

TEST(TagBits, ATagHasItsBitWhileANodeHasIt) {
  TagBits<4> tags;
  const auto first = tags.add(Tags{10, 20});
  EXPECT_EQ(first.to_ulong(), 0b0011U);
  EXPECT_EQ(tags.add(Tags{20, 30}).to_ulong(), 0b0110U);
  EXPECT_TRUE(tags.find(40).none());
  // The last bit is shared.
  EXPECT_EQ(tags.add(Tags{40, 50}).to_ulong(), 0b1000U);
  EXPECT_EQ(tags.find(40), tags.find(50));
  EXPECT_TRUE(TagBits<4>::is_shared(tags.find(40)));
  EXPECT_FALSE(TagBits<4>::is_shared(tags.find(10)));
  tags.remove(Tags{10, 20});
  EXPECT_TRUE(tags.find(10).none());
  EXPECT_EQ(tags.find(20).to_ulong(), 0b0010U) << "a node still has it";
  EXPECT_EQ(tags.find(40).to_ulong(), 0b1000U) << "a bit that falls free does not move a tag in use";
  EXPECT_EQ(tags.add(Tags{60, 40}).to_ulong(), 0b1001U);
  tags.remove(Tags{40, 50});
  EXPECT_EQ(tags.find(40).to_ulong(), 0b1000U);
  tags.remove(Tags{60, 40});
  EXPECT_TRUE(tags.find(40).none());
  EXPECT_EQ(tags.add(Tags{40}).to_ulong(), 0b0001U);
}

}  // namespace
}  // namespace starminer::protocol
