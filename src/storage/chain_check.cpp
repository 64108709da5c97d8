#include "storage/chain_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/codec.h"
#include "storage/history_parts.h"

namespace starminer::storage {
namespace {

using protocol::LeafType;

using Mark = std::uint64_t;
constexpr Mark kEndedMark = 1;  // no receipt has it

Mark mark_of(const Hash32& transaction) {
  Mark mark = 0;
  for (const std::uint8_t byte : transaction.view().first(sizeof(mark))) mark = mark << 8U | byte;
  return mark & ~kEndedMark;
}

std::optional<Mark> mark_of_leaf(ByteView leaf) {
  if (leaf.empty()) return std::nullopt;
  if (leaf.front() == static_cast<std::uint8_t>(LeafType::Receipt)) {
    const auto core = decode<protocol::ReceiptCore>(leaf.subspan(1));
    return core ? std::optional(mark_of(core->transaction)) : std::nullopt;
  }
  return ended_entries(leaf, {}).empty() ? std::nullopt : std::optional(kEndedMark);
}

Result<std::string, std::string> chain_id_of(const Database& database) {
  const Bytes key{static_cast<std::uint8_t>(protocol::state::TableId::Chain), 0};
  const auto bytes = database.find_row(key);
  if (!bytes) return fail(bytes.error().text);
  const auto row = *bytes ? decode<protocol::ChainRow>(**bytes) : std::nullopt;
  if (!row) return fail(database.corrupt("the row of the chain is missing").text);
  return row->chain_id;
}

}  // namespace

bool ChainCheck::take(Part part, ByteView key, ByteView value) {
  // Parts follow each other, and keys rise within each.
  if (part < part_ ||
      (part == part_ && !std::lexicographical_compare(last_key_.begin(), last_key_.end(), key.begin(), key.end()))) {
    return false;
  }
  part_ = part;
  last_key_.assign(key.begin(), key.end());
  switch (part) {
    case Part::State: return loader_.add_row(key, value);
    case Part::Leaves: return take_leaves(key, value);
    case Part::Receipts: return take_receipt(key, value);
    case Part::Ended: return take_ended(key, value);
    case Part::Blocks: return take_block(key, value);
  }
  return false;
}

Result<void, std::string> ChainCheck::finish() {
  if (marks_.size() != target_.history_size || places_ != marks_.size()) {
    return fail(fmt::format("there are {} leaves and {} places of receipts and ended rows; the chain says {}",
                            marks_.size(), places_, target_.history_size));
  }
  if (!ended_.is_whole()) return fail(std::string("the index of what has ended is not that of the leaves"));
  if (!last_block_ || last_block_->height != target_.height || last_block_->app_hash != target_.app_hash ||
      last_block_->time != target_.time || last_block_->seed != target_.seed) {
    return fail(fmt::format("the block of height {} is missing or another", target_.height));
  }
  if (auto loaded = loader_.finish(target_.app_hash); !loaded) return loaded;
  if (machine_.chain().chain_id != target_.chain_id || machine_.chain().height != target_.height ||
      machine_.randomness().last().seed != target_.seed) {
    return fail(std::string("the state is of another chain, height or seed than the chain says"));
  }
  return {};
}

bool ChainCheck::take_leaves(ByteView key, ByteView value) {
  const auto leaves = decode<std::vector<Bytes>>(value);
  // Only the last record may have fewer.
  if (!leaves || leaves->empty() || leaves->size() > kLeavesPerRecord || marks_.size() % kLeavesPerRecord != 0 ||
      decode<std::uint64_t>(key) != marks_.size()) {
    return false;
  }
  for (const Bytes& leaf : *leaves) {
    const auto mark = mark_of_leaf(leaf);
    if (!mark) return false;
    ended_.expect(leaf, marks_.size());
    marks_.push_back(*mark);
    loader_.add_leaf(leaf);
  }
  return true;
}
bool ChainCheck::take_receipt(ByteView key, ByteView value) {
  const auto place = decode<ReceiptPlace>(value);
  const auto transaction = Hash32::from_view(key);
  ++places_;
  return place && transaction && place->history_index < marks_.size() &&
         marks_[place->history_index] == mark_of(*transaction);
}
bool ChainCheck::take_ended(ByteView key, ByteView value) {
  if (has_place(key)) ++places_;
  return ended_.take(key, value);
}
bool ChainCheck::take_block(ByteView key, ByteView value) {
  auto block = decode<protocol::LoggedBlock>(value);
  if (!block || decode<std::uint64_t>(key) != block->height) return false;
  const std::uint64_t height = last_block_ ? last_block_->height + 1 : 0;
  const std::uint64_t leaves = last_block_ ? last_block_->history_size : 0;
  const Hash32 before = last_block_ ? last_block_->app_hash : Hash32{};
  const protocol::Commitment commitment{block->height, block->state_root, block->history_root, block->history_size};
  if (block->height != height || block->previous_app_hash != before || block->history_size < leaves ||
      block->history_size > marks_.size() || make_app_hash(commitment) != block->app_hash) {
    return false;
  }
  auto transaction = block->transactions.begin();
  for (std::uint64_t index = leaves; index < block->history_size; ++index) {
    if (marks_[index] == kEndedMark) continue;
    if (transaction == block->transactions.end() || marks_[index] != mark_of(sha256(*transaction))) return false;
    ++transaction;
  }
  if (!ended_.take_block({leaves, block->history_size}, block->height, block->time)) return false;
  const bool all = transaction == block->transactions.end();
  last_block_ = std::move(*block);
  return all;
}

Result<ChainTarget, std::string> target_of(const Database& database) {
  const auto tip = database.tip();
  if (!tip) return fail(std::string("the database is empty"));
  const auto block = database.find_block(tip->height);
  if (!block || !*block) return fail(block ? database.corrupt("its last block is missing").text : block.error().text);
  auto chain_id = chain_id_of(database);
  if (!chain_id) return fail(std::move(chain_id.error()));
  return ChainTarget{*std::move(chain_id), tip->height,   (*block)->time,
                     tip->history_size,    tip->app_hash, (*block)->seed};
}

Result<void, StorageError> for_each_in_order(const Database& database, Part part, const Database::Visitor& f) {
  bool good = true;
  if (part != Part::Leaves) {
    return database.for_each(part, [&](ByteView key, ByteView value) {
      good = good && f(key, value);
      return true;
    });
  }
  std::vector<Bytes> group;
  std::uint64_t first = 0;
  const auto close = [&] {
    good = good && (group.empty() || f(encode(first), encode(group)));
    first += group.size();
    group.clear();
  };
  auto read = database.for_each_leaf([&](ByteView leaf) {
    group.emplace_back(leaf.begin(), leaf.end());
    if (group.size() == kLeavesPerRecord) close();
  });
  close();
  return read;
}

Result<ChainTarget, std::string> check_database(const Database& database) {
  if (auto sound = database.verify_files(); !sound) return fail(std::move(sound.error().text));
  auto target = target_of(database);
  if (!target) return target;
  const auto parts = database.history_parts();
  if (!parts) return fail(parts.error().text);
  HistoryParts made;
  if (auto read = database.for_each_leaf([&](ByteView leaf) { made.add(leaf); }); !read) return fail(read.error().text);
  const auto whole_parts = made.take();
  for (std::size_t i = 0; i < parts->size(); ++i) {
    if (i >= whole_parts.size() || whole_parts[i].second != (*parts)[i]) {
      return fail(fmt::format("the hash of part {} of the history is not that of its leaves", i));
    }
  }
  ChainCheck check(*target);
  for (std::uint8_t number = 0; number < kPartCount; ++number) {
    const auto part = static_cast<Part>(number);
    std::string fault;
    const auto read = for_each_in_order(database, part, [&](ByteView key, ByteView value) {
      if (!check.take(part, key, value)) fault = to_hex(key);
      return fault.empty();
    });
    if (!read) return fail(read.error().text);
    if (!fault.empty()) {
      return fail(fmt::format("the row of part {} with key {} does not belong there", part_name(part), fault));
    }
  }
  if (auto whole = check.finish(); !whole) return fail(std::move(whole.error()));
  return target;
}

}  // namespace starminer::storage
