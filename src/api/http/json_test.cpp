#include "api/http/json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>

namespace starminer::api::http {
namespace {

using namespace std::string_literals;

std::string refusal_of(const std::string& text, const JsonLimits& limits = {}) {
  const auto parsed = parse_json(text, limits);
  return parsed ? std::string() : parsed.error().detail;
}

TEST(ParseJson, ReadsADocument) {
  const auto parsed = parse_json(R"({"a":[1,-2,2.5,true,null,"\u00e4"],"b":{"c":18446744073709551615}})");
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed)["a"][5], "\xc3\xa4");
  EXPECT_EQ((*parsed)["b"]["c"].get<std::uint64_t>(), 18446744073709551615ULL);
}

TEST(ParseJson, RefusesFromTheTable) {
  const std::pair<std::string, const char*> rows[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"{} {}", "not valid JSON"},
      {"{\"a\":1,}", "not valid JSON"},
      {"[1 2]", "not valid JSON"},
      {"nul", "not valid JSON"},
      {"'a'", "not valid JSON"},
      {"// c\n1", "not valid JSON"},
      {"{\"a\":1,\"a\":2}", "occurs twice"},
      {"{\"a\":1,\"\\u0061\":2}", "occurs twice"},
      {"{\"x\":{\"a\":1,\"a\":1}}", "occurs twice"},
      {"\"\xff\"", "not valid JSON"},
      {"\"\xc0\x80\"", "not valid JSON"},
      {"\"\\ud800\"", "not valid JSON"},
      {"\"a\nb\"", "not valid JSON"},
      {"18446744073709551616", "64 bits"},
      {"-9223372036854775809", "64 bits"},
      {"1e999", "out of range"},
      {"01", "not valid JSON"},
      {"NaN", "not valid JSON"},
      {"\"a\0b\""s, "not valid JSON"},
  };
  for (const auto& [text, reason] : rows) {
    const std::string refusal = refusal_of(text);
    EXPECT_NE(refusal.find(reason), std::string::npos) << text << " -> " << refusal;
  }
}

TEST(ParseJson, RefusesDepthWithoutRecursion) {
  EXPECT_NE(refusal_of(std::string(100'000, '[')).find("nested deeper than 32"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(refusal_of(objects).find("nested deeper than 32"), std::string::npos);
  EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(parse_json(std::string(33, '[') + std::string(33, ']')));
}

TEST(ParseJson, RefusesAMillionKeysAtTheLimit) {
  std::string text = "{";
  for (int i = 0; i < 1'000'000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  text.back() = '}';
  EXPECT_NE(refusal_of(text, {.bytes = 1U << 30U}).find("more than 100000"), std::string::npos);
  const auto too_large = parse_json(text);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().status, 413);
}

TEST(ParseJson, GivesBackWhatWasWritten) {
  EXPECT_TRUE(rc::check([](const std::map<std::string, std::vector<std::int64_t>>& values) {
    nlohmann::json document = nlohmann::json::object();
    for (const auto& [key, value] : values) {
      std::string ascii;
      for (const char c : key) ascii.push_back(static_cast<char>(static_cast<unsigned char>(c) & 0x7fU));
      document[ascii] = value;
    }
    const std::string text = document.dump();
    const auto parsed = parse_json(text);
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(parsed->dump() == text);
  }));
}

}  // namespace
}  // namespace starminer::api::http
