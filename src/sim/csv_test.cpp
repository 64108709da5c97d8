#include "sim/csv.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::sim {
namespace {

TEST(Csv, GivesFieldsWithTheirPlaces) {
  const auto csv = Csv::parse("name,cpu\r\n\r\na,12\nb,\n");
  ASSERT_TRUE(csv.has_value());
  ASSERT_EQ(csv->rows().size(), 2U);
  EXPECT_EQ(csv->rows()[0][1].text, "12");
  EXPECT_EQ(csv->rows()[0][1].line, 3U);
  EXPECT_EQ(csv->rows()[0][1].column, 3U);
  EXPECT_EQ(csv->rows()[1][1].text, "");
  EXPECT_EQ(csv->column("cpu"), 1U);
  EXPECT_EQ(csv->find_column("gpu"), std::nullopt);
}

TEST(Csv, SaysWhereAMistakeIs) {
  struct Row {
    std::string_view text;
    std::string_view error;
  };
  for (const Row& row :
       {Row{"", "f:1:1: the file is empty: its first line names the columns"},
        Row{"a,b\n1,2,3\n", "f:2:5: 3 fields, the heading has 2"},
        Row{"a,b\n1\n", "f:2:1: 1 fields, the heading has 2"}, Row{"a,,b\n", "f:1:3: a name of the heading is empty"},
        Row{"a,b,a\n", "f:1:5: the heading names a twice"},
        Row{"a,b\n1,\"2\"\n", "f:2:3: quoted fields are not read: write the field without quotes"}}) {
    const auto csv = Csv::parse(row.text);
    ASSERT_FALSE(csv.has_value()) << row.text;
    EXPECT_EQ(csv.error().in("f"), row.error);
  }
  const auto csv = Csv::parse("a\n");
  ASSERT_TRUE(csv.has_value());
  EXPECT_EQ(csv->column("b").error().in("f"), "f:1:1: the heading has no column b");
}

TEST(Csv, ReadsIntegersOfARange) {
  EXPECT_EQ(parse_integer({"7", 1, 1}, "n", 1, 7), 7U);
  EXPECT_EQ(parse_integer({"8", 2, 3}, "n", 1, 7).error().in("f"), "f:2:3: n is '8', expected an integer of 1..7");
  for (const std::string_view wrong : {"", "-1", "+1", "1.0", " 1", "1 ", "0x1", "99999999999999999999", "0"}) {
    EXPECT_FALSE(parse_integer({wrong, 1, 1}, "n", 1, 7).has_value()) << wrong;
  }
  // What stands in the file never reaches a terminal as it is.
  EXPECT_EQ(parse_integer({"\x1b[2J", 1, 1}, "n", 0, 1).error().text, "n is '?[2J', expected an integer of 0..1");
}

TEST(Csv, ReadsSeconds) {
  EXPECT_EQ(parse_seconds({"90", 1, 1}, "t", 100), 90'000U);
  EXPECT_EQ(parse_seconds({"90.5", 1, 1}, "t", 100), 90'500U);
  EXPECT_EQ(parse_seconds({"0.0009", 1, 1}, "t", 100), 0U);
  for (const std::string_view wrong : {"", ".", "1.", ".5", "1.x", "101", "1e3", "-1"}) {
    EXPECT_FALSE(parse_seconds({wrong, 1, 1}, "t", 100).has_value()) << wrong;
  }
}

RC_GTEST_PROP(Csv, EveryFieldIsTheTextAtItsPlace, ()) {
  const auto lines = *rc::gen::container<std::vector<std::string>>(
      rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab,\n\r1"))));
  std::string text = "h,i\n";
  for (const std::string& line : lines) text += line + "\n";
  const auto csv = Csv::parse(text);
  if (!csv) return;
  std::vector<std::string> physical;
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
      continue;
    }
    physical.push_back(std::exchange(line, ""));
  }
  for (const auto& row : csv->rows()) {
    RC_ASSERT(row.size() == 2U);
    for (const Field& field : row) {
      RC_ASSERT(physical.at(field.line - 1).substr(field.column - 1, field.text.size()) == field.text);
    }
  }
}

}  // namespace
}  // namespace starminer::sim
