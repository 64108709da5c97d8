#include "base/codec.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/amount.h"
#include "base/ids.h"

namespace starminer {
namespace {

enum class Colour : std::uint8_t { Red, Green, Blue };
[[nodiscard]] constexpr std::uint8_t enum_count(Colour) { return 3; }
enum class Wide : std::uint16_t { First, Second };
[[nodiscard]] constexpr std::uint16_t enum_count(Wide) { return 2; }

struct Inner {
  std::uint16_t small = 0;
  std::optional<std::string> name;

  bool operator==(const Inner&) const = default;
};

// Every kind that the encoding knows.
struct Everything {
  bool flag = false;
  std::uint8_t u8 = 0;
  std::uint32_t u32 = 0;
  std::uint64_t u64 = 0;
  std::int32_t i32 = 0;
  std::int64_t i64 = 0;
  Colour colour{};
  Wide wide{};
  std::array<std::uint8_t, 3> raw{};
  std::array<std::uint16_t, 2> pair{};
  std::string text;
  Bytes bytes;
  std::vector<Inner> list;
  std::optional<Inner> maybe;
  Inner inner;
  AccountId account;
  Agpu amount;

  bool operator==(const Everything&) const = default;
};

rc::Gen<Inner> any_inner() {
  return rc::gen::build<Inner>(
      rc::gen::set(&Inner::small),
      rc::gen::set(
          &Inner::name,
          rc::gen::apply([](bool present, std::string text) { return present ? std::optional(text) : std::nullopt; },
                         rc::gen::arbitrary<bool>(), rc::gen::string<std::string>())));
}

Everything any_everything() {
  Everything value;
  value.flag = *rc::gen::arbitrary<bool>();
  value.u8 = *rc::gen::arbitrary<std::uint8_t>();
  value.u32 = *rc::gen::arbitrary<std::uint32_t>();
  value.u64 = *rc::gen::arbitrary<std::uint64_t>();
  value.i32 = *rc::gen::arbitrary<std::int32_t>();
  value.i64 = *rc::gen::arbitrary<std::int64_t>();
  value.colour = *rc::gen::element(Colour::Red, Colour::Green, Colour::Blue);
  value.wide = *rc::gen::element(Wide::First, Wide::Second);
  value.raw = *rc::gen::arbitrary<std::array<std::uint8_t, 3>>();
  value.pair = *rc::gen::arbitrary<std::array<std::uint16_t, 2>>();
  value.text = *rc::gen::string<std::string>();
  value.bytes = *rc::gen::arbitrary<Bytes>();
  value.list = *rc::gen::container<std::vector<Inner>>(any_inner());
  if (*rc::gen::arbitrary<bool>()) value.maybe = *any_inner();
  value.inner = *any_inner();
  value.account.bytes = *rc::gen::arbitrary<std::array<std::uint8_t, 20>>();
  value.amount.base = *rc::gen::arbitrary<std::uint64_t>();
  return value;
}

template <class T>
std::string hex_of(const T& value) {
  return to_hex(encode(value));
}

// The worked examples of docs/formats/encoding.md.
TEST(Codec, Examples) {
  EXPECT_EQ(hex_of(true), "01");
  EXPECT_EQ(hex_of(std::uint8_t{0xab}), "ab");
  EXPECT_EQ(hex_of(std::uint16_t{1}), "0001");
  EXPECT_EQ(hex_of(std::uint32_t{0x01020304}), "01020304");
  EXPECT_EQ(hex_of(std::uint64_t{1'000'000'000}), "000000003b9aca00");
  EXPECT_EQ(hex_of(std::int32_t{0}), "80000000");
  EXPECT_EQ(hex_of(std::int32_t{-1}), "7fffffff");
  EXPECT_EQ(hex_of(std::numeric_limits<std::int64_t>::min()), "0000000000000000");
  EXPECT_EQ(hex_of(Colour::Blue), "02");
  EXPECT_EQ(hex_of(Wide::Second), "0001");
  EXPECT_EQ(hex_of(std::string("AMAX")), "00000004414d4158");
  EXPECT_EQ(hex_of(Bytes{0xde, 0xad}), "00000002dead");
  EXPECT_EQ(hex_of(std::array<std::uint16_t, 2>{1, 2}), "00010002");
  EXPECT_EQ(hex_of(std::optional<std::uint16_t>()), "00");
  EXPECT_EQ(hex_of(std::optional<std::uint16_t>(7)), "010007");
  EXPECT_EQ(hex_of(std::vector<std::uint16_t>{7, 8}), "0000000200070008");
  EXPECT_EQ(hex_of(Inner{5, "x"}), "0005010000000178");
  EXPECT_EQ(hex_of(Agpu{1'500'000'000}), "0000000059682f00");
}

RC_GTEST_PROP(Codec, RoundTrip, ()) {
  const Everything value = any_everything();
  RC_ASSERT(decode<Everything>(encode(value)) == value);
}

RC_GTEST_PROP(Codec, WhatIsAcceptedEncodesToItself, ()) {
  Bytes bytes = encode(any_everything());
  const auto changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = *rc::gen::oneOf(rc::gen::arbitrary<std::uint8_t>(), rc::gen::inRange<std::uint8_t>(0, 4));
  }
  const auto value = decode<Everything>(bytes);
  RC_CLASSIFY(value.has_value(), "accepted");
  if (value) RC_ASSERT(encode(*value) == bytes);
}

RC_GTEST_PROP(Codec, EveryPrefixAndEveryExtensionIsRefused, (std::uint8_t extra)) {
  Bytes bytes = encode(any_everything());
  for (std::size_t size = 0; size < bytes.size(); ++size) RC_ASSERT(!decode<Everything>(ByteView(bytes).first(size)));
  bytes.push_back(extra);
  RC_ASSERT(!decode<Everything>(bytes));
}

template <class T>
bool order_agrees(T a, T b) {
  return (a < b) == (encode(a) < encode(b)) && (a == b) == (encode(a) == encode(b));
}

RC_GTEST_PROP(Codec, EncodedIntegersSortLikeTheirValues,
              (std::uint64_t a, std::uint64_t b, std::int64_t c, std::int64_t d, std::int8_t e, std::int8_t f)) {
  RC_ASSERT(order_agrees(a, b));
  RC_ASSERT(order_agrees(c, d));
  RC_ASSERT(order_agrees(e, f));
  RC_ASSERT(order_agrees(TimeMs{a}.ms, TimeMs{b}.ms));
}

TEST(Codec, RefusesWhatNoValueEncodesTo) {
  EXPECT_FALSE(decode<bool>(Bytes{2}));
  EXPECT_FALSE(decode<std::optional<std::uint8_t>>(Bytes{2, 0}));
  EXPECT_FALSE(decode<std::optional<std::uint8_t>>(Bytes{0, 0}));
  EXPECT_FALSE(decode<Colour>(Bytes{3}));
  EXPECT_FALSE(decode<Wide>(Bytes{1, 0}));
  EXPECT_FALSE(decode<std::uint32_t>(Bytes{0, 0, 0}));
  EXPECT_FALSE(decode<std::string>(Bytes{0, 0, 0, 2, 'a'}));
  EXPECT_FALSE(decode<std::string>(Bytes{0, 0, 0, 1, 'a', 'b'}));
}

TEST(Codec, RefusesLengthsAboveTheLimitBeforeItReservesAnything) {
  EXPECT_FALSE(decode<std::string>(Bytes{0xff, 0xff, 0xff, 0xff}));
  EXPECT_FALSE(decode<std::vector<std::uint64_t>>(Bytes{0xff, 0xff, 0xff, 0xff, 1, 2, 3}));
  const std::string longest(codec::kLengthMax, 'x');
  EXPECT_EQ(decode<std::string>(encode(longest)), longest);
  EXPECT_FALSE(decode<std::string>(encode(longest + "x")));
}

}  // namespace
}  // namespace starminer
