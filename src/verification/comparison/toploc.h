// TOPLOC (arXiv 2501.16007): what a provider keeps of the last hidden states of an inference, held against the states
// that a verifier computes in one prefill. Of each chunk (the prefill, then every 32 decoded tokens) the 128 largest
// activations by size are the points of a polynomial over the prime field of 65497, from the index modulo a number of
// at most 16 bits to the bits of the value in bf16. Integers only. Total functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "verification/comparison/tensor.h"

namespace starminer::verification {

inline constexpr std::uint32_t kToplocPrime = 65'497;
/// The smallest modulus that a proof may name: with a smaller one a few values would stand for many places.
inline constexpr std::uint32_t kToplocModulusMin = (1U << 15) + 1;
inline constexpr std::size_t kToplocPoints = 128;
inline constexpr std::uint64_t kToplocChunkTokens = 32;
inline constexpr std::size_t kToplocProofBytes = 2 + 2 * kToplocPoints;

/// The proof of one chunk: coefficients of x^0, x^1, ...
struct ToplocProof {
  std::uint32_t modulus = 0;
  std::array<std::uint32_t, kToplocPoints> coefficients{};

  /// Bits of the value that the proof has for an index.
  [[nodiscard]] std::uint16_t at(std::uint64_t index) const;
};

/// Proofs of 258 bytes one behind the other: modulus and coefficients, big-endian, every one in its range. A null proof
/// (modulus 0), which provers leave where they failed, is refused. Fails with a sentence.
[[nodiscard]] Result<std::vector<ToplocProof>, std::string> parse_toploc_proofs(ByteView file);

/// Last hidden states in bf16, a row each token, of which the first `prefill` are the prompt's.
struct Activations {
  std::uint64_t tokens = 0;
  std::uint64_t width = 0;
  std::uint64_t prefill = 0;
  ByteView data{};

  [[nodiscard]] std::uint64_t chunks() const;
  /// Elements of a chunk, as one list. Requires: index < chunks().
  [[nodiscard]] ByteView chunk(std::uint64_t index) const;
};

/// Fails where the shape does not take the file, there is no prefill, or a chunk has less than 128 elements.
[[nodiscard]] Result<Activations, std::string> parse_activations(ByteView file, std::uint64_t tokens,
                                                                 std::uint64_t width, std::uint64_t prefill);

/// Indexes of the 128 elements with the largest magnitude bits, the largest first, of equal ones the first.
/// Requires: at least so many elements.
[[nodiscard]] std::vector<std::uint32_t> largest_elements(ByteView chunk);

/// What a chunk came to. Where no exponent agrees there are no mantissas to compare.
struct ToplocStatistics {
  std::uint32_t exponent_mismatches = 0;
  std::uint32_t mantissas = 0;              // places where the exponents agree
  std::uint64_t mantissa_sum = 0;           // of the differences of their mantissas
  std::uint64_t mantissa_median_twice = 0;  // of these differences, times two
};

/// Signs are not looked at, as in the published algorithm.
[[nodiscard]] ToplocStatistics toploc_statistics(const ToplocProof& proof, ByteView chunk);

}  // namespace starminer::verification
