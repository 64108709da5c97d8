#include "storage/database.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include "base/check.h"
#include "base/codec.h"
#include "storage/abort_text.h"
#include "storage/history_parts.h"

namespace starminer::storage {
namespace {

enum Family : std::size_t { kDefault = 0, kState, kLeaves, kReceipts, kEnded, kBlocks, kFamilyCount };
constexpr std::array<const char*, kFamilyCount> kFamilyNames = {"default",  "state", "leaves",
                                                                "receipts", "ended", "blocks"};
static_assert(kFamilyCount == 1 + kPartCount, "each part has a family, in the same order");
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kPartPrefix = "part";  // between the other two, so that they can be written in this order
constexpr std::string_view kTipKey = "tip";
constexpr std::uint64_t kFormat = 3;
constexpr std::string_view kRestore =
    "Restore the folder: starminerd repair takes what is left of it, backups and snapshots";
constexpr double kBloomBits = 10;
constexpr std::uint64_t kFileBytes = 64U << 20;      // of a file that fills the database
constexpr std::uint64_t kLeavesCaughtUp = 1U << 18;  // hashed in one checkpoint, of those an earlier version has stored
constexpr std::size_t kReadAhead = 4U << 20;         // of whoever reads everything

Family family_of(Part part) { return static_cast<Family>(1 + static_cast<std::size_t>(part)); }

/// RocksDB tells ENOSPC from other errors, and of the rest only their text.
bool is_out_of_room(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return true;
  const std::string text = status.ToString();
  return status.IsIOError() && (text.find(std::strerror(EDQUOT)) != std::string::npos ||
                                text.find(std::strerror(EFBIG)) != std::string::npos);
}

rocksdb::Slice slice(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
ByteView view(const rocksdb::Slice& bytes) { return as_bytes({bytes.data(), bytes.size()}); }

Bytes part_key(std::uint64_t number) {
  Bytes key(kPartPrefix.begin(), kPartPrefix.end());
  codec::put(number, key);
  return key;
}

/// Nearly all values are hashes, keys and signatures, which no compression makes smaller.
rocksdb::Options make_options() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.compression = rocksdb::kNoCompression;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 2;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBits));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

/// Keys of a map in the order that a sorted file needs.
template <class Map>
std::vector<const typename Map::value_type*> sorted(const Map& map) {
  std::vector<const typename Map::value_type*> entries;
  entries.reserve(map.size());
  for (const auto& entry : map) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return entries;
}

}  // namespace

std::string_view part_name(Part part) { return kFamilyNames[family_of(part)]; }

struct Database::Impl {
  std::filesystem::path folder;
  rocksdb::Options options = make_options();
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  bool was_full = false;     // when it was last written to
  HistoryParts parts;        // those that are stored, and what is open behind them
  mutable std::mutex mutex;  // guards what follows
  std::optional<Tip> tip;

  void set_tip(const Tip& now) {
    const std::lock_guard lock(mutex);
    tip = now;
  }
  ~Impl() {
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  }

  [[nodiscard]] StorageError corrupt(std::string_view what) const {
    return {StorageFault::Corrupt, fmt::format("{}: {}; nothing was changed. {}", folder.string(), what, kRestore)};
  }
  [[nodiscard]] StorageError unreadable(const rocksdb::Status& status) const {
    if (status.IsCorruption()) return corrupt(status.ToString());
    return {StorageFault::Read, fmt::format("{}: cannot be read: {}", folder.string(), status.ToString())};
  }
  template <class T>
  [[nodiscard]] Found<T> read(Family family, const rocksdb::Slice& key) const {
    rocksdb::PinnableSlice bytes;
    const rocksdb::Status status = db->Get({}, families[family], key, &bytes);
    if (status.IsNotFound()) return std::optional<T>();
    if (!status.ok()) return fail(unreadable(status));
    auto value = decode<T>(view(bytes));
    if (!value) {
      return fail(
          corrupt(fmt::format("the row of {} with key {} does not decode", kFamilyNames[family], to_hex(view(key)))));
    }
    return value;
  }

  [[nodiscard]] std::filesystem::path file_of(std::string_view name) const {
    return folder / "checkpoint" / fmt::format("{}.sst", name);
  }
  /// How a sorted file comes in. Requires: it is whole.
  [[nodiscard]] rocksdb::IngestExternalFileArg ingestion(Family family, std::vector<std::string> paths) const {
    rocksdb::IngestExternalFileArg files;
    files.column_family = families[family];
    files.external_files = std::move(paths);
    files.options.move_files = true;
    files.options.snapshot_consistency = false;
    files.options.write_global_seqno = false;
    return files;
  }
  [[nodiscard]] static rocksdb::Status put_tip(rocksdb::SstFileWriter& writer, const Tip& tip, HistoryParts& parts) {
    rocksdb::Status put = writer.Put(slice(kFormatKey), slice(encode(kFormat)));
    for (const auto& [number, hash] : parts.take()) {
      if (put.ok()) put = writer.Put(slice(part_key(number)), slice(encode(hash)));
    }
    return put.ok() ? writer.Put(slice(kTipKey), slice(encode(tip))) : put;
  }
  [[nodiscard]] Result<std::vector<Hash32>, StorageError> read_parts() const;
  /// Calls `f` for leaves from an index on, at most `count`.
  template <class F>
  Result<void, StorageError> read_leaves(std::uint64_t from, std::uint64_t count, F&& f) const;
  /// Adds the leaves that are stored already and those of a checkpoint. Where they cannot be read, the hashes end
  /// there: a start reads the leaves then.
  void advance(HistoryParts& next, const RecentBlocks& recent) const;

  /// Writes the sorted file of a family; nothing where `fill` puts nothing.
  template <class Fill>
  rocksdb::Status write_file(Family family, std::vector<rocksdb::IngestExternalFileArg>& files, Fill&& fill) {
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options, families[family]);
    const std::string path = file_of(kFamilyNames[family]).string();
    // A file of this name that a kill has left may be the database's own by another link: it is not written over.
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    rocksdb::Status status = writer.Open(path);
    if (status.ok()) status = fill(writer);
    if (status.ok()) status = writer.Finish();
    if (status.ok()) files.push_back(ingestion(family, {path}));
    return status;
  }

  rocksdb::Status write_files(const RecentBlocks& recent, HistoryParts& next,
                              std::vector<rocksdb::IngestExternalFileArg>& files);
};

template <class F>
Result<void, StorageError> Database::Impl::read_leaves(std::uint64_t from, std::uint64_t count, F&& f) const {
  rocksdb::ReadOptions reading;
  reading.fill_cache = false;
  reading.readahead_size = kReadAhead;
  const std::unique_ptr<rocksdb::Iterator> records(db->NewIterator(reading, families[kLeaves]));
  std::uint64_t index = from;
  for (records->SeekForPrev(slice(encode(from))); records->Valid() && index - from < count; records->Next()) {
    const auto first = decode<std::uint64_t>(view(records->key()));
    const auto leaves = decode<std::vector<Bytes>>(view(records->value()));
    if (!first || !leaves || *first > index || (*first + leaves->size() <= index && index > from)) {
      return fail(corrupt(fmt::format("the record of history leaf {} does not decode, or another is missing before it",
                                      first.value_or(index))));
    }
    for (std::uint64_t i = index - *first; i < leaves->size() && index - from < count; ++i, ++index) f((*leaves)[i]);
  }
  if (!records->status().ok()) return fail(unreadable(records->status()));
  return {};
}

Result<std::vector<Hash32>, StorageError> Database::Impl::read_parts() const {
  std::vector<Hash32> hashes;
  const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator({}, families[kDefault]));
  for (rows->Seek(slice(kPartPrefix)); rows->Valid() && rows->key().starts_with(slice(kPartPrefix)); rows->Next()) {
    const auto hash = Hash32::from_view(view(rows->value()));
    if (!hash || rows->key() != slice(part_key(hashes.size()))) {
      return fail(corrupt(fmt::format("the hash of part {} of the history is missing or damaged", hashes.size())));
    }
    hashes.push_back(*hash);
  }
  if (!rows->status().ok()) return fail(unreadable(rows->status()));
  return hashes;
}

void Database::Impl::advance(HistoryParts& next, const RecentBlocks& recent) const {
  const std::uint64_t stored = tip ? tip->history_size : 0;
  if (next.leaf() < stored) {
    const std::uint64_t behind = std::min(stored - next.leaf(), kLeavesCaughtUp);
    if (!read_leaves(next.leaf(), behind, [&](ByteView leaf) { next.add(leaf); })) return;
  }
  if (next.leaf() != stored) return;
  for (const Bytes& leaf : recent.leaves()) next.add(leaf);
}

rocksdb::Status Database::Impl::write_files(const RecentBlocks& recent, HistoryParts& next,
                                            std::vector<rocksdb::IngestExternalFileArg>& files) {
  using Writer = rocksdb::SstFileWriter;
  rocksdb::Status status;
  const auto write = [&](bool wanted, Family family, auto&& fill) {
    if (status.ok() && wanted) status = write_file(family, files, fill);
  };
  write(!recent.rows.empty(), kState, [&](Writer& writer) {
    rocksdb::Status put;
    for (const auto* entry : sorted(recent.rows)) {
      put = entry->second ? writer.Put(slice(entry->first), slice(*entry->second)) : writer.Delete(slice(entry->first));
      if (!put.ok()) break;
    }
    return put;
  });
  write(true, kBlocks, [&](Writer& writer) {
    rocksdb::Status put;
    for (const auto& block : recent.blocks()) {
      put = writer.Put(slice(encode(block.height)), slice(encode(block)));
      if (!put.ok()) break;
    }
    return put;
  });
  write(!recent.leaves().empty(), kLeaves, [&](Writer& writer) {
    rocksdb::Status put;
    const auto& leaves = recent.leaves();
    for (std::size_t from = 0; put.ok() && from < leaves.size(); from += kLeavesPerRecord) {
      const auto first = leaves.begin() + static_cast<std::ptrdiff_t>(from);
      const auto count = static_cast<std::ptrdiff_t>(std::min(kLeavesPerRecord, leaves.size() - from));
      put = writer.Put(slice(encode(recent.first_leaf() + from)),
                       slice(encode(std::vector<Bytes>(first, first + count))));
    }
    return put;
  });
  write(!recent.receipts.empty(), kReceipts, [&](Writer& writer) {
    rocksdb::Status put;
    for (const auto* entry : sorted(recent.receipts)) {
      put = writer.Put(slice(entry->first.view()), slice(encode(entry->second)));
      if (!put.ok()) break;
    }
    return put;
  });
  write(!recent.ended.empty(), kEnded, [&](Writer& writer) {
    rocksdb::Status put;
    for (const auto& [key, value] : recent.ended) {
      put = writer.Put(slice(key), slice(value));
      if (!put.ok()) break;
    }
    return put;
  });
  const auto& last = recent.blocks().back();
  write(true, kDefault, [&](Writer& writer) {
    return put_tip(writer, {last.height, last.app_hash, last.history_size}, next);
  });
  return status;
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>, StorageError> Database::open(const std::filesystem::path& folder) {
  auto impl = std::make_unique<Impl>();
  impl->folder = folder;
  std::error_code error;
  std::filesystem::create_directories(folder / "checkpoint", error);
  if (error) return fail(StorageError{StorageFault::Open, fmt::format("{}: {}", folder.string(), error.message())});
  const auto another_format = [&] {
    return fail(StorageError{StorageFault::Open,
                             fmt::format("{}: written in another format than {}, which this program reads; replay the "
                                         "chain into a new folder, or run the program that wrote it",
                                         folder.string(), kFormat)});
  };
  std::vector<std::string> existing;
  if (rocksdb::DB::ListColumnFamilies(impl->options, folder.string(), &existing).ok() &&
      std::any_of(existing.begin(), existing.end(), [](const std::string& name) {
        return std::find(kFamilyNames.begin(), kFamilyNames.end(), name) == kFamilyNames.end();
      })) {
    return another_format();
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const char* name : kFamilyNames) descriptors.emplace_back(name, impl->options);
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = [&] {
    const AbortText told(
        fmt::format("{}: damaged: RocksDB stopped at the assertion above; nothing was changed. {}; where "
                    "that stops here, too, move the *.sst files away first",
                    folder.string(), kRestore));
    return rocksdb::DB::Open(impl->options, folder.string(), descriptors, &impl->families, &db);
  }();
  if (!status.ok()) {
    const bool damaged = status.IsCorruption();
    return fail(StorageError{
        damaged ? StorageFault::Corrupt : StorageFault::Open,
        damaged ? fmt::format("{}: {}; nothing was changed. {}", folder.string(), status.ToString(), kRestore)
                : fmt::format("{}: {}; another process may hold it, or the disk is full or damaged", folder.string(),
                              status.ToString())});
  }
  impl->db.reset(db);
  const auto tip = impl->read<Tip>(kDefault, slice(kTipKey));
  const auto format = impl->read<std::uint64_t>(kDefault, slice(kFormatKey));
  if (!tip || !format) return fail(!tip ? tip.error() : format.error());
  impl->tip = *tip;
  if (*tip && *format != kFormat) return another_format();
  const auto parts = impl->read_parts();
  if (!parts) return fail(parts.error());
  impl->parts = HistoryParts(parts->size());
  return std::unique_ptr<Database>(new Database(std::move(impl)));
}

std::optional<Tip> Database::tip() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->tip;
}

Result<void, StorageError> Database::checkpoint(const RecentBlocks& recent) {
  STARMINER_CHECK(!recent.empty());
  std::vector<rocksdb::IngestExternalFileArg> files;
  rocksdb::Status status;
  // A disk that was full may have stopped the database; with space it goes on, or it must be opened anew.
  if (std::exchange(impl_->was_full, false)) status = impl_->db->Resume();
  const bool stopped = !status.ok() && !status.IsNoSpace();
  HistoryParts next = impl_->parts;
  impl_->advance(next, recent);
  if (status.ok()) status = impl_->write_files(recent, next, files);
  if (status.ok()) status = impl_->db->IngestExternalFiles(files);
  const auto& last = recent.blocks().back();
  if (status.ok()) {
    impl_->set_tip({last.height, last.app_hash, last.history_size});
    impl_->parts = std::move(next);
    return {};
  }
  impl_->was_full = !stopped && is_out_of_room(status);
  return fail(StorageError{
      impl_->was_full ? StorageFault::Full : StorageFault::Write,
      fmt::format("{}: blocks {} to {} could not be brought into the database: {}; free disk space "
                  "or replace the disk, then start again",
                  impl_->folder.string(), recent.blocks().front().height, last.height, status.ToString())});
}

Found<protocol::LoggedBlock> Database::find_block(std::uint64_t height) const {
  auto found = impl_->read<protocol::LoggedBlock>(kBlocks, slice(encode(height)));
  if (const auto now = tip(); found && !*found && now && height <= now->height) {
    return fail(corrupt(fmt::format("block {} is missing", height)));
  }
  return found;
}

Found<ReceiptPlace> Database::find_receipt(const Hash32& transaction) const {
  return impl_->read<ReceiptPlace>(kReceipts, slice(transaction.view()));
}

Found<Bytes> Database::find_leaf(std::uint64_t index) const {
  const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator({}, impl_->families[kLeaves]));
  at->SeekForPrev(slice(encode(index)));
  if (!at->status().ok()) return fail(impl_->unreadable(at->status()));
  if (!at->Valid()) return std::optional<Bytes>();
  const auto first = decode<std::uint64_t>(view(at->key()));
  auto leaves = decode<std::vector<Bytes>>(view(at->value()));
  if (!first || !leaves) return fail(corrupt(fmt::format("history leaf {} does not decode", index)));
  if (index - *first < leaves->size()) return std::optional(std::move((*leaves)[index - *first]));
  if (const auto now = tip(); now && index < now->history_size) {
    return fail(corrupt(fmt::format("history leaf {} is missing", index)));
  }
  return std::optional<Bytes>();
}

Found<Bytes> Database::find_ended(const Bytes& key) const {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status = impl_->db->Get({}, impl_->families[kEnded], slice(key), &bytes);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return fail(impl_->unreadable(status));
  const ByteView value = view(bytes);
  return std::optional<Bytes>(std::in_place, value.begin(), value.end());
}

Result<std::vector<EndedEntry>, StorageError> Database::list_ended(const EndedRange& range) const {
  const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator({}, impl_->families[kEnded]));
  std::vector<EndedEntry> entries;
  if (range.descending) {
    at->SeekForPrev(slice(range.before));
    if (at->Valid() && at->key() == slice(range.before)) at->Prev();
  } else {
    at->Seek(slice(range.after));
    if (at->Valid() && at->key() == slice(range.after)) at->Next();
  }
  while (at->Valid() && entries.size() < range.limit) {
    const ByteView key = view(at->key());
    const ByteView value = view(at->value());
    EndedEntry entry{Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())};
    if (entry.key <= range.after || range.before <= entry.key) break;
    entries.push_back(std::move(entry));
    range.descending ? at->Prev() : at->Next();
  }
  if (!at->status().ok()) return fail(impl_->unreadable(at->status()));
  return entries;
}

Found<Bytes> Database::find_row(ByteView key) const {
  rocksdb::PinnableSlice bytes;
  const rocksdb::Status status = impl_->db->Get({}, impl_->families[kState], slice(key), &bytes);
  if (status.IsNotFound()) return std::optional<Bytes>();
  if (!status.ok()) return fail(impl_->unreadable(status));
  const ByteView row = view(bytes);
  return std::optional<Bytes>(std::in_place, row.begin(), row.end());
}

Result<void, StorageError> Database::for_each(Part part, const Visitor& f) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = kReadAhead;
  const std::unique_ptr<rocksdb::Iterator> rows(impl_->db->NewIterator(options, impl_->families[family_of(part)]));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    if (!f(view(rows->key()), view(rows->value()))) {
      return fail(corrupt(
          fmt::format("the row of part {} with key {} does not decode", part_name(part), to_hex(view(rows->key())))));
    }
  }
  if (!rows->status().ok()) return fail(impl_->unreadable(rows->status()));
  return {};
}

Result<void, StorageError> Database::for_each_leaf(const std::function<void(ByteView)>& f, std::uint64_t from) const {
  std::uint64_t index = from;
  auto read = impl_->read_leaves(from, UINT64_MAX, [&](ByteView leaf) {
    f(leaf);
    ++index;
  });
  if (!read) return read;
  const std::uint64_t expected = tip().value_or(Tip{}).history_size;
  if (index != expected) return fail(corrupt(fmt::format("{} history leaves found, {} expected", index, expected)));
  return {};
}

Result<std::vector<Hash32>, StorageError> Database::history_parts() const { return impl_->read_parts(); }

Result<void, StorageError> Database::verify_files() const {
  const rocksdb::Status status = impl_->db->VerifyChecksum();
  if (!status.ok()) return fail(impl_->unreadable(status));
  return {};
}

Result<void, StorageError> Database::copy_to(const std::filesystem::path& folder) const {
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> copy(made);
  if (status.ok()) status = copy->CreateCheckpoint(folder.string());
  if (status.ok()) return {};
  return fail(StorageError{StorageFault::Write, fmt::format("{}: {}", folder.string(), status.ToString())});
}

struct Database::Filler::State {
  Impl& impl;
  Family family = kDefault;  // of the open file
  std::unique_ptr<rocksdb::SstFileWriter> writer;
  std::array<std::vector<std::string>, kFamilyCount> files;
  HistoryParts parts;

  rocksdb::Status open(Family wanted) {
    family = wanted;
    writer = std::make_unique<rocksdb::SstFileWriter>(rocksdb::EnvOptions(), impl.options, impl.families[family]);
    const std::string name = fmt::format("{}-{}", kFamilyNames[family], files[family].size());
    files[family].push_back(impl.file_of(name).string());
    return writer->Open(files[family].back());
  }
  rocksdb::Status close() {
    if (writer == nullptr) return {};
    const rocksdb::Status status = writer->Finish();
    writer.reset();
    return status;
  }
  [[nodiscard]] Result<void, StorageError> result(const rocksdb::Status& status) const {
    if (status.ok()) return {};
    return fail(StorageError{StorageFault::Write, fmt::format("{}: cannot be filled: {}; free disk space",
                                                              impl.folder.string(), status.ToString())});
  }
};

Database::Filler::Filler(Database& database) : state_(new State{*database.impl_, kDefault, {}, {}, HistoryParts()}) {
  STARMINER_CHECK(!database.tip());
}
Database::Filler::~Filler() = default;

Result<void, StorageError> Database::Filler::add(Part part, ByteView key, ByteView value) {
  rocksdb::Status status;
  if (state_->family != family_of(part) || state_->writer->FileSize() >= kFileBytes) {
    status = state_->close();
    if (status.ok()) status = state_->open(family_of(part));
  }
  if (status.ok()) status = state_->writer->Put(slice(key), slice(value));
  if (part == Part::Leaves) {
    for (const Bytes& leaf : decode<std::vector<Bytes>>(value).value_or(std::vector<Bytes>())) state_->parts.add(leaf);
  }
  return state_->result(status);
}

Result<void, StorageError> Database::Filler::finish(const Tip& tip) {
  rocksdb::Status status = state_->close();
  if (status.ok()) status = state_->open(kDefault);
  if (status.ok()) status = Impl::put_tip(*state_->writer, tip, state_->parts);
  if (status.ok()) status = state_->close();
  std::vector<rocksdb::IngestExternalFileArg> files;
  for (std::size_t family = 0; family < kFamilyCount; ++family) {
    auto& paths = state_->files[family];
    if (!paths.empty()) files.push_back(state_->impl.ingestion(static_cast<Family>(family), std::move(paths)));
  }
  if (status.ok()) status = state_->impl.db->IngestExternalFiles(files);
  if (status.ok()) {
    state_->impl.set_tip(tip);
    state_->impl.parts = std::move(state_->parts);
  }
  return state_->result(status);
}

StorageError Database::corrupt(std::string_view what) const { return impl_->corrupt(what); }

}  // namespace starminer::storage
