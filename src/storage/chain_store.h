// The chain on disk: blocks, rows of the state, leaves of the history, and where to find receipts and settlements. A
// block with everything that it changed is one record of the log, synced before `write` returns; checkpoints bring the
// log's records into the database (RocksDB) behind it, many blocks at once. After a crash the store stands exactly at a
// block. One writer; reads from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/machine.h"
#include "storage/block_log.h"
#include "storage/database.h"
#include "storage/storage_error.h"

namespace starminer::storage {

using StoredBlock = protocol::LoggedBlock;

/// A receipt with what is not hashed.
struct StoredReceipt {
  protocol::ReceiptCore core;
  std::string detail;
  std::uint64_t history_index = 0;
  TimeMs time;
};

struct StoreOptions {
  LogOptions log;
  std::size_t checkpoint_bytes = 32U << 20;  // of the log's records; four times as many may wait
  std::uint64_t reserve_bytes = 64U << 20;   // of the disk: with less free, no block is begun
};

/// What opening found in the log.
struct Recovery {
  std::uint64_t blocks = 0;  // that the database did not have yet
  std::string dropped;       // a record that was cut short and never acknowledged; empty: none
};

class ChainStore {
 public:
  /// Opens or creates the store. Fails with Open when another process holds it or the disk refuses.
  [[nodiscard]] static Result<std::unique_ptr<ChainStore>, StorageError> open(const std::filesystem::path& directory,
                                                                              const StoreOptions& options = {});
  ~ChainStore();
  ChainStore(const ChainStore&) = delete;
  ChainStore& operator=(const ChainStore&) = delete;

  [[nodiscard]] const Recovery& recovery() const;
  /// Empty for a store without a genesis.
  [[nodiscard]] std::optional<Tip> tip() const;
  /// Whether there is space for a block and what follows from it. Fails with Full where there is not; ask again later.
  /// A block is applied in memory before it is written, so that this must be asked before: by the writer.
  [[nodiscard]] Result<void, StorageError> make_room();
  /// Writes a block and its effects; returns when they are on disk. Genesis is a block of height 0.
  /// Fails with Full where the disk took nothing of it: the chain stands at the block before, and another block of this
  /// height may be written. After any other error nothing may be acknowledged any more: the caller stops.
  [[nodiscard]] Result<void, StorageError> write(StoredBlock block, const protocol::BlockResult& result);
  /// Loads state and history of the last durable block into a fresh machine and checks them against its app hash. From
  /// the thread that writes; no checkpoint ends meanwhile.
  [[nodiscard]] Result<void, StorageError> load(protocol::Machine& machine) const;

  /// Copies the chain as of now into a folder that must not exist, by hard links and while blocks go on; snapshots are
  /// made from that. The copy is a database alone, which has at least the blocks that are durable when this is called.
  [[nodiscard]] Result<void, StorageError> copy_to(const std::filesystem::path& folder) const;

  // Each fails where what is stored cannot be read or does not check: that is not "there is none".
  [[nodiscard]] Found<StoredBlock> find_block(std::uint64_t height) const;
  [[nodiscard]] Found<StoredReceipt> find_receipt(const Hash32& transaction) const;
  /// Bytes of a history leaf.
  [[nodiscard]] Found<Bytes> find_leaf(std::uint64_t index) const;
  // The index of what has ended (ended_index.h); read through ended.h
  [[nodiscard]] Found<Bytes> find_ended(const Bytes& key) const;
  [[nodiscard]] Result<std::vector<EndedEntry>, StorageError> list_ended(const EndedRange& range) const;

 private:
  struct Impl;
  explicit ChainStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::storage
