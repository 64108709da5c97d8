#include "beats/beat_log.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/hash.h"
#include "signing/request.h"

namespace starminer::beats {
namespace {

const SigningKey kAda = SigningKey::from_seed(sha256("ada").bytes);
const SigningKey kBob = SigningKey::from_seed(sha256("bob").bytes);
const NodeId kFirst{{1}};
const NodeId kSecond{{2}};

struct Sent {
  std::string authorization;
  std::string body;
};

Sent signed_beat(const SigningKey& key, const NodeId& node, std::uint64_t number, const std::string& more = "") {
  const std::string body = fmt::format(R"({{"nodes":["{}"]{}}})", node.text(), more);
  return {signing::make_authorization(key, "POST", kBeatTarget, sha256(body), TimeMs{1'000 + number},
                                      fmt::format("{:032x}", number)),
          body};
}

std::string line_of(const SigningKey& key, const NodeId& node, std::uint64_t number, const std::string& more = "") {
  const Sent sent = signed_beat(key, node, number, more);
  return format_beat({5'000 + number}, sent.authorization, sent.body).value();
}

Window window() { return {{kFirst, kAda.account()}, {kSecond, kBob.account()}}; }

// REQ: REG-7
TEST(BeatLog, CountsBeatsAndQuantilesOfTheSignersOwnNodes) {
  std::string file;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    file += line_of(kAda, kFirst, i, fmt::format(R"(,"round_trip_ms":{})", i));
  }
  file += line_of(kBob, kFirst, 200);  // of another's node
  file += line_of(kBob, kSecond, 201);
  file += line_of(kBob, NodeId{{9}}, 202);  // out of the window
  const auto counted = count_beats(file, window());
  ASSERT_TRUE(counted.has_value()) << counted.error();
  ASSERT_EQ(counted->size(), 2U);
  EXPECT_EQ(counted->at(kFirst), (Figures{100, 50, 90, 99}));
  EXPECT_EQ(counted->at(kSecond), (Figures{1, 0, 0, 0}));
}

// REQ: REG-7
TEST(BeatLog, AnAlteredFileIsNotCounted) {
  const std::string good = line_of(kAda, kFirst, 1) + line_of(kAda, kFirst, 2);
  ASSERT_TRUE(count_beats(good, window()).has_value());
  EXPECT_EQ(count_beats(good + line_of(kAda, kFirst, 1), window()).error(),
            "line 3: this beat stands in the file already");
  std::string other = good;
  other.replace(other.find(kFirst.text()), kFirst.text().size(), kSecond.text());
  EXPECT_EQ(count_beats(other, window()).error(), "line 1: its body is not the one that was signed");
  EXPECT_EQ(count_beats(good.substr(0, good.size() - 1), window()).error(), "line 2 has no end");
  EXPECT_EQ(count_beats("x\n", window()).error(), "line 1: it has not three fields");
  const Sent beat = signed_beat(kAda, kFirst, 3);
  const std::string elsewhere =
      signing::make_authorization(kAda, "POST", "/v1/logs", sha256(beat.body), TimeMs{3}, fmt::format("{:032x}", 3));
  EXPECT_EQ(count_beats(*format_beat({1}, elsewhere, beat.body), window()).error(), "line 1: its signature is wrong");
}

TEST(BeatLog, OnlyOneLineIsKeptOfARequest) {
  EXPECT_FALSE(format_beat({1}, "a", "{\n}").has_value());
  EXPECT_FALSE(format_beat({1}, "a\tb", "{}").has_value());
  EXPECT_EQ(format_beat({1}, "a", "{}"), "1\ta\t{}\n");
}

TEST(BeatLog, BodiesThatAreNone) {
  EXPECT_EQ(parse_beat_body("[]").error(), "the body is no JSON object");
  EXPECT_EQ(parse_beat_body("{}").error(), "the body has no list \"nodes\"");
  EXPECT_EQ(parse_beat_body(R"({"nodes":[1]})").error(), "\"nodes\" holds something that is no node id");
  EXPECT_EQ(parse_beat_body(R"({"nodes":[],"round_trip_ms":600001})").error(),
            "\"round_trip_ms\" is no whole number up to 600000");
  EXPECT_EQ(parse_beat_body(R"({"nodes":[],"round_trip_ms":-1})").error(),
            "\"round_trip_ms\" is no whole number up to 600000");
  EXPECT_FALSE(parse_beat_body(R"({"nodes":[],"round_trip_ms":null})")->round_trip_ms.has_value());
}

RC_GTEST_PROP(BeatLog, AQuantileIsTheLeastValueThatSoManyDoNotPass, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0U, 50U)));
  const auto percent = *rc::gen::inRange(1U, 101U);
  const std::uint32_t at = quantile(values, percent);
  const auto up_to = [&values](std::uint32_t most) {
    return static_cast<std::uint64_t>(
        std::count_if(values.begin(), values.end(), [most](std::uint32_t value) { return value <= most; }));
  };
  RC_ASSERT(up_to(at) * 100 >= values.size() * percent);
  RC_ASSERT(at == 0 || up_to(at - 1) * 100 < values.size() * percent);
}

}  // namespace
}  // namespace starminer::beats
