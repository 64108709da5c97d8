#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/zk/g1.h"
#include "attestation/zk/g2.h"
#include "attestation/zk/pairing.h"
#include "attestation/zk/test_curve.h"

namespace starminer::attestation::zk {
namespace {

/// A square root in Fp, p being 3 mod 4; nothing for what is no square.
std::optional<Fp> root(const Fp& value) {
  const Big exponent = (field_prime() + Big(1)) / Big(4);
  Fp power = Fp::one();
  for (std::size_t bit = exponent.bits(); bit-- > 0;) {
    power = power.squared();
    if (exponent.bit(bit)) power = power * value;
  }
  return power.squared() == value ? std::optional(power) : std::nullopt;
}

std::optional<Fp2> root(const Fp2& value) {
  const auto norm = root(value.real.squared() + value.imaginary.squared());
  if (!norm) return std::nullopt;
  for (const Fp& square : {(value.real + *norm).halved(), (value.real - *norm).halved()}) {
    const auto real = root(square);
    if (!real || real->is_zero()) continue;
    const Fp2 found = {*real, value.imaginary.halved() * real->inverse()};
    if (found.squared() == value) return found;
  }
  return std::nullopt;
}

/// A point of the twist with this number in its x, which almost surely is outside of the subgroup.
std::optional<G2> twist_point(const Fp& number) {
  const Fp2 x = {number, Fp::one()};
  const auto y = root(x.squared() * x + kTwistCoefficient);
  return y ? std::optional(G2{x, *y}) : std::nullopt;
}

Big cofactor() { return field_prime() + field_prime() - group_order(); }

TEST(Curve, GeneratorsAreOnTheirCurvesAndOfOrderR) {
  EXPECT_TRUE(kG1Generator.is_on_curve());
  EXPECT_TRUE(kG2Generator.is_on_twist());
  EXPECT_FALSE(plain_multiply(kG1Generator, group_order()));
  EXPECT_FALSE(plain_multiply(kG2Generator, group_order()));
  EXPECT_FALSE((G1{Fp::small(1), Fp::small(3)}).is_on_curve());
}

RC_GTEST_PROP(G1, AddsAsTheSchoolbookDoes, ()) {
  const G1 a = *any_g1();
  const G1 b = *rc::gen::weightedOneOf<G1>({{4, any_g1()}, {1, rc::gen::just(a)}, {1, rc::gen::just(-a)}});
  G1Sum sum(a);
  // Another scale of the coordinates than 1.
  sum.double_up();
  sum.add(-a);
  sum.add(b);
  RC_ASSERT(sum.affine() == plain_add(std::optional(a), std::optional(b)));
  sum.add(a);
  RC_ASSERT(sum.affine() == plain_add(plain_add(std::optional(a), std::optional(b)), std::optional(a)));
}

TEST(G1, InfinityIsNeutral) {
  G1Sum sum;
  EXPECT_TRUE(sum.is_infinity());
  sum.double_up();
  EXPECT_FALSE(sum.affine());
  sum.add(kG1Generator);
  EXPECT_EQ(sum.affine(), kG1Generator);
  sum.add(-kG1Generator);
  EXPECT_TRUE(sum.is_infinity());
}

RC_GTEST_PROP(G1, MultipliesAsTheSchoolbookDoes, ()) {
  const G1 point = *any_g1();
  const Number scalar = *any_number();
  const auto expected = plain_multiply(point, Big(scalar));
  RC_ASSERT(multiply(point, scalar) == expected);
  const G1Comb comb(point);
  G1Sum sum;
  for (std::size_t column = G1Comb::kColumns; column-- > 0;) {
    sum.double_up();
    comb.add_column(scalar, column, sum);
  }
  RC_ASSERT(sum.affine() == expected);
}

RC_GTEST_PROP(G1, ManySumsAreMadeAffineAtOnce, ()) {
  const auto points = *rc::gen::container<std::vector<G1>>(any_g1());
  std::vector<G1Sum> sums;
  std::vector<G1> expected;
  for (const G1& point : points) {
    sums.emplace_back(point);
    sums.back().double_up();
    expected.push_back(*sums.back().affine());
  }
  RC_ASSERT(G1Sum::affine(sums) == expected);
}

RC_GTEST_PROP(G2, TheSubgroupHasLines, ()) {
  const G2 point = *any_g2();
  RC_ASSERT(G2Lines::make(point).has_value());
  RC_ASSERT(std::optional(point.frobenius()) == plain_multiply(point, field_prime()));
}

// REQ: VER-3
RC_GTEST_PROP(G2, PointsOutsideOfTheSubgroupHaveNoLines, ()) {
  const auto point = twist_point(*any_element());
  RC_PRE(point.has_value());
  RC_ASSERT(point->is_on_twist());
  RC_ASSERT(plain_multiply(*point, group_order()).has_value());
  RC_ASSERT(!G2Lines::make(*point));
}

// REQ: VER-3
TEST(G2, PointsOfTheCofactorHaveNoLines) {
  std::optional<G2> point;
  for (std::uint64_t x = 1; !point; ++x) point = twist_point(Fp::small(x));
  const auto inside = plain_multiply(*point, cofactor());
  ASSERT_TRUE(inside);
  EXPECT_TRUE(G2Lines::make(*inside));
  // Of the small factor of the cofactor alone, and beside a good point.
  const Big small(10'069);
  const auto rest = plain_multiply(*point, group_order() * (cofactor() / small));
  ASSERT_TRUE(rest);
  EXPECT_FALSE(plain_multiply(*rest, small));
  std::optional<G2> multiple;
  for (int i = 1; i < 10'069; ++i) {
    multiple = plain_add(multiple, rest);
    EXPECT_FALSE(G2Lines::make(*multiple)) << i;
    EXPECT_FALSE(i % 100 == 1 && G2Lines::make(*plain_add(multiple, inside))) << i;
  }
}

}  // namespace
}  // namespace starminer::attestation::zk
