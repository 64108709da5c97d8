#include "storage/recent_blocks.h"

#include <cstring>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace starminer::storage {

LogRecord make_record(protocol::LoggedBlock block, const protocol::BlockResult& result) {
  LogRecord record;
  record.block = std::move(block);
  record.rows.reserve(result.changes.size());
  for (const protocol::state::Change& change : result.changes) {
    LoggedRow row;
    row.key.reserve(1 + change.key.size());
    row.key.push_back(static_cast<std::uint8_t>(change.table));
    row.key.insert(row.key.end(), change.key.begin(), change.key.end());
    if (change.row) row.row.emplace(change.row->begin(), change.row->end());
    record.rows.push_back(std::move(row));
  }
  record.leaves.reserve(result.leaves.size());
  std::uint64_t index = record.block.history_size - result.leaves.size();
  for (const protocol::HistoryLeaf& leaf : result.leaves) {
    STARMINER_CHECK(leaf.index == index);
    ++index;
    record.leaves.push_back(leaf.bytes);
    if (leaf.type == protocol::LeafType::Receipt) continue;
    for (EndedEntry& entry : ended_entries(leaf.bytes, {leaf.index, result.height, result.time})) {
      record.ended.push_back(std::move(entry));
    }
  }
  record.receipts.reserve(result.receipts.size());
  for (const protocol::Receipt& receipt : result.receipts) {
    record.receipts.push_back({receipt.core.transaction, {receipt.history_index, result.time, receipt.detail}});
  }
  return record;
}

std::size_t RecentBlocks::HashOfHash::operator()(const Hash32& hash) const {
  std::size_t value = 0;
  std::memcpy(&value, hash.bytes.data(), sizeof(value));
  return value;
}

void RecentBlocks::add(LogRecord record, std::size_t bytes) {
  if (blocks_.empty()) first_leaf_ = record.block.history_size - record.leaves.size();
  for (LoggedRow& row : record.rows) rows.insert_or_assign(std::move(row.key), std::move(row.row));
  for (Bytes& leaf : record.leaves) leaves_.push_back(std::move(leaf));
  for (LoggedReceipt& receipt : record.receipts) receipts.emplace(receipt.transaction, std::move(receipt.place));
  for (EndedEntry& entry : record.ended) ended.emplace(std::move(entry.key), std::move(entry.value));
  blocks_.push_back(std::move(record.block));
  bytes_ += bytes;
}

const protocol::LoggedBlock* RecentBlocks::find_block(std::uint64_t height) const {
  if (blocks_.empty() || height < blocks_.front().height || height > blocks_.back().height) return nullptr;
  return &blocks_[height - blocks_.front().height];
}

const Bytes* RecentBlocks::find_leaf(std::uint64_t index) const {
  if (index < first_leaf_ || index - first_leaf_ >= leaves_.size()) return nullptr;
  return &leaves_[index - first_leaf_];
}

void RecentBlocks::list_ended(const EndedRange& range, std::map<Bytes, Bytes>& out) const {
  const auto first = ended.upper_bound(range.after);
  const auto last = ended.lower_bound(range.before);
  const auto take = [&](auto from, auto to) {
    for (std::size_t i = 0; from != to && i < range.limit; ++from, ++i) out.insert(*from);
  };
  if (range.after >= range.before) return;
  range.descending ? take(std::make_reverse_iterator(last), std::make_reverse_iterator(first)) : take(first, last);
}

}  // namespace starminer::storage
