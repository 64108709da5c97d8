// The records of the block log, byte by byte (docs/formats/storage.md): what its writer, its reader and the repair of a
// damaged one agree on. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::storage {

inline constexpr std::string_view kLogMagic = "SMLOG001";
inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::uint64_t kLogPage = 4096;  // a record begins on one

/// The end of the page that a length reaches into.
[[nodiscard]] constexpr std::uint64_t log_page_end(std::uint64_t offset) {
  return (offset + kLogPage - 1) / kLogPage * kLogPage;
}
/// Makes a record with its padding of a payload, in a buffer that is used again.
void encode_log_record(const Hash32& salt, std::uint64_t height, ByteView payload, Bytes& out);

/// A record that checks.
struct FoundRecord {
  std::uint64_t height = 0;
  ByteView payload;
  std::uint64_t end = 0;  // where the next one begins
};
[[nodiscard]] std::optional<FoundRecord> log_record_at(const Hash32& salt, ByteView segment, std::uint64_t offset);
/// The first record behind an offset that is at least of this height, with its own offset.
[[nodiscard]] std::optional<std::pair<std::uint64_t, FoundRecord>> find_later_record(const Hash32& salt,
                                                                                     ByteView segment,
                                                                                     std::uint64_t offset,
                                                                                     std::uint64_t height);
/// Whether a record of this height was begun at an offset, whole or not.
[[nodiscard]] bool log_record_begins(ByteView segment, std::uint64_t offset, std::uint64_t height);

// The salt proves itself: with another one every record would look torn.
[[nodiscard]] Bytes encode_salt(const Hash32& salt);
[[nodiscard]] std::optional<Hash32> decode_salt(ByteView file);
/// The height in the name of a segment.
[[nodiscard]] std::optional<std::uint64_t> height_of_segment(std::string_view file_name);

}  // namespace starminer::storage
