#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "storage/chain_check.h"
#include "storage/files.h"
#include "storage/snapshot.h"

namespace starminer::storage {
namespace {

namespace fs = std::filesystem;

Result<void, std::string> write_file(const fs::path& path, ByteView bytes) {
  if (write_new_file(path, bytes)) return {};
  return fail(fmt::format("{} cannot be written: {}; free disk space", path.string(), std::strerror(errno)));
}

class Writer {
 public:
  Writer(fs::path folder, std::uint64_t chunk_bytes, const SnapshotProgress& progress)
      : folder_(std::move(folder)), chunk_bytes_(chunk_bytes), progress_(progress) {}

  /// False: it failed, and `failure` says why.
  bool add(Part part, ByteView key, ByteView value) {
    if (!rows_.empty() && (part != chunk_.part || rows_.size() >= chunk_bytes_) && !close()) return false;
    chunk_.part = part;
    ++chunk_.rows;
    append_row(key, value, rows_);
    return true;
  }
  bool close() {
    if (rows_.empty()) return true;
    const Bytes packed = pack_chunk(rows_);
    chunk_.raw_bytes = rows_.size();
    chunk_.bytes = packed.size();
    chunk_.sha256 = sha256(packed);
    if (auto written = write_file(folder_ / chunk_file(chunks_.size()), packed); !written) {
      failure_ = std::move(written.error());
      return false;
    }
    done_ += rows_.size();
    if (progress_) progress_(done_);
    chunks_.push_back(std::exchange(chunk_, {}));
    rows_.clear();
    return true;
  }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] std::vector<SnapshotChunk> take_chunks() { return std::move(chunks_); }

 private:
  fs::path folder_;
  std::uint64_t chunk_bytes_;
  const SnapshotProgress& progress_;
  SnapshotChunk chunk_;
  Bytes rows_;
  std::uint64_t done_ = 0;
  std::vector<SnapshotChunk> chunks_;
  std::string failure_;
};

Result<void, std::string> write_parts(const Database& database, Writer& writer) {
  for (std::uint8_t number = 0; number < kPartCount; ++number) {
    const auto part = static_cast<Part>(number);
    const auto read =
        for_each_in_order(database, part, [&](ByteView key, ByteView value) { return writer.add(part, key, value); });
    if (!writer.failure().empty()) return fail(writer.failure());
    if (!read) return fail(read.error().text);
  }
  if (!writer.close()) return fail(writer.failure());
  return {};
}

Result<SnapshotManifest, std::string> manifest_of(const Database& database) {
  auto target = target_of(database);
  if (!target) return fail(std::move(target.error()));
  const auto block = database.find_block(target->height);
  if (!block || !*block) return fail(block ? database.corrupt("its last block is missing").text : block.error().text);
  return SnapshotManifest{std::move(target->chain_id),
                          (*block)->height,
                          (*block)->time,
                          (*block)->state_root,
                          (*block)->history_root,
                          (*block)->history_size,
                          (*block)->app_hash,
                          (*block)->seed,
                          {},
                          {}};
}

Result<SnapshotReport, std::string> write_all_files(const Database& database, const fs::path& folder,
                                                    const std::string& genesis, std::uint64_t chunk_bytes,
                                                    const SnapshotProgress& progress) {
  auto manifest = manifest_of(database);
  if (!manifest) return fail(std::move(manifest.error()));
  Writer writer(folder, chunk_bytes, progress);
  if (auto written = write_parts(database, writer); !written) return fail(std::move(written.error()));
  manifest->genesis_sha256 = sha256(genesis);
  manifest->chunks = writer.take_chunks();
  for (auto written : {write_file(folder / kGenesisFile, as_bytes(genesis)),
                       write_file(folder / kManifestFile, encode_manifest(*manifest))}) {
    if (!written) return fail(std::move(written.error()));
  }
  SnapshotReport report{manifest_hash(*manifest), manifest->chain_id, manifest->height, manifest->app_hash};
  for (const SnapshotChunk& chunk : manifest->chunks) {
    ++report.chunks;
    report.rows += chunk.rows;
    report.bytes += chunk.bytes;
  }
  return report;
}

}  // namespace

Result<SnapshotReport, std::string> create_snapshot(const Database& database, const fs::path& folder,
                                                    const std::string& genesis, std::uint64_t chunk_bytes,
                                                    const SnapshotProgress& progress) {
  std::error_code error;
  const fs::path target = fs::absolute(folder, error).lexically_normal();
  if (fs::exists(target, error)) return fail(fmt::format("{} exists; name another folder", target.string()));
  const fs::path making = target.string() + ".making";
  fs::remove_all(making, error);  // of one that broke off
  fs::create_directories(making, error);
  if (error) return fail(fmt::format("{}: {}", making.string(), error.message()));
  auto report = write_all_files(database, making, genesis, chunk_bytes, progress);
  if (report &&
      (!sync_folder(making) || ::rename(making.c_str(), target.c_str()) != 0 || !sync_folder(target.parent_path()))) {
    report = fail(fmt::format("{}: {}", target.string(), std::strerror(errno)));
  }
  if (!report) fs::remove_all(making, error);
  return report;
}

}  // namespace starminer::storage
