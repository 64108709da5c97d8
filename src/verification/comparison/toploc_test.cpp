#include "verification/comparison/toploc.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/comparison/test_files.h"

namespace starminer::verification {
namespace {

constexpr std::uint64_t kTokens = 71;
constexpr std::uint64_t kWidth = 96;
constexpr std::uint64_t kPrefill = 7;

/// Sum of the terms, each power by itself.
std::uint16_t slow_value(const ToplocProof& proof, std::uint64_t index) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kToplocPoints; ++i) {
    std::uint64_t term = proof.coefficients[i];
    for (std::size_t k = 0; k < i; ++k) term = term * (index % proof.modulus) % kToplocPrime;
    sum += term;
  }
  return static_cast<std::uint16_t>(sum % kToplocPrime);
}

RC_GTEST_PROP(Toploc, EvaluatesThePolynomial, (std::uint64_t index)) {
  ToplocProof proof;
  proof.modulus = *rc::gen::inRange<std::uint32_t>(kToplocModulusMin, kToplocPrime + 1);
  for (std::uint32_t& c : proof.coefficients) c = *rc::gen::inRange<std::uint32_t>(0, kToplocPrime);
  RC_ASSERT(proof.at(index) == slow_value(proof, index));
}

RC_GTEST_PROP(Toploc, TakesTheLargestElements, ()) {
  const auto length = *rc::gen::inRange<std::size_t>(kToplocPoints, 400);
  const auto bits = *rc::gen::container<std::vector<std::uint16_t>>(
      length, rc::gen::oneOf(rc::gen::inRange<std::uint16_t>(0x3f00, 0x3f08), rc::gen::arbitrary<std::uint16_t>()));
  const Bytes chunk = bytes_of(bits);
  const auto found = largest_elements(chunk);
  RC_ASSERT(found.size() == kToplocPoints);
  RC_ASSERT(std::set<std::uint32_t>(found.begin(), found.end()).size() == kToplocPoints);
  std::vector<bool> taken(length);
  for (const std::uint32_t i : found) taken[i] = true;
  const std::uint32_t last = found.back();
  for (std::uint32_t i = 0; i < length; ++i) {
    const int size = bits[i] & 0x7fff;
    const int smallest = bits[last] & 0x7fff;
    RC_ASSERT(taken[i] == (size > smallest || (size == smallest && i <= last)));
  }
}

TEST(Toploc, HoldsForWhoMadeTheProofs) {
  const Bytes proofs_file = vector_file("activations.proofs");
  const Bytes file = vector_file("activations.bf16");
  const auto proofs = parse_toploc_proofs(proofs_file);
  const auto activations = parse_activations(file, kTokens, kWidth, kPrefill);
  ASSERT_TRUE(proofs && activations);
  ASSERT_EQ(proofs->size(), 3U);
  ASSERT_EQ(activations->chunks(), 3U);
  EXPECT_EQ(activations->chunk(0).size(), kPrefill * kWidth * 2);
  EXPECT_EQ(activations->chunk(1).size(), 32 * kWidth * 2);
  EXPECT_EQ(activations->chunk(2).size(), 32 * kWidth * 2);
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
    const auto found = toploc_statistics((*proofs)[chunk], activations->chunk(chunk));
    EXPECT_EQ(found.exponent_mismatches, 0U);
    EXPECT_EQ(found.mantissas, kToplocPoints);
    EXPECT_EQ(found.mantissa_sum, 0U);
    EXPECT_EQ(found.mantissa_median_twice, 0U);
  }
}

TEST(Toploc, MeasuresHowFarSomebodyElseIs) {
  const Bytes proofs_file = vector_file("activations.proofs");
  const auto proofs = parse_toploc_proofs(proofs_file);
  const Bytes other_file = vector_file("activations_other.bf16");
  const Bytes wrong_file = vector_file("activations_wrong.bf16");
  const auto other = parse_activations(other_file, kTokens, kWidth, kPrefill);
  const auto wrong = parse_activations(wrong_file, kTokens, kWidth, kPrefill);
  for (std::uint64_t chunk = 0; chunk < 3; ++chunk) {
    const auto near = toploc_statistics((*proofs)[chunk], other->chunk(chunk));
    EXPECT_LE(near.exponent_mismatches, 38U);
    EXPECT_LE(near.mantissa_sum, 10U * near.mantissas);
    EXPECT_LE(near.mantissa_median_twice, 16U);
    const auto far = toploc_statistics((*proofs)[chunk], wrong->chunk(chunk));
    EXPECT_TRUE(far.exponent_mismatches > 38 || far.mantissa_sum > 10U * far.mantissas);
  }
}

/// A proof whose value is the same everywhere.
ToplocProof constant(std::uint32_t value) {
  ToplocProof proof;
  proof.modulus = kToplocPrime;
  proof.coefficients[0] = value;
  return proof;
}

TEST(Toploc, CountsExponentsAndMantissasApart) {
  // 128 elements of exponent 0x7f: mantissas 0 (64 times), 3 (63 times), and one of another exponent.
  std::vector<std::uint16_t> values(64, 0x3f80);
  values.resize(127, 0x3f83);
  values.push_back(0x4000);
  const auto found = toploc_statistics(constant(0x3f80), bytes_of(values));
  EXPECT_EQ(found.exponent_mismatches, 1U);
  EXPECT_EQ(found.mantissas, 127U);
  EXPECT_EQ(found.mantissa_sum, 63U * 3);
  EXPECT_EQ(found.mantissa_median_twice, 0U);  // the 64th of 127
  values.back() = 0x3f83;
  EXPECT_EQ(toploc_statistics(constant(0x3f80), bytes_of(values)).mantissa_median_twice, 3U);  // between 0 and 3
  const auto none = toploc_statistics(constant(0), bytes_of(values));
  EXPECT_EQ(none.exponent_mismatches, kToplocPoints);
  EXPECT_EQ(none.mantissas, 0U);
  for (std::uint16_t& value : values) value = static_cast<std::uint16_t>(value | 0x8000);
  EXPECT_EQ(toploc_statistics(constant(0x3f80), bytes_of(values)).exponent_mismatches, 0U);  // signs are not looked at
}

TEST(Toploc, ParsesProofsOfItsRangesOnly) {
  const Bytes good = vector_file("activations.proofs");
  const auto reason = [](const Bytes& file) {
    const auto proofs = parse_toploc_proofs(file);
    return proofs ? "none" : proofs.error();
  };
  const auto with = [&](std::size_t at, std::uint32_t value) {
    Bytes file = good;
    file[at] = static_cast<std::uint8_t>(value >> 8);
    file[at + 1] = static_cast<std::uint8_t>(value);
    return reason(file);
  };
  EXPECT_EQ(reason(good), "none");
  EXPECT_NE(reason({}), "none");
  EXPECT_NE(reason(Bytes(good.begin(), good.end() - 1)), "none");
  EXPECT_NE(with(kToplocProofBytes, 0).find("proof 1 is null"), std::string::npos);
  EXPECT_NE(with(0, kToplocModulusMin - 1), "none");
  EXPECT_NE(with(0, kToplocPrime + 1), "none");
  EXPECT_EQ(with(0, kToplocPrime), "none");
  EXPECT_EQ(with(2, kToplocPrime - 1), "none");
  EXPECT_NE(with(2, kToplocPrime), "none");
}

TEST(Toploc, ActivationsHaveTheirShape) {
  const auto fits = [](std::size_t bytes, std::uint64_t tokens, std::uint64_t width, std::uint64_t prefill) {
    const Bytes file(bytes);
    return parse_activations(file, tokens, width, prefill).has_value();
  };
  EXPECT_TRUE(fits(2 * 64 * 10, 10, 64, 2));
  EXPECT_TRUE(fits(2 * 64 * 2, 2, 64, 2));  // nothing decoded
  EXPECT_FALSE(fits(2 * 64 * 10, 10, 64, 0));
  EXPECT_FALSE(fits(2 * 64 * 10, 10, 64, 11));
  EXPECT_FALSE(fits(2 * 64 * 10, 10, 64, 1));  // a prompt of 64 elements
  EXPECT_FALSE(fits(2 * 64 * 10, 10, 64, 9));  // one token of 64 elements at the end
  EXPECT_FALSE(fits(2 * 64 * 10, 10, 63, 2));
  EXPECT_FALSE(fits(0, 0, 0, 0));
  EXPECT_FALSE(fits(0, std::uint64_t{1} << 32, std::uint64_t{1} << 32, 1));
}

}  // namespace
}  // namespace starminer::verification
