// The blocks that stand in the log and not yet in the database, with what they changed: what queries of the newest
// blocks are answered from, and what a checkpoint writes. One writer; the caller guards it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/machine.h"
#include "storage/ended_index.h"

namespace starminer::storage {

/// Where a receipt lies: its core is the leaf of the history.
struct ReceiptPlace {
  std::uint64_t history_index = 0;
  TimeMs time;
  std::string detail;
};

struct LoggedRow {
  Bytes key;                 // number of the table, then the row's key
  std::optional<Bytes> row;  // empty: erased
};

struct LoggedReceipt {
  Hash32 transaction;
  ReceiptPlace place;
};

/// A record of the log: a block and everything that it changed (docs/formats/storage.md).
struct LogRecord {
  protocol::LoggedBlock block;
  std::vector<LoggedRow> rows;
  std::vector<Bytes> leaves;  // the last of them is number history_size - 1
  std::vector<LoggedReceipt> receipts;
  std::vector<EndedEntry> ended;
};

[[nodiscard]] LogRecord make_record(protocol::LoggedBlock block, const protocol::BlockResult& result);

class RecentBlocks {
 public:
  /// Requires: the block behind the last one; `bytes` is about what it holds.
  void add(LogRecord record, std::size_t bytes);

  [[nodiscard]] bool empty() const { return blocks_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] const std::vector<protocol::LoggedBlock>& blocks() const { return blocks_; }
  [[nodiscard]] const std::vector<Bytes>& leaves() const { return leaves_; }
  [[nodiscard]] std::uint64_t first_leaf() const { return first_leaf_; }

  [[nodiscard]] const protocol::LoggedBlock* find_block(std::uint64_t height) const;
  [[nodiscard]] const Bytes* find_leaf(std::uint64_t index) const;
  /// Adds the first entries of a range, as many as it asks for.
  void list_ended(const EndedRange& range, std::map<Bytes, Bytes>& out) const;

  struct HashOfHash {
    std::size_t operator()(const Hash32& hash) const;
  };
  struct HashOfBytes {
    std::size_t operator()(const Bytes& bytes) const { return std::hash<std::string_view>()(as_text(bytes)); }
  };
  /// Rows by table number and key; empty where the row was erased.
  std::unordered_map<Bytes, std::optional<Bytes>, HashOfBytes> rows;
  std::unordered_map<Hash32, ReceiptPlace, HashOfHash> receipts;
  std::map<Bytes, Bytes> ended;  // entries of the index of what has ended

 private:
  std::vector<protocol::LoggedBlock> blocks_;
  std::vector<Bytes> leaves_;
  std::uint64_t first_leaf_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace starminer::storage
