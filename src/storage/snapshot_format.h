// The files of a snapshot, byte by byte (docs/formats/snapshot.md): the manifest, and chunks of rows. Decoding refuses
// whatever the writer would not have written. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "protocol/block.h"
#include "storage/database.h"

namespace starminer::storage {

struct SnapshotChunk {
  Part part{};
  std::uint64_t rows = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t bytes = 0;  // of the file; as many as raw_bytes where it is not compressed
  Hash32 sha256;            // of the file
};

struct SnapshotManifest {
  std::string chain_id;
  std::uint64_t height = 0;
  TimeMs time;  // Unix time of the block of this height
  Hash32 state_root;
  Hash32 history_root;
  std::uint64_t history_size = 0;
  Hash32 app_hash;
  Hash32 seed;  // of the block of this height
  Hash32 genesis_sha256;
  std::vector<SnapshotChunk> chunks;
};

inline constexpr const char* kManifestFile = "manifest";
inline constexpr const char* kGenesisFile = "genesis.json";
[[nodiscard]] std::string chunk_file(std::size_t number);

/// The file: magic, encoding, SHA-256 of both.
[[nodiscard]] Bytes encode_manifest(const SnapshotManifest& manifest);
/// Fails with what is wrong.
[[nodiscard]] Result<SnapshotManifest, std::string> decode_manifest(ByteView file);
/// What names a snapshot: the SHA-256 at the end of its manifest.
[[nodiscard]] Hash32 manifest_hash(const SnapshotManifest& manifest);
/// What its app hash covers.
[[nodiscard]] protocol::Commitment commitment_of(const SnapshotManifest& manifest);

/// A row as it stands in a chunk.
void append_row(ByteView key, ByteView value, Bytes& chunk);
/// Calls `f(key, value)` for each; false where the bytes are no such rows or the visitor says so.
[[nodiscard]] bool for_each_row_of(ByteView chunk, const std::function<bool(ByteView key, ByteView value)>& f);

/// The bytes of the chunk's file: compressed where that saves an eighth.
[[nodiscard]] Bytes pack_chunk(ByteView rows);
/// Undoes it. Nothing where the bytes are not what `pack_chunk` makes of `chunk.raw_bytes` bytes.
[[nodiscard]] std::optional<Bytes> unpack_chunk(const SnapshotChunk& chunk, Bytes file);

}  // namespace starminer::storage
