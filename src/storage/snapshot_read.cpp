#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "storage/chain_check.h"
#include "storage/files.h"
#include "storage/snapshot.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;

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

/// Checks everything and, where there is a filler, hands it on.
Result<SnapshotReport, std::string> read_all(const fs::path& folder, const SnapshotManifest& manifest,
                                             Database::Filler* filler, const SnapshotProgress& progress) {
  SnapshotReport report{manifest_hash(manifest), manifest.chain_id, manifest.height, manifest.app_hash};
  ChainCheck checker(
      {manifest.chain_id, manifest.height, manifest.time, manifest.history_size, manifest.app_hash, manifest.seed});
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
