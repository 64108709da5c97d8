#include "attestation/zk/evm.h"

#include <vector>

#include "attestation/zk/groth16.h"
#include "attestation/zk/words.h"

namespace starminer::attestation::zk {
namespace {

constexpr std::size_t kPairBytes = 6 * kWordBytes;

Bytes padded(ByteView input, std::size_t size) {
  Bytes bytes(input.begin(), input.end());
  bytes.resize(size);
  return bytes;
}

/// A point of a call, which may be infinity. Nothing where it is on no curve.
std::optional<G1Sum> take_point(ByteView& rest) {
  const G1Numbers numbers = take_g1(rest);
  if (numbers == G1Numbers{}) return G1Sum();
  const auto point = point_of(numbers);
  return point ? std::optional(G1Sum(*point)) : std::nullopt;
}

Bytes encoded(const std::optional<G1>& point) {
  Bytes out;
  append_g1(point ? G1Numbers{point->x.number(), point->y.number()} : G1Numbers{}, out);
  return out;
}

}  // namespace

std::optional<Bytes> evm_add(ByteView input) {
  const Bytes bytes = padded(input, 4 * kWordBytes);
  ByteView rest = bytes;
  auto sum = take_point(rest);
  const auto second = take_point(rest);
  if (!sum || !second) return std::nullopt;
  if (const auto point = second->affine()) sum->add(*point);
  return encoded(sum->affine());
}

std::optional<Bytes> evm_multiply(ByteView input) {
  const Bytes bytes = padded(input, 3 * kWordBytes);
  ByteView rest = bytes;
  const auto sum = take_point(rest);
  if (!sum) return std::nullopt;
  const auto point = sum->affine();
  return encoded(point ? multiply(*point, number_of_word(rest)) : std::nullopt);
}

std::optional<bool> evm_pairing(ByteView input) {
  if (input.size() % kPairBytes != 0) return std::nullopt;
  std::vector<G1> points;
  std::vector<G2Lines> lines;
  ByteView rest = input;
  while (!rest.empty()) {
    const auto first = take_point(rest);
    const G2Numbers second = take_g2(rest);
    if (!first) return std::nullopt;
    const auto point = first->affine();
    if (second == G2Numbers{}) continue;
    const auto on_twist = point_of(second);
    auto of_subgroup = on_twist ? G2Lines::make(*on_twist) : std::nullopt;
    if (!of_subgroup) return std::nullopt;
    // Pairings with infinity are 1.
    if (!point) continue;
    points.push_back(*point);
    lines.push_back(std::move(*of_subgroup));
  }
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < points.size(); ++i) pairs.push_back({points[i], &lines[i]});
  return pairing(pairs) == Fp12::one();
}

}  // namespace starminer::attestation::zk
