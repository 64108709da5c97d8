// Proofs that two pairs of points have one discrete logarithm (DLEQ), in the verifiable mode of RFC 9497 with the suite
// ristretto255-SHA512: hash to group and scalar, key derivation, GenerateProof and VerifyProof. Arithmetic by
// libsodium. Invariants: no function takes a point that is not canonical or the identity, nor a scalar that is not
// below the group's order. Operations on secrets take constant time. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace starminer::attestation::vrf {

/// A point of ristretto255 in its 32-byte encoding. Any 32 bytes until `is_valid` has passed.
struct Element {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Element&) const = default;
  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] static std::optional<Element> from_view(ByteView view);
};

/// A number below the group's order, little-endian. Any 32 bytes until `is_canonical` has passed.
struct Scalar {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Scalar&) const = default;
};

/// RFC 9497 section 2.2.2: the challenge c, then the response s.
struct DleqProof {
  Scalar challenge;
  Scalar response;

  auto operator<=>(const DleqProof&) const = default;
};

enum class DleqFault : std::uint8_t { None, BadKey, BadElement, BadScalar, Mismatch };

/// The canonical encoding of a point other than the identity (DeserializeElement, section 4.1).
[[nodiscard]] bool is_valid(const Element& element);
/// Below the group's order (DeserializeScalar, section 4.1).
[[nodiscard]] bool is_canonical(const Scalar& scalar);

/// HashToGroup of section 4.1. Never the identity but with probability 2^-252.
[[nodiscard]] Element hash_to_group(ByteView input);
/// HashToScalar of section 4.1; `tag` stands for "HashToScalar-" where the RFC names another.
[[nodiscard]] Scalar hash_to_scalar(ByteView input, std::string_view tag = "HashToScalar-");
/// DeriveKeyPair of section 3.2.1: the secret scalar, never zero.
[[nodiscard]] Scalar derive_secret(ByteView seed, std::string_view info);

/// scalar * element. Requires: both valid. The all-zero encoding where the product is the identity.
[[nodiscard]] Element multiply(const Scalar& scalar, const Element& element);
/// scalar * generator.
[[nodiscard]] Element multiply_generator(const Scalar& scalar);

/// GenerateProof of section 2.2.1: `secret` is the logarithm of `key` to the generator and of every `evaluated[i]` to
/// `inputs[i]`. Requires: as many of both, valid points; a nonce that nobody can guess and that is used for this
/// statement only, else the secret is lost.
[[nodiscard]] DleqProof generate_proof(const Scalar& secret, const Element& key, std::span<const Element> inputs,
                                       std::span<const Element> evaluated, const Scalar& nonce);
/// VerifyProof of section 2.2.2. Takes any bytes; what is not valid is a fault.
[[nodiscard]] DleqFault verify_proof(const Element& key, std::span<const Element> inputs,
                                     std::span<const Element> evaluated, const DleqProof& proof);

}  // namespace starminer::attestation::vrf
