#include "attestation/zk/fp12.h"

namespace starminer::attestation::zk {

Fp6 operator*(const Fp6& a, const Fp6& b) {
  const Fp2 v0 = a.c0 * b.c0;
  const Fp2 v1 = a.c1 * b.c1;
  const Fp2 v2 = a.c2 * b.c2;
  return {v0 + ((a.c1 + a.c2) * (b.c1 + b.c2) - v1 - v2).times_non_residue(),
          (a.c0 + a.c1) * (b.c0 + b.c1) - v0 - v1 + v2.times_non_residue(),
          (a.c0 + a.c2) * (b.c0 + b.c2) - v0 - v2 + v1};
}

Fp6 Fp6::times_sparse(const Fp2& b0, const Fp2& b1) const {
  const Fp2 v0 = c0 * b0;
  const Fp2 v1 = c1 * b1;
  return {v0 + (c2 * b1).times_non_residue(), (c0 + c1) * (b0 + b1) - v0 - v1, c2 * b0 + v1};
}

Fp6 Fp6::inverse() const {
  const Fp2 t0 = c0.squared() - (c1 * c2).times_non_residue();
  const Fp2 t1 = c2.squared().times_non_residue() - c0 * c1;
  const Fp2 t2 = c1.squared() - c0 * c2;
  const Fp2 norm = (c0 * t0 + (c2 * t1 + c1 * t2).times_non_residue()).inverse();
  return {t0 * norm, t1 * norm, t2 * norm};
}

Fp12 operator*(const Fp12& a, const Fp12& b) {
  const Fp6 v0 = a.c0 * b.c0;
  const Fp6 v1 = a.c1 * b.c1;
  return {v0 + v1.times_v(), (a.c0 + a.c1) * (b.c0 + b.c1) - v0 - v1};
}

Fp12 Fp12::squared() const {
  const Fp6 product = c0 * c1;
  return {(c0 + c1) * (c0 + c1.times_v()) - product - product.times_v(), product + product};
}

Fp12 Fp12::times_line(const Fp2& b, const Fp2& c) const {
  return {c0 + c1.times_sparse(b, c).times_v(), c1 + c0.times_sparse(b, c)};
}

Fp12 Fp12::inverse() const {
  const Fp6 norm = (c0 * c0 - (c1 * c1).times_v()).inverse();
  return {c0 * norm, -(c1 * norm)};
}

Fp12 Fp12::frobenius() const {
  return {{c0.c0.conjugate(), c0.c1.conjugate() * kFrobeniusOfW2, c0.c2.conjugate() * kFrobeniusOfW4},
          {c1.c0.conjugate() * kFrobeniusOfW, c1.c1.conjugate() * kFrobeniusOfW3, c1.c2.conjugate() * kFrobeniusOfW5}};
}

namespace {

/// (a + b * y)^2 in Fp4 = Fp2[y] / (y^2 - (9 + u)).
struct SquareInFp4 {
  Fp2 first;
  Fp2 second;

  SquareInFp4(const Fp2& a, const Fp2& b) {
    const Fp2 product = a * b;
    first = (a + b) * (a + b.times_non_residue()) - product - product.times_non_residue();
    second = product.doubled();
  }
};

}  // namespace

Fp12 Fp12::cyclotomic_squared() const {
  // As an element of Fp4[w] of degree two the three pairs below are the coefficients.
  const SquareInFp4 a(c0.c0, c1.c1);
  const SquareInFp4 b(c1.c0, c0.c2);
  const SquareInFp4 c(c0.c1, c1.c2);
  return {
      {a.first.tripled() - c0.c0.doubled(), b.first.tripled() - c0.c1.doubled(), c.first.tripled() - c0.c2.doubled()},
      {c.second.times_non_residue().tripled() + c1.c0.doubled(), a.second.tripled() + c1.c1.doubled(),
       b.second.tripled() + c1.c2.doubled()}};
}

}  // namespace starminer::attestation::zk
