#include "protocol/state/store.h"

#include <string_view>

#include "base/check.h"

namespace starminer::protocol::state {

namespace {

constexpr std::string_view kPathTag = "starminer/row/1";

}  // namespace

Hash32 row_path(TableId table, ByteView key) {
  Bytes bytes;
  bytes.reserve(1 + key.size());
  bytes.push_back(static_cast<std::uint8_t>(table));
  bytes.insert(bytes.end(), key.begin(), key.end());
  return row_path(bytes);
}

Hash32 row_path(ByteView stored_key) { return tagged_hash(kPathTag, stored_key); }

Hash32 row_value(ByteView row) { return tagged_hash("starminer/value/1", row); }

Change ChangeSet::operator[](std::size_t at) const {
  const Entry& entry = entries_[at];
  const ByteView bytes(bytes_);
  Change change;
  change.table = static_cast<TableId>(bytes[entry.start]);
  change.key = bytes.subspan(entry.start + 1, entry.key_end - entry.start - 1);
  if (entry.present) change.row = bytes.subspan(entry.key_end, entry.end - entry.key_end);
  return change;
}

std::vector<MerkleUpdate> ChangeSet::updates() const {
  std::vector<MerkleUpdate> updates;
  updates.reserve(entries_.size());
  const ByteView bytes(bytes_);
  for (const Entry& entry : entries_) {
    MerkleUpdate& update = updates.emplace_back();
    update.path = row_path(bytes.subspan(entry.start, entry.key_end - entry.start));
    update.present = entry.present;
    if (entry.present) update.value = row_value(bytes.subspan(entry.key_end, entry.end - entry.key_end));
  }
  return updates;
}

void ChangeSet::drop_repeated(std::span<const MerkleUpdate> updates, std::span<const std::uint32_t> order) {
  std::vector<bool> repeated(entries_.size());
  bool any = false;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (updates[order[i]].path != updates[order[i - 1]].path) continue;
    repeated[order[i]] = true;  // equal paths stand in the order of their places
    any = true;
  }
  if (!any) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!repeated[i]) entries_[kept++] = entries_[i];
  }
  entries_.resize(kept);
}

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
  for (TableBase* table : journal_) table->clear_journal();
  clear_for_reuse(journal_);
}

ChangeSet Store::take_changes() {
  STARMINER_CHECK(journal_.empty());
  ChangeSet changes;
  for (TableBase* table : tables_) {
    if (table != nullptr) table->collect_changes(changes);
  }
  const std::vector<MerkleUpdate> updates = changes.updates();
  const std::vector<std::uint32_t> order = order_by_path(updates);
  tree_.apply(updates, order);
  changes.drop_repeated(updates, order);
  return changes;
}

bool Store::load_row(TableId table, ByteView key, ByteView row) {
  const auto at = static_cast<std::size_t>(table);
  return at < tables_.size() && tables_[at] != nullptr && tables_[at]->load(key, row);
}

bool Store::load(TableId table, ByteView key, ByteView row) {
  if (!load_row(table, key, row)) return false;
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
