#include "storage/chain_store.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "base/check.h"
#include "base/codec.h"
#include "storage/database.h"
#include "storage/files.h"
#include "storage/recent_blocks.h"
#include "storage/state_loader.h"

namespace starminer::storage {
namespace {

// How often a checkpoint that found the disk full is tried again.
constexpr auto kFullPause = std::chrono::milliseconds(500);
// While a checkpoint is slow, so many times its bytes may wait before the writer waits for it.
constexpr std::size_t kWaitingMax = 4;

struct HashOfView {
  std::size_t operator()(ByteView bytes) const { return std::hash<std::string_view>()(as_text(bytes)); }
};
struct EqualView {
  bool operator()(ByteView a, ByteView b) const { return as_text(a) == as_text(b); }
};

/// The history as the database has it: hashes of whole parts for all but the newest, whose leaves proofs need at hand.
Result<void, StorageError> add_stored_leaves(const Database& database, StateLoader& loader) {
  using protocol::audit::HistoryTree;
  const auto parts = database.history_parts();
  if (!parts) return fail(parts.error());
  const std::uint64_t whole = database.tip()->history_size / HistoryTree::kPartLeaves;
  const std::uint64_t old =
      std::min<std::uint64_t>(parts->size(), whole - std::min<std::uint64_t>(whole, HistoryTree::kPartsKept));
  for (std::uint64_t part = 0; part < old; ++part) loader.add_part((*parts)[part]);
  return database.for_each_leaf([&](ByteView leaf) { loader.add_leaf(leaf); }, old * HistoryTree::kPartLeaves);
}

}  // namespace

struct ChainStore::Impl {
  std::filesystem::path directory;
  StoreOptions options;
  std::unique_ptr<Database> database;
  std::unique_ptr<BlockLog> log;
  Recovery recovery;

  std::mutex checkpointing;         // held while the database changes and until memory says so
  mutable std::shared_mutex mutex;  // guards what follows
  std::optional<Tip> tip;
  std::uint64_t in_database = 0;  // height of the last checkpoint
  std::uint64_t wanted = 0;       // height that somebody waits to see there
  RecentBlocks recent;
  std::unique_ptr<const RecentBlocks> leaving;  // on its way into the database
  std::optional<StorageError> failure;          // of a checkpoint
  std::optional<StorageError> full;             // the same, for want of space: it is tried again
  bool stopping = false;
  std::condition_variable_any changed;
  std::thread thread;

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    if (thread.joinable()) thread.join();
  }

  /// Adds a block that is in the log. Requires: `mutex` held.
  void add(LogRecord record, std::size_t bytes) {
    tip = Tip{record.block.height, record.block.app_hash, record.block.history_size};
    recent.add(std::move(record), bytes);
  }

  /// Has a checkpoint begin where it is time. Requires: `mutex` held.
  void begin_checkpoint() {
    if (leaving != nullptr || recent.empty()) return;
    if (recent.bytes() < options.checkpoint_bytes && wanted <= in_database) return;
    leaving = std::make_unique<const RecentBlocks>(std::exchange(recent, {}));
    changed.notify_all();
  }

  void checkpoint_loop() {
    static_cast<void>(log->prepare_spare());
    for (;;) {
      const RecentBlocks* blocks = nullptr;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stopping || leaving != nullptr; });
        if (stopping) return;
        blocks = leaving.get();
      }
      std::unique_lock changing(checkpointing);
      auto written = database->checkpoint(*blocks);
      if (!written && written.error().fault == StorageFault::Full) {
        changing.unlock();
        std::unique_lock lock(mutex);
        full = std::move(written.error());
        changed.notify_all();  // the writer, who waits for this checkpoint
        changed.wait_for(lock, kFullPause, [this] { return stopping; });
        continue;
      }
      const std::uint64_t height = blocks->blocks().back().height;
      std::unique_ptr<const RecentBlocks> done;
      {
        const std::lock_guard lock(mutex);
        full.reset();
        if (!written) failure = std::move(written.error());
        // After a failure the blocks stay where queries find them; the log holds them, too.
        if (!failure) {
          done = std::move(leaving);
          in_database = height;
          begin_checkpoint();  // the writer may wait for it
        }
      }
      changing.unlock();
      changed.notify_all();
      if (done == nullptr) return;
      done.reset();
      log->drop_through(height);
      static_cast<void>(log->prepare_spare());  // make_room sees to it where this fails
    }
  }

  template <class Find>
  auto find_recent(Find&& find) const -> decltype(find(recent)) {
    const std::shared_lock lock(mutex);
    if (auto found = find(recent)) return found;
    if (leaving != nullptr) return find(*leaving);
    return {};
  }
};

ChainStore::ChainStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChainStore::~ChainStore() = default;

Result<std::unique_ptr<ChainStore>, StorageError> ChainStore::open(const std::filesystem::path& directory,
                                                                   const StoreOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->directory = directory;
  impl->options = options;
  // The database syncs what lies in its folder, but not the folder's own name.
  if (!make_folder(directory)) {
    return fail(StorageError{StorageFault::Open, fmt::format("{}: {}", directory.string(), std::strerror(errno))});
  }
  auto database = Database::open(directory);
  if (!database) return fail(std::move(database.error()));
  impl->database = std::move(*database);
  impl->tip = impl->database->tip();
  const std::uint64_t height = impl->tip ? impl->tip->height : 0;
  impl->in_database = height;
  auto log = BlockLog::open(directory / "log", options.log, height, [&](std::uint64_t number, ByteView payload) {
    auto record = decode<LogRecord>(payload);
    if (!record || record->block.height != number || !impl->tip) return false;
    impl->add(std::move(*record), payload.size());
    return true;
  });
  if (!log) return fail(std::move(log.error()));
  impl->log = std::move(*log);
  impl->recovery = {impl->log->report().records, impl->log->report().dropped};
  impl->thread = std::thread([impl = impl.get()] {
    ::pthread_setname_np(::pthread_self(), "checkpoint");
    impl->checkpoint_loop();
  });
  return std::unique_ptr<ChainStore>(new ChainStore(std::move(impl)));
}

const Recovery& ChainStore::recovery() const { return impl_->recovery; }

std::optional<Tip> ChainStore::tip() const {
  const std::shared_lock lock(impl_->mutex);
  return impl_->tip;
}

Result<void, StorageError> ChainStore::make_room() {
  {
    const std::shared_lock lock(impl_->mutex);
    if (impl_->full) return fail(*impl_->full);
  }
  std::error_code error;
  const std::uint64_t free = std::filesystem::space(impl_->directory, error).available;
  if (!error && free < impl_->options.reserve_bytes) {
    return fail(
        StorageError{StorageFault::Full, fmt::format("{}: {} bytes of the disk are free, and {} are kept for "
                                                     "blocks on their way; free disk space",
                                                     impl_->directory.string(), free, impl_->options.reserve_bytes)});
  }
  return impl_->log->make_room();
}

Result<void, StorageError> ChainStore::write(StoredBlock block, const protocol::BlockResult& result) {
  {
    std::unique_lock lock(impl_->mutex);
    // After a start the log alone may have given more than may wait, and no other write begins the checkpoint.
    impl_->begin_checkpoint();
    impl_->changed.wait(lock, [this] {
      return impl_->failure || impl_->full || impl_->recent.bytes() < kWaitingMax * impl_->options.checkpoint_bytes;
    });
    if (impl_->failure) return fail(*impl_->failure);
    STARMINER_CHECK(block.height == (impl_->tip ? impl_->tip->height + 1 : 0));
  }
  LogRecord record = make_record(std::move(block), result);
  if (record.block.height == 0) {
    // The genesis may be larger than any block, and nobody waits for it.
    RecentBlocks genesis;
    const Tip tip{0, record.block.app_hash, record.block.history_size};
    genesis.add(std::move(record), 0);
    if (auto written = impl_->database->checkpoint(genesis); !written) return written;
    const std::lock_guard lock(impl_->mutex);
    impl_->tip = tip;
    return {};
  }
  const Bytes bytes = encode(record);
  if (auto written = impl_->log->append(record.block.height, bytes); !written) return written;
  const std::lock_guard lock(impl_->mutex);
  impl_->add(std::move(record), bytes.size());
  impl_->begin_checkpoint();
  return {};
}

Result<void, StorageError> ChainStore::copy_to(const std::filesystem::path& folder) const {
  {
    std::unique_lock lock(impl_->mutex);
    if (!impl_->tip) return fail(impl_->database->corrupt("there is no genesis"));
    const std::uint64_t height = impl_->tip->height;
    impl_->wanted = std::max(impl_->wanted, height);
    impl_->begin_checkpoint();
    impl_->changed.wait(lock, [&] { return impl_->failure || impl_->full || impl_->in_database >= height; });
    if (impl_->failure) return fail(*impl_->failure);
    if (impl_->in_database < height) return fail(*impl_->full);
  }
  return impl_->database->copy_to(folder);
}

Result<void, StorageError> ChainStore::load(protocol::Machine& machine) const {
  const std::lock_guard unchanged(impl_->checkpointing);
  const std::shared_lock lock(impl_->mutex);
  if (!impl_->tip) return fail(impl_->database->corrupt("there is no genesis"));
  StateLoader loader(machine);
  // Rows that the database does not have yet: of the blocks on their way into it and, above them, of those behind.
  const RecentBlocks* leaving = impl_->leaving.get();
  const auto& recent = impl_->recent.rows;
  std::unordered_map<ByteView, const std::optional<Bytes>*, HashOfView, EqualView> newer;
  newer.reserve(recent.size() + (leaving == nullptr ? 0 : leaving->rows.size()));
  for (const auto& [key, row] : recent) newer.emplace(key, &row);
  if (leaving != nullptr) {
    for (const auto& [key, row] : leaving->rows) newer.emplace(key, &row);
  }
  // Both in the order of their keys: one pass finds the rows that are replaced.
  std::vector<ByteView> replaced;
  replaced.reserve(newer.size());
  for (const auto& [key, row] : newer) replaced.push_back(key);
  std::sort(replaced.begin(), replaced.end(), [](ByteView a, ByteView b) { return as_text(a) < as_text(b); });
  auto next = replaced.begin();
  auto loaded = impl_->database->for_each(Part::State, [&](ByteView key, ByteView row) {
    while (next != replaced.end() && as_text(*next) < as_text(key)) ++next;
    if (next != replaced.end() && as_text(*next) == as_text(key)) return true;
    return loader.add_row(key, row);
  });
  if (!loaded) return loaded;
  for (const auto& [key, row] : newer) {
    if (*row && !loader.add_row(key, **row)) {
      return fail(impl_->database->corrupt(fmt::format("the row with key {} does not decode", to_hex(key))));
    }
  }
  loaded = add_stored_leaves(*impl_->database, loader);
  if (!loaded) return loaded;
  if (leaving != nullptr) {
    for (const Bytes& leaf : leaving->leaves()) loader.add_leaf(leaf);
  }
  for (const Bytes& leaf : impl_->recent.leaves()) loader.add_leaf(leaf);
  if (const auto finished = loader.finish(impl_->tip->app_hash); !finished) {
    return fail(impl_->database->corrupt(
        fmt::format("the state of height {} is not what it should be: {}", impl_->tip->height, finished.error())));
  }
  return {};
}

Found<StoredBlock> ChainStore::find_block(std::uint64_t height) const {
  auto recent = impl_->find_recent([&](const RecentBlocks& blocks) -> std::optional<StoredBlock> {
    const StoredBlock* found = blocks.find_block(height);
    return found == nullptr ? std::nullopt : std::optional(*found);
  });
  if (recent) return recent;
  return impl_->database->find_block(height);
}

Found<StoredReceipt> ChainStore::find_receipt(const Hash32& transaction) const {
  auto place = impl_->find_recent([&](const RecentBlocks& blocks) -> std::optional<ReceiptPlace> {
    const auto found = blocks.receipts.find(transaction);
    return found == blocks.receipts.end() ? std::nullopt : std::optional(found->second);
  });
  if (!place) {
    auto stored = impl_->database->find_receipt(transaction);
    if (!stored) return fail(std::move(stored.error()));
    if (!*stored) return std::optional<StoredReceipt>();
    place = std::move(*stored);
  }
  const auto leaf = find_leaf(place->history_index);
  if (!leaf) return fail(leaf.error());
  const auto core =
      *leaf && !(*leaf)->empty() ? decode<protocol::ReceiptCore>(ByteView(**leaf).subspan(1)) : std::nullopt;
  if (!core || core->transaction != transaction) {
    return fail(impl_->database->corrupt(
        fmt::format("history leaf {} is not the receipt of transaction {}", place->history_index, transaction.hex())));
  }
  return std::optional(StoredReceipt{*core, std::move(place->detail), place->history_index, place->time});
}

Found<Bytes> ChainStore::find_leaf(std::uint64_t index) const {
  auto recent = impl_->find_recent([&](const RecentBlocks& blocks) -> std::optional<Bytes> {
    const Bytes* found = blocks.find_leaf(index);
    return found == nullptr ? std::nullopt : std::optional(*found);
  });
  if (recent) return recent;
  return impl_->database->find_leaf(index);
}

Found<Bytes> ChainStore::find_ended(const Bytes& key) const {
  auto recent = impl_->find_recent([&](const RecentBlocks& blocks) -> std::optional<Bytes> {
    const auto found = blocks.ended.find(key);
    return found == blocks.ended.end() ? std::nullopt : std::optional(found->second);
  });
  if (recent) return recent;
  return impl_->database->find_ended(key);
}

Result<std::vector<EndedEntry>, StorageError> ChainStore::list_ended(const EndedRange& range) const {
  // A checkpoint may move entries from memory into the database meanwhile: read in this order, none is missed, and the
  // map shows what was read twice once.
  std::map<Bytes, Bytes> merged;
  {
    const std::shared_lock lock(impl_->mutex);
    impl_->recent.list_ended(range, merged);
    if (impl_->leaving != nullptr) impl_->leaving->list_ended(range, merged);
  }
  auto stored = impl_->database->list_ended(range);
  if (!stored) return stored;
  for (EndedEntry& entry : *stored) {
    merged.emplace(std::move(entry.key), std::move(entry.value));
  }
  std::vector<EndedEntry> entries;
  const auto take = [&](auto from, auto to) {
    for (; from != to && entries.size() < range.limit; ++from) entries.push_back({from->first, from->second});
  };
  range.descending ? take(merged.rbegin(), merged.rend()) : take(merged.begin(), merged.end());
  return entries;
}

}  // namespace starminer::storage
