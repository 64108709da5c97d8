#include "verification/comparison/toploc.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace starminer::verification {
namespace {

using std::string;

constexpr std::size_t kWidth = 2;  // bytes of a bf16
constexpr std::uint32_t kMagnitude = 0x7fff;
constexpr std::uint32_t kMantissa = 0x7f;
constexpr std::uint32_t kExponent = kMagnitude & ~kMantissa;

std::uint32_t magnitude(ByteView chunk, std::uint32_t i) { return load<std::uint16_t>(chunk.data(), i) & kMagnitude; }

std::uint32_t big_endian(ByteView bytes, std::size_t at) { return std::uint32_t{bytes[at]} << 8 | bytes[at + 1]; }

}  // namespace

std::uint16_t ToplocProof::at(std::uint64_t index) const {
  const std::uint64_t x = index % modulus % kToplocPrime;
  std::uint64_t value = 0;
  for (std::size_t i = coefficients.size(); i-- > 0;) value = (value * x + coefficients[i]) % kToplocPrime;
  return static_cast<std::uint16_t>(value);
}

Result<std::vector<ToplocProof>, string> parse_toploc_proofs(ByteView file) {
  if (file.empty() || file.size() % kToplocProofBytes != 0) {
    return fail("its " + std::to_string(file.size()) + " bytes are no proofs of " + std::to_string(kToplocProofBytes) +
                " bytes each");
  }
  std::vector<ToplocProof> proofs;
  for (std::size_t start = 0; start < file.size(); start += kToplocProofBytes) {
    const ByteView bytes = file.subspan(start, kToplocProofBytes);
    const string place = "proof " + std::to_string(proofs.size());
    ToplocProof proof;
    proof.modulus = big_endian(bytes, 0);
    if (proof.modulus == 0) return fail(place + " is null: its prover failed");
    if (proof.modulus < kToplocModulusMin || proof.modulus > kToplocPrime)
      return fail(place + " has a modulus outside of its range");
    for (std::size_t i = 0; i < kToplocPoints; ++i) {
      proof.coefficients[i] = big_endian(bytes, 2 + 2 * i);
      if (proof.coefficients[i] >= kToplocPrime) return fail(place + " has a coefficient that is not in the field");
    }
    proofs.push_back(proof);
  }
  return proofs;
}

std::uint64_t Activations::chunks() const {
  return 1 + (tokens - prefill + kToplocChunkTokens - 1) / kToplocChunkTokens;
}

ByteView Activations::chunk(std::uint64_t index) const {
  STARMINER_CHECK(index < chunks());
  const std::uint64_t first = index == 0 ? 0 : prefill + (index - 1) * kToplocChunkTokens;
  const std::uint64_t end = index == 0 ? prefill : std::min(tokens, first + kToplocChunkTokens);
  return data.subspan(first * width * kWidth, (end - first) * width * kWidth);
}

Result<Activations, string> parse_activations(ByteView file, std::uint64_t tokens, std::uint64_t width,
                                              std::uint64_t prefill) {
  const auto count = element_count({tokens, width});
  if (!count || *count * kWidth != file.size()) {
    return fail("a shape of " + shape_text({tokens, width}) + " does not take its " + std::to_string(file.size()) +
                " bytes");
  }
  if (prefill == 0 || prefill > tokens) {
    return fail("a prefill of " + std::to_string(prefill) + " tokens is none, or more than there are");
  }
  const Activations activations{tokens, width, prefill, file};
  for (const std::uint64_t chunk : {std::uint64_t{0}, activations.chunks() - 1}) {
    if (activations.chunk(chunk).size() < kToplocPoints * kWidth)
      return fail("chunk " + std::to_string(chunk) + " has less than 128 elements");
  }
  return activations;
}

std::vector<std::uint32_t> largest_elements(ByteView chunk) {
  std::vector<std::uint32_t> indexes(chunk.size() / kWidth);
  STARMINER_CHECK(indexes.size() >= kToplocPoints);
  std::iota(indexes.begin(), indexes.end(), 0U);
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const std::uint32_t size_a = magnitude(chunk, a);
    const std::uint32_t size_b = magnitude(chunk, b);
    return size_a != size_b ? size_a > size_b : a < b;
  };
  const auto end = indexes.begin() + static_cast<std::ptrdiff_t>(kToplocPoints);
  std::partial_sort(indexes.begin(), end, indexes.end(), before);
  indexes.erase(end, indexes.end());
  return indexes;
}

ToplocStatistics toploc_statistics(const ToplocProof& proof, ByteView chunk) {
  ToplocStatistics found;
  std::vector<std::uint32_t> differences;
  for (const std::uint32_t index : largest_elements(chunk)) {
    const std::uint32_t claimed = proof.at(index);
    const std::uint32_t own = load<std::uint16_t>(chunk.data(), index);
    if ((claimed & kExponent) != (own & kExponent)) {
      ++found.exponent_mismatches;
      continue;
    }
    const std::uint32_t a = claimed & kMantissa;
    const std::uint32_t b = own & kMantissa;
    differences.push_back(a > b ? a - b : b - a);
    found.mantissa_sum += differences.back();
  }
  found.mantissas = static_cast<std::uint32_t>(differences.size());
  if (!differences.empty()) {
    std::sort(differences.begin(), differences.end());
    const std::size_t middle = differences.size() / 2;
    const std::uint32_t lower = differences[differences.size() % 2 == 1 ? middle : middle - 1];
    found.mantissa_median_twice = lower + differences[middle];
  }
  return found;
}

}  // namespace starminer::verification
