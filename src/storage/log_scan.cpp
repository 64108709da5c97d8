#include "storage/log_scan.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "storage/files.h"
#include "storage/log_format.h"

namespace starminer::storage {

namespace fs = std::filesystem;

std::optional<Hash32> LogScan::salt_of(const fs::path& folder) {
  const auto bytes = read_file(folder / "salt");
  return bytes ? decode_salt(*bytes) : std::nullopt;
}

LogScan::LogScan(const fs::path& folder, const std::vector<Hash32>& other_salts) {
  std::map<std::uint64_t, fs::path> segments;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (const auto first = height_of_segment(entry->path().filename().string())) {
      segments.emplace(*first, entry->path());
    }
  }
  if (segments.empty()) return;
  std::vector<Hash32> salts = other_salts;
  const auto own = salt_of(folder);
  if (own) salts.insert(salts.begin(), *own);
  expected_ = segments.begin()->first;
  for (const auto& [first, file] : segments) {
    if (first > expected_) {
      damage_.push_back(
          {fmt::format("{}: blocks {} to {} are missing before it", file.string(), expected_, first - 1), first - 1});
    }
    expected_ = std::max(expected_, first);
    read_segment(file, file == segments.rbegin()->second, salts);
  }
  if (!own) {
    damage_.push_back(
        {fmt::format("{}: the salt of the checksums is damaged or missing", (folder / "salt").string()), UINT64_MAX});
  }
}

void LogScan::read_segment(const fs::path& file, bool last, const std::vector<Hash32>& salts) {
  const auto bytes = read_file(file);
  if (!bytes) {
    damage_.push_back({fmt::format("{}: cannot be read: {}", file.string(), std::strerror(errno)), UINT64_MAX});
    return;
  }
  // One log has one salt: the first that a record checks with.
  const Hash32* salt = nullptr;
  for (const Hash32& candidate : salts) {
    if (log_record_at(candidate, *bytes, 0) || find_later_record(candidate, *bytes, 0, expected_)) {
      salt = &candidate;
      break;
    }
  }
  std::uint64_t at = 0;
  while (salt != nullptr) {
    auto found = log_record_at(*salt, *bytes, at);
    if (!found || found->height != expected_) {
      const auto later = find_later_record(*salt, *bytes, at, expected_ + 1);
      if (!later) break;
      damage_.push_back({fmt::format("{}, offset {}: block{} damaged", file.string(), at,
                                     later->second.height == expected_ + 1
                                         ? fmt::format(" {} is", expected_)
                                         : fmt::format("s {} to {} are", expected_, later->second.height - 1)),
                         later->second.height - 1});
      at = later->first;
      found = later->second;
      expected_ = found->height;
    }
    const auto offset = static_cast<std::uint64_t>(found->payload.data() - bytes->data());
    records_.emplace(expected_, Place{file, offset, found->payload.size()});
    ++expected_;
    at = found->end;
  }
  if (last && log_record_begins(*bytes, at, expected_)) {
    torn_ = fmt::format("{}, offset {}: block {} ends before its end; it was never acknowledged", file.string(), at,
                        expected_);
  }
}

std::optional<Bytes> LogScan::read(const Place& place) {
  const int fd = ::open(place.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  Bytes bytes(place.bytes);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        ::pread(fd, bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(place.offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (filled < bytes.size()) return std::nullopt;
  return bytes;
}

}  // namespace starminer::storage
