#include "verification/audits/product.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

#include "base/arithmetic.h"
#include "base/check.h"
#include "base/codec.h"

namespace starminer::verification {
namespace {

constexpr std::uint64_t kPrime = kFreivaldsPrime;

struct ElementInput {
  Hash32 seed;
  std::uint32_t round = 0;
  std::uint64_t index = 0;
  std::uint32_t attempt = 0;
};

/// Of a number below 2^122.
std::uint64_t reduced(u128 value) {
  const auto folded = static_cast<std::uint64_t>((value & kPrime) + (value >> 61));
  const std::uint64_t once = (folded & kPrime) + (folded >> 61);
  return once >= kPrime ? once - kPrime : once;
}

/// The integer in the field; its size is below the prime.
template <class T>
std::uint64_t in_field(T value) {
  if constexpr (std::is_signed_v<T>) {
    return value < 0 ? kPrime - static_cast<std::uint64_t>(-static_cast<std::int64_t>(value))
                     : static_cast<std::uint64_t>(value);
  } else {
    return value;
  }
}

template <class T>
std::uint64_t size_of_element(T value) {
  if constexpr (std::is_signed_v<T>) {
    return value < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  } else {
    return value;
  }
}

template <class T>
std::uint64_t largest(const Tensor& matrix) {
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < matrix.size(); ++i)
    most = std::max<std::uint64_t>(most, size_of_element(load<T>(matrix.data.data(), i)));
  return most;
}

/// matrix x vector in the field. Sixteen products stay below 2^126 and are reduced together.
template <class T>
std::vector<std::uint64_t> apply(const Tensor& matrix, const std::vector<std::uint64_t>& vector) {
  const std::size_t columns = vector.size();
  std::vector<std::uint64_t> result(matrix.shape[0]);
  for (std::size_t row = 0; row < result.size(); ++row) {
    const std::uint8_t* const elements = matrix.data.data() + row * columns * sizeof(T);
    u128 sum = 0;
    for (std::size_t column = 0; column < columns; ++column) {
      sum += u128{in_field(load<T>(elements, column))} * vector[column];
      if (column % 16 == 15) sum = (sum & kPrime) + (sum >> 61);
    }
    result[row] = reduced((sum & kPrime) + (sum >> 61));
  }
  return result;
}

/// Calls `f` with a value of the element's type.
template <class F>
auto with_element(Element element, F f) {
  switch (element) {
    case Element::I8: return f(std::int8_t{});
    case Element::U8: return f(std::uint8_t{});
    case Element::I16: return f(std::int16_t{});
    case Element::U16: return f(std::uint16_t{});
    case Element::I32: return f(std::int32_t{});
    case Element::U32: return f(std::uint32_t{});
    case Element::I64: return f(std::int64_t{});
    case Element::U64: return f(std::uint64_t{});
    default: assertion_failed("a floating-point element", __FILE__, __LINE__);
  }
}

std::uint64_t largest_of(const Tensor& matrix) {
  return with_element(matrix.element, [&](auto zero) { return largest<decltype(zero)>(matrix); });
}

std::vector<std::uint64_t> apply_any(const Tensor& matrix, const std::vector<std::uint64_t>& vector) {
  return with_element(matrix.element, [&](auto zero) { return apply<decltype(zero)>(matrix, vector); });
}

bool shapes_fit(const Product& product) {
  const auto& [a, b, c] = product;
  return a.shape.size() == 2 && b.shape.size() == 2 && c.shape.size() == 2 && a.shape[1] == b.shape[0] &&
         c.shape[0] == a.shape[0] && c.shape[1] == b.shape[1];
}

bool within_field(const Product& product) {
  const u128 each = u128{largest_of(product.a)} * largest_of(product.b);
  const std::uint64_t claimed = largest_of(product.c);
  if (each >= kPrime) return false;
  return each * product.a.shape[1] + claimed < kPrime && largest_of(product.a) < kPrime &&
         largest_of(product.b) < kPrime;
}

}  // namespace

std::string_view product_outcome_name(ProductOutcome outcome) {
  constexpr std::array<std::string_view, 5> kNames = {"right", "wrong", "no_integers", "wrong_shapes", "too_large"};
  return kNames[static_cast<std::size_t>(outcome)];
}

std::uint64_t freivalds_element(const Hash32& seed, std::uint32_t round, std::uint64_t i) {
  for (std::uint32_t attempt = 0;; ++attempt) {
    const Hash32 hash = tagged_hash("starminer/freivalds/1", encode(ElementInput{seed, round, i, attempt}));
    std::uint64_t word = 0;
    for (std::size_t byte = 0; byte < sizeof(word); ++byte) word = word << 8 | hash.bytes[byte];
    word >>= 3;
    if (word < kPrime) return word;
  }
}

ProductCheck check_product(const Product& product, const Hash32& seed, std::uint32_t rounds) {
  STARMINER_CHECK(rounds > 0 && rounds <= kFreivaldsRoundsMax);
  if (is_floating(product.a.element) || is_floating(product.b.element) || is_floating(product.c.element))
    return {ProductOutcome::NoIntegers, 0, 0};
  if (!shapes_fit(product)) return {ProductOutcome::WrongShapes, 0, 0};
  if (!within_field(product)) return {ProductOutcome::TooLarge, 0, 0};
  std::vector<std::uint64_t> vector(product.b.shape[1]);
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = freivalds_element(seed, round, i);
    const auto expected = apply_any(product.a, apply_any(product.b, vector));
    const auto claimed = apply_any(product.c, vector);
    const auto [ours, theirs] = std::mismatch(expected.begin(), expected.end(), claimed.begin());
    if (ours != expected.end())
      return {ProductOutcome::Wrong, static_cast<std::uint64_t>(ours - expected.begin()), round + 1};
  }
  return {ProductOutcome::Right, 0, rounds};
}

}  // namespace starminer::verification
