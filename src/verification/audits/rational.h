// Exact fractions for the slow references of tests.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>

#include "base/amount.h"

namespace starminer::verification {

using Rational = boost::multiprecision::cpp_rational;
using Whole = boost::multiprecision::cpp_int;

inline Rational share(Ppm ppm) { return Rational(ppm.value, kPpm); }
inline Rational of(Agpu amount) { return Rational(amount.base); }

inline Whole floor_of(const Rational& value) {
  const Whole quotient = numerator(value) / denominator(value);
  return value < 0 && numerator(value) % denominator(value) != 0 ? quotient - 1 : quotient;
}
inline Whole ceil_of(const Rational& value) { return -floor_of(-value); }

}  // namespace starminer::verification
