#include "base/bech32m.h"

#include <algorithm>
#include <cctype>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer {
namespace {

struct ValidRow {
  std::string_view prefix;
  std::string_view text;
  std::string_view data;
};

// BIP 350, valid Bech32m, in lower case.
TEST(Bech32m, AcceptsTheStandardsVectors) {
  const ValidRow rows[] = {
      {"a", "a1lqfn3a", ""},
      {"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber1",
       "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6", ""},
      {"abcdef", "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx", "ffbbcdeb38bdab49ca307b9ac5a928398a418820"},
      {"split", "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
       "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d"},
      {"?", "?1v759aa", ""},
  };
  for (const ValidRow& row : rows) {
    const auto data = bech32m_decode(row.prefix, row.text);
    ASSERT_TRUE(data) << row.text;
    EXPECT_EQ(to_hex(*data), row.data);
    EXPECT_EQ(bech32m_encode(row.prefix, *data), row.text);
  }
}

// The remaining vector of the standard holds 82 groups of five bits, which are no whole bytes: its checksum is right,
// its padding is not zero.
TEST(Bech32m, RefusesPaddingThatIsNotZero) {
  EXPECT_FALSE(bech32m_decode(
      "1", "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8"));
}

// A group too many, all zero, would give the same bytes a second text.
TEST(Bech32m, RefusesAGroupTooMany) {
  EXPECT_EQ(bech32m_decode("sm", "sm1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq0x75jh"), Bytes(20));
  EXPECT_FALSE(bech32m_decode("sm", "sm1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqhz9vfq"));
  EXPECT_FALSE(bech32m_decode("sm", "sm1qnhdrpu"));
}

struct InvalidRow {
  std::string_view prefix;
  std::string_view text;
};

// BIP 350, invalid Bech32m, and the forms that we refuse besides.
TEST(Bech32m, RefusesInvalidTexts) {
  const InvalidRow rows[] = {
      {" ", " 1xj0phk"},
      {"\x7f", "\x7f\x31g6xzxy"},
      {"\x80", "\x80\x31vctc34"},
      {"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber1",
       "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4"},
      {"", "qyrz8wqd2c9m"},
      {"", "1qyrz8wqd2c9m"},
      {"y", "y1b0jsk6g"},
      {"lt", "lt1igcx5c0"},
      {"in", "in1muywd"},
      {"mm", "mm1crxm3i"},
      {"au", "au1s5cgom"},
      {"m", "M1VUXWEZ"},
      {"M", "M1VUXWEZ"},
      {"", "16plkw9"},
      {"", "1p2gdwpf"},
      {"A", "A1LQFN3A"},
      {"a", "A1LQFN3A"},
      {"a", "a1Lqfn3a"},
      {"a", "a12uel5l"},  // plain Bech32
      {"b", "a1lqfn3a"},
      {"a", "a1"},
      {"a", "a"},
      {"a", ""},
  };
  for (const InvalidRow& row : rows) EXPECT_FALSE(bech32m_decode(row.prefix, row.text)) << row.text;
}

RC_GTEST_PROP(Bech32m, RoundTripsAndCatchesErrors, ()) {
  const auto size = *rc::gen::inRange<std::size_t>(0, 48);
  const auto data = *rc::gen::container<Bytes>(size, rc::gen::arbitrary<std::uint8_t>());
  const std::string text = bech32m_encode("sm", data);
  RC_ASSERT(bech32m_decode("sm", text) == data);
  RC_ASSERT(!bech32m_decode("sn", text));
  // Up to four wrong characters are always caught.
  std::string wrong = text;
  const auto errors = *rc::gen::inRange<std::size_t>(1, 5);
  for (std::size_t i = 0; i < errors; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(3, text.size());
    wrong[at] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"[*rc::gen::inRange<std::size_t>(0, 32)];
  }
  if (wrong != text) RC_ASSERT(!bech32m_decode("sm", wrong));
  std::string upper = text;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  RC_ASSERT(!bech32m_decode("sm", upper));
}

TEST(Bech32m, NeverExceedsNinetyCharacters) {
  const std::string longest = bech32m_encode("sm", Bytes(50));  // 2 + 1 + 80 + 6
  EXPECT_EQ(longest.size(), 89U);
  EXPECT_TRUE(bech32m_decode("sm", longest));
  EXPECT_FALSE(bech32m_decode("sm", bech32m_encode("sm", Bytes(51))));
}

}  // namespace
}  // namespace starminer
