#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/codec.h"
#include "protocol/machine.h"
#include "storage/ended_check.h"
#include "storage/files.h"
#include "storage/snapshot.h"
#include "storage/state_loader.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;
using protocol::LeafType;

/// What a leaf is about, short enough to keep for all of them: a receipt's transaction, or that something ended.
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

Result<SnapshotManifest, std::string> read_manifest(const fs::path& folder, const std::optional<Hash32>& trusted) {
  const fs::path path = folder / kManifestFile;
  const auto bytes = read_file(path);
  if (!bytes) return fail(fmt::format("{} cannot be read: {}", path.string(), std::strerror(errno)));
  auto manifest = decode_manifest(*bytes);
  if (!manifest) return fail(fmt::format("{}: {}", path.string(), manifest.error()));
  if (trusted && *trusted != manifest->app_hash) {
    return fail(fmt::format("{}: the snapshot is of app hash {} (height {}), not of the trusted {}", path.string(),
                            manifest->app_hash.hex(), manifest->height, trusted->hex()));
  }
  return manifest;
}

/// The file of a chunk, if it is the one that the manifest names.
Result<Bytes, std::string> read_chunk(const fs::path& path, const SnapshotChunk& chunk) {
  auto file = read_file(path);
  if (!file) return fail(fmt::format("{} cannot be read: {}", path.string(), std::strerror(errno)));
  if (const Hash32 hash = sha256(*file); hash != chunk.sha256 || file->size() != chunk.bytes) {
    return fail(fmt::format("{} was altered: it has {} bytes with the SHA-256 {}, and the manifest says {} with {}",
                            path.string(), file->size(), hash.hex(), chunk.bytes, chunk.sha256.hex()));
  }
  auto rows = unpack_chunk(chunk, *std::move(file));
  if (!rows) return fail(fmt::format("{} does not unpack to {} bytes", path.string(), chunk.raw_bytes));
  return *std::move(rows);
}

/// Takes all rows in their order, and says of each whether it can be where it stands.
class Checker {
 public:
  explicit Checker(const SnapshotManifest& manifest) : manifest_(manifest), loader_(machine_) {}

  [[nodiscard]] bool take(Part part, ByteView key, ByteView value) {
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

  /// Fails with what the whole lacks.
  [[nodiscard]] Result<void, std::string> finish() {
    if (marks_.size() != manifest_.history_size || places_ != marks_.size()) {
      return fail(fmt::format("there are {} leaves and {} places of receipts and ended rows; the manifest says {}",
                              marks_.size(), places_, manifest_.history_size));
    }
    if (!ended_.is_whole()) return fail(std::string("the index of what has ended is not that of the leaves"));
    if (!last_block_ || last_block_->height != manifest_.height || last_block_->app_hash != manifest_.app_hash ||
        last_block_->time != manifest_.time || last_block_->seed != manifest_.seed) {
      return fail(fmt::format("the block of height {} is missing or another", manifest_.height));
    }
    if (auto loaded = loader_.finish(manifest_.app_hash); !loaded) return loaded;
    if (machine_.chain().chain_id != manifest_.chain_id || machine_.chain().height != manifest_.height ||
        machine_.randomness().last().seed != manifest_.seed) {
      return fail(std::string("the state is of another chain, height or seed than the manifest says"));
    }
    return {};
  }

 private:
  bool take_leaves(ByteView key, ByteView value) {
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
  bool take_receipt(ByteView key, ByteView value) {
    const auto place = decode<ReceiptPlace>(value);
    const auto transaction = Hash32::from_view(key);
    ++places_;
    return place && transaction && place->history_index < marks_.size() &&
           marks_[place->history_index] == mark_of(*transaction);
  }
  bool take_ended(ByteView key, ByteView value) {
    if (has_place(key)) ++places_;
    return ended_.take(key, value);
  }
  /// Blocks follow each other from the genesis on, and their transactions are those of the receipts.
  bool take_block(ByteView key, ByteView value) {
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

  const SnapshotManifest& manifest_;
  protocol::Machine machine_;
  StateLoader loader_;
  Part part_{};
  Bytes last_key_;
  EndedCheck ended_;
  std::vector<Mark> marks_;   // of the leaves
  std::uint64_t places_ = 0;  // of receipts and ended rows
  std::optional<protocol::LoggedBlock> last_block_;
};

/// Checks everything and, where there is a filler, hands it on.
Result<SnapshotReport, std::string> read_all(const fs::path& folder, const SnapshotManifest& manifest,
                                             Database::Filler* filler, const SnapshotProgress& progress) {
  SnapshotReport report{manifest_hash(manifest), manifest.chain_id, manifest.height, manifest.app_hash};
  Checker checker(manifest);
  std::uint64_t done = 0;
  for (const SnapshotChunk& chunk : manifest.chunks) {
    const fs::path path = folder / chunk_file(report.chunks);
    const auto bytes = read_chunk(path, chunk);
    if (!bytes) return fail(bytes.error());
    std::uint64_t rows = 0;
    std::string fault;
    const bool sound = for_each_row_of(*bytes, [&](ByteView key, ByteView value) {
      ++rows;
      if (!checker.take(chunk.part, key, value)) {
        fault = fmt::format("the row with key {} does not belong there", to_hex(key));
      } else if (filler != nullptr) {
        if (auto added = filler->add(chunk.part, key, value); !added) fault = std::move(added.error().text);
      }
      return fault.empty();
    });
    if (!sound || rows != chunk.rows) {
      return fail(fmt::format("{}: {}", path.string(), fault.empty() ? "its bytes are no such rows" : fault));
    }
    ++report.chunks;
    report.rows += rows;
    report.bytes += chunk.bytes;
    done += bytes->size();
    if (progress) progress(done);
  }
  if (auto whole = checker.finish(); !whole) {
    return fail(
        fmt::format("{}: the chunks fit their hashes, but not the manifest: {}", folder.string(), whole.error()));
  }
  return report;
}

Result<std::string, std::string> read_genesis(const fs::path& folder, const SnapshotManifest& manifest) {
  const fs::path path = folder / kGenesisFile;
  const auto bytes = read_file(path);
  if (!bytes) return fail(fmt::format("{} cannot be read: {}", path.string(), std::strerror(errno)));
  if (const Hash32 hash = sha256(*bytes); hash != manifest.genesis_sha256) {
    return fail(fmt::format("{} was altered: it has the SHA-256 {}, and the manifest says {}", path.string(),
                            hash.hex(), manifest.genesis_sha256.hex()));
  }
  return to_text(*bytes);
}

Result<SnapshotManifest, std::string> begin_reading(const fs::path& folder, const std::optional<Hash32>& trusted) {
  auto manifest = read_manifest(folder, trusted);
  if (!manifest) return manifest;
  if (auto genesis = read_genesis(folder, *manifest); !genesis) return fail(std::move(genesis.error()));
  return manifest;
}

}  // namespace

Result<SnapshotReport, std::string> verify_snapshot(const fs::path& folder, const std::optional<Hash32>& trusted,
                                                    const SnapshotProgress& progress) {
  const auto manifest = begin_reading(folder, trusted);
  if (!manifest) return fail(manifest.error());
  return read_all(folder, *manifest, nullptr, progress);
}

fs::path restoring_folder(const fs::path& chain) { return chain.string() + ".restoring"; }

Result<SnapshotReport, std::string> restore_snapshot(
    const fs::path& folder, const fs::path& chain, const std::optional<Hash32>& trusted,
    const SnapshotProgress& progress, const std::function<Result<void, std::string>()>& before_last_step) {
  const auto manifest = begin_reading(folder, trusted);
  if (!manifest) return fail(manifest.error());
  std::error_code error;
  const fs::path target = fs::absolute(chain, error).lexically_normal();
  if (fs::exists(target, error)) return fail(fmt::format("{} exists; name another data folder", target.string()));
  const fs::path restoring = restoring_folder(target);
  fs::remove_all(restoring, error);  // of one that broke off
  Result<SnapshotReport, std::string> report = fail(std::string());
  {
    auto database = Database::open(restoring);
    if (!database) return fail(std::move(database.error().text));
    Database::Filler filler(**database);
    report = read_all(folder, *manifest, &filler, progress);
    if (report) {
      const auto filled = filler.finish({manifest->height, manifest->app_hash, manifest->history_size});
      if (!filled) report = fail(filled.error().text);
    }
  }
  if (report && before_last_step) {
    if (auto done = before_last_step(); !done) report = fail(std::move(done.error()));
  }
  if (!report) {
    fs::remove_all(restoring, error);
    return report;
  }
  // If this fails, the folder stays, and keeps a node from starting without the chain.
  if (!sync_folder(restoring) || ::rename(restoring.c_str(), target.c_str()) != 0 ||
      !sync_folder(target.parent_path())) {
    return fail(fmt::format("{}: {}", target.string(), std::strerror(errno)));
  }
  return report;
}

Result<std::string, std::string> snapshot_genesis(const fs::path& folder) {
  const auto manifest = read_manifest(folder, std::nullopt);
  if (!manifest) return fail(manifest.error());
  return read_genesis(folder, *manifest);
}

}  // namespace starminer::storage
