#include "base/bech32m.h"

#include <algorithm>
#include <array>

namespace starminer {
namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::uint32_t kBech32mConstant = 0x2bc830a3;
constexpr std::size_t kChecksumLength = 6;
constexpr std::size_t kLengthMax = 90;

// What the five bits that leave the checksum add to it.
constexpr std::array<std::uint32_t, 32> kFeedback = [] {
  constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  std::array<std::uint32_t, 32> feedback{};
  for (std::uint32_t top = 0; top < feedback.size(); ++top) {
    for (std::size_t i = 0; i < kGenerator.size(); ++i) {
      if (((top >> i) & 1U) != 0) feedback[top] ^= kGenerator[i];
    }
  }
  return feedback;
}();

std::uint32_t polymod_step(std::uint32_t checksum, std::uint32_t value) {
  return ((checksum & 0x1ffffffU) << 5) ^ value ^ kFeedback[checksum >> 25];
}

std::uint32_t prefix_checksum(std::string_view prefix) {
  std::uint32_t checksum = 1;
  for (const char c : prefix) checksum = polymod_step(checksum, static_cast<std::uint8_t>(c) >> 5);
  checksum = polymod_step(checksum, 0);
  for (const char c : prefix) checksum = polymod_step(checksum, static_cast<std::uint8_t>(c) & 31U);
  return checksum;
}

// The characters that the standard allows in a prefix, without upper case, which we refuse everywhere.
bool prefix_is_valid(std::string_view prefix) {
  if (prefix.empty()) return false;
  return std::all_of(prefix.begin(), prefix.end(),
                     [](char c) { return c >= '!' && c <= '~' && !(c >= 'A' && c <= 'Z'); });
}

// Hands on the bytes as groups of five bits, the last group padded with zeros.
template <class Take>
void for_each_group(ByteView data, Take take) {
  // Five bytes are eight groups.
  for (; data.size() >= 5; data = data.subspan(5)) {
    std::uint64_t chunk = 0;
    for (std::size_t i = 0; i < 5; ++i) chunk = chunk << 8U | data[i];
    for (int shift = 35; shift >= 0; shift -= 5) take(static_cast<std::uint32_t>(chunk >> shift) & 31U);
  }
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const std::uint8_t byte : data) {
    buffer = ((buffer << 8) | byte) & 0xfffU;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      take((buffer >> bits) & 31U);
    }
  }
  if (bits > 0) take((buffer << (5 - bits)) & 31U);
}

std::optional<Bytes> from_groups(const std::vector<std::uint8_t>& groups) {
  Bytes data;
  std::uint32_t buffer = 0;
  unsigned bits = 0;
  for (const std::uint8_t group : groups) {
    buffer = ((buffer << 5) | group) & 0xfffU;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      data.push_back(static_cast<std::uint8_t>(buffer >> bits));
    }
  }
  const std::uint32_t padding = buffer & ((1U << bits) - 1U);
  if (bits >= 5 || padding != 0) return std::nullopt;
  return data;
}

}  // namespace

std::string bech32m_encode(std::string_view prefix, ByteView data) {
  std::string text(prefix.size() + 1 + (data.size() * 8 + 4) / 5 + kChecksumLength, '1');
  std::copy(prefix.begin(), prefix.end(), text.begin());
  char* at = text.data() + prefix.size() + 1;
  std::uint32_t checksum = prefix_checksum(prefix);
  for_each_group(data, [&](std::uint32_t group) {
    checksum = polymod_step(checksum, group);
    *at++ = kAlphabet[group];
  });
  for (std::size_t i = 0; i < kChecksumLength; ++i) checksum = polymod_step(checksum, 0);
  checksum ^= kBech32mConstant;
  for (std::size_t i = 0; i < kChecksumLength; ++i) {
    *at++ = kAlphabet[(checksum >> (5 * (kChecksumLength - 1 - i))) & 31U];
  }
  return text;
}

std::optional<Bytes> bech32m_decode(std::string_view prefix, std::string_view text) {
  if (!prefix_is_valid(prefix)) return std::nullopt;
  if (text.size() > kLengthMax || text.size() < prefix.size() + 1 + kChecksumLength) return std::nullopt;
  if (text.substr(0, prefix.size()) != prefix || text[prefix.size()] != '1') return std::nullopt;
  std::uint32_t checksum = prefix_checksum(prefix);
  std::vector<std::uint8_t> groups;
  for (const char c : text.substr(prefix.size() + 1)) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    checksum = polymod_step(checksum, static_cast<std::uint32_t>(value));
    groups.push_back(static_cast<std::uint8_t>(value));
  }
  if (checksum != kBech32mConstant) return std::nullopt;
  groups.resize(groups.size() - kChecksumLength);
  return from_groups(groups);
}

}  // namespace starminer
