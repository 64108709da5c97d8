// Snapshots: everything that a database holds at one height as hashed chunks, from which a node starts without
// replaying (docs/formats/snapshot.md). Nothing in a snapshot is believed: a chunk is checked against its hash before
// it is used, and state, history and blocks together against the app hash of the manifest and, where there is one, a
// trusted one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "storage/snapshot_format.h"

namespace starminer::storage {

struct SnapshotReport {
  Hash32 id;  // hash of the manifest
  std::string chain_id;
  std::uint64_t height = 0;
  Hash32 app_hash;
  std::uint64_t chunks = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of all chunks' files
};

/// Told of the bytes of rows done.
using SnapshotProgress = std::function<void(std::uint64_t bytes)>;

inline constexpr std::uint64_t kSnapshotChunkBytes = 4U << 20;

/// Writes a snapshot into a folder that must not exist. It is made beside it and renamed as the last step, so that
/// nothing of that name is ever half. The database must not change meanwhile: it is a copy (ChainStore::copy_to).
/// Two snapshots of one height of one chain are equal, byte for byte.
/// Fails with a sentence: the folder exists, the disk refuses, the database is empty or damaged.
[[nodiscard]] Result<SnapshotReport, std::string> create_snapshot(const Database& database,
                                                                  const std::filesystem::path& folder,
                                                                  const std::string& genesis,
                                                                  std::uint64_t chunk_bytes = kSnapshotChunkBytes,
                                                                  const SnapshotProgress& progress = {});

/// Checks the whole, in the memory of a node. `trusted` is an app hash from elsewhere.
/// Fails with a sentence that names the file and the hashes.
[[nodiscard]] Result<SnapshotReport, std::string> verify_snapshot(const std::filesystem::path& folder,
                                                                  const std::optional<Hash32>& trusted,
                                                                  const SnapshotProgress& progress = {});

/// The folder in which `restore_snapshot` works until all is well. While it stands, no node may start beside it.
[[nodiscard]] std::filesystem::path restoring_folder(const std::filesystem::path& chain);

/// The same, and makes the folder of a chain of it, which must not exist: whole or not at all. `before_last_step` runs
/// when all is checked and on disk, and only the rename is to come; an error from it ends the restore.
[[nodiscard]] Result<SnapshotReport, std::string> restore_snapshot(
    const std::filesystem::path& folder, const std::filesystem::path& chain, const std::optional<Hash32>& trusted,
    const SnapshotProgress& progress = {}, const std::function<Result<void, std::string>()>& before_last_step = {});

/// The genesis in a snapshot. Fails with a sentence where it is not the one that the manifest names.
[[nodiscard]] Result<std::string, std::string> snapshot_genesis(const std::filesystem::path& folder);

}  // namespace starminer::storage
