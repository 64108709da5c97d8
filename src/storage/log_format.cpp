#include "storage/log_format.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/codec.h"

namespace starminer::storage {
namespace {

constexpr std::size_t kChecksumBytes = 16;
constexpr std::size_t kHeadBytes = 8 + 8 + 8 + kChecksumBytes;
constexpr std::size_t kSaltFileBytes = 64;  // the salt and its SHA-256

static_assert(kLogMagic.size() == 8);

/// Over height, length and payload: a record that was moved or cut does not pass. The salt keeps whoever fills payloads
/// from writing what looks like a record.
std::array<std::uint8_t, kChecksumBytes> checksum(const Hash32& salt, ByteView head, ByteView payload) {
  const Hash32 hash = Sha256().update(salt.view()).update(head).update(payload).finish();
  std::array<std::uint8_t, kChecksumBytes> sum{};
  std::copy_n(hash.bytes.begin(), sum.size(), sum.begin());
  return sum;
}

}  // namespace

void encode_log_record(const Hash32& salt, std::uint64_t height, ByteView payload, Bytes& out) {
  const std::uint64_t bytes = log_page_end(kHeadBytes + payload.size());
  out.clear();
  out.reserve(bytes);
  out.insert(out.end(), kLogMagic.begin(), kLogMagic.end());
  codec::put(height, out);
  codec::put(static_cast<std::uint64_t>(payload.size()), out);
  const auto sum = checksum(salt, ByteView(out).subspan(kLogMagic.size()), payload);
  out.insert(out.end(), sum.begin(), sum.end());
  out.insert(out.end(), payload.begin(), payload.end());
  out.resize(bytes);
}

std::optional<FoundRecord> log_record_at(const Hash32& salt, ByteView segment, std::uint64_t offset) {
  if (offset + kHeadBytes > segment.size()) return std::nullopt;
  const ByteView head = segment.subspan(offset, kHeadBytes);
  if (as_text(head.first(kLogMagic.size())) != kLogMagic) return std::nullopt;
  codec::Source in{head.subspan(kLogMagic.size())};
  const auto height = codec::get_integer<std::uint64_t>(in);
  const auto length = codec::get_integer<std::uint64_t>(in);
  if (length > segment.size() - offset - kHeadBytes) return std::nullopt;
  const ByteView payload = segment.subspan(offset + kHeadBytes, length);
  const auto sum = checksum(salt, head.subspan(kLogMagic.size(), 16), payload);
  if (!std::equal(sum.begin(), sum.end(), in.left.begin())) return std::nullopt;
  return FoundRecord{height, payload, log_page_end(offset + kHeadBytes + length)};
}

std::optional<std::pair<std::uint64_t, FoundRecord>> find_later_record(const Hash32& salt, ByteView segment,
                                                                       std::uint64_t offset, std::uint64_t height) {
  for (std::uint64_t at = log_page_end(offset + 1); at < segment.size(); at += kLogPage) {
    const auto found = log_record_at(salt, segment, at);
    if (found && found->height >= height) return std::pair{at, *found};
  }
  return std::nullopt;
}

bool log_record_begins(ByteView segment, std::uint64_t offset, std::uint64_t height) {
  return offset + kLogMagic.size() + 8 <= segment.size() &&
         as_text(segment.subspan(offset, kLogMagic.size())) == kLogMagic &&
         decode<std::uint64_t>(segment.subspan(offset + kLogMagic.size(), 8)) == height;
}

Bytes encode_salt(const Hash32& salt) {
  Bytes file(salt.bytes.begin(), salt.bytes.end());
  const Hash32 proof = sha256(salt.view());
  file.insert(file.end(), proof.bytes.begin(), proof.bytes.end());
  return file;
}

std::optional<Hash32> decode_salt(ByteView file) {
  if (file.size() != kSaltFileBytes) return std::nullopt;
  const auto salt = Hash32::from_view(file.first(kSaltFileBytes / 2));
  if (!salt || sha256(salt->view()) != Hash32::from_view(file.subspan(kSaltFileBytes / 2))) return std::nullopt;
  return salt;
}

std::optional<std::uint64_t> height_of_segment(std::string_view file_name) {
  std::uint64_t height = 0;
  const auto [stop, error] = std::from_chars(file_name.data(), file_name.data() + file_name.size(), height);
  const std::string_view rest = file_name.substr(static_cast<std::size_t>(stop - file_name.data()));
  return error == std::errc{} && rest == kLogSuffix ? std::optional(height) : std::nullopt;
}

}  // namespace starminer::storage
