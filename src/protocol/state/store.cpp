#include "protocol/state/store.h"

#include "base/check.h"

namespace starminer::protocol::state {

Hash32 row_path(TableId table, ByteView key) {
  Bytes bytes;
  bytes.reserve(1 + key.size());
  bytes.push_back(static_cast<std::uint8_t>(table));
  bytes.insert(bytes.end(), key.begin(), key.end());
  return tagged_hash("starminer/row/1", bytes);
}

Hash32 row_value(ByteView row) { return tagged_hash("starminer/value/1", row); }

void Store::add_table(TableBase& table) {
  const auto at = static_cast<std::size_t>(table.id());
  if (tables_.size() <= at) tables_.resize(at + 1, nullptr);
  STARMINER_CHECK(tables_[at] == nullptr);
  tables_[at] = &table;
}

void Store::rollback(std::size_t checkpoint) {
  STARMINER_CHECK(checkpoint <= journal_.size());
  while (journal_.size() > checkpoint) {
    journal_.back()->undo_last();
    journal_.pop_back();
  }
}

void Store::commit() {
  journal_.clear();
  for (TableBase* table : tables_) {
    if (table != nullptr) table->clear_journal();
  }
}

std::vector<Change> Store::take_changes() {
  STARMINER_CHECK(journal_.empty());
  std::vector<Change> changes;
  for (TableBase* table : tables_) {
    if (table != nullptr) table->collect_changes(changes);
  }
  for (const Change& change : changes) {
    const Hash32 path = row_path(change.table, change.key);
    if (change.row) {
      tree_.put(path, row_value(*change.row));
    } else {
      tree_.erase(path);
    }
  }
  return changes;
}

bool Store::load(TableId table, ByteView key, ByteView row) {
  const auto at = static_cast<std::size_t>(table);
  if (at >= tables_.size() || tables_[at] == nullptr || !tables_[at]->load(key, row)) return false;
  tree_.put(row_path(table, key), row_value(row));
  return true;
}

MerkleProof Store::prove(TableId table, ByteView key) const { return tree_.prove(row_path(table, key)); }

std::optional<Bytes> Store::find_encoded(TableId table, ByteView key) const {
  const auto at = static_cast<std::size_t>(table);
  if (at >= tables_.size() || tables_[at] == nullptr) return std::nullopt;
  return tables_[at]->find_encoded(key);
}

}  // namespace starminer::protocol::state
