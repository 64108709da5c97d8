#include "attestation/x509/der.h"

namespace starminer::attestation::x509::der {

Element Reader::next() {
  constexpr std::uint8_t kLongTag = 0x1f;
  constexpr std::size_t kLengthBytesMax = 3;  // 16 MiB, more than any input may have
  if (failed_ || rest_.size() < 2 || (rest_[0] & kLongTag) == kLongTag) {
    failed_ = true;
    return {};
  }
  std::size_t header = 2;
  std::size_t length = rest_[1];
  if (length >= 0x80) {
    const std::size_t count = length - 0x80;
    // The indefinite form, and a length in more bytes than it needs, are not DER.
    if (count == 0 || count > kLengthBytesMax || rest_.size() < header + count || rest_[header] == 0) {
      failed_ = true;
      return {};
    }
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = (length << 8) | rest_[header + i];
    header += count;
    if (length < 0x80) {
      failed_ = true;
      return {};
    }
  }
  if (rest_.size() - header < length) {
    failed_ = true;
    return {};
  }
  const Element element{rest_[0], rest_.subspan(header, length), rest_.first(header + length)};
  rest_ = rest_.subspan(header + length);
  return element;
}

Element Reader::expect(std::uint8_t tag) {
  const Element element = next();
  if (failed_ || element.tag != tag) {
    failed_ = true;
    return {};
  }
  return element;
}

Reader Reader::enter(std::uint8_t tag) {
  Reader inner(expect(tag).content);
  if (failed_) inner.fail();
  return inner;
}

bool Reader::next_is(std::uint8_t tag) const { return !failed_ && !rest_.empty() && rest_[0] == tag; }

std::optional<ByteView> magnitude(const Element& integer) {
  const ByteView bytes = integer.content;
  if (integer.tag != kInteger || bytes.empty() || (bytes[0] & 0x80) != 0) return std::nullopt;
  if (bytes.size() == 1 || bytes[0] != 0) return bytes;
  if ((bytes[1] & 0x80) == 0) return std::nullopt;
  return bytes.subspan(1);
}

std::optional<std::uint32_t> small_integer(const Element& integer) {
  const auto bytes = magnitude(integer);
  if (!bytes || bytes->size() > 4) return std::nullopt;
  std::uint32_t value = 0;
  for (const std::uint8_t byte : *bytes) value = (value << 8) | byte;
  return value;
}

std::optional<ByteView> whole_bits(const Element& bits) {
  if (bits.tag != kBitString || bits.content.empty() || bits.content[0] != 0) return std::nullopt;
  return bits.content.subspan(1);
}

std::optional<bool> boolean(const Element& element) {
  if (element.tag != kBoolean || element.content.size() != 1) return std::nullopt;
  if (element.content[0] == 0xff) return true;
  if (element.content[0] == 0x00) return false;
  return std::nullopt;
}

std::optional<std::string> oid_text(const Element& oid) {
  if (oid.tag != kOid || oid.content.empty()) return std::nullopt;
  std::string text;
  std::uint64_t arc = 0;
  bool inside = false;
  for (const std::uint8_t byte : oid.content) {
    if (!inside && byte == 0x80) return std::nullopt;
    arc = (arc << 7) | (byte & 0x7fU);
    if (arc > 0xffffffffU) return std::nullopt;
    inside = (byte & 0x80) != 0;
    if (inside) continue;
    if (text.empty()) {
      const std::uint64_t first = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      text = std::to_string(first) + "." + std::to_string(arc - 40 * first);
    } else {
      text += "." + std::to_string(arc);
    }
    arc = 0;
  }
  if (inside) return std::nullopt;
  return text;
}

}  // namespace starminer::attestation::x509::der
