// The database behind the log (RocksDB): written by checkpoints only, each of which is one atomic ingestion of sorted
// files, so that it needs no log of its own and no memory tables. Reads from any thread; one checkpoint at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

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

class Database {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Database>, StorageError> open(const std::filesystem::path& folder);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Of the last checkpoint; empty before the first.
  [[nodiscard]] std::optional<Tip> tip() const;
  /// Brings the blocks in, all or none. Requires: not empty, and behind the tip.
  [[nodiscard]] Result<void, StorageError> checkpoint(const RecentBlocks& recent);

  [[nodiscard]] std::optional<protocol::LoggedBlock> find_block(std::uint64_t height) const;
  [[nodiscard]] std::optional<ReceiptPlace> find_receipt(const Hash32& transaction) const;
  [[nodiscard]] std::optional<Bytes> find_leaf(std::uint64_t index) const;
  [[nodiscard]] std::optional<std::uint64_t> find_settlement(const ContractId& contract) const;

  /// All rows and then all leaves in order; false from a visitor means that what it got makes no sense.
  [[nodiscard]] Result<void, StorageError> for_each_row(const std::function<bool(ByteView key, ByteView row)>& f) const;
  [[nodiscard]] Result<void, StorageError> for_each_leaf(const std::function<void(ByteView leaf)>& f) const;

  /// What every finding of damage says.
  [[nodiscard]] StorageError corrupt(std::string_view what) const;

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::storage
