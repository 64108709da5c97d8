#include "attestation/json/json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::attestation::json {
namespace {

TEST(Json, ReadsValuesWithTheirText) {
  const std::string text = R"( {"a":[1,{"b":null}],"c":"x\"\\\/\n\u0041\u00e9\u20ac","d":true,"e":false,"f":{}} )";
  const auto value = parse(text);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->raw, text.substr(1, text.size() - 2));
  EXPECT_EQ(value->find("a")->raw, "[1,{\"b\":null}]");
  EXPECT_EQ(value->find("a")->items[0].number, 1U);
  EXPECT_EQ(value->text_of("c"), "x\"\\/\nA\xc3\xa9\xe2\x82\xac");
  EXPECT_TRUE(value->find("d")->boolean);
  EXPECT_FALSE(value->find("e")->boolean);
  EXPECT_EQ(value->find("f", Kind::Array), nullptr);
  EXPECT_EQ(value->find("g"), nullptr);
  EXPECT_FALSE(value->text_of("d"));
  EXPECT_FALSE(value->number_of("c"));
}

// REQ: VER-2
TEST(Json, RefusesWhatCouldBeReadInTwoWays) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1",
                           "[1,]",
                           "[,]",
                           "{\"a\":1,}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "{\"a\":1}x",
                           "{\"a\":1,\"a\":1}",
                           "01",
                           "-1",
                           "1.0",
                           "1e3",
                           "18446744073709551616",
                           "nul",
                           "truE",
                           "\"\xc3\xa9\"",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud83d\"",
                           "\"abc",
                           "\"\\",
                           "\"\\u00",
                           "'a'",
                           "[1 2]",
                           "\x01"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
  EXPECT_EQ(parse("18446744073709551615")->number, 18'446'744'073'709'551'615U);
  EXPECT_EQ(parse("0")->number, 0U);
}

TEST(Json, HasLimits) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse(nested(kDepthMax + 1)));
  EXPECT_FALSE(parse(nested(kDepthMax + 2)));
  std::string many = "[0";
  for (std::size_t i = 2; i < kValuesMax; ++i) many += ",0";
  EXPECT_TRUE(parse(many + "]"));
  EXPECT_FALSE(parse(many + ",0]"));
  std::string members = "{\"0\":0";
  for (std::size_t i = 1; i < kMembersMax; ++i) members += ",\"" + std::to_string(i) + "\":0";
  EXPECT_TRUE(parse(members + "}"));
  EXPECT_FALSE(parse(members + ",\"more\":0}"));
}

RC_GTEST_PROP(Json, TakesAnyText, (const std::string& text)) { static_cast<void>(parse(text)); }

RC_GTEST_PROP(Json, NumbersKeepTheirValue, (std::uint64_t number)) {
  RC_ASSERT(parse(std::to_string(number))->number == number);
}

}  // namespace
}  // namespace starminer::attestation::json
