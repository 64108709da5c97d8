#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/zk/fp12.h"
#include "attestation/zk/test_pairing.h"

namespace starminer::attestation::zk {
namespace {

rc::Gen<Fp2> any_fp2() {
  return rc::gen::apply([](const Fp& a, const Fp& b) { return Fp2{a, b}; }, any_element(), any_element());
}

rc::Gen<Fp12> any_fp12() {
  const auto fp6 = rc::gen::apply(
      [](const Fp2& a, const Fp2& b, const Fp2& c) {
        return Fp6{a, b, c};
      },
      any_fp2(), any_fp2(), any_fp2());
  return rc::gen::apply([](const Fp6& a, const Fp6& b) { return Fp12{a, b}; }, fp6, fp6);
}

/// To (p^6 - 1)(p^2 + 1).
Fp12 into_cyclotomic_subgroup(const Fp12& value) {
  const Fp12 first = value.conjugate() * value.inverse();
  return first.frobenius().frobenius() * first;
}

RC_GTEST_PROP(Fp, AgreesWithNumbersModuloP, ()) {
  const Fp a = *any_element();
  const Fp b = *any_element();
  const Big& p = field_prime();
  RC_ASSERT(big(a + b) == (big(a) + big(b)) % p);
  RC_ASSERT(big(a - b) == (big(a) - big(b)) % p);
  RC_ASSERT(big(a * b) == big(a) * big(b) % p);
  RC_ASSERT(big(a.squared()) == big(a) * big(a) % p);
  RC_ASSERT(big(-a) == (p - big(a)) % p);
  const Fp c = *any_element();
  const Fp d = *any_element();
  RC_ASSERT(big(Fp::sum_of_products(a, b, c, d)) == (big(a) * big(b) + big(c) * big(d)) % p);
  RC_ASSERT(is_below(Fp::sum_of_products(a, b, c, d).form(), kFieldPrime));
  RC_ASSERT(a.halved().doubled() == a);
  RC_ASSERT(big(a.nine_times_plus(b)) == (Big(9) * big(a) + big(b)) % p);
  RC_ASSERT(big(a.nine_times_minus(b)) == (Big(9) * big(a) - big(b)) % p);
  RC_ASSERT(is_below(a.nine_times_minus(b).form(), kFieldPrime));
  RC_ASSERT(a.inverse() == (a.is_zero() ? Fp() : element(big(a).inverse(p))));
  RC_ASSERT(is_below(a.form(), kFieldPrime));
}

TEST(Fp, OnlyNumbersBelowPAreElements) {
  Number number = kFieldPrime;
  EXPECT_FALSE(Fp::from(number));
  number[0] -= 1;
  ASSERT_TRUE(Fp::from(number));
  EXPECT_TRUE((*Fp::from(number) + Fp::one()).is_zero());
  EXPECT_FALSE(Fp::from({~0ULL, ~0ULL, ~0ULL, ~0ULL}));
  EXPECT_FALSE(Fp::from({0, 0, 0, kFieldPrime[3] + 1}));
}

RC_GTEST_PROP(Fp2, MultipliesAsPolynomialsDo, ()) {
  const Fp2 a = *any_fp2();
  const Fp2 b = *any_fp2();
  const Fp2 product = {a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real};
  RC_ASSERT(a * b == product);
  RC_ASSERT(a.squared() == a * a);
  RC_ASSERT(a.times_non_residue() == (a * Fp2{Fp::small(9), Fp::one()}));
  RC_ASSERT(a.halved().doubled() == a);
  RC_ASSERT(a * a.conjugate() == (Fp2{a.real.squared() + a.imaginary.squared(), {}}));
  if (!a.is_zero()) RC_ASSERT(a * a.inverse() == Fp2::one());
}

RC_GTEST_PROP(Fp12, MultipliesAsPolynomialsDo, ()) {
  const Fp12 a = *any_fp12();
  const Fp12 b = *any_fp12();
  RC_ASSERT(plain(a * b) == plain(a) * plain(b));
  RC_ASSERT(a.squared() == a * a);
  const Fp2 slope = *any_fp2();
  const Fp2 offset = *any_fp2();
  const Fp12 line = {{Fp2::one(), {}, {}}, {slope, offset, {}}};
  RC_ASSERT(a.times_line(slope, offset) == a * line);
  if (a != Fp12{}) RC_ASSERT(a * a.inverse() == Fp12::one());
}

TEST(Fp12, FrobeniusRaisesToP) {
  const Fp12 a = {{{Fp::small(1), Fp::small(2)}, {Fp::small(3), Fp::small(4)}, {Fp::small(5), Fp::small(6)}},
                  {{Fp::small(7), Fp::small(8)}, {Fp::small(9), Fp::small(10)}, {Fp::small(11), Fp::small(12)}}};
  EXPECT_TRUE(plain(a.frobenius()) == plain_power(plain(a), field_prime()));
  Fp12 power = a;
  for (int i = 0; i < 6; ++i) power = power.frobenius();
  EXPECT_EQ(power, a.conjugate());
}

RC_GTEST_PROP(Fp12, SquaresInTheCyclotomicSubgroup, ()) {
  const Fp12 value = *any_fp12();
  RC_PRE(value != Fp12{});
  const Fp12 a = into_cyclotomic_subgroup(value);
  RC_ASSERT(a.cyclotomic_squared() == a * a);
  RC_ASSERT(a * a.conjugate() == Fp12::one());
}

}  // namespace
}  // namespace starminer::attestation::zk
