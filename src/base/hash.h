// SHA-256 (FIPS 180-4, by OpenSSL) as a value type and as a stream. Every hash of a structure carries a tag, so that
// bytes hashed for one purpose never stand for another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace starminer {

/// A SHA-256 digest. Ordered bytewise.
struct Hash32 {
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Hash32&) const = default;
  [[nodiscard]] bool is_zero() const { return *this == Hash32{}; }
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  [[nodiscard]] ByteView view() const { return bytes; }
  /// Exactly 64 lower-case hexadecimal characters.
  [[nodiscard]] static std::optional<Hash32> from_hex(std::string_view text);
  [[nodiscard]] static std::optional<Hash32> from_view(ByteView view);
};

/// Streaming SHA-256. One object hashes one message; not for use from two threads at once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(ByteView bytes);
  Sha256& update(std::string_view text) { return update(as_bytes(text)); }
  /// Ends the message; the object may then only be destroyed.
  [[nodiscard]] Hash32 finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Hash32 sha256(ByteView bytes);
[[nodiscard]] inline Hash32 sha256(std::string_view text) { return sha256(as_bytes(text)); }

/// SHA-256 over one byte and the bytes: what RFC 6962 hashes for a leaf.
[[nodiscard]] Hash32 sha256_after(std::uint8_t first, ByteView bytes);

/// SHA-256 over the tag's length (one byte), the tag and the bytes.
[[nodiscard]] Hash32 tagged_hash(std::string_view tag, ByteView bytes);

}  // namespace starminer
