// The state of the machine as a set of typed tables: undo journal, changes since the last block, Merkle commitment.
// Modules own their tables and register them here at construction. One writer; readers only between writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "protocol/state/merkle.h"
#include "protocol/state/table_ids.h"

namespace starminer::protocol::state {

/// One row written or erased since the last block, as it goes to storage.
struct Change {
  TableId table{};
  Bytes key;
  std::optional<Bytes> row;  // empty: erased
};

/// What the store needs of a table of any type.
class TableBase {
 public:
  explicit TableBase(TableId id) : id_(id) {}
  virtual ~TableBase() = default;
  TableBase(const TableBase&) = delete;
  TableBase& operator=(const TableBase&) = delete;

  [[nodiscard]] TableId id() const { return id_; }
  /// Takes the youngest write back.
  virtual void undo_last() = 0;
  /// Forgets how to take writes back; they are final.
  virtual void clear_journal() = 0;
  /// Appends the rows that changed since the last call, in key order, each once.
  virtual void collect_changes(std::vector<Change>& out) = 0;
  /// Puts a stored row in. False if the bytes are no canonical encoding of this table's key and row.
  [[nodiscard]] virtual bool load(ByteView key, ByteView row) = 0;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// The encoded row of an encoded key, or nothing.
  [[nodiscard]] virtual std::optional<Bytes> find_encoded(ByteView key) const = 0;

 private:
  TableId id_;
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Requires: no other table has this id.
  void add_table(TableBase& table);

  /// A point that `rollback` can return to. Nested points are allowed.
  [[nodiscard]] std::size_t checkpoint() const { return journal_.size(); }
  void rollback(std::size_t checkpoint);
  /// Makes all writes final; earlier checkpoints are void.
  void commit();

  /// Rows changed since the last call, ordered by table and key, and folds them into the commitment.
  /// Requires: `commit` was called.
  [[nodiscard]] std::vector<Change> take_changes();
  /// Commitment over all rows as of the last `take_changes` or load.
  [[nodiscard]] Hash32 root() const { return tree_.root(); }

  /// Puts a stored row in at start-up and folds it into the commitment. False if table or bytes are unknown.
  [[nodiscard]] bool load(TableId table, ByteView key, ByteView row);

  /// Proof that a row is present with its value, or absent, under `root()`.
  [[nodiscard]] MerkleProof prove(TableId table, ByteView key) const;
  [[nodiscard]] std::optional<Bytes> find_encoded(TableId table, ByteView key) const;

  /// Called by tables.
  void record(TableBase& table) { journal_.push_back(&table); }

 private:
  std::vector<TableBase*> tables_;  // indexed by TableId
  std::vector<TableBase*> journal_;
  MerkleTree tree_;
};

/// Leaf position and leaf value of a row in the commitment.
[[nodiscard]] Hash32 row_path(TableId table, ByteView key);
[[nodiscard]] Hash32 row_value(ByteView row);

}  // namespace starminer::protocol::state
