#include "attestation/zk/words.h"

#include <algorithm>

namespace starminer::attestation::zk {
namespace {

constexpr std::size_t kG1Bytes = 2 * kWordBytes;
constexpr std::size_t kG2Bytes = 4 * kWordBytes;
constexpr std::size_t kKeyBytesBeforeSignals = kKeyMagic.size() + kG1Bytes + 3 * kG2Bytes;

Number take_word(ByteView& rest) {
  const Number number = number_of_word(rest.first(kWordBytes));
  rest = rest.subspan(kWordBytes);
  return number;
}

}  // namespace

G1Numbers take_g1(ByteView& rest) {
  G1Numbers point;
  point.x = take_word(rest);
  point.y = take_word(rest);
  return point;
}

G2Numbers take_g2(ByteView& rest) {
  G2Numbers point;
  point.x_imaginary = take_word(rest);
  point.x_real = take_word(rest);
  point.y_imaginary = take_word(rest);
  point.y_real = take_word(rest);
  return point;
}

void append_g1(const G1Numbers& point, Bytes& out) {
  append_word(point.x, out);
  append_word(point.y, out);
}

void append_g2(const G2Numbers& point, Bytes& out) {
  append_word(point.x_imaginary, out);
  append_word(point.x_real, out);
  append_word(point.y_imaginary, out);
  append_word(point.y_real, out);
}

Bytes encode_key(const KeyNumbers& numbers) {
  const ByteView magic = as_bytes(kKeyMagic);
  Bytes out(magic.begin(), magic.end());
  append_g1(numbers.alpha, out);
  append_g2(numbers.beta, out);
  append_g2(numbers.gamma, out);
  append_g2(numbers.delta, out);
  for (const G1Numbers& point : numbers.ic) append_g1(point, out);
  return out;
}

std::optional<KeyNumbers> decode_key(ByteView bytes) {
  if (bytes.size() <= kKeyBytesBeforeSignals || (bytes.size() - kKeyBytesBeforeSignals) % kG1Bytes != 0 ||
      bytes.size() > kKeyBytesBeforeSignals + (kSignalsMax + 1) * kG1Bytes || !as_text(bytes).starts_with(kKeyMagic)) {
    return std::nullopt;
  }
  KeyNumbers key;
  ByteView rest = bytes.subspan(kKeyMagic.size());
  key.alpha = take_g1(rest);
  key.beta = take_g2(rest);
  key.gamma = take_g2(rest);
  key.delta = take_g2(rest);
  while (!rest.empty()) key.ic.push_back(take_g1(rest));
  return key;
}

Bytes encode_proof(const ProofNumbers& proof) {
  Bytes out;
  append_g1(proof.a, out);
  append_g2(proof.b, out);
  append_g1(proof.c, out);
  return out;
}

std::optional<ProofNumbers> decode_proof(ByteView bytes) {
  if (bytes.size() != kProofBytes) return std::nullopt;
  ProofNumbers proof;
  ByteView rest = bytes;
  proof.a = take_g1(rest);
  proof.b = take_g2(rest);
  proof.c = take_g1(rest);
  return proof;
}

std::optional<std::vector<Number>> decode_signals(ByteView bytes) {
  if (bytes.size() % kWordBytes != 0 || bytes.size() > kSignalsMax * kWordBytes) return std::nullopt;
  std::vector<Number> signals;
  ByteView rest = bytes;
  while (!rest.empty()) signals.push_back(take_word(rest));
  return signals;
}

}  // namespace starminer::attestation::zk
