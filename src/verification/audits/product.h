// Freivalds' check of a matrix product: whether C = A B over the integers, by comparing A (B r) with C r in the prime
// field of 2^61-1 for vectors r that nobody could know when C was committed to. A wrong C passes a round with a
// probability of at most 1 / (2^61-1); a right one always passes. It costs three products of a matrix with a vector a
// round, where computing C again costs as many as B has columns. Pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "base/hash.h"
#include "verification/comparison/tensor.h"

namespace starminer::verification {

inline constexpr std::uint64_t kFreivaldsPrime = (std::uint64_t{1} << 61) - 1;
inline constexpr std::uint32_t kFreivaldsRoundsMax = 64;

/// A is m x n, B n x k, C m x k, of integers.
struct Product {
  const Tensor& a;
  const Tensor& b;
  const Tensor& c;
};

/// Numbers are frozen.
enum class ProductOutcome : std::uint8_t {
  Right = 0,
  Wrong = 1,
  NoIntegers = 2,   // an element type is floating
  WrongShapes = 3,  // not m x n, n x k, m x k
  TooLarge = 4,     // n max|A| max|B| + max|C| reaches the prime: the field would confuse two integers
};
/// "right", "wrong", "no_integers", "wrong_shapes", "too_large".
[[nodiscard]] std::string_view product_outcome_name(ProductOutcome outcome);

struct ProductCheck {
  ProductOutcome outcome{};
  std::uint64_t row = 0;     // of C, the first that a round found wrong
  std::uint32_t rounds = 0;  // that were made
};

/// `seed` must follow from what was decided after C was committed to. Requires: 1 to kFreivaldsRoundsMax rounds.
[[nodiscard]] ProductCheck check_product(const Product& product, const Hash32& seed, std::uint32_t rounds);

/// Element `i` of the vector of a round, uniform in the field.
[[nodiscard]] std::uint64_t freivalds_element(const Hash32& seed, std::uint32_t round, std::uint64_t i);

}  // namespace starminer::verification
