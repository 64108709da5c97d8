// ed25519 signatures (RFC 8032, by libsodium) with one acceptance rule in one function: canonical points and scalars
// only, no point of small order. Every path that accepts a signature calls `verify`. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"

namespace starminer {

struct Signature {
  std::array<std::uint8_t, 64> bytes{};

  auto operator<=>(const Signature&) const = default;
  [[nodiscard]] ByteView view() const { return bytes; }
  [[nodiscard]] static std::optional<Signature> from_view(ByteView view);
};

enum class SignatureFault : std::uint8_t { None, BadKey, BadEncoding, Mismatch };

/// Checks `signature` of `key` over the length of `domain` (one byte), `domain` and `message`.
/// BadKey: the key is no canonical point or of small order. BadEncoding: the scalar is not below the group order or
/// R is not canonical or of small order. Mismatch: well formed, but not a signature of these bytes.
[[nodiscard]] SignatureFault verify(const PublicKey& key, std::string_view domain, ByteView message,
                                    const Signature& signature);

/// A signing key. The secret is wiped when the object goes.
class SigningKey {
 public:
  /// The key of a 32-byte seed (RFC 8032 section 5.1.5).
  [[nodiscard]] static SigningKey from_seed(const std::array<std::uint8_t, 32>& seed);
  ~SigningKey();
  SigningKey(const SigningKey&) = default;
  SigningKey& operator=(const SigningKey&) = default;

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] AccountId account() const { return account_of(public_key_); }
  [[nodiscard]] Signature sign(std::string_view domain, ByteView message) const;

 private:
  SigningKey() = default;
  std::array<std::uint8_t, 64> secret_{};
  PublicKey public_key_;
};

}  // namespace starminer
