// Signature checks of the three key types that attestation uses, by OpenSSL's arithmetic alone. Keys and signatures are
// parsed and their ranges checked here, so the set of accepted inputs does not depend on a library's leniency; and the
// arithmetic is that of OpenSSL's default provider, whatever the machine's openssl.cnf prefers. A library that does not
// have it ends the program, as its answers would not be those of other machines. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"

struct evp_pkey_st;

namespace starminer::attestation::x509 {

enum class KeyType : std::uint8_t { EcP256, EcP384, Rsa };

/// Views into the bytes that it was read from.
struct PublicKey {
  KeyType type = KeyType::EcP256;
  /// Of an EC key: x || y, big-endian, 32 or 48 bytes each. Whether it is on the curve shows when it is used.
  ByteView point;
  /// Of an RSA key, big-endian without leading zeros.
  ByteView modulus;
  ByteView exponent;
  /// OpenSSL's form of the key, where `prepare` made it; else it is made for each signature.
  std::shared_ptr<evp_pkey_st> prepared;
};

/// Makes the key ready, which takes as long as half a signature check. A point that is not on its curve stays as it is.
void prepare(PublicKey& key);

/// Of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7): an uncompressed point on P-256 or P-384, or RSA of 2048 to
/// 4096 bits with an odd exponent from 3 to 32 bits.
[[nodiscard]] std::optional<PublicKey> parse_public_key(ByteView spki);

/// r and s, big-endian, without regard to leading zeros.
struct EcdsaSignature {
  ByteView r;
  ByteView s;
};

/// An Ecdsa-Sig-Value (RFC 3279 section 2.2.3).
[[nodiscard]] std::optional<EcdsaSignature> parse_ecdsa_signature(ByteView der);
/// r || s of equal lengths.
[[nodiscard]] EcdsaSignature split_ecdsa_signature(ByteView raw);

enum class Digest : std::uint8_t { Sha256, Sha384 };

/// False too for a key of another type, a point that is not on its curve, and r or s outside of 1 to n - 1.
[[nodiscard]] bool verify_ecdsa(const PublicKey& key, Digest digest, ByteView message, const EcdsaSignature& signature);
/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 8017 section 8.1).
[[nodiscard]] bool verify_rsa_pss_sha384(const PublicKey& key, ByteView message, ByteView signature);

[[nodiscard]] Bytes sha384(ByteView bytes);

}  // namespace starminer::attestation::x509
