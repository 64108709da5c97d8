// The chain on disk (RocksDB): blocks, rows of the state, leaves of the history, and where to find receipts and
// settlements. A block with everything that it changed is one atomic, synced write: after a crash the store stands
// exactly at a block. One writer; reads from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/machine.h"

namespace starminer::storage {

/// What went wrong with the disk. `Corrupt` means that stored bytes disagree with their hash: nothing was repaired.
enum class StorageFault : std::uint8_t { Open, Read, Write, Corrupt };

struct StorageError {
  StorageFault fault{};
  std::string text;  // what happened, where, and what to do
};

using StoredBlock = protocol::LoggedBlock;

/// A receipt with what is not hashed.
struct StoredReceipt {
  protocol::ReceiptCore core;
  std::string detail;
  std::uint64_t history_index = 0;
  TimeMs time;
};

/// Where the chain stands.
struct Tip {
  std::uint64_t height = 0;
  Hash32 app_hash;
  std::uint64_t history_size = 0;
};

class ChainStore {
 public:
  /// Opens or creates the store. Fails with Open when another process holds it or the disk refuses.
  [[nodiscard]] static Result<std::unique_ptr<ChainStore>, StorageError> open(const std::filesystem::path& directory);
  ~ChainStore();
  ChainStore(const ChainStore&) = delete;
  ChainStore& operator=(const ChainStore&) = delete;

  /// Empty for a store without a genesis.
  [[nodiscard]] std::optional<Tip> tip() const;
  /// Writes a block and its effects; returns when they are on disk. Genesis is a block of height 0.
  /// After an error nothing may be acknowledged any more: the caller stops.
  [[nodiscard]] Result<void, StorageError> write(const StoredBlock& block, const protocol::BlockResult& result);
  /// Loads state and history into a fresh machine and checks them against the tip.
  [[nodiscard]] Result<void, StorageError> load(protocol::Machine& machine) const;

  [[nodiscard]] std::optional<StoredBlock> find_block(std::uint64_t height) const;
  [[nodiscard]] std::optional<StoredReceipt> find_receipt(const Hash32& transaction) const;
  /// Bytes of a history leaf.
  [[nodiscard]] std::optional<Bytes> find_leaf(std::uint64_t index) const;
  /// History index of a contract's settlement.
  [[nodiscard]] std::optional<std::uint64_t> find_settlement(const ContractId& contract) const;

 private:
  struct Database;
  explicit ChainStore(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace starminer::storage
