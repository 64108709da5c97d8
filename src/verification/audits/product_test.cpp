// REQ: VER-1
#include "verification/audits/product.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/audits/rational.h"
#include "verification/comparison/npy.h"
#include "verification/comparison/test_files.h"

namespace starminer::verification {
namespace {

template <class T>
Tensor matrix(Element element, std::uint64_t rows, std::uint64_t columns, const std::vector<T>& values) {
  Tensor made = tensor_of(element, values);
  made.shape = {rows, columns};
  return made;
}

struct Shape {
  std::size_t m = 1;
  std::size_t n = 1;
  std::size_t k = 1;
};

template <class T>
std::vector<std::int64_t> obvious_product(const std::vector<T>& a, const std::vector<T>& b, const Shape& shape) {
  std::vector<std::int64_t> c(shape.m * shape.k);
  for (std::size_t i = 0; i < shape.m; ++i) {
    for (std::size_t j = 0; j < shape.k; ++j) {
      for (std::size_t x = 0; x < shape.n; ++x)
        c[i * shape.k + j] += std::int64_t{a[i * shape.n + x]} * b[x * shape.k + j];
    }
  }
  return c;
}

template <class T>
void products_are_checked(Element element) {
  const auto size = rc::gen::inRange<std::size_t>(1, 40);
  const Shape shape{*size, *size, *size};
  const auto a = *rc::gen::container<std::vector<T>>(shape.m * shape.n, rc::gen::arbitrary<T>());
  const auto b = *rc::gen::container<std::vector<T>>(shape.n * shape.k, rc::gen::arbitrary<T>());
  auto c = obvious_product(a, b, shape);
  const Hash32 seed = sha256(std::to_string(*rc::gen::arbitrary<std::uint32_t>()));
  const auto check = [&] {
    return check_product({matrix(element, shape.m, shape.n, a), matrix(element, shape.n, shape.k, b),
                          matrix(Element::I64, shape.m, shape.k, c)},
                         seed, 2);
  };
  const ProductCheck right = check();
  RC_ASSERT(right.outcome == ProductOutcome::Right);
  RC_ASSERT(right.rounds == 2U);
  const auto at = *rc::gen::inRange<std::size_t>(0, c.size());
  c[at] += *rc::gen::element<std::int64_t>(1, -1, 1'000'000, -(std::int64_t{1} << 40));
  const ProductCheck wrong = check();
  RC_ASSERT(wrong.outcome == ProductOutcome::Wrong);
  RC_ASSERT(wrong.row == at / shape.k);
  RC_ASSERT(wrong.rounds == 1U);
}

RC_GTEST_PROP(Product, OfBytes, ()) { products_are_checked<std::int8_t>(Element::I8); }
RC_GTEST_PROP(Product, OfShorts, ()) { products_are_checked<std::uint16_t>(Element::U16); }

// Two errors that cancel in the sum of a row, or are the same in two rows, are errors.
RC_GTEST_PROP(Product, ErrorsDoNotHideInEachOther, (std::uint32_t number)) {
  const std::vector<std::int32_t> a = {1, 2, 3, 4};
  const std::vector<std::int32_t> b = {5, -6, 7, 8};
  auto c = obvious_product(a, b, {2, 2, 2});
  const std::int64_t error = 1 + number % 1'000;
  c[0] += error;
  c[1] -= error;
  c[2] += error;
  c[3] -= error;
  const ProductCheck check = check_product(
      {matrix(Element::I32, 2, 2, a), matrix(Element::I32, 2, 2, b), matrix(Element::I64, 2, 2, c)}, sha256("s"), 1);
  RC_ASSERT(check.outcome == ProductOutcome::Wrong);
}

// In a field of few elements the bound on a wrong answer can be counted; here only that a round reads its vector.
TEST(Product, VectorsAreUniformInTheField) {
  const Hash32 seed = sha256("seed");
  std::array<unsigned, 8> counts{};
  for (std::uint64_t i = 0; i < 16'000; ++i) {
    const std::uint64_t element = freivalds_element(seed, 0, i);
    ASSERT_LT(element, kFreivaldsPrime);
    ++counts[element >> 58];
  }
  for (const unsigned count : counts) EXPECT_NEAR(count, 2'000, 6 * 42);
  EXPECT_NE(freivalds_element(seed, 0, 0), freivalds_element(seed, 1, 0));
  EXPECT_NE(freivalds_element(seed, 0, 0), freivalds_element(sha256("other"), 0, 0));
}

TEST(Product, OfFilesThatNumpyMultiplied) {
  const Bytes left = vector_file("left.npy");
  const Bytes right = vector_file("right.npy");
  const Bytes good = vector_file("product.npy");
  const Bytes bad = vector_file("product_wrong.npy");
  const Hash32 seed = sha256("drawn later");
  EXPECT_EQ(check_product({*parse_npy(left), *parse_npy(right), *parse_npy(good)}, seed, 3).outcome,
            ProductOutcome::Right);
  const ProductCheck wrong = check_product({*parse_npy(left), *parse_npy(right), *parse_npy(bad)}, seed, 3);
  EXPECT_EQ(wrong.outcome, ProductOutcome::Wrong);
  EXPECT_EQ(wrong.row, 17U);
}

TEST(Product, OfWhatTheFieldCannotTellApartIsRefused) {
  const auto one = [](std::int64_t value) { return matrix(Element::I64, 1, 1, std::vector<std::int64_t>{value}); };
  const auto outcome = [&](std::int64_t a, std::int64_t b, std::int64_t c) {
    return check_product({one(a), one(b), one(c)}, sha256("s"), 1).outcome;
  };
  const auto prime = static_cast<std::int64_t>(kFreivaldsPrime);
  EXPECT_EQ(outcome(0, 0, prime - 1), ProductOutcome::Wrong);
  EXPECT_EQ(outcome(0, 0, prime), ProductOutcome::TooLarge);  // the field's zero
  EXPECT_EQ(outcome(0, 0, std::numeric_limits<std::int64_t>::min()), ProductOutcome::TooLarge);
  EXPECT_EQ(outcome(std::int64_t{1} << 31, std::int64_t{1} << 30, 0), ProductOutcome::TooLarge);
  EXPECT_EQ(outcome(std::int64_t{1} << 30, std::int64_t{1} << 29, std::int64_t{1} << 59), ProductOutcome::Right);
  EXPECT_EQ(outcome(-(std::int64_t{1} << 30), std::int64_t{1} << 29, -(std::int64_t{1} << 59)), ProductOutcome::Right);
  const Tensor floats = matrix(Element::F64, 1, 1, std::vector<double>{1});
  EXPECT_EQ(check_product({floats, one(1), one(1)}, {}, 1).outcome, ProductOutcome::NoIntegers);
  const Tensor wide = matrix(Element::I64, 1, 2, std::vector<std::int64_t>{1, 2});
  EXPECT_EQ(check_product({wide, one(1), one(1)}, {}, 1).outcome, ProductOutcome::WrongShapes);
  EXPECT_EQ(check_product({one(1), wide, one(1)}, {}, 1).outcome, ProductOutcome::WrongShapes);
  EXPECT_EQ(check_product({one(1), one(1), tensor_of(Element::I64, std::vector<std::int64_t>{1})}, {}, 1).outcome,
            ProductOutcome::WrongShapes);
}

}  // namespace
}  // namespace starminer::verification
