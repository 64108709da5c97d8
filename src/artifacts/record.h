// The small files beside the content: what is known about an artifact and about a partial upload. A text of lines
// "name value" in fixed order; the reader takes exactly what the writer writes. Pure functions. Internal to the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starminer::artifacts {

struct Record {
  std::uint64_t size = 0;
  std::int64_t created_ms = 0;
  /// Of an artifact: kept until; of a partial upload: last append.
  std::int64_t time_ms = 0;
  std::vector<std::string> uploaders{};

  bool operator==(const Record&) const = default;
};

constexpr std::size_t kUploadersMax = 64;

[[nodiscard]] std::string format_record(const Record& record);
[[nodiscard]] std::optional<Record> parse_record(std::string_view text);

/// Adds an uploader once, up to the limit; true when the record changed. Characters that would break a line are left
/// out.
bool note_uploader(Record& record, std::string_view uploader);

}  // namespace starminer::artifacts
