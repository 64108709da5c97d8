// Content-addressed store of job inputs and results: an artifact is named by the SHA-256 of its bytes. Invariants: what
// open() gives had its hash verified and is complete and durable; a partial upload is never visible; partials survive a
// restart and are resumed by offset. Access rights are the API's subject, not the store's.
// Thread-safe: uploads of one hash exclude each other for the time of one append, all else runs side by side. One
// process per directory (held by a lock file).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"

namespace starminer::artifacts {

enum class StoreError : std::uint8_t {
  NotFound,        ///< No such artifact or no such partial upload.
  AlreadyExists,   ///< The artifact is complete; nothing to upload.
  TooLarge,        ///< Above the limit of one artifact.
  StoreFull,       ///< Above the limit of the store or of the disk.
  TooManyUploads,  ///< Above the limit of partial uploads.
  SizeMismatch,    ///< A partial upload of this hash states another size, or bytes go beyond the stated size.
  OffsetMismatch,  ///< The bytes do not start where the stored ones end; ask for the offset.
  Incomplete,      ///< finish() before all bytes came.
  HashMismatch,    ///< All bytes came and have another hash; the partial upload is removed.
  Busy,            ///< Another append or finish of the same hash is under way.
  Damaged,         ///< Stored bytes disagree with their record; see verify().
  InUse,           ///< Another process holds the directory.
  IoError,         ///< The disk failed; the log of the process has the reason.
};

/// One sentence that says what happened and what to do; without paths.
[[nodiscard]] std::string_view describe(StoreError error);
/// Stable name, lower case with underscores.
[[nodiscard]] std::string_view name_of(StoreError error);

struct StoreLimits {
  std::uint64_t artifact_bytes_max = 64ULL << 30U;
  /// Complete artifacts and the stated sizes of partial uploads together.
  std::uint64_t total_bytes_max = 1ULL << 40U;
  /// Bytes of the disk that stay free.
  std::uint64_t disk_reserve_bytes = 256ULL << 20U;
  std::size_t partials_max = 1'000;
  /// A partial upload without an append for this long is removed by expire().
  std::chrono::seconds partial_ttl{24 * 3600};
};

struct ArtifactInfo {
  Hash32 hash;
  std::uint64_t size = 0;
  std::int64_t created_ms = 0;
  /// Kept at least until then; 0 = no promise yet.
  std::int64_t retain_until_ms = 0;
  /// Accounts that uploaded it, in order, each once, at most 64.
  std::vector<std::string> uploaders;
};

struct UploadState {
  std::uint64_t size = 0;
  /// Bytes stored so far: where the next append starts.
  std::uint64_t offset = 0;
};

struct Usage {
  std::uint64_t artifacts = 0;
  std::uint64_t artifact_bytes = 0;
  std::uint64_t partials = 0;
  /// Stated sizes of the partial uploads.
  std::uint64_t reserved_bytes = 0;
  std::uint64_t total_bytes_max = 0;
};

/// An open artifact. The file stays readable after a remove() until this is closed.
struct OpenArtifact {
  /// Owned by the caller, opened read-only and close-on-exec.
  int fd = -1;
  ArtifactInfo info;
};

/// What expire() removed.
struct Expired {
  std::uint64_t artifacts = 0;
  std::uint64_t partials = 0;
  std::uint64_t bytes = 0;
};

class Store {
 public:
  /// Creates the directory where needed, removes leftovers of interrupted steps, reads what is there. Requires time in
  /// milliseconds since 1970 wherever `now_ms` occurs; the store has no clock. Fails with InUse, IoError.
  [[nodiscard]] static Result<std::unique_ptr<Store>, StoreError> open(std::filesystem::path directory,
                                                                       StoreLimits limits = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Starts an upload or gives the state of the one under way. The stated size is reserved.
  /// Fails with AlreadyExists (the uploader is noted), TooLarge, StoreFull, TooManyUploads, SizeMismatch, IoError.
  [[nodiscard]] Result<UploadState, StoreError> begin_upload(const Hash32& hash, std::uint64_t size,
                                                             std::string_view uploader, std::int64_t now_ms);
  /// Fails with NotFound.
  [[nodiscard]] Result<UploadState, StoreError> upload_state(const Hash32& hash) const;
  /// Appends bytes at `offset`, which must be where the stored ones end. Not durable before finish().
  /// Fails with NotFound, OffsetMismatch, SizeMismatch, StoreFull, Busy, IoError.
  [[nodiscard]] Result<UploadState, StoreError> append(const Hash32& hash, std::uint64_t offset, ByteView bytes,
                                                       std::int64_t now_ms);
  /// Verifies the hash and makes the artifact visible, atomically and durably. Calling it again after success gives
  /// the same. Fails with NotFound, Incomplete, HashMismatch, Busy, IoError.
  [[nodiscard]] Result<ArtifactInfo, StoreError> finish(const Hash32& hash, std::int64_t now_ms);
  /// Removes a partial upload. Fails with NotFound, Busy.
  [[nodiscard]] Result<void, StoreError> abort_upload(const Hash32& hash);

  /// begin, append and finish in one step, for bytes in memory. An existing artifact is a success.
  [[nodiscard]] Result<ArtifactInfo, StoreError> put(ByteView bytes, std::string_view uploader, std::int64_t now_ms);
  /// Fails with NotFound, Damaged (the size disagrees), IoError.
  [[nodiscard]] Result<OpenArtifact, StoreError> open_artifact(const Hash32& hash) const;
  /// Whole content, for artifacts known to be small. Fails like open_artifact, and TooLarge above `bytes_max`.
  [[nodiscard]] Result<Bytes, StoreError> read_all(const Hash32& hash, std::uint64_t bytes_max) const;
  [[nodiscard]] std::optional<ArtifactInfo> find(const Hash32& hash) const;
  /// In the order of hashes, from the first hash above `after`, at most `limit`.
  [[nodiscard]] std::vector<ArtifactInfo> list(const Hash32& after, std::size_t limit) const;
  [[nodiscard]] Result<void, StoreError> remove(const Hash32& hash);
  /// Keeps the artifact at least until then; never shortens a promise. Fails with NotFound, IoError.
  [[nodiscard]] Result<void, StoreError> retain(const Hash32& hash, std::int64_t until_ms);
  /// Removes partial uploads past their time and artifacts whose promise has ended; artifacts without a promise stay
  /// for `partial_ttl` after their creation.
  Expired expire(std::int64_t now_ms);
  /// Reads the content again and compares it with its name. Fails with NotFound, Damaged, IoError.
  [[nodiscard]] Result<void, StoreError> verify(const Hash32& hash) const;
  [[nodiscard]] Usage usage() const;

 private:
  class Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::artifacts
