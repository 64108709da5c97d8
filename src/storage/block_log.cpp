#include "storage/block_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"
#include "storage/files.h"
#include "storage/log_format.h"

namespace starminer::storage {
namespace {

constexpr std::size_t kZeroes = 1U << 20;

StorageError corrupt(const std::filesystem::path& path, std::uint64_t offset, std::string_view what) {
  return {
      StorageFault::Corrupt,
      fmt::format("{}, offset {}: {}; nothing was changed. Restore the folder: starminerd repair takes what is left of "
                  "it, backups and snapshots",
                  path.string(), offset, what)};
}

}  // namespace

/// Where reading stands.
struct BlockLog::Scan {
  std::filesystem::path path;
  bool last = false;           // no segment behind it
  std::uint64_t after = 0;     // records up to this height are not needed
  std::uint64_t expected = 0;  // height of the next record
  std::uint64_t end = 0;       // of the last record in this segment
};

BlockLog::BlockLog(std::filesystem::path folder, LogOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {}

BlockLog::~BlockLog() {
  if (file_ >= 0) ::close(file_);
}

std::filesystem::path BlockLog::path_of(std::uint64_t first_height) const {
  return folder_ / fmt::format("{:020}{}", first_height, kLogSuffix);
}

Result<std::unique_ptr<BlockLog>, StorageError> BlockLog::open(std::filesystem::path folder, LogOptions options,
                                                               std::uint64_t height, const Visitor& visitor) {
  if (!make_folder(folder)) {
    return fail(StorageError{StorageFault::Open, fmt::format("{}: {}", folder.string(), std::strerror(errno))});
  }
  std::unique_ptr<BlockLog> log(new BlockLog(std::move(folder), std::move(options)));
  if (auto salted = log->read_salt(); !salted) return fail(std::move(salted.error()));
  if (auto read = log->read_all(height, visitor); !read) return fail(std::move(read.error()));
  return log;
}

Result<void, StorageError> BlockLog::read_salt() {
  const std::filesystem::path path = folder_ / "salt";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    const auto bytes = read_file(path);
    const auto salt = bytes ? decode_salt(*bytes) : std::nullopt;
    if (!salt) return fail(corrupt(path, 0, "the salt of the checksums is damaged"));
    salt_ = *salt;
    return {};
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().extension() == kLogSuffix) {
      return fail(corrupt(path, 0, "the salt of the checksums is missing, and there are records"));
    }
  }
  std::random_device device;
  for (std::uint8_t& byte : salt_.bytes) byte = static_cast<std::uint8_t>(device());
  const std::filesystem::path made = folder_ / "salt.new";
  const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool good = fd >= 0 && write_all(fd, encode_salt(salt_), 0) && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!good || ::rename(made.c_str(), path.c_str()) != 0 || !sync_folder(folder_)) {
    return fail(StorageError{
        StorageFault::Open, fmt::format("{}: cannot be made: {}", path.string(), std::strerror(good ? errno : error))});
  }
  return {};
}

Result<void, StorageError> BlockLog::read_all(std::uint64_t height, const Visitor& visitor) {
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (entry.path() == spare_path()) has_spare_ = true;
    if (const auto first = height_of_segment(name)) segments_.emplace(*first, entry.path());
  }
  next_height_ = height + 1;
  if (segments_.empty()) return {};
  Scan scan;
  scan.after = height;
  scan.expected = std::min(segments_.begin()->first, height + 1);
  for (const auto& [first, path] : segments_) {
    if (first != scan.expected && first > height + 1) {
      return fail(corrupt(path, 0, fmt::format("blocks {} to {} are missing before it", scan.expected, first - 1)));
    }
    scan.expected = first;
    scan.path = path;
    scan.last = path == segments_.rbegin()->second;
    if (auto read = read_segment(scan, visitor); !read) return read;
  }
  next_height_ = std::max(scan.expected, height + 1);
  // Appending goes on in the last segment, behind its last record.
  file_ = ::open(scan.path.c_str(), O_RDWR | O_CLOEXEC);
  if (file_ < 0) return fail(broken(scan.path, "open", errno));
  file_bytes_ = std::filesystem::file_size(scan.path);
  path_ = scan.path;
  end_ = scan.end;
  return {};
}

Result<void, StorageError> BlockLog::read_segment(Scan& scan, const Visitor& visitor) {
  const auto bytes = read_file(scan.path);
  if (!bytes) {
    return fail(StorageError{StorageFault::Read,
                             fmt::format("{}: cannot be read: {}", scan.path.string(), std::strerror(errno))});
  }
  std::uint64_t at = 0;
  for (;;) {
    auto found = log_record_at(salt_, *bytes, at);
    if (!found || found->height != scan.expected) {
      const auto later = find_later_record(salt_, *bytes, at, scan.expected + 1);
      if (!later) break;
      // What the database holds already need not be whole here.
      if (later->second.height > scan.after + 1) {
        return fail(corrupt(
            scan.path, at,
            fmt::format("block {} is damaged, and block {} stands behind it", scan.expected, later->second.height)));
      }
      at = later->first;
      found = later->second;
      scan.expected = found->height;
    }
    if (found->height > scan.after) {
      if (!visitor(found->height, found->payload)) {
        return fail(corrupt(scan.path, at, fmt::format("block {} does not decode", found->height)));
      }
      ++report_.records;
    }
    ++scan.expected;
    at = found->end;
  }
  scan.end = at;
  if (scan.last && log_record_begins(*bytes, at, scan.expected)) {
    report_.dropped = fmt::format("{}, offset {}: block {} ends before its end; it was never acknowledged",
                                  scan.path.string(), at, scan.expected);
  }
  return {};
}

StorageError BlockLog::broken(const std::filesystem::path& path, const char* what, int error) {
  failure_ = fmt::format(
      "{}: {} failed: {}; the node ends, since nobody can tell what of this block is on the disk. What was answered "
      "is. "
      "Now {}, then start again",
      path.string(), what, std::strerror(error), write_advice(error));
  return {StorageFault::Write, failure_};
}

StorageError BlockLog::full(const std::filesystem::path& path, int error) {
  lacking_ = std::max<std::uint64_t>(buffer_.size(), kLogPage);
  return {StorageFault::Full,
          fmt::format("{}: no room for a block: {}; {}", path.string(), std::strerror(error), write_advice(error))};
}

Result<void, StorageError> BlockLog::create(const std::filesystem::path& path) const {
  const auto failed = [&](int fd) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return fail(StorageError{
        is_out_of_room(error) ? StorageFault::Full : StorageFault::Write,
        fmt::format("{}: cannot be made: {}; {}", path.string(), std::strerror(error), write_advice(error))});
  };
  if (const int error = fault(LogStep::Create); error != 0) {
    errno = error;
    return failed(-1);
  }
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed(fd);
  const Bytes zeroes(std::min<std::uint64_t>(kZeroes, options_.segment_bytes));
  // Written, not only reserved: a page that was never written would cost the first append to it a change of metadata.
  for (std::uint64_t at = 0; at < options_.segment_bytes; at += zeroes.size()) {
    const ByteView piece = ByteView(zeroes).first(std::min<std::uint64_t>(zeroes.size(), options_.segment_bytes - at));
    if (!write_all(fd, piece, at)) return failed(fd);
  }
  if (::fsync(fd) != 0) return failed(fd);
  ::close(fd);
  return {};
}

Result<void, StorageError> BlockLog::roll(std::uint64_t first_height) {
  const std::filesystem::path path = path_of(first_height);
  bool renamed = false;
  {
    // In one piece: meanwhile the other thread may put a new spare under the same name.
    const std::lock_guard lock(mutex_);
    if (has_spare_) {
      if (::rename(spare_path().c_str(), path.c_str()) != 0) {
        return fail(is_out_of_room(errno) ? full(path, errno) : broken(path, "rename", errno));
      }
      has_spare_ = false;
      renamed = true;
    }
  }
  if (!renamed) {
    const std::filesystem::path made = folder_ / "next.new";
    if (auto created = create(made); !created) {
      if (created.error().fault == StorageFault::Full) {
        lacking_ = std::max<std::uint64_t>(buffer_.size(), kLogPage);
      } else {
        failure_ = created.error().text;
      }
      return created;
    }
    if (::rename(made.c_str(), path.c_str()) != 0) {
      return fail(is_out_of_room(errno) ? full(path, errno) : broken(path, "rename", errno));
    }
  }
  if (!sync_folder(folder_)) return fail(broken(path, "rename", errno));
  if (file_ >= 0) ::close(file_);
  file_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file_ < 0) return fail(broken(path, "open", errno));
  file_bytes_ = std::filesystem::file_size(path);
  path_ = path;
  end_ = 0;
  const std::lock_guard lock(mutex_);
  segments_.emplace(first_height, path);
  return {};
}

bool BlockLog::needs_segment(std::uint64_t bytes) const {
  return file_ < 0 || (end_ > 0 && end_ + bytes > file_bytes_);
}

// The first page goes last: without it nothing is a record, so that a write which finds no room has left none.
Result<void, StorageError> BlockLog::write_record() {
  const ByteView bytes(buffer_);
  const auto write = [&](ByteView pages, std::uint64_t offset, std::size_t& written) {
    if (const int error = fault(LogStep::Write); error != 0) return errno = error, false;
    return write_all(file_, pages, offset, &written);
  };
  std::size_t written = 0;
  if (bytes.size() > kLogPage && !write(bytes.subspan(kLogPage), end_ + kLogPage, written)) {
    return fail(is_out_of_room(errno) ? full(path_, errno) : broken(path_, "write", errno));
  }
  written = 0;
  if (!write(bytes.first(kLogPage), end_, written)) {
    // Of a page that was taken in part, the rest may happen to be what stood there before.
    return fail(is_out_of_room(errno) && written == 0 ? full(path_, errno) : broken(path_, "write", errno));
  }
  return {};
}

Result<void, StorageError> BlockLog::append(std::uint64_t height, ByteView payload) {
  if (!failure_.empty()) return fail(StorageError{StorageFault::Write, failure_});
  STARMINER_CHECK(height == next_height_);
  encode_log_record(salt_, height, payload, buffer_);
  const std::uint64_t bytes = buffer_.size();
  if (needs_segment(bytes)) {
    if (auto rolled = roll(height); !rolled) return rolled;
  }
  if (auto written = write_record(); !written) return written;
  if (const int error = fault(LogStep::Sync); error != 0) return fail(broken(path_, "fdatasync", error));
  if (::fdatasync(file_) != 0) return fail(broken(path_, "fdatasync", errno));
  end_ += bytes;
  ++next_height_;
  return {};
}

void BlockLog::drop_through(std::uint64_t height) {
  std::vector<std::filesystem::path> unneeded;
  {
    const std::lock_guard lock(mutex_);
    // A segment ends where the next one begins; the last one is in use.
    while (segments_.size() > 1 && std::next(segments_.begin())->first <= height + 1) {
      unneeded.push_back(segments_.begin()->second);
      segments_.erase(segments_.begin());
    }
  }
  for (const auto& path : unneeded) {
    std::error_code ignored;
    const std::lock_guard lock(mutex_);
    // Its records are of lower heights than any that will be looked for, so they need not be erased.
    if (!has_spare_ && std::filesystem::file_size(path, ignored) == options_.segment_bytes) {
      has_spare_ = ::rename(path.c_str(), spare_path().c_str()) == 0;
    } else {
      std::filesystem::remove(path, ignored);
    }
  }
}

Result<void, StorageError> BlockLog::prepare_spare() {
  const std::lock_guard making(making_);
  {
    const std::lock_guard lock(mutex_);
    if (has_spare_) return {};
  }
  // The name differs, so that a segment may be given back meanwhile.
  const std::filesystem::path made = folder_ / "spare.new";
  if (auto created = create(made); !created) return created;
  const std::lock_guard lock(mutex_);
  if (!has_spare_) has_spare_ = ::rename(made.c_str(), spare_path().c_str()) == 0;
  return {};
}

Result<void, StorageError> BlockLog::try_room() {
  if (needs_segment(lacking_)) {
    if (auto rolled = roll(next_height_); !rolled) return rolled;
  }
  buffer_.assign(lacking_, 0);
  int error = fault(LogStep::Write);
  if (error == 0 && !write_all(file_, buffer_, end_)) error = errno;
  if (error != 0) return fail(is_out_of_room(error) ? full(path_, error) : broken(path_, "write", error));
  lacking_ = 0;
  return {};
}

Result<void, StorageError> BlockLog::make_room() {
  // What has failed for another reason is told by append.
  if (!failure_.empty()) return {};
  if (lacking_ > 0) {
    if (auto room = try_room(); !room && room.error().fault == StorageFault::Full) return room;
    if (!failure_.empty()) return {};
  }
  if (file_ >= 0 && end_ + options_.segment_bytes / 2 <= file_bytes_) return {};
  auto made = prepare_spare();
  if (!made && made.error().fault == StorageFault::Full) return made;
  return {};
}

}  // namespace starminer::storage
