// Every loop against an obvious one, on values chosen to meet: near each other, around zero, at the ends, NaNs.
#include "verification/comparison/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/arithmetic.h"
#include "verification/comparison/test_files.h"

namespace starminer::verification {
namespace {

struct Floats {
  Element element;
  unsigned exponent_bits;
  unsigned mantissa_bits;

  [[nodiscard]] unsigned width() const { return 1 + exponent_bits + mantissa_bits; }
  [[nodiscard]] std::uint64_t infinity() const { return ((std::uint64_t{1} << exponent_bits) - 1) << mantissa_bits; }
  [[nodiscard]] std::uint64_t sign() const { return std::uint64_t{1} << (width() - 1); }
};

constexpr Floats kF16{Element::F16, 5, 10};
constexpr Floats kBf16{Element::Bf16, 8, 7};
constexpr Floats kF32{Element::F32, 8, 23};
constexpr Floats kF64{Element::F64, 11, 52};

/// How far apart two elements are, as a person would say it; nothing for a NaN against anything but its like.
std::optional<u128> obvious_distance(const Floats& format, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t size_a = a & (format.sign() - 1);
  const std::uint64_t size_b = b & (format.sign() - 1);
  const bool nan_a = size_a > format.infinity();
  const bool nan_b = size_b > format.infinity();
  if (nan_a || nan_b) {
    const std::uint64_t quiet = std::uint64_t{1} << (format.mantissa_bits - 1);
    if (nan_a && nan_b && (a & quiet) == (b & quiet)) return 0;
    return std::nullopt;
  }
  // Steps down to zero and up again, or along one side.
  if ((a & format.sign()) != (b & format.sign())) return u128{size_a} + size_b;
  return size_a > size_b ? size_a - size_b : size_b - size_a;
}

struct Expected {
  std::uint64_t differing = 0;
  std::uint64_t beyond = 0;
  u128 largest = 0;
  std::optional<std::size_t> first;
};

Expected obvious_ulp(const Floats& format, const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b,
                     std::uint64_t most) {
  Expected expected;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto apart = obvious_distance(format, a[i], b[i]);
    expected.differing += a[i] != b[i] ? 1 : 0;
    expected.largest = std::max(expected.largest, apart.value_or(0));
    if (apart && *apart <= most) continue;
    ++expected.beyond;
    if (!expected.first) expected.first = i;
  }
  return expected;
}

Tensor narrow(const Floats& format, const std::vector<std::uint64_t>& bits) {
  if (format.width() == 16) return tensor_of(format.element, std::vector<std::uint16_t>(bits.begin(), bits.end()));
  if (format.width() == 32) return tensor_of(format.element, std::vector<std::uint32_t>(bits.begin(), bits.end()));
  return tensor_of(format.element, bits);
}

/// Bits near the places where something changes, so that two of them are often close.
rc::Gen<std::uint64_t> element_bits(const Floats& format) {
  const std::uint64_t mask = format.sign() | (format.sign() - 1);
  const std::vector<std::uint64_t> places = {0,
                                             format.sign(),
                                             format.infinity(),
                                             format.infinity() | format.sign(),
                                             format.infinity() | std::uint64_t{1} << (format.mantissa_bits - 1),
                                             mask};
  return rc::gen::oneOf(
      rc::gen::apply([mask](std::uint64_t place, std::uint64_t offset) { return (place + offset - 8) & mask; },
                     rc::gen::elementOf(places), rc::gen::inRange<std::uint64_t>(0, 17)),
      rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [mask](std::uint64_t bits) { return bits & mask; }));
}

void ulp_is_obvious(const Floats& format) {
  // Longer than a block of the loop at times: the same elements over and over, with a change at one place.
  const auto length = *rc::gen::weightedOneOf<std::size_t>(
      {{9, rc::gen::inRange<std::size_t>(0, 40)}, {1, rc::gen::inRange<std::size_t>(2'000, 4'200)}});
  const auto few = *rc::gen::container<std::vector<std::uint64_t>>(8, element_bits(format));
  std::vector<std::uint64_t> a(length);
  for (std::size_t i = 0; i < length; ++i) a[i] = few[i % few.size()];
  std::vector<std::uint64_t> b = a;
  const auto changes = *rc::gen::inRange<std::size_t>(0, 6);
  for (std::size_t change = 0; change < changes && length > 0; ++change) {
    const auto at = *rc::gen::inRange<std::size_t>(0, length);
    b[at] = *element_bits(format);
  }
  const auto most = *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 20), rc::gen::arbitrary<std::uint64_t>());
  const Expected expected = obvious_ulp(format, a, b, most);
  const UlpFindings found = compare_ulp(narrow(format, a), narrow(format, b), most);
  RC_ASSERT(found.findings.compared == length);
  RC_ASSERT(found.findings.differing == expected.differing);
  RC_ASSERT(found.findings.beyond == expected.beyond);
  RC_ASSERT(found.findings.largest == expected.largest);
  RC_ASSERT(found.findings.first.has_value() == expected.first.has_value());
  if (expected.first) {
    const Difference& first = *found.findings.first;
    RC_ASSERT(first.index == *expected.first);
    RC_ASSERT(first.claimed == a[*expected.first]);
    RC_ASSERT(first.recomputed == b[*expected.first]);
    RC_ASSERT(found.first_is_nan == !obvious_distance(format, first.claimed, first.recomputed).has_value());
  }
  const UlpFindings turned = compare_ulp(narrow(format, b), narrow(format, a), most);
  RC_ASSERT(turned.findings.beyond == found.findings.beyond);
  RC_ASSERT(turned.findings.largest == found.findings.largest);
}

RC_GTEST_PROP(Ulp, OfHalves, ()) { ulp_is_obvious(kF16); }
RC_GTEST_PROP(Ulp, OfBrainFloats, ()) { ulp_is_obvious(kBf16); }
RC_GTEST_PROP(Ulp, OfSingles, ()) { ulp_is_obvious(kF32); }
RC_GTEST_PROP(Ulp, OfDoubles, ()) { ulp_is_obvious(kF64); }

std::uint64_t ulp_apart(float a, float b) {
  return compare_ulp(tensor_of<float>(Element::F32, {a}), tensor_of<float>(Element::F32, {b}), 0).findings.largest;
}

// The machine's own idea of neighbours.
RC_GTEST_PROP(Ulp, CountsStepsOfNextafter, (std::uint32_t bits)) {
  const auto steps = *rc::gen::inRange<std::uint64_t>(0, 30);
  const auto start = std::bit_cast<float>(bits);
  RC_PRE(!std::isnan(start));
  float end = start;
  std::uint64_t made = 0;
  for (; made < steps && end != std::numeric_limits<float>::infinity(); ++made)
    end = std::nextafter(end, std::numeric_limits<float>::infinity());
  RC_ASSERT(ulp_apart(start, end) == made);
}

// All 16-bit patterns, in the order of their values: the place in that order is the ordered number.
TEST(Ulp, OfEveryHalfAgainstItsPlaceInOrder) {
  const auto value_of = [](std::uint16_t bits) {
    const int exponent = (bits >> 10) & 31;
    const int mantissa = bits & 1023;
    double size = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    if (exponent == 31) size = std::numeric_limits<double>::infinity();
    return (bits & 0x8000) != 0 ? -size : size;
  };
  std::map<double, std::uint64_t> places;
  std::vector<std::uint16_t> numbers;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7fff) > 0x7c00) continue;
    numbers.push_back(static_cast<std::uint16_t>(bits));
    places[value_of(numbers.back())] = 0;
  }
  std::uint64_t place = 0;
  for (auto& [value, number] : places) number = place++;
  ASSERT_EQ(places.size(), 2 * 0x7c00U + 1);  // -0 is 0
  const std::uint16_t from[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x3c00, 0xbc00, 0x7bff, 0x7c00, 0xfc00, 0x0400};
  for (const std::uint16_t a : from) {
    for (const std::uint16_t b : numbers) {
      const std::uint64_t x = places[value_of(a)];
      const std::uint64_t y = places[value_of(b)];
      const auto found =
          compare_ulp(tensor_of<std::uint16_t>(Element::F16, {a}), tensor_of<std::uint16_t>(Element::F16, {b}), 0);
      ASSERT_EQ(found.findings.largest, x > y ? x - y : y - x) << a << " " << b;
    }
  }
}

TEST(Ulp, RulesOfZeroInfinityAndNan) {
  const float largest = std::numeric_limits<float>::max();
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(ulp_apart(0.0F, -0.0F), 0U);
  EXPECT_EQ(ulp_apart(largest, infinity), 1U);
  EXPECT_EQ(ulp_apart(std::numeric_limits<float>::denorm_min(), -std::numeric_limits<float>::denorm_min()), 2U);
  EXPECT_EQ(ulp_apart(-infinity, infinity), 2U * 0x7f80'0000U);
  const auto beyond = [](std::uint32_t a, std::uint32_t b) {
    constexpr std::uint64_t kEverything = ~std::uint64_t{0};
    const auto found = compare_ulp(tensor_of<std::uint32_t>(Element::F32, {a}),
                                   tensor_of<std::uint32_t>(Element::F32, {b}), kEverything);
    return found.findings.beyond == 1 && found.first_is_nan;
  };
  constexpr std::uint32_t kQuiet = 0x7fc0'0000;
  constexpr std::uint32_t kSignalling = 0x7f80'0001;
  EXPECT_FALSE(beyond(kQuiet, kQuiet | 0x8000'0000));  // signs and payloads of NaNs mean nothing
  EXPECT_FALSE(beyond(kQuiet, kQuiet | 7));
  EXPECT_FALSE(beyond(kSignalling, kSignalling + 1));
  EXPECT_TRUE(beyond(kQuiet, kSignalling));
  EXPECT_TRUE(beyond(kQuiet, 0x7f80'0000));
  EXPECT_TRUE(beyond(0, kQuiet));
}

template <class T>
void integers_are_obvious(Element element) {
  auto a = *rc::gen::container<std::vector<T>>(rc::gen::arbitrary<T>());
  if (*rc::gen::inRange(0, 10) == 0) a.resize(*rc::gen::inRange<std::size_t>(0, 5'000));
  std::vector<T> b = a;
  const auto offsets = *rc::gen::container<std::vector<T>>(7, rc::gen::arbitrary<T>());
  std::size_t i = 0;
  using U = std::make_unsigned_t<T>;
  for (T& value : b) {
    value = static_cast<T>(static_cast<U>(static_cast<U>(value) + static_cast<U>(offsets[i++ % offsets.size()])));
  }
  const auto most = *rc::gen::inRange<std::uint64_t>(0, 200);
  std::uint64_t beyond = 0;
  u128 largest = 0;
  for (i = 0; i < a.size(); ++i) {
    const i128 difference = i128{a[i]} - i128{b[i]};
    const auto size = static_cast<u128>(difference < 0 ? -difference : difference);
    largest = std::max(largest, size);
    beyond += size > most ? 1 : 0;
  }
  const auto found = compare_ulp(tensor_of(element, a), tensor_of(element, b), most);
  RC_ASSERT(found.findings.beyond == beyond);
  RC_ASSERT(found.findings.largest == largest);
}

RC_GTEST_PROP(Ulp, OfIntegersIsTheirDifference, ()) {
  integers_are_obvious<std::int8_t>(Element::I8);
  integers_are_obvious<std::uint8_t>(Element::U8);
  integers_are_obvious<std::int16_t>(Element::I16);
  integers_are_obvious<std::uint16_t>(Element::U16);
  integers_are_obvious<std::int32_t>(Element::I32);
  integers_are_obvious<std::uint32_t>(Element::U32);
  integers_are_obvious<std::int64_t>(Element::I64);
  integers_are_obvious<std::uint64_t>(Element::U64);
}

template <class T>
void squares_are_obvious(Element element) {
  const auto length = *rc::gen::weightedOneOf<std::size_t>(
      {{9, rc::gen::inRange<std::size_t>(0, 40)}, {1, rc::gen::inRange<std::size_t>(2'000, 4'200)}});
  std::vector<T> a(length, *rc::gen::arbitrary<T>());
  std::vector<T> b = a;
  const auto changes = *rc::gen::inRange<std::size_t>(0, 6);
  for (std::size_t change = 0; change < changes && length > 0; ++change)
    b[*rc::gen::inRange<std::size_t>(0, length)] = *rc::gen::arbitrary<T>();
  Findings expected;
  expected.compared = length;
  for (std::size_t i = 0; i < length; ++i) {
    const std::int64_t difference = std::int64_t{a[i]} - std::int64_t{b[i]};
    const auto size = static_cast<std::uint64_t>(std::abs(difference));
    expected.squared_error += size * size;
    expected.largest = std::max(expected.largest, size);
    if (size == 0) continue;
    ++expected.differing;
    if (!expected.first)
      expected.first = Difference{0, i, std::make_unsigned_t<T>(a[i]), std::make_unsigned_t<T>(b[i])};
  }
  RC_ASSERT(compare_squares(tensor_of(element, a), tensor_of(element, b)) == expected);
}

RC_GTEST_PROP(Squares, AreObvious, ()) {
  squares_are_obvious<std::int8_t>(Element::I8);
  squares_are_obvious<std::uint8_t>(Element::U8);
  squares_are_obvious<std::int16_t>(Element::I16);
  squares_are_obvious<std::uint16_t>(Element::U16);
}

TEST(Squares, OfTheWorstPictureFit) {
  const std::vector<std::uint16_t> black(4'096, 0);
  const std::vector<std::uint16_t> white(4'096, 65'535);
  const Findings found = compare_squares(tensor_of(Element::U16, black), tensor_of(Element::U16, white));
  EXPECT_EQ(found.squared_error, std::uint64_t{4'096} * 65'535 * 65'535);
  // A gigabyte of such samples stays below 2^63.
  EXPECT_LT(u128{kArtifactBytesMax / 2} * 65'535 * 65'535, u128{1} << 63);
}

RC_GTEST_PROP(Bits, AndBytesAreObvious, (std::vector<std::uint32_t> a)) {
  std::vector<std::uint32_t> b = a;
  for (std::uint32_t& value : b) {
    if (*rc::gen::inRange(0, 4) == 0) value = *rc::gen::arbitrary<std::uint32_t>();
  }
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin());
  const Findings bits = compare_bits(tensor_of(Element::F32, a), tensor_of(Element::F32, b));
  std::uint64_t differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) differing += a[i] != b[i] ? 1 : 0;
  RC_ASSERT(bits.differing == differing);
  RC_ASSERT(bits.first.has_value() == (x != a.end()));
  if (bits.first) {
    RC_ASSERT(bits.first->index == static_cast<std::size_t>(x - a.begin()));
    RC_ASSERT(bits.first->claimed == *x);
    RC_ASSERT(bits.first->recomputed == *y);
  }
  const Bytes left = bytes_of(a);
  const Bytes right = bytes_of(b);
  const auto [i, j] = std::mismatch(left.begin(), left.end(), right.begin());
  const Findings bytes = compare_bytes(left, right);
  RC_ASSERT(bytes.first.has_value() == (i != left.end()));
  if (bytes.first) RC_ASSERT(bytes.first->index == static_cast<std::size_t>(i - left.begin()));
}

}  // namespace
}  // namespace starminer::verification
