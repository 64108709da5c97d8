#include "base/amount.h"

#include <type_traits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer {
namespace {

// One asset does not become another, and no number becomes an amount by accident.
static_assert(!std::is_convertible_v<Amax, Agpu> && !std::is_constructible_v<Agpu, Amax>);
static_assert(!std::is_convertible_v<std::uint64_t, Agpu> && !std::is_convertible_v<Agpu, std::uint64_t>);

struct ParseRow {
  std::string_view text;
  std::optional<std::uint64_t> base;
};

TEST(ParseTokens, Table) {
  const ParseRow rows[] = {
      {"0", 0},
      {"1", kBasePerToken},
      {"12.5", 12'500'000'000},
      {"0.000000001", 1},
      {"000.1", 100'000'000},
      {"1000000000", 1'000'000'000 * kBasePerToken},
      {"9223372036.854775807", kAmountMax},
      {"9223372036.854775808", std::nullopt},
      {"18446744073.709551616", std::nullopt},
      {"99999999999999999999999999", std::nullopt},
      {"0.0000000001", std::nullopt},
      {"0.1000000000", std::nullopt},
      {"", std::nullopt},
      {".", std::nullopt},
      {".5", std::nullopt},
      {"5.", std::nullopt},
      {"-1", std::nullopt},
      {"+1", std::nullopt},
      {"1e3", std::nullopt},
      {"1,000", std::nullopt},
      {" 1", std::nullopt},
      {"1 ", std::nullopt},
      {"1.2.3", std::nullopt},
      {"0x10", std::nullopt},
      {"1 AGPU", std::nullopt},
      {"\xd9\xa1", std::nullopt},  // an Arabic-Indic digit
  };
  for (const ParseRow& row : rows) EXPECT_EQ(parse_tokens(row.text), row.base) << '"' << row.text << '"';
}

TEST(FormatAmount, CutsZerosButKeepsTwoDigits) {
  EXPECT_EQ(format_amount(Agpu{12'500'000'000}), "12.50 AGPU");
  EXPECT_EQ(format_amount(Amax{0}), "0.00 AMAX");
  EXPECT_EQ(format_amount(Usd{1}), "0.000000001 USD");
  EXPECT_EQ(format_amount(Agpu{1'230'000'000}), "1.23 AGPU");
  EXPECT_EQ(format_amount(Agpu{1'234'000'000}), "1.234 AGPU");
  EXPECT_EQ(format_amount(Agpu{kAmountMax}), "9223372036.854775807 AGPU");
  EXPECT_EQ(format_tokens(12'500'000'000), "12.500000000");
}

RC_GTEST_PROP(Tokens, RoundTrip, (std::uint64_t any)) {
  for (const std::uint64_t base : {any & kAmountMax, kAmountMax - (any & kAmountMax)}) {
    RC_ASSERT(parse_tokens(format_tokens(base)) == base);
    const std::string text = format_amount(Asset::Usd, base);
    RC_ASSERT(parse_tokens(text.substr(0, text.size() - 4)) == base);
  }
}

RC_GTEST_PROP(Tokens, AnyTextGivesAValueOrNothing, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::element('0', '1', '9', '.', '-', 'e', ' ', '\0'));
  const auto base = parse_tokens(text);
  if (base) RC_ASSERT(parse_tokens(format_tokens(*base)) == base);
}

RC_GTEST_PROP(Amounts, SumsStayBelowTheLargestAmount, (std::uint64_t a, std::uint64_t b)) {
  const Agpu x{kAmountMax - (a & kAmountMax)}, y{b & kAmountMax};
  const auto sum = checked_add(x, y);
  RC_ASSERT(sum.has_value() == (x.base + y.base <= kAmountMax));
  if (sum) RC_ASSERT(checked_sub(*sum, y) == x);
  RC_ASSERT(checked_sub(x, y).has_value() == (y <= x));
}

TEST(Assets, NamesAreUniqueAndFound) {
  for (const Asset asset : {Asset::Agpu, Asset::Amax, Asset::Usd}) EXPECT_EQ(find_asset(asset_name(asset)), asset);
  EXPECT_EQ(find_asset("agpu"), std::nullopt);
  EXPECT_EQ(find_asset(""), std::nullopt);
}

TEST(Time, SaturatesInsteadOfWrapping) {
  constexpr std::uint64_t kEnd = ~std::uint64_t{0};
  EXPECT_EQ(TimeMs{5} + DurationMs{7}, TimeMs{12});
  EXPECT_EQ(TimeMs{kEnd - 1} + DurationMs{7}, TimeMs{kEnd});
  EXPECT_EQ(elapsed(TimeMs{5}, TimeMs{7}), DurationMs{0});
  EXPECT_EQ(elapsed(TimeMs{7}, TimeMs{5}), DurationMs{2});
  EXPECT_EQ(seconds(3), DurationMs{3'000});
  EXPECT_EQ(seconds(kEnd), DurationMs{kEnd});
}

}  // namespace
}  // namespace starminer
