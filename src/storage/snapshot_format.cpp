#include "storage/snapshot_format.h"

#include <zstd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/codec.h"

namespace starminer::storage {
namespace {

constexpr std::string_view kMagic = "SMSNAP01";
constexpr std::size_t kHashBytes = 32;
constexpr std::uint64_t kRawBytesMax = 256U << 20;  // a chunk has one row above its size at most
constexpr int kCompressionLevel = 1;

Bytes without_hash(const SnapshotManifest& manifest) {
  Bytes bytes(kMagic.begin(), kMagic.end());
  codec::put(manifest, bytes);
  return bytes;
}

}  // namespace

std::string chunk_file(std::size_t number) { return fmt::format("chunk-{:06}", number); }

Bytes encode_manifest(const SnapshotManifest& manifest) {
  Bytes bytes = without_hash(manifest);
  const Hash32 hash = sha256(bytes);
  bytes.insert(bytes.end(), hash.bytes.begin(), hash.bytes.end());
  return bytes;
}

Result<SnapshotManifest, std::string> decode_manifest(ByteView file) {
  if (file.size() < kMagic.size() + kHashBytes || as_text(file.first(kMagic.size())) != kMagic) {
    return fail(std::string("it is no manifest of a snapshot of this format"));
  }
  const ByteView body = file.first(file.size() - kHashBytes);
  const Hash32 said = *Hash32::from_view(file.last(kHashBytes));
  if (const Hash32 found = sha256(body); found != said) {
    return fail(fmt::format("it was altered: its bytes have the SHA-256 {}, and it says {}", found.hex(), said.hex()));
  }
  auto manifest = decode<SnapshotManifest>(body.subspan(kMagic.size()));
  if (!manifest) return fail(std::string("its fields do not decode"));
  if (make_app_hash(commitment_of(*manifest)) != manifest->app_hash) {
    return fail(fmt::format("height, roots and size do not give its app hash {}", manifest->app_hash.hex()));
  }
  for (const SnapshotChunk& chunk : manifest->chunks) {
    if (chunk.raw_bytes > kRawBytesMax || chunk.bytes > chunk.raw_bytes) {
      return fail(fmt::format("a chunk of {} bytes, {} unpacked, cannot be", chunk.bytes, chunk.raw_bytes));
    }
  }
  return *std::move(manifest);
}

Hash32 manifest_hash(const SnapshotManifest& manifest) { return sha256(without_hash(manifest)); }

protocol::Commitment commitment_of(const SnapshotManifest& manifest) {
  return {manifest.height, manifest.state_root, manifest.history_root, manifest.history_size};
}

void append_row(ByteView key, ByteView value, Bytes& chunk) {
  for (const ByteView part : {key, value}) {
    codec::put(static_cast<std::uint32_t>(part.size()), chunk);
    chunk.insert(chunk.end(), part.begin(), part.end());
  }
}

bool for_each_row_of(ByteView chunk, const std::function<bool(ByteView, ByteView)>& f) {
  codec::Source in{chunk};
  while (!in.left.empty()) {
    const ByteView key = in.take(codec::get_integer<std::uint32_t>(in));
    const ByteView value = in.take(codec::get_integer<std::uint32_t>(in));
    if (!in.ok || !f(key, value)) return false;
  }
  return true;
}

Bytes pack_chunk(ByteView rows) {
  Bytes packed(ZSTD_compressBound(rows.size()));
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), rows.data(), rows.size(), kCompressionLevel);
  if (ZSTD_isError(size) != 0 || size > rows.size() - rows.size() / 8) return {rows.begin(), rows.end()};
  packed.resize(size);
  return packed;
}

std::optional<Bytes> unpack_chunk(const SnapshotChunk& chunk, Bytes file) {
  if (chunk.bytes == chunk.raw_bytes) return file;
  if (chunk.raw_bytes > kRawBytesMax || ZSTD_getFrameContentSize(file.data(), file.size()) != chunk.raw_bytes) {
    return std::nullopt;
  }
  Bytes rows(chunk.raw_bytes);
  const std::size_t size = ZSTD_decompress(rows.data(), rows.size(), file.data(), file.size());
  if (ZSTD_isError(size) != 0 || size != rows.size()) return std::nullopt;
  return rows;
}

}  // namespace starminer::storage
