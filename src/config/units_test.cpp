#include "config/units.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/amount.h"
#include "config/nearest.h"

namespace starminer::config {
namespace {

using std::chrono::milliseconds;
constexpr auto kU64Max = std::numeric_limits<std::uint64_t>::max();

TEST(Duration, Parses) {
  const std::pair<std::string_view, std::int64_t> rows[] = {{"90s", 90'000},
                                                            {"2 min", 120'000},
                                                            {"1h30m", 5'400'000},
                                                            {"500ms", 500},
                                                            {"1.5 h", 5'400'000},
                                                            {"1 h 30 min", 5'400'000},
                                                            {"0s", 0},
                                                            {"1d", 86'400'000},
                                                            {"2 weeks", 1'209'600'000},
                                                            {" 3 seconds ", 3'000},
                                                            {"0.001s", 1},
                                                            {"36600 d", 3'162'240'000'000}};
  for (const auto& [text, ms] : rows) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().text;
    EXPECT_EQ(parsed->count(), ms) << text;
  }
}

TEST(Duration, RefusesAndSaysWhatItExpected) {
  const std::pair<std::string_view, UnitErrorCode> rows[] = {
      {"", UnitErrorCode::Malformed},         {"90", UnitErrorCode::UnitMissing},
      {"-5s", UnitErrorCode::Malformed},      {"5 lightyears", UnitErrorCode::UnitUnknown},
      {"30m1h", UnitErrorCode::Malformed},    {"1h1h", UnitErrorCode::Malformed},
      {"0.0001s", UnitErrorCode::TooPrecise}, {"101 y", UnitErrorCode::UnitUnknown},
      {"36601d", UnitErrorCode::OutOfRange},  {"99999999999999999999s", UnitErrorCode::OutOfRange},
      {"1.s", UnitErrorCode::Malformed},      {".5s", UnitErrorCode::Malformed},
      {"1e3s", UnitErrorCode::UnitUnknown},   {"1,5h", UnitErrorCode::UnitMissing},
      {"2 M", UnitErrorCode::UnitUnknown}};
  for (const auto& [text, code] : rows) {
    const auto parsed = parse_duration(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, code) << text << ": " << parsed.error().text;
  }
  EXPECT_EQ(parse_duration("90").error().text,
            R"("90" has no unit of time: expected a number and a unit, such as "90s", "2 min" or "1h30m")");
}

RC_GTEST_PROP(UnitProperty, DurationFormatParsesBack, ()) {
  const milliseconds duration(*rc::gen::inRange<std::int64_t>(0, 3'162'240'000'000));
  RC_ASSERT(parse_duration(format_duration(duration)) == duration);
}

TEST(Size, Parses) {
  const std::pair<std::string_view, std::uint64_t> rows[] = {
      {"2 GiB", 2ULL << 30}, {"512 MB", 512'000'000}, {"1.5GiB", 3ULL << 29},       {"0 B", 0},
      {"10 kB", 10'000},     {"0.3 KiB", 307},        {"16383 PiB", 16383ULL << 50}};
  for (const auto& [text, bytes] : rows) {
    const auto parsed = parse_size(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().text;
    EXPECT_EQ(parsed->bytes, bytes) << text;
  }
}

TEST(Size, Refuses) {
  const std::pair<std::string_view, UnitErrorCode> rows[] = {{"", UnitErrorCode::Malformed},
                                                             {"2", UnitErrorCode::UnitMissing},
                                                             {"2 G", UnitErrorCode::UnitUnknown},
                                                             {"-1 GB", UnitErrorCode::Malformed},
                                                             {"16384 PiB", UnitErrorCode::OutOfRange},
                                                             {"2 gib", UnitErrorCode::UnitUnknown},
                                                             {"1 GB 5 MB", UnitErrorCode::UnitUnknown},
                                                             {"1234567890123456789012 B", UnitErrorCode::OutOfRange}};
  for (const auto& [text, code] : rows) {
    const auto parsed = parse_size(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, code) << text << ": " << parsed.error().text;
  }
}

RC_GTEST_PROP(UnitProperty, SizeFormatParsesBack, ()) {
  // Every byte count whose decimal digits fit; above, sizes are whole multiples of a unit.
  const ByteSize size{*rc::gen::inRange<std::uint64_t>(0, 999'999'999'999'999'999ULL)};
  RC_ASSERT(parse_size(format_size(size)) == size);
  const ByteSize round{*rc::gen::inRange<std::uint64_t>(0, 16384) << *rc::gen::inRange(0, 50)};
  RC_ASSERT(parse_size(format_size(round)) == round);
}

TEST(Amount, ExactDecimal) {
  EXPECT_EQ(parse_token_amount("1.5 AGPU", "AGPU"), 1'500'000'000U);
  EXPECT_EQ(parse_token_amount("0.000000001AGPU", "AGPU"), 1U);
  EXPECT_EQ(parse_token_amount("9223372036.854775807 AGPU", "AGPU"), kAmountMax);
  // 0.1 + 0.2 has no error in decimals.
  EXPECT_EQ(*parse_token_amount("0.1 AGPU", "AGPU") + *parse_token_amount("0.2 AGPU", "AGPU"),
            *parse_token_amount("0.3 AGPU", "AGPU"));
  EXPECT_EQ(format_token_amount(1'500'000'000, "AGPU"), "1.5 AGPU");
  EXPECT_EQ(format_token_amount(0, "AMAX"), "0 AMAX");
}

TEST(Amount, Refuses) {
  const std::pair<std::string_view, UnitErrorCode> rows[] = {{"1.5", UnitErrorCode::UnitMissing},
                                                             {"1.5 AMAX", UnitErrorCode::UnitUnknown},
                                                             {"AGPU", UnitErrorCode::Malformed},
                                                             {"-1 AGPU", UnitErrorCode::OutOfRange},
                                                             {"1.5.2 AGPU", UnitErrorCode::Malformed},
                                                             {"1. AGPU", UnitErrorCode::Malformed},
                                                             {"1.0000000001 AGPU", UnitErrorCode::TooPrecise},
                                                             {"9223372036.854775808 AGPU", UnitErrorCode::OutOfRange},
                                                             {"99999999999999999999 AGPU", UnitErrorCode::OutOfRange},
                                                             {"1e9 AGPU", UnitErrorCode::UnitUnknown}};
  for (const auto& [text, code] : rows) {
    const auto parsed = parse_token_amount(text, "AGPU");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, code) << text << ": " << parsed.error().text;
  }
}

RC_GTEST_PROP(UnitProperty, AmountFormatParsesBack, ()) {
  const auto base = *rc::gen::inRange<std::uint64_t>(0, kAmountMax);
  RC_ASSERT(parse_token_amount(format_token_amount(base, "AGPU"), "AGPU") == base);
}

TEST(Percent, ParsesAndRefuses) {
  EXPECT_EQ(parse_percent("25 %"), 250'000U);
  EXPECT_EQ(parse_percent("0.25%"), 2'500U);
  EXPECT_EQ(parse_percent("100%"), 1'000'000U);
  EXPECT_EQ(parse_percent("100.0001 %").error().code, UnitErrorCode::OutOfRange);
  EXPECT_EQ(parse_percent("25").error().code, UnitErrorCode::UnitMissing);
  EXPECT_EQ(parse_percent("%").error().code, UnitErrorCode::Malformed);
  EXPECT_EQ(parse_percent("0.00001 %").error().code, UnitErrorCode::TooPrecise);
}

RC_GTEST_PROP(UnitProperty, PercentAndMilliFormatParseBack, ()) {
  const auto ppm = *rc::gen::inRange<std::uint32_t>(0, 1'000'001);
  RC_ASSERT(parse_percent(format_percent(ppm)) == ppm);
  const auto milli = *rc::gen::arbitrary<std::uint32_t>();
  RC_ASSERT(parse_milli(format_milli(milli)) == milli);
}

TEST(Milli, Parses) {
  EXPECT_EQ(parse_milli("4"), 4000U);
  EXPECT_EQ(parse_milli("1.5"), 1500U);
  EXPECT_EQ(parse_milli("1.2345").error().code, UnitErrorCode::TooPrecise);
  EXPECT_EQ(parse_milli("-1").error().code, UnitErrorCode::Malformed);
  EXPECT_EQ(parse_milli("5000000").error().code, UnitErrorCode::OutOfRange);
}

TEST(Whole, Parses) {
  EXPECT_EQ(parse_whole("18446744073709551615"), kU64Max);
  for (const char* text : {"", "-1", "+1", "1.0", "0x10", "1 ", "18446744073709551616"})
    EXPECT_FALSE(parse_whole(text)) << text;
}

TEST(Address, Parses) {
  EXPECT_EQ(parse_host_port("127.0.0.1:8545"), (HostPort{"127.0.0.1", 8545}));
  EXPECT_EQ(parse_host_port("[::1]:0"), (HostPort{"::1", 0}));
  EXPECT_EQ(parse_host_port("node-1.example.org:443"), (HostPort{"node-1.example.org", 443}));
  for (const char* text : {"", "8545", ":8545", "::1:8545", "256.0.0.1:1", "1.2.3:1", "a..b:1", "-a:1", "a-:1", "a b:1",
                           "[::g]:1", "host:", "host:65536", "host:-1", "host:1x", "host:000080", "http://host:80"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

RC_GTEST_PROP(UnitProperty, AddressFormatParsesBack, ()) {
  const auto host = *rc::gen::element<std::string>("127.0.0.1", "::1", "fe80::1", "localhost", "a.b-c.d");
  const HostPort address{host, *rc::gen::arbitrary<std::uint16_t>()};
  RC_ASSERT(parse_host_port(format_host_port(address)) == address);
}

RC_GTEST_PROP(UnitProperty, ParsersTakeAnyBytes, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::oneOf(
      rc::gen::element('0', '9', '1', '.', ' ', 'h', 'm', 's', 'G', 'i', 'B', '%', ':', '[', ']', 'A', 'P', 'U', '-'),
      rc::gen::arbitrary<char>()));
  for (const auto& error :
       {parse_duration(text).map([](auto) {}), parse_size(text).map([](auto) {}), parse_percent(text).map([](auto) {}),
        parse_token_amount(text, "AGPU").map([](auto) {}), parse_host_port(text).map([](const auto&) {})}) {
    if (!error) RC_ASSERT(!error.error().text.empty());
  }
}

TEST(Nearest, FindsTypingErrors) {
  const std::vector<std::string> names = {"gpus", "gpu_memory", "max_price", "command", "cpus"};
  EXPECT_EQ(nearest_name("gpu", names), "gpus");
  EXPECT_EQ(nearest_name("max-price", names), "max_price");
  EXPECT_EQ(nearest_name("comand", names), "command");
  EXPECT_EQ(nearest_name("commnad", names), "command");
  EXPECT_EQ(nearest_name("zebra", names), std::nullopt);
  EXPECT_EQ(nearest_name("", names), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(100'000, 'g'), names), std::nullopt);
  EXPECT_EQ(did_you_mean("GPUS", names), R"(; did you mean "gpus"?)");
  EXPECT_EQ(did_you_mean("zebra", names), "");
}

}  // namespace
}  // namespace starminer::config
