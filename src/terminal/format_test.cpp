#include "terminal/format.h"

#include <cstdlib>
#include <ctime>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::terminal {
namespace {

TEST(HumanTokens, PrecisionThatMatters) {
  EXPECT_EQ(human_tokens(0), "0");
  EXPECT_EQ(human_tokens(403'500'000), "0.4035");
  EXPECT_EQ(human_tokens(20'200'000), "0.0202");
  EXPECT_EQ(human_tokens(12'500'000'000), "12.5000");
  EXPECT_EQ(human_tokens(100'000'000'000), "100.000");
  EXPECT_EQ(human_tokens(1'234'567'891'000'000), "1 234 567.89");
  EXPECT_EQ(human_tokens(1), "0.000000001");
  EXPECT_EQ(human_tokens(1'234'567), "0.001235");
  EXPECT_EQ(human_tokens(300'000), "0.0003");
  EXPECT_EQ(human_amount(403'549'999, "AGPU"), "0.4035 AGPU");
  EXPECT_EQ(human_amount(403'550'000, "AGPU"), "0.4036 AGPU");
  EXPECT_EQ(human_tokens(99'999'999'999), "100.0000");
}

RC_GTEST_PROP(HumanTokensProperty, PositiveNeverReadsAsZero, ()) {
  const auto base = *rc::gen::inRange<std::uint64_t>(1, std::numeric_limits<std::uint64_t>::max());
  RC_ASSERT(human_tokens(base).find_first_of("123456789") != std::string::npos);
}

TEST(HumanBytes, Decimal) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1 kB");
  EXPECT_EQ(human_bytes(12'400'000), "12.4 MB");
  EXPECT_EQ(human_bytes(999'999), "1 MB");
  EXPECT_EQ(human_bytes(412'000'000'000), "412 GB");
  EXPECT_EQ(human_bytes(std::numeric_limits<std::uint64_t>::max()), "18447 PB");
}

TEST(HumanMemory, Binary) {
  EXPECT_EQ(human_memory(512), "512 B");
  EXPECT_EQ(human_memory(24ULL << 30), "24 GiB");
  EXPECT_EQ(human_memory(3ULL << 29), "1.5 GiB");
  EXPECT_EQ(human_memory(std::numeric_limits<std::uint64_t>::max()), "16383 PiB");
}

TEST(HumanDuration, TwoLargestUnits) {
  EXPECT_EQ(human_duration(0), "0 ms");
  EXPECT_EQ(human_duration(420), "420 ms");
  EXPECT_EQ(human_duration(4'250), "4.2 s");
  EXPECT_EQ(human_duration(5'000), "5 s");
  EXPECT_EQ(human_duration(78'000), "1 min 18 s");
  EXPECT_EQ(human_duration(120'000), "2 min");
  EXPECT_EQ(human_duration(11'400'000), "3 h 10 min");
  EXPECT_EQ(human_duration(187'200'000), "2 d 4 h");
  EXPECT_EQ(clock_text(52'900), "00:52");
  EXPECT_EQ(clock_text(3'723'000), "1:02:03");
}

TEST(HumanCount, GroupsOfThree) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(213), "213");
  EXPECT_EQ(human_count(1'213), "1 213");
  EXPECT_EQ(human_count(1'000'000), "1 000 000");
}

TEST(HumanPercent, FromPpm) {
  EXPECT_EQ(human_percent(700'000), "70 %");
  EXPECT_EQ(human_percent(2'500), "0.25 %");
  EXPECT_EQ(human_percent(905'000), "90.5 %");
}

TEST(HumanTime, ZoneOfTheUserOrUtc) {
  EXPECT_EQ(human_time(1'790'856'207'999, Zone::Utc), "2026-10-01T12:03:27Z");
  EXPECT_EQ(human_time(-1, Zone::Utc), "1969-12-31T23:59:59Z");
  ASSERT_EQ(setenv("TZ", "TST-2", 1), 0);
  tzset();
  EXPECT_EQ(human_time(1'790'856'207'999, Zone::Local), "2026-10-01 14:03:27 TST");
  EXPECT_EQ(human_time(std::numeric_limits<std::int64_t>::max(), Zone::Utc).empty(), false);
}

TEST(HumanDistance, PastAndFuture) {
  EXPECT_EQ(human_distance(10'000, 10'500), "now");
  EXPECT_EQ(human_distance(0, 180'000), "3 min ago");
  EXPECT_EQ(human_distance(7'500'000, 0), "in 2 h 5 min");
  EXPECT_FALSE(
      human_distance(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()).empty());
}

}  // namespace
}  // namespace starminer::terminal
