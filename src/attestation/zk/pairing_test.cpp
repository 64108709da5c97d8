#include "attestation/zk/pairing.h"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/zk/test_pairing.h"

namespace starminer::attestation::zk {
namespace {

Fp12 pair(const G1& a, const G2& b) {
  const auto lines = G2Lines::make(b);
  const Pair one{a, &*lines};
  return pairing({&one, 1});
}

TEST(Pairing, IsThatOfItsDefinition) {
  // The final exponentiation takes 2x(6x^2 + 3x + 1) times the exponent, a number that has nothing in common with r.
  const Big x = curve_parameter();
  const Big exponent = final_exponent() * Big(2) * x * (Big(6) * x * x + Big(3) * x + Big(1));
  for (const char* const label : {"one", "two"}) {
    const G1 a = *plain_multiply(kG1Generator, drawn(std::string(label) + "/a"));
    const G2 b = *plain_multiply(kG2Generator, drawn(std::string(label) + "/b"));
    EXPECT_TRUE(plain(pair(a, b)) == plain_power(plain_miller_loop(a, b), exponent)) << label;
  }
}

TEST(Pairing, HasOrderR) {
  const Fp12 value = pair(kG1Generator, kG2Generator);
  EXPECT_NE(value, Fp12::one());
  EXPECT_TRUE(plain_power(plain(value), group_order()) == PlainFp12::one());
  EXPECT_EQ(pairing({}), Fp12::one());
}

RC_GTEST_PROP(Pairing, IsLinearInBothArguments, ()) {
  const G1 a = *any_g1();
  const G2 b = *any_g2();
  const G1 other = *any_g1();
  const G2 another = *any_g2();
  const Fp12 value = pair(a, b);
  const auto first = plain_add(std::optional(a), std::optional(other));
  const auto second = plain_add(std::optional(b), std::optional(another));
  RC_PRE(first.has_value() && second.has_value());
  RC_ASSERT(pair(*first, b) == value * pair(other, b));
  RC_ASSERT(pair(a, *second) == value * pair(a, another));
  RC_ASSERT(pair(-a, b) * value == Fp12::one());
  RC_ASSERT(pair(a, -b) * value == Fp12::one());
}

RC_GTEST_PROP(Pairing, AProductIsTheProductOfItsPairings, ()) {
  const auto points =
      *rc::gen::resize(5, rc::gen::container<std::vector<std::pair<G1, G2>>>(rc::gen::pair(any_g1(), any_g2())));
  std::vector<G2Lines> lines;
  std::vector<Pair> pairs;
  Fp12 product = Fp12::one();
  for (const auto& [a, b] : points) lines.push_back(*G2Lines::make(b));
  for (std::size_t i = 0; i < points.size(); ++i) {
    pairs.push_back({points[i].first, &lines[i]});
    product = product * pair(points[i].first, points[i].second);
  }
  RC_ASSERT(pairing(pairs) == product);
}

}  // namespace
}  // namespace starminer::attestation::zk
