// The state of the machine as a set of typed tables: undo journal, changes since the last block, Merkle commitment.
// Modules own their tables and register them here at construction. One writer; readers only between writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/hash.h"
#include "protocol/state/merkle.h"
#include "protocol/state/table_ids.h"

namespace starminer::protocol::state {

/// One row written or erased since the last block, as it goes to storage. Views into its ChangeSet.
struct Change {
  TableId table{};
  ByteView key;
  std::optional<ByteView> row;  // empty: erased
};

/// The rows that changed, in the order of their first writes, each once; their bytes lie in one piece.
class ChangeSet {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Change;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Change;

    Iterator(const ChangeSet& changes, std::size_t at) : changes_(&changes), at_(at) {}
    [[nodiscard]] Change operator*() const { return (*changes_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const ChangeSet* changes_;
    std::size_t at_;
  };

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// Requires: at < size().
  [[nodiscard]] Change operator[](std::size_t at) const;
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

  /// Appends a row as it stands; null: erased. Called by tables, which may name a row more than once.
  template <class Key, class Row>
  void add(TableId table, const Key& key, const Row* row) {
    Entry entry;
    entry.start = bytes_.size();
    bytes_.push_back(static_cast<std::uint8_t>(table));
    codec::put(key, bytes_);
    entry.key_end = bytes_.size();
    entry.present = row != nullptr;
    if (row != nullptr) codec::put(*row, bytes_);
    entry.end = bytes_.size();
    entries_.push_back(entry);
  }

  /// What the changes do to the commitment, in their order.
  [[nodiscard]] std::vector<MerkleUpdate> updates() const;
  /// Leaves one change of each row, the first. Requires: `updates` and `order` are of these changes.
  void drop_repeated(std::span<const MerkleUpdate> updates, std::span<const std::uint32_t> order);

 private:
  struct Entry {
    std::size_t start = 0;  // of the table's number, which the key follows
    std::size_t key_end = 0;
    std::size_t end = 0;
    bool present = false;
  };
  std::vector<Entry> entries_;
  Bytes bytes_;
};

/// Empties a vector that is filled again and again, and keeps its memory unless it is that of a rare large fill.
template <class T>
void clear_for_reuse(std::vector<T>& items) {
  constexpr std::size_t kKeptBytes = std::size_t{8} << 20U;
  if (items.capacity() * sizeof(T) > kKeptBytes) {
    std::vector<T>().swap(items);
  } else {
    items.clear();
  }
}

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
  /// Appends the rows that changed since the last call, each at least once.
  virtual void collect_changes(ChangeSet& out) = 0;
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

  /// Rows changed since the last call, which it folds into the commitment. Requires: `commit` was called.
  [[nodiscard]] ChangeSet take_changes();
  /// Commitment over all rows as of the last `take_changes` or load.
  [[nodiscard]] Hash32 root() const { return tree_.root(); }

  /// Puts a stored row in at start-up and folds it into the commitment. False if table or bytes are unknown.
  [[nodiscard]] bool load(TableId table, ByteView key, ByteView row);
  /// The same without the commitment, for a loader that has it built beside; `adopt` brings it.
  [[nodiscard]] bool load_row(TableId table, ByteView key, ByteView row);
  /// Requires: the commitment of exactly the rows that `load_row` put in.
  void adopt(MerkleTree tree) { tree_ = std::move(tree); }

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
/// The same of a stored key: the table's number and the key in one piece.
[[nodiscard]] Hash32 row_path(ByteView stored_key);
[[nodiscard]] Hash32 row_value(ByteView row);

}  // namespace starminer::protocol::state
