// Strict DER (X.690 section 10) for the certificates and lists of attestation: definite minimal lengths, one-byte tags,
// minimal integers. Total: any bytes give an element or a reader that has failed. A reader that has failed stays so,
// and gives empty elements, so that a parser reads straight through and asks once at its end. Views into the caller's
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace starminer::attestation::x509::der {

inline constexpr std::uint8_t kBoolean = 0x01;
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kBitString = 0x03;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kOid = 0x06;
inline constexpr std::uint8_t kEnumerated = 0x0a;
inline constexpr std::uint8_t kIa5String = 0x16;
inline constexpr std::uint8_t kUtcTime = 0x17;
inline constexpr std::uint8_t kGeneralizedTime = 0x18;
inline constexpr std::uint8_t kSequence = 0x30;
/// [number] with elements inside.
[[nodiscard]] constexpr std::uint8_t context(std::uint8_t number) { return static_cast<std::uint8_t>(0xa0 | number); }

struct Element {
  std::uint8_t tag = 0;
  ByteView content;
  /// Tag, length and content.
  ByteView whole;
};

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}

  [[nodiscard]] Element next();
  /// The next element, which must have this tag.
  [[nodiscard]] Element expect(std::uint8_t tag);
  /// A reader of the content of the next element, which must have this tag.
  [[nodiscard]] Reader enter(std::uint8_t tag);
  /// Whether the next element has this tag.
  [[nodiscard]] bool next_is(std::uint8_t tag) const;
  void fail() { failed_ = true; }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return failed_ || rest_.empty(); }
  /// Everything was read and nothing failed.
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool failed_ = false;
};

/// The value of a minimal, non-negative INTEGER, big-endian without leading zeros (zero is one zero byte).
[[nodiscard]] std::optional<ByteView> magnitude(const Element& integer);
/// The same where it fits.
[[nodiscard]] std::optional<std::uint32_t> small_integer(const Element& integer);
/// The bytes of a BIT STRING without unused bits.
[[nodiscard]] std::optional<ByteView> whole_bits(const Element& bits);
/// TRUE is 0xff, FALSE is 0x00.
[[nodiscard]] std::optional<bool> boolean(const Element& element);
/// "1.2.840.10045.2.1". Empty optional for an OID that is not minimal, ends early, or has an arc above 2^32 - 1.
[[nodiscard]] std::optional<std::string> oid_text(const Element& oid);

}  // namespace starminer::attestation::x509::der
