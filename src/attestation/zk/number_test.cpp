#include "attestation/zk/number.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/zk/test_curve.h"

namespace starminer::attestation::zk {
namespace {

TEST(Number, TheConstantsAreThoseOfBn254) {
  EXPECT_EQ(format_decimal(kFieldPrime),
            "21888242871839275222246405745257275088696311157297823662689037894645226208583");
  EXPECT_EQ(format_decimal(kGroupOrder),
            "21888242871839275222246405745257275088548364400416034343698204186575808495617");
}

RC_GTEST_PROP(Number, EachFormIsReadAsItWasWritten, ()) {
  const Number number = *any_number();
  RC_ASSERT(parse_decimal(format_decimal(number)) == number);
  Bytes word;
  append_word(number, word);
  RC_ASSERT(word.size() == kWordBytes);
  RC_ASSERT(number_of_word(word) == number);
}

RC_GTEST_PROP(Number, TheHighestLimbThatDiffersDecides, ()) {
  const Number a = *any_number();
  Number b = a;
  RC_ASSERT(!is_below(a, b));
  const auto limb = *rc::gen::inRange<std::size_t>(0, 4);
  b[limb] = *rc::gen::arbitrary<std::uint64_t>();
  for (std::size_t i = 0; i < limb; ++i) b[i] = *rc::gen::arbitrary<std::uint64_t>();
  RC_PRE(a[limb] != b[limb]);
  RC_ASSERT(is_below(a, b) == (a[limb] < b[limb]));
  RC_ASSERT(is_below(b, a) == (b[limb] < a[limb]));
}

TEST(Number, OneNumberHasOneText) {
  EXPECT_EQ(parse_decimal("0"), Number{});
  const std::string largest = format_decimal({~0ULL, ~0ULL, ~0ULL, ~0ULL});
  EXPECT_EQ(largest, "115792089237316195423570985008687907853269984665640564039457584007913129639935");
  EXPECT_EQ(parse_decimal(largest), (Number{~0ULL, ~0ULL, ~0ULL, ~0ULL}));
  for (const char* const text : {"", "00", "01", "-1", "+1", " 1", "1 ", "0x1", "1e3", "a",
                                 "115792089237316195423570985008687907853269984665640564039457584007913129639936",
                                 "999999999999999999999999999999999999999999999999999999999999999999999999999999",
                                 "1000000000000000000000000000000000000000000000000000000000000000000000000000000"}) {
    EXPECT_FALSE(parse_decimal(text)) << text;
  }
}

}  // namespace
}  // namespace starminer::attestation::zk
