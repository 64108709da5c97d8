#include "base/signature.h"

#include <algorithm>

#include <sodium.h>

#include "base/check.h"

namespace starminer {
namespace {

Bytes signed_bytes(std::string_view domain, ByteView message) {
  STARMINER_CHECK(domain.size() < 256);
  Bytes bytes;
  bytes.reserve(1 + domain.size() + message.size());
  bytes.push_back(static_cast<std::uint8_t>(domain.size()));
  bytes.insert(bytes.end(), domain.begin(), domain.end());
  bytes.insert(bytes.end(), message.begin(), message.end());
  return bytes;
}

// Little-endian comparison with L = 2^252 + 27742317777372353535851937790883648493.
bool scalar_is_canonical(const std::uint8_t* scalar) {
  static constexpr std::array<std::uint8_t, 32> kOrder = {
      0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
      0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  for (int i = 31; i >= 0; --i) {
    const auto at = static_cast<std::size_t>(i);
    if (scalar[at] != kOrder[at]) return scalar[at] < kOrder[at];
  }
  return false;
}

}  // namespace

std::optional<Signature> Signature::from_view(ByteView view) {
  Signature signature;
  if (view.size() != signature.bytes.size()) return std::nullopt;
  std::copy(view.begin(), view.end(), signature.bytes.begin());
  return signature;
}

SignatureFault verify(const PublicKey& key, std::string_view domain, ByteView message, const Signature& signature) {
  const Bytes bytes = signed_bytes(domain, message);
  // libsodium checks the cofactorless equation and refuses small orders and non-canonical encodings itself.
  if (crypto_sign_verify_detached(signature.bytes.data(), bytes.data(), bytes.size(), key.bytes.data()) == 0) {
    return SignatureFault::None;
  }
  // Only now find out why, so that the accepting path pays for one check.
  if (crypto_core_ed25519_is_valid_point(key.bytes.data()) == 0) return SignatureFault::BadKey;
  if (!scalar_is_canonical(signature.bytes.data() + 32)) return SignatureFault::BadEncoding;
  if (crypto_core_ed25519_is_valid_point(signature.bytes.data()) == 0) return SignatureFault::BadEncoding;
  return SignatureFault::Mismatch;
}

SigningKey SigningKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  SigningKey key;
  crypto_sign_seed_keypair(key.public_key_.bytes.data(), key.secret_.data(), seed.data());
  return key;
}

SigningKey::~SigningKey() { sodium_memzero(secret_.data(), secret_.size()); }

Signature SigningKey::sign(std::string_view domain, ByteView message) const {
  const Bytes bytes = signed_bytes(domain, message);
  Signature signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, bytes.data(), bytes.size(), secret_.data());
  return signature;
}

}  // namespace starminer
