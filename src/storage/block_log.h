// The log of the newest blocks: what makes a block durable. Records lie in preallocated segments, each record on pages
// of its own, so that appending is one write and one fdatasync, changes no metadata of the file system, and never
// touches a page that holds an acknowledged block. A record that is cut short at the end was never acknowledged and is
// dropped; damage before a later record is refused with file and offset. Format: docs/formats/storage.md.
// Threading: append and make_room from one thread; drop_through from one other; prepare_spare from both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "storage/storage_error.h"

namespace starminer::storage {

/// Steps that touch the disk, for tests that make one fail.
enum class LogStep : std::uint8_t { Create, Write, Sync };

struct LogOptions {
  std::uint64_t segment_bytes = 32U << 20;
  /// A value other than 0 is the errno that the step fails with.
  std::function<int(LogStep)> fault;
};

/// What opening found.
struct LogReport {
  std::uint64_t records = 0;  // given to the visitor
  std::string dropped;        // where a record ended before its end; empty: nowhere
};

class BlockLog {
 public:
  /// False: the payload does not decode.
  using Visitor = std::function<bool(std::uint64_t height, ByteView payload)>;

  /// Reads the records after `height` in order. Fails with Corrupt where one is damaged or missing.
  [[nodiscard]] static Result<std::unique_ptr<BlockLog>, StorageError> open(std::filesystem::path folder,
                                                                            LogOptions options, std::uint64_t height,
                                                                            const Visitor& visitor);
  ~BlockLog();
  BlockLog(const BlockLog&) = delete;
  BlockLog& operator=(const BlockLog&) = delete;

  /// Returns when the record is on disk. Fails with Full where a write found no room: the record is not in the log
  /// then, and another of this height may be appended. After any other failure every later call fails: whether the
  /// bytes of the failed one reached the disk is unknown, and a second fdatasync would not tell. Requires: height is
  /// that of the record before plus one.
  [[nodiscard]] Result<void, StorageError> append(std::uint64_t height, ByteView payload);
  /// Lets go of segments that hold nothing above `height`.
  void drop_through(std::uint64_t height);
  /// Makes the next segment ready, so that append need not wait for it.
  [[nodiscard]] Result<void, StorageError> prepare_spare();
  /// Sees to the segment that the next records may need. Fails with Full where the disk has no space, and may be called
  /// again; what append does then needs no space, but for file systems that give a page that is written over another
  /// place. After an append that found no room, fails until what it needed is there. From the thread that appends.
  [[nodiscard]] Result<void, StorageError> make_room();

  [[nodiscard]] const LogReport& report() const { return report_; }

 private:
  struct Scan;
  BlockLog(std::filesystem::path folder, LogOptions options);

  [[nodiscard]] Result<void, StorageError> read_salt();
  [[nodiscard]] Result<void, StorageError> read_all(std::uint64_t height, const Visitor& visitor);
  [[nodiscard]] Result<void, StorageError> read_segment(Scan& scan, const Visitor& visitor);
  [[nodiscard]] Result<void, StorageError> roll(std::uint64_t first_height);
  [[nodiscard]] bool needs_segment(std::uint64_t bytes) const;
  /// Writes `buffer_` behind the last record, not synced.
  [[nodiscard]] Result<void, StorageError> write_record();
  /// Writes zeroes where the record that found no room would have stood.
  [[nodiscard]] Result<void, StorageError> try_room();
  [[nodiscard]] Result<void, StorageError> create(const std::filesystem::path& path) const;
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t first_height) const;
  [[nodiscard]] std::filesystem::path spare_path() const { return folder_ / "spare"; }
  [[nodiscard]] int fault(LogStep step) const { return options_.fault ? options_.fault(step) : 0; }
  [[nodiscard]] StorageError broken(const std::filesystem::path& path, const char* what, int error);
  [[nodiscard]] StorageError full(const std::filesystem::path& path, int error);

  std::filesystem::path folder_;
  LogOptions options_;
  LogReport report_;
  Hash32 salt_;
  std::filesystem::path path_;  // of the segment in use
  int file_ = -1;
  std::uint64_t file_bytes_ = 0;  // allocated
  std::uint64_t end_ = 0;         // of the last record in the file
  std::uint64_t next_height_ = 0;
  Bytes buffer_;
  std::uint64_t lacking_ = 0;  // bytes of a record that found no room; 0: none has since there was some
  std::string failure_;
  std::mutex making_;                                        // held while a spare is made
  std::mutex mutex_;                                         // guards what follows
  std::map<std::uint64_t, std::filesystem::path> segments_;  // by the height of their first record
  bool has_spare_ = false;
};

}  // namespace starminer::storage
