#include "storage/chain_store.h"

#include <array>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include "base/check.h"
#include "base/codec.h"

namespace starminer::storage {
namespace {

enum Family : std::size_t { kDefault = 0, kState, kBlocks, kLeaves, kReceipts, kSettlements, kFamilyCount };
constexpr std::array<const char*, kFamilyCount> kFamilyNames = {"default", "state",    "blocks",
                                                                "leaves",  "receipts", "settlements"};
constexpr std::string_view kTipKey = "tip";
constexpr std::size_t kRecycledLogs = 4;
constexpr std::uint64_t kWriteBufferBytes = 64ULL << 20;

rocksdb::Slice slice(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }
ByteView view(const rocksdb::Slice& bytes) { return as_bytes({bytes.data(), bytes.size()}); }

Bytes state_key(protocol::state::TableId table, ByteView key) {
  Bytes bytes{static_cast<std::uint8_t>(table)};
  bytes.insert(bytes.end(), key.begin(), key.end());
  return bytes;
}

}  // namespace

struct ChainStore::Database {
  std::filesystem::path directory;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;

  ~Database() {
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
  }

  template <class T>
  [[nodiscard]] std::optional<T> read(Family family, const rocksdb::Slice& key) const {
    std::string bytes;
    if (!db->Get({}, families[family], key, &bytes).ok()) return std::nullopt;
    return decode<T>(as_bytes(bytes));
  }

  [[nodiscard]] StorageError corrupt(std::string_view what) const {
    return {StorageFault::Corrupt,
            fmt::format("{}: {}; nothing was changed. Restore the folder from a backup, or move it away and replay the "
                        "chain from another node",
                        directory.string(), what)};
  }
};

ChainStore::ChainStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
ChainStore::~ChainStore() = default;

Result<std::unique_ptr<ChainStore>, StorageError> ChainStore::open(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(StorageError{StorageFault::Open, fmt::format("{}: {}", directory.string(), error.message())});
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  // Reused log files are already allocated, so that a sync has no metadata to write.
  options.recycle_log_file_num = kRecycledLogs;
  options.write_buffer_size = kWriteBufferBytes;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.keep_log_file_num = 2;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const char* name : kFamilyNames) descriptors.emplace_back(name, options);
  auto database = std::make_unique<Database>();
  database->directory = directory;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, directory.string(), descriptors, &database->families, &db);
  if (!status.ok()) {
    return fail(StorageError{StorageFault::Open,
                             fmt::format("{}: {}; another process may hold it, or the disk is full or damaged",
                                         directory.string(), status.ToString())});
  }
  database->db.reset(db);
  return std::unique_ptr<ChainStore>(new ChainStore(std::move(database)));
}

std::optional<Tip> ChainStore::tip() const { return database_->read<Tip>(kDefault, slice(kTipKey)); }

Result<void, StorageError> ChainStore::write(const StoredBlock& block, const protocol::BlockResult& result) {
  const auto& families = database_->families;
  rocksdb::WriteBatch batch;
  for (const protocol::state::Change& change : result.changes) {
    const Bytes key = state_key(change.table, change.key);
    const rocksdb::Status status = change.row ? batch.Put(families[kState], slice(key), slice(*change.row))
                                              : batch.Delete(families[kState], slice(key));
    STARMINER_CHECK(status.ok());
  }
  std::uint64_t history_size = tip().value_or(Tip{}).history_size;
  for (const protocol::HistoryLeaf& leaf : result.leaves) {
    STARMINER_CHECK(leaf.index == history_size);
    ++history_size;
    const Bytes index = encode(leaf.index);
    STARMINER_CHECK(batch.Put(families[kLeaves], slice(index), slice(leaf.bytes)).ok());
    if (leaf.contract)
      STARMINER_CHECK(batch.Put(families[kSettlements], slice(leaf.contract->view()), slice(index)).ok());
  }
  for (const protocol::Receipt& receipt : result.receipts) {
    const Bytes bytes = encode(StoredReceipt{receipt.core, receipt.detail, receipt.history_index, result.time});
    STARMINER_CHECK(batch.Put(families[kReceipts], slice(receipt.core.transaction.view()), slice(bytes)).ok());
  }
  const Bytes height = encode(block.height);
  const Bytes block_bytes = encode(block);
  STARMINER_CHECK(batch.Put(families[kBlocks], slice(height), slice(block_bytes)).ok());
  const Bytes tip_bytes = encode(Tip{block.height, block.app_hash, history_size});
  STARMINER_CHECK(batch.Put(families[kDefault], slice(kTipKey), slice(tip_bytes)).ok());
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status status = database_->db->Write(options, &batch);
  if (!status.ok()) {
    return fail(StorageError{StorageFault::Write,
                             fmt::format("{}: block {} could not be written: {}; free disk space or replace the disk, "
                                         "then start again",
                                         database_->directory.string(), block.height, status.ToString())});
  }
  return {};
}

Result<void, StorageError> ChainStore::load(protocol::Machine& machine) const {
  const auto at = tip();
  if (!at) return fail(database_->corrupt("there is no genesis"));
  const std::unique_ptr<rocksdb::Iterator> rows(database_->db->NewIterator({}, database_->families[kState]));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    const ByteView key = view(rows->key());
    if (key.empty() ||
        !machine.load_row(static_cast<protocol::state::TableId>(key.front()), key.subspan(1), view(rows->value()))) {
      return fail(database_->corrupt(fmt::format("the row with key {} does not decode", to_hex(key))));
    }
  }
  if (!rows->status().ok()) return fail(database_->corrupt(rows->status().ToString()));
  const std::unique_ptr<rocksdb::Iterator> leaves(database_->db->NewIterator({}, database_->families[kLeaves]));
  std::uint64_t index = 0;
  for (leaves->SeekToFirst(); leaves->Valid(); leaves->Next(), ++index) {
    if (decode<std::uint64_t>(view(leaves->key())) != index) {
      return fail(database_->corrupt(fmt::format("history leaf {} is missing", index)));
    }
    machine.load_history_leaf(protocol::audit::HistoryTree::leaf_hash(view(leaves->value())));
  }
  if (!leaves->status().ok()) return fail(database_->corrupt(leaves->status().ToString()));
  if (index != at->history_size) {
    return fail(database_->corrupt(fmt::format("{} history leaves found, {} expected", index, at->history_size)));
  }
  if (!machine.finish_load(at->app_hash)) {
    return fail(database_->corrupt(fmt::format("the state of height {} does not match its hash", at->height)));
  }
  return {};
}

std::optional<StoredBlock> ChainStore::find_block(std::uint64_t height) const {
  const Bytes key = encode(height);
  return database_->read<StoredBlock>(kBlocks, slice(key));
}

std::optional<StoredReceipt> ChainStore::find_receipt(const Hash32& transaction) const {
  return database_->read<StoredReceipt>(kReceipts, slice(transaction.view()));
}

std::optional<Bytes> ChainStore::find_leaf(std::uint64_t index) const {
  std::string bytes;
  const Bytes key = encode(index);
  if (!database_->db->Get({}, database_->families[kLeaves], slice(key), &bytes).ok()) return std::nullopt;
  return Bytes(bytes.begin(), bytes.end());
}

std::optional<std::uint64_t> ChainStore::find_settlement(const ContractId& contract) const {
  return database_->read<std::uint64_t>(kSettlements, slice(contract.view()));
}

}  // namespace starminer::storage
