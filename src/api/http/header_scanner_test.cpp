#include "api/http/header_scanner.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace starminer::api::http {
namespace {

using namespace std::string_literals;

constexpr HeaderLimits kLimits{64, 512, 8};

HeaderScan scan(std::string_view data) {
  HeaderScanner scanner(kLimits);
  return scanner.scan(data);
}

TEST(HeaderScanner, FollowsTheTable) {
  const auto fields = [](int count) {
    std::string text = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < count; ++i) text += "a: b\r\n";
    return text + "\r\n";
  };
  const std::pair<std::string, HeaderScan> rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", HeaderScan::Complete},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest\n", HeaderScan::Complete},
      {"GET / HTTP/1.1\r\nHost:\ta\r\n\r\n", HeaderScan::Complete},
      {"GET / HTTP/1.1\r\nHost: a\r\n\r", HeaderScan::NeedMore},
      {"", HeaderScan::NeedMore},
      {"GET / HTTP/1.1\nHost: a\n\n", HeaderScan::Malformed},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", HeaderScan::Malformed},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", HeaderScan::Malformed},
      {"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", HeaderScan::Malformed},
      {"GET / HTTP/1.1\r\nA: b\r\n\tfolded\r\n\r\n", HeaderScan::Malformed},
      {" GET / HTTP/1.1\r\n\r\n", HeaderScan::Malformed},
      {"\r\nGET / HTTP/1.1\r\n\r\n", HeaderScan::Malformed},
      {"GET / HTTP/1.1\r\nA: \0\r\n\r\n"s, HeaderScan::Malformed},
      {"GET / HTTP/1.1\r\nA: \x1b[0m\r\n\r\n", HeaderScan::Malformed},
      {"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", HeaderScan::Malformed},
      {"GET /" + std::string(100, 'a'), HeaderScan::TargetTooLong},
      {"GET /" + std::string(100, 'a') + " HTTP/1.1\r\n\r\n", HeaderScan::TargetTooLong},
      {"GET / HTTP/1.1\r\nA: " + std::string(600, 'b'), HeaderScan::TooLarge},
      {"GET / HTTP/1.1\r\nA: " + std::string(600, 'b') + "\r\n\r\n", HeaderScan::TooLarge},
      {fields(8), HeaderScan::Complete},
      {fields(9), HeaderScan::TooManyFields},
  };
  for (const auto& [data, expected] : rows) EXPECT_EQ(scan(data), expected) << data;
}

TEST(HeaderScanner, TheSplitIntoArrivalsDoesNotMatter) {
  EXPECT_TRUE(rc::check([] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "GET / HTTP/1.1", "\r\n", "\r", "\n", "A: b", " ", "\t", "x", std::string(1, '\0')));
    std::string data;
    for (const std::string& piece : pieces) data += piece;
    const HeaderScan whole = scan(data);
    HeaderScanner scanner(kLimits);
    HeaderScan result = HeaderScan::NeedMore;
    for (std::size_t i = 0; i <= data.size() && result == HeaderScan::NeedMore; ++i) {
      result = scanner.scan(std::string_view(data).substr(0, i));
    }
    RC_ASSERT(result == whole);
  }));
}

}  // namespace
}  // namespace starminer::api::http
