// The database behind the log (RocksDB): written by checkpoints only, each of which is one atomic ingestion of sorted
// files, so that it needs no log of its own and no memory tables. Reads from any thread; one checkpoint at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/recent_blocks.h"
#include "storage/storage_error.h"

namespace starminer::storage {

/// Where the chain stands.
struct Tip {
  std::uint64_t height = 0;
  Hash32 app_hash;
  std::uint64_t history_size = 0;
};

/// What the database holds besides the tip, by part. Numbers are those of snapshots: frozen once used.
enum class Part : std::uint8_t { State = 0, Leaves = 1, Receipts = 2, Ended = 3, Blocks = 4 };
inline constexpr std::uint8_t kPartCount = 5;
[[nodiscard]] constexpr std::uint8_t enum_count(Part) { return kPartCount; }
[[nodiscard]] std::string_view part_name(Part part);

/// The leaves of the history stand in records of at most so many.
inline constexpr std::size_t kLeavesPerRecord = 64;

class Database {
 public:
  using Visitor = std::function<bool(ByteView key, ByteView value)>;

  [[nodiscard]] static Result<std::unique_ptr<Database>, StorageError> open(const std::filesystem::path& folder);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Of the last checkpoint; empty before the first.
  [[nodiscard]] std::optional<Tip> tip() const;
  /// Brings the blocks in, all or none. Fails with Full where the disk has no space; then it may be tried again.
  /// Requires: not empty, and behind the tip.
  [[nodiscard]] Result<void, StorageError> checkpoint(const RecentBlocks& recent);

  // Each fails with Corrupt where what is stored does not check or decode, and with Read where the disk fails.
  [[nodiscard]] Found<protocol::LoggedBlock> find_block(std::uint64_t height) const;
  [[nodiscard]] Found<ReceiptPlace> find_receipt(const Hash32& transaction) const;
  [[nodiscard]] Found<Bytes> find_leaf(std::uint64_t index) const;
  /// A row of the state by table number and key.
  [[nodiscard]] Found<Bytes> find_row(ByteView key) const;
  // The index of what has ended (ended_index.h)
  [[nodiscard]] Found<Bytes> find_ended(const Bytes& key) const;
  [[nodiscard]] Result<std::vector<EndedEntry>, StorageError> list_ended(const EndedRange& range) const;

  /// Everything of a part in the order of its keys; false from the visitor means that what it got makes no sense.
  [[nodiscard]] Result<void, StorageError> for_each(Part part, const Visitor& f) const;
  /// All leaves in order, or those from an index on, which is not above their number.
  [[nodiscard]] Result<void, StorageError> for_each_leaf(const std::function<void(ByteView leaf)>& f,
                                                         std::uint64_t from = 0) const;
  /// Hashes of the first parts of the history (audit::HistoryTree): of all whole ones, or of fewer where an earlier
  /// version of this program has stored the leaves.
  [[nodiscard]] Result<std::vector<Hash32>, StorageError> history_parts() const;
  /// Reads every file and compares it with its checksums.
  [[nodiscard]] Result<void, StorageError> verify_files() const;

  /// Makes the folder, which must not exist, a copy that another process may open: by hard links, at no cost, and whole
  /// whatever is written meanwhile.
  [[nodiscard]] Result<void, StorageError> copy_to(const std::filesystem::path& folder) const;

  /// Fills an empty database, all or none: nothing stands in it before `finish`.
  class Filler {
   public:
    /// Requires: the database is empty, and outlives this.
    explicit Filler(Database& database);
    ~Filler();
    Filler(const Filler&) = delete;
    Filler& operator=(const Filler&) = delete;

    /// Requires: within a part keys rise, and no part is come back to.
    [[nodiscard]] Result<void, StorageError> add(Part part, ByteView key, ByteView value);
    [[nodiscard]] Result<void, StorageError> finish(const Tip& tip);

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

  /// What every finding of damage says.
  [[nodiscard]] StorageError corrupt(std::string_view what) const;

 private:
  struct Impl;
  friend class Filler;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::storage
