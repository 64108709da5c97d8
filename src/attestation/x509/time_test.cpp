#include "attestation/x509/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::attestation::x509 {
namespace {

der::Element element(std::uint8_t tag, std::string_view text) { return {tag, as_bytes(text), {}}; }

TEST(Time, ReadsKnownMoments) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), UnixTime{0});
  EXPECT_EQ(parse_time("2025-06-15T00:00:00Z"), UnixTime{1'749'945'600});
  EXPECT_EQ(parse_time("2000-02-29T23:59:59Z"), UnixTime{951'868'799});
  EXPECT_EQ(parse_time("9999-12-31T23:59:59Z"), UnixTime{253'402'300'799});
}

TEST(Time, RefusesWhatIsNoMoment) {
  for (const char* text :
       {"", "2025-06-15", "2025-06-15T00:00:00", "2025-06-15T00:00:00+00:00", "2025-06-15 00:00:00Z",
        "2025-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2025-00-10T00:00:00Z",
        "2025-01-00T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z", "2025-01-01T00:00:60Z",
        "1949-12-31T23:59:59Z", "2025-0x-01T00:00:00Z", "2025-06-15T00:00:00.0Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Time, ReadsBothFormsOfCertificates) {
  const auto expected = parse_time("2025-06-15T01:02:03Z");
  EXPECT_EQ(time_of(element(der::kUtcTime, "250615010203Z")), expected);
  EXPECT_EQ(time_of(element(der::kGeneralizedTime, "20250615010203Z")), expected);
  EXPECT_EQ(time_of(element(der::kUtcTime, "500101000000Z")), parse_time("1950-01-01T00:00:00Z"));
  EXPECT_EQ(time_of(element(der::kUtcTime, "491231235959Z")), parse_time("2049-12-31T23:59:59Z"));
  for (const char* text : {"", "2506150102Z", "250615010203+", "20250615010203Z", "2506150102a3Z"}) {
    EXPECT_FALSE(time_of(element(der::kUtcTime, text))) << text;
  }
  EXPECT_FALSE(time_of(element(der::kGeneralizedTime, "20250615010203.5Z")));
  EXPECT_FALSE(time_of(element(der::kOctetString, "250615010203Z")));
}

TEST(Time, BothEndsOfAWindowAreInside) {
  const Validity window{{100}, {200}};
  EXPECT_TRUE(window.contains({100}) && window.contains({200}));
  EXPECT_EQ(time_fault(window, {99}, "it"), "it is valid only from 1970-01-01T00:01:40Z");
  EXPECT_EQ(time_fault(window, {201}, "it"), "it ran out at 1970-01-01T00:03:20Z");
  EXPECT_EQ(time_fault(window, {150}, "it"), "");
}

RC_GTEST_PROP(Time, TextAndSecondsAreOneToOne, ()) {
  const UnixTime time{*rc::gen::inRange<std::int64_t>(-631'152'000, 253'402'300'800)};
  RC_ASSERT(parse_time(format_time(time)) == time);
}

}  // namespace
}  // namespace starminer::attestation::x509
