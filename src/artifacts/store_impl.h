// The inside of the store. mutex_ guards the index and the table of partial uploads; content is read, written and
// hashed without it, under the `busy` mark of its upload. Internal to the store.
#pragma once

#include <map>
#include <mutex>

#include "artifacts/disk.h"
#include "artifacts/record.h"
#include "artifacts/store.h"

namespace starminer::artifacts {

class Store::Impl {
 public:
  Impl(std::filesystem::path directory, StoreLimits limits, Descriptor lock);

  Result<void, StoreError> load();

  Result<UploadState, StoreError> begin_upload(const Hash32& hash, std::uint64_t size, std::string_view uploader,
                                               std::int64_t now_ms);
  Result<UploadState, StoreError> upload_state(const Hash32& hash) const;
  Result<UploadState, StoreError> append(const Hash32& hash, std::uint64_t offset, ByteView bytes, std::int64_t now_ms);
  Result<ArtifactInfo, StoreError> finish(const Hash32& hash, std::int64_t now_ms);
  Result<void, StoreError> abort_upload(const Hash32& hash);
  Result<ArtifactInfo, StoreError> put(ByteView bytes, std::string_view uploader, std::int64_t now_ms);

  Result<OpenArtifact, StoreError> open_artifact(const Hash32& hash);
  std::optional<ArtifactInfo> find(const Hash32& hash) const;
  std::vector<ArtifactInfo> list(const Hash32& after, std::size_t limit) const;
  Result<void, StoreError> remove(const Hash32& hash);
  Result<void, StoreError> retain(const Hash32& hash, std::int64_t until_ms);
  Expired expire(std::int64_t now_ms);
  Result<void, StoreError> verify(const Hash32& hash);
  Usage usage() const;

 private:
  struct Entry {
    Record record;
    /// Content and record disagree, or the record cannot be read: not given out, may be uploaded anew.
    bool damaged = false;
  };
  struct Partial {
    Record record;
    std::uint64_t offset = 0;
    /// Of the first `hashed` bytes. Lags behind after a restart; finish() then reads the rest.
    Sha256 hash;
    std::uint64_t hashed = 0;
    std::int64_t saved_ms = 0;
    bool busy = false;
  };

  [[nodiscard]] std::filesystem::path object_path(const Hash32& hash) const;
  [[nodiscard]] std::filesystem::path record_path(const Hash32& hash) const;
  [[nodiscard]] std::filesystem::path partial_path(const Hash32& hash) const;
  [[nodiscard]] std::filesystem::path partial_record_path(const Hash32& hash) const;

  Result<void, StoreError> load_objects();
  Result<void, StoreError> load_partials();
  void load_object(const std::filesystem::path& path, const Hash32& hash);
  void load_partial(const std::filesystem::path& record_file, const Hash32& hash);

  // With the mutex held.
  [[nodiscard]] const Entry* find_entry(const Hash32& hash) const;
  [[nodiscard]] Result<void, StoreError> check_room(std::uint64_t size) const;
  Result<void, StoreError> create_partial(const Hash32& hash, std::uint64_t size, std::string_view uploader,
                                          std::int64_t now_ms);
  void note_existing(const Hash32& hash, std::string_view uploader);
  void forget_partial(std::map<Hash32, Partial>::iterator partial);
  [[nodiscard]] static ArtifactInfo info_of(const Hash32& hash, const Record& record);
  void add_entry(const Hash32& hash, Record record);
  Result<void, StoreError> remove_entry(const Hash32& hash);
  void mark_damaged(const Hash32& hash);

  // Without the mutex, under the mark of the upload.
  Result<bool, StoreError> hash_matches(const Hash32& hash, Partial& partial) const;
  Result<ArtifactInfo, StoreError> verify_and_install(const Hash32& hash, Partial& partial, Record record);
  Result<ArtifactInfo, StoreError> write_and_install(const std::filesystem::path& temporary, const Hash32& hash,
                                                     ByteView bytes, Record record);
  Result<ArtifactInfo, StoreError> install(const std::filesystem::path& from, const Hash32& hash, Record record);

  const std::filesystem::path directory_;
  const std::filesystem::path objects_;
  const std::filesystem::path partials_directory_;
  const StoreLimits limits_;
  const Descriptor lock_;

  /// Taken before mutex_ by what puts contents in place or takes them away, so that each does it whole.
  std::mutex place_mutex_;
  mutable std::mutex mutex_;
  std::map<Hash32, Entry> entries_;
  std::uint64_t artifact_bytes_ = 0;
  std::map<Hash32, Partial> partials_;
  /// Stated sizes of partial uploads and of puts under way.
  std::uint64_t reserved_bytes_ = 0;
  std::uint64_t puts_ = 0;
};

}  // namespace starminer::artifacts
