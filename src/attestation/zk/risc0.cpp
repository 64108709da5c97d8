#include "attestation/zk/risc0.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "attestation/zk/words.h"

namespace starminer::attestation::zk {
namespace {

using evidence::StepId;
using evidence::Steps;

/// The state after a program that halted: its digest is the same for all of them.
constexpr Hash32 kHaltedState = {{0xa3, 0xac, 0xc2, 0x71, 0x17, 0x41, 0x89, 0x96, 0x34, 0x0b, 0x84,
                                  0xe5, 0xa9, 0x0f, 0x3e, 0xf4, 0xc4, 0x9d, 0x22, 0xc7, 0x9e, 0x44,
                                  0xaa, 0xd8, 0x22, 0xec, 0x9c, 0x31, 0x3e, 0x1e, 0xb8, 0xe2}};

void append_u16_le(std::uint16_t value, Bytes& out) {
  out.push_back(static_cast<std::uint8_t>(value));
  out.push_back(static_cast<std::uint8_t>(value >> 8));
}

/// RISC Zero's hash of a structure: the hash of its name, the digests in it, its words, and how many digests there are.
Hash32 hash_structure(std::string_view name, std::span<const Hash32> digests, ByteView words = {}) {
  Sha256 hash;
  hash.update(sha256(name).view());
  for (const Hash32& digest : digests) hash.update(digest.view());
  hash.update(words);
  Bytes count;
  append_u16_le(static_cast<std::uint16_t>(digests.size()), count);
  return hash.update(count).finish();
}

/// A list: its last element with the empty rest, the one before it with that, ...
Hash32 hash_list(std::string_view name, std::span<const Hash32> digests) {
  Hash32 rest;
  for (std::size_t i = digests.size(); i-- > 0;) {
    const std::array<Hash32, 2> cell = {digests[i], rest};
    rest = hash_structure(name, cell);
  }
  return rest;
}

Hash32 reversed(const Hash32& hash) {
  Hash32 result = hash;
  std::reverse(result.bytes.begin(), result.bytes.end());
  return result;
}

Hash32 hash_of(const G1Numbers& point) {
  Bytes bytes;
  append_g1(point, bytes);
  return sha256(bytes);
}

Hash32 hash_of(const G2Numbers& point) {
  Bytes bytes;
  append_g2(point, bytes);
  return sha256(bytes);
}

/// The halves of a digest that is read from its last byte to its first.
void append_halves(const Hash32& digest, std::vector<Number>& signals) {
  const Number whole = number_of_word(reversed(digest).view());
  signals.push_back({whole[0], whole[1], 0, 0});
  signals.push_back({whole[2], whole[3], 0, 0});
}

}  // namespace

Hash32 risc0_claim(const Hash32& image_id, ByteView journal) {
  const std::array<Hash32, 2> output = {sha256(journal), Hash32{}};
  const std::array<Hash32, 4> claim = {Hash32{}, image_id, kHaltedState, hash_structure("risc0.Output", output)};
  // The exit code of the system and that of the program: halted, with 0.
  constexpr std::array<std::uint8_t, 8> kExitCodes = {};
  return hash_structure("risc0.ReceiptClaim", claim, kExitCodes);
}

Hash32 risc0_key_digest(const KeyNumbers& key) {
  std::vector<Hash32> ic;
  ic.reserve(key.ic.size());
  for (const G1Numbers& point : key.ic) ic.push_back(hash_of(point));
  const std::array<Hash32, 5> parts = {hash_of(key.alpha), hash_of(key.beta), hash_of(key.gamma), hash_of(key.delta),
                                       hash_list("risc0_groth16.VerifyingKey.IC", ic)};
  return hash_structure("risc0_groth16.VerifyingKey", parts);
}

Selector risc0_selector(const Risc0Release& release, const Hash32& key_digest) {
  const std::array<Hash32, 3> parts = {release.control_root, reversed(release.control_id), key_digest};
  const Hash32 digest = hash_structure("risc0.Groth16ReceiptVerifierParameters", parts);
  Selector selector{};
  std::copy_n(digest.bytes.begin(), selector.size(), selector.begin());
  return selector;
}

std::vector<Number> risc0_signals(const Risc0Release& release, const Hash32& claim) {
  std::vector<Number> signals;
  append_halves(release.control_root, signals);
  append_halves(claim, signals);
  signals.push_back(number_of_word(release.control_id.view()));
  return signals;
}

Steps verify(const PreparedKey& key, const Risc0Receipt& receipt, const Risc0Release& release) {
  Steps steps;
  const Selector selector = risc0_selector(release, risc0_key_digest(key.key().numbers()));
  const ByteView seal = receipt.seal;
  const auto proof = decode_proof(seal.size() < selector.size() ? ByteView() : seal.subspan(selector.size()));
  steps.check(StepId::ZkReceiptForm, proof.has_value(),
              "a seal has 260 bytes: a selector of 4 and the words of a proof");
  if (!proof) return steps;
  steps.check(StepId::ZkSelector, std::equal(selector.begin(), selector.end(), seal.begin()),
              "the seal's selector is not that of this release and key");
  steps.append(verify(key, *proof, risc0_signals(release, risc0_claim(receipt.image_id, receipt.journal))));
  return steps;
}

}  // namespace starminer::attestation::zk
