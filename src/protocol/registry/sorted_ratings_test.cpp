#include "protocol/registry/sorted_ratings.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

void expect_equal(const SortedRatings& ratings, const std::vector<std::uint32_t>& sorted) {
  ASSERT_EQ(ratings.size(), sorted.size());
  for (std::size_t rank = 0; rank < sorted.size(); ++rank) ASSERT_EQ(ratings.at(rank), sorted[rank]) << rank;
}

TEST(SortedRatings, KeepsEqualRatingsAsOftenAsTheyWereAdded) {
  SortedRatings ratings;
  for (const std::uint32_t rating : {7U, 3U, 7U, 9U}) ratings.add(rating);
  expect_equal(ratings, {3, 7, 7, 9});
  ratings.remove(7);
  expect_equal(ratings, {3, 7, 9});
}

// Far more of one rating than a piece holds: they stand in several pieces, and each can be removed.
TEST(SortedRatings, TakesManyEqualRatings) {
  SortedRatings ratings;
  for (int i = 0; i < 5'000; ++i) ratings.add(1'000);
  ratings.add(999);
  ratings.add(1'001);
  EXPECT_EQ(ratings.at(0), 999U);
  EXPECT_EQ(ratings.at(5'000), 1'000U);
  EXPECT_EQ(ratings.at(5'001), 1'001U);
  for (int i = 0; i < 5'000; ++i) ratings.remove(1'000);
  expect_equal(ratings, {999, 1'001});
}

TEST(SortedRatingsDeathTest, RefusesARatingThatIsNotThere) {
  SortedRatings ratings;
  EXPECT_DEATH(ratings.remove(1), "");
  ratings.add(2);
  EXPECT_DEATH(ratings.remove(1), "");
  EXPECT_DEATH(ratings.remove(3), "");
  EXPECT_DEATH(static_cast<void>(ratings.at(1)), "");
}

// Against a plain sorted vector, over sizes at which pieces are cut and go.
RC_GTEST_PROP(SortedRatings, EqualAPlainSortedVector, ()) {
  const auto range = *rc::gen::element<std::uint32_t>(3, 500, 1'000'000);
  const auto adds = *rc::gen::inRange<std::size_t>(0, 6'000);
  auto random = *rc::gen::inRange<std::uint32_t>(1, 1'000'000);
  const auto next = [&random] { return random = random * 1'664'525U + 1'013'904'223U; };
  SortedRatings ratings;
  std::vector<std::uint32_t> plain;
  for (std::size_t i = 0; i < adds; ++i) {
    if (!plain.empty() && next() % 4 == 0) {
      const auto place = plain.begin() + next() % plain.size();
      ratings.remove(*place);
      plain.erase(place);
    } else {
      const std::uint32_t rating = next() % range;
      ratings.add(rating);
      plain.insert(std::upper_bound(plain.begin(), plain.end(), rating), rating);
    }
  }
  while (plain.size() > 10 && next() % 2 == 0) {
    ratings.remove(plain.back());
    plain.pop_back();
  }
  expect_equal(ratings, plain);
}

}  // namespace
}  // namespace starminer::protocol
