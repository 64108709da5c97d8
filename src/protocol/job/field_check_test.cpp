#include "protocol/job/field_check.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

bool takes_text(std::string_view text) { return FieldCheck().text("field", text, 1, 64).ok(); }

TEST(FieldCheck, TakesPrintableTextOfAnyScript) {
  EXPECT_TRUE(takes_text("Rack 3, Zürich"));
  EXPECT_TRUE(takes_text("東京の一号機"));
  EXPECT_TRUE(takes_text("\xf0\x9f\x9a\x80"));  // U+1F680
}

TEST(FieldCheck, RefusesControlCharactersAndBrokenText) {
  for (const std::string_view text :
       {"", "\x1b[31m", "a\nb", "\x7f", "\xc2\x85", " a", "a ", "\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(takes_text(text)) << ::testing::PrintToString(text);
  }
  EXPECT_FALSE(takes_text(std::string_view("a\0b", 3)));
  EXPECT_FALSE(takes_text(std::string(65, 'a')));
}

TEST(FieldCheck, KeepsTheFirstFault) {
  FieldCheck check;
  check.range("first", 7, 8, 9).count("second", 2, 1).amount("third", 0, false);
  const auto result = check.result();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, RefusalCode::InvalidField);
  EXPECT_EQ(result.error().detail, "first is 7; allowed 8 to 9");
}

TEST(FieldCheck, CountriesAreTwoCapitals) {
  EXPECT_TRUE(FieldCheck().country("c", "DE", false).ok());
  EXPECT_TRUE(FieldCheck().country("c", "", true).ok());
  for (const std::string_view code : {"", "D", "de", "DEU", "D1", "D "}) {
    EXPECT_FALSE(FieldCheck().country("c", code, false).ok()) << code;
  }
}

RC_GTEST_PROP(FieldCheck, SortedMeansRisingStrictly, (const std::vector<int>& items)) {
  bool rises = true;
  for (std::size_t i = 1; i < items.size(); ++i) rises = rises && items[i - 1] < items[i];
  RC_ASSERT(FieldCheck().sorted("f", items).ok() == rises);
}

RC_GTEST_PROP(FieldCheck, NamesAreGraphicAscii, (const std::string& name)) {
  bool graphic = true;
  for (const char c : name) graphic = graphic && c > ' ' && c < '\x7f';
  RC_ASSERT(FieldCheck().name("f", name, 0, 1'000'000).ok() == graphic);
}

}  // namespace
}  // namespace starminer::protocol
