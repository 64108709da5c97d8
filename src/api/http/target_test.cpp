#include "api/http/target.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace starminer::api::http {
namespace {

TEST(PercentDecode, DecodesWhatIsWellFormed) {
  EXPECT_EQ(percent_decode("a%20b%C3%A4"), "a b\xc3\xa4");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode(""), "");
}

TEST(PercentDecode, RefusesTheRest) {
  for (const char* text : {"%", "%2", "%zz", "%0", "a%0", "%00", "%0a", "%7f", "%ff", "%c0%80", "%ed%a0%80",
                           "%f4%90%80%80", "\x01", "%-1"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

TEST(PercentDecode, GivesBackWhatWasEncoded) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    const bool plain = is_valid_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
                         return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                       });
    const auto decoded = percent_decode(percent_encode(text));
    RC_ASSERT(decoded.has_value() == plain);
    if (plain) RC_ASSERT(*decoded == text);
  }));
}

TEST(SplitPath, SplitsAndDecodes) {
  EXPECT_EQ(split_path("/"), std::vector<std::string>{});
  EXPECT_EQ(split_path("/v1/jobs/j%201"), (std::vector<std::string>{"v1", "jobs", "j 1"}));
}

TEST(SplitPath, RefusesWhatCouldBeReadTwoWays) {
  for (const char* path :
       {"", "a", "//", "/a//b", "/a/", "/.", "/..", "/a/../b", "/%2e%2e/b", "/a%2fb", "/a%5cb", "/a%00"}) {
    EXPECT_EQ(split_path(path), std::nullopt) << path;
  }
}

TEST(ParseQuery, ReadsPairs) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_query(""), Pairs{});
  EXPECT_EQ(parse_query("a=1&b=x%20y&c=p+q&d"), (Pairs{{"a", "1"}, {"b", "x y"}, {"c", "p q"}, {"d", ""}}));
}

TEST(ParseQuery, RefusesRepeatedEmptyAndTooMany) {
  std::string many = "p0=1";
  for (int i = 1; i < 65; ++i) many += "&p" + std::to_string(i) + "=1";
  for (const std::string& query :
       {std::string("a=1&a=2"), std::string("=1"), std::string("a=1&"), std::string("a=%"), many}) {
    EXPECT_EQ(parse_query(query), std::nullopt) << query;
  }
}

TEST(EndpointParse, AcceptsTheFormsOfANode) {
  const auto plain = Endpoint::parse("http://127.0.0.1:8080");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->authority(), "127.0.0.1:8080");
  EXPECT_EQ(Endpoint::parse("http://node.example/")->port, "80");
  EXPECT_EQ(Endpoint::parse("http://[::1]:90")->authority(), "[::1]:90");
}

TEST(EndpointParse, RefusesTheRest) {
  for (const char* url : {"", "127.0.0.1:80", "https://a", "http://", "http://a:0", "http://a:65536", "http://a:",
                          "http://a:1x", "http://a/b", "http://u@a", "http://[zz]:1", "http://[::1", "http://a b"}) {
    EXPECT_FALSE(Endpoint::parse(url)) << url;
  }
}

}  // namespace
}  // namespace starminer::api::http
