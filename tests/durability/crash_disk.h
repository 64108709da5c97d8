// A disk that remembers (B4): while a run is recorded, every change below a folder is noted in order: writes, syncs,
// names. A crash then is any moment of that run, and its image any state that a disk could be in at it: of what was not
// synced, each piece of 512 bytes is there or not, older or newer, and of the names that a folder has not synced, the
// first so many. What was synced is there. The file functions of the C library are substituted in the program that
// links crash_shim.cpp, also for libraries. Recording: any thread. The rest: one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "scenario/driver.h"

namespace starminer::storage {

/// One change, or the word of a test.
struct DiskEvent {
  enum class Kind : std::uint8_t {
    Create,
    Rename,
    Link,
    Unlink,
    MakeFolder,
    RemoveFolder,
    Write,
    Resize,
    Sync,
    SyncFolder,
    Mark
  };
  Kind kind{};
  std::uint64_t file = 0;  // of Create, Write, Resize, Sync
  std::string path;        // of names: below the folder
  std::string target;      // of Rename and Link
  std::uint64_t at = 0;    // offset, size, or what a Mark says
  Bytes bytes;
};

/// What is recorded between `start` and `stop`.
class Recorder {
 public:
  static Recorder& get();
  /// Everything below this folder, which must be empty or missing. The folder itself is taken for durable.
  void start(const std::filesystem::path& root);
  [[nodiscard]] std::vector<DiskEvent> stop();
  /// Between two changes of the caller.
  void mark(std::uint64_t what);

  // For the substituted functions. `path` as the caller gave it.
  void opened(const char* path, int flags, int fd);
  void closed(int fd);
  void wrote(int fd, const void* bytes, std::size_t size, std::optional<std::uint64_t> offset);
  void resized(int fd, std::uint64_t size);
  void synced(int fd);
  void named(DiskEvent::Kind kind, const char* path, const char* target = nullptr);

 private:
  struct Open {
    std::uint64_t file = 0;  // 0: a folder
    std::string path;
    std::uint64_t position = 0;
    bool appends = false;
  };
  [[nodiscard]] std::optional<std::string> below(const char* path) const;

  std::mutex mutex_;
  bool recording_ = false;
  std::string root_;
  std::vector<DiskEvent> events_;
  std::map<std::string, std::uint64_t> files_;  // by path, as the running program sees them
  std::map<std::uint64_t, std::uint64_t> sizes_;
  std::map<int, Open> open_;
  std::uint64_t last_file_ = 0;
};

/// What may be planted: calls that are recorded as if the program did not make them.
struct Forgotten {
  bool file_syncs = false;
  bool folder_syncs = false;
};

/// The disk at a moment of a recorded run.
class CrashDisk {
 public:
  explicit CrashDisk(Forgotten forgotten = {}) : forgotten_(forgotten) {}
  void apply(const DiskEvent& event);
  /// Puts a disk as a crash may leave it into a folder, which is emptied first.
  void write_image(const std::filesystem::path& folder, scenario::Dice& dice) const;
  /// Pieces and names whose fate is open.
  [[nodiscard]] std::size_t unsynced() const;

 private:
  static constexpr std::uint64_t kPiece = 512;
  struct Change {
    std::uint64_t at = 0;  // offset, or the new size
    std::optional<Bytes> bytes;
  };
  struct File {
    Bytes durable;
    std::vector<Change> pending;
  };
  using Names = std::map<std::string, std::uint64_t>;  // path to file; 0: a folder
  static void apply_name(const DiskEvent& event, Names& names);
  [[nodiscard]] static Bytes settle(const File& file);
  [[nodiscard]] static Bytes crash(const File& file, scenario::Dice& dice);

  Forgotten forgotten_;
  std::map<std::uint64_t, File> files_;
  Names durable_names_;
  std::vector<DiskEvent> pending_names_;
};

}  // namespace starminer::storage
