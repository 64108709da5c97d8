// Uploads: begin, append, finish. An upload is marked busy while its bytes are written or hashed outside the lock.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "artifacts/store_impl.h"

namespace starminer::artifacts {
namespace {

/// How stale the saved time of the last append may be: a record is not rewritten for every piece.
constexpr std::int64_t kSaveEveryMs = 60'000;

}  // namespace

Result<void, StoreError> Store::Impl::check_room(std::uint64_t size) const {
  if (size > limits_.artifact_bytes_max) return fail(StoreError::TooLarge);
  const std::uint64_t used = artifact_bytes_ + reserved_bytes_;
  if (used > limits_.total_bytes_max || size > limits_.total_bytes_max - used) return fail(StoreError::StoreFull);
  std::uint64_t promised = 0;
  for (const auto& [hash, partial] : partials_) promised += partial.record.size - partial.offset;
  const auto free = free_bytes(directory_);
  if (!free) return fail(free.error());
  const std::uint64_t kept = limits_.disk_reserve_bytes + promised;
  if (*free < kept || *free - kept < size) return fail(StoreError::StoreFull);
  return {};
}

void Store::Impl::note_existing(const Hash32& hash, std::string_view uploader) {
  Entry& entry = entries_.at(hash);
  Record record = entry.record;
  // Who uploaded it again is not worth a refusal when the disk does not take the note.
  if (note_uploader(record, uploader) && replace_file(record_path(hash), format_record(record), Durability::Synced)) {
    entry.record = std::move(record);
  }
}

Result<UploadState, StoreError> Store::Impl::begin_upload(const Hash32& hash, std::uint64_t size,
                                                          std::string_view uploader, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  if (find_entry(hash) != nullptr) {
    note_existing(hash, uploader);
    return fail(StoreError::AlreadyExists);
  }
  const auto found = partials_.find(hash);
  if (found != partials_.end()) {
    if (found->second.record.size != size) return fail(StoreError::SizeMismatch);
    Record& record = found->second.record;
    if (note_uploader(record, uploader)) {
      if (auto saved = replace_file(partial_record_path(hash), format_record(record), Durability::Lazy); !saved)
        return fail(saved.error());
    }
    return UploadState{size, found->second.offset};
  }
  if (partials_.size() >= limits_.partials_max) return fail(StoreError::TooManyUploads);
  if (auto room = check_room(size); !room) return fail(room.error());
  if (auto created = create_partial(hash, size, uploader, now_ms); !created) return fail(created.error());
  return UploadState{size, 0};
}

Result<void, StoreError> Store::Impl::create_partial(const Hash32& hash, std::uint64_t size, std::string_view uploader,
                                                     std::int64_t now_ms) {
  Partial partial;
  partial.record.size = size;
  partial.record.created_ms = now_ms;
  partial.record.time_ms = now_ms;
  partial.saved_ms = now_ms;
  note_uploader(partial.record, uploader);
  auto file = open_file(partial_path(hash), O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return fail(file.error());
  auto saved = replace_file(partial_record_path(hash), format_record(partial.record), Durability::Lazy);
  if (!saved) {
    (void)remove_file(partial_path(hash));
    return saved;
  }
  partials_.emplace(hash, std::move(partial));
  reserved_bytes_ += size;
  return {};
}

Result<UploadState, StoreError> Store::Impl::upload_state(const Hash32& hash) const {
  const std::lock_guard lock(mutex_);
  const auto found = partials_.find(hash);
  if (found == partials_.end()) return fail(StoreError::NotFound);
  return UploadState{found->second.record.size, found->second.offset};
}

Result<UploadState, StoreError> Store::Impl::append(const Hash32& hash, std::uint64_t offset, ByteView bytes,
                                                    std::int64_t now_ms) {
  Partial* partial = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (find_entry(hash) != nullptr) return fail(StoreError::AlreadyExists);
    const auto found = partials_.find(hash);
    if (found == partials_.end()) return fail(StoreError::NotFound);
    if (found->second.busy) return fail(StoreError::Busy);
    if (found->second.offset != offset) return fail(StoreError::OffsetMismatch);
    if (bytes.size() > found->second.record.size - offset) return fail(StoreError::SizeMismatch);
    partial = &found->second;
    partial->busy = true;
  }
  // Entries of a map stay in place, and a busy upload is not removed.
  auto file = open_file(partial_path(hash), O_WRONLY);
  auto written = file ? write_at(*file, offset, bytes) : fail(file.error());
  if (!written && file && ::ftruncate(file->get(), static_cast<off_t>(offset)) != 0)
    written = fail(StoreError::IoError);
  if (written && partial->hashed == offset) {
    partial->hash.update(bytes);
    partial->hashed += bytes.size();
  }
  const std::lock_guard lock(mutex_);
  partial->busy = false;
  if (!written) return fail(written.error() == StoreError::NotFound ? StoreError::IoError : written.error());
  partial->offset += bytes.size();
  partial->record.time_ms = std::max(partial->record.time_ms, now_ms);
  if (partial->record.time_ms - partial->saved_ms >= kSaveEveryMs &&
      replace_file(partial_record_path(hash), format_record(partial->record), Durability::Lazy)) {
    partial->saved_ms = partial->record.time_ms;
  }
  return UploadState{partial->record.size, partial->offset};
}

Result<bool, StoreError> Store::Impl::hash_matches(const Hash32& hash, Partial& partial) const {
  if (partial.hashed < partial.record.size) {
    auto file = open_file(partial_path(hash), O_RDONLY);
    if (!file) return fail(StoreError::IoError);
    if (auto read = hash_range(*file, partial.hashed, partial.record.size, partial.hash); !read) {
      return fail(read.error());
    }
  }
  return partial.hash.finish() == hash;
}

// The record first, then the content: a content without a record can only be damage. The content is synced before it
// gets its name, so a name never stands for less than all its bytes.
Result<ArtifactInfo, StoreError> Store::Impl::install(const std::filesystem::path& from, const Hash32& hash,
                                                      Record record) {
  auto file = open_file(from, O_RDONLY);
  if (!file) return fail(StoreError::IoError);
  if (auto synced = sync_file(*file); !synced) return fail(synced.error());
  const std::lock_guard placing(place_mutex_);
  // Another upload of the same content may have been faster; its record holds promises by now.
  if (auto first = find(hash)) return std::move(*first);
  const auto created = make_directory(object_path(hash).parent_path());
  if (!created) return fail(created.error());
  if (*created) {
    if (auto synced = sync_directory(objects_); !synced) return fail(synced.error());
  }
  if (auto saved = replace_file(record_path(hash), format_record(record), Durability::Synced); !saved)
    return fail(saved.error());
  if (auto renamed = rename_file(from, object_path(hash)); !renamed) return fail(renamed.error());
  if (auto synced = sync_directory(object_path(hash).parent_path()); !synced) return fail(synced.error());
  const std::lock_guard lock(mutex_);
  ArtifactInfo info = info_of(hash, record);
  add_entry(hash, std::move(record));
  return info;
}

Result<ArtifactInfo, StoreError> Store::Impl::verify_and_install(const Hash32& hash, Partial& partial, Record record) {
  const auto matches = hash_matches(hash, partial);
  if (!matches) return fail(matches.error());
  if (!*matches) return fail(StoreError::HashMismatch);
  return install(partial_path(hash), hash, std::move(record));
}

Result<ArtifactInfo, StoreError> Store::Impl::finish(const Hash32& hash, std::int64_t now_ms) {
  std::map<Hash32, Partial>::iterator found;
  Record record;
  {
    const std::lock_guard lock(mutex_);
    found = partials_.find(hash);
    if (const Entry* entry = find_entry(hash)) {
      if (found != partials_.end() && !found->second.busy) forget_partial(found);
      return info_of(hash, entry->record);
    }
    if (found == partials_.end()) return fail(StoreError::NotFound);
    if (found->second.busy) return fail(StoreError::Busy);
    if (found->second.offset != found->second.record.size) return fail(StoreError::Incomplete);
    found->second.busy = true;
    record = found->second.record;
  }
  record.created_ms = now_ms;
  record.time_ms = 0;
  auto installed = verify_and_install(hash, found->second, std::move(record));
  const std::lock_guard lock(mutex_);
  // Also after a failure: a sync that failed once tells nothing when it is asked again, so the bytes have to come anew.
  forget_partial(found);
  return installed;
}

void Store::Impl::forget_partial(std::map<Hash32, Partial>::iterator partial) {
  const Hash32 hash = partial->first;
  reserved_bytes_ -= partial->second.record.size;
  partials_.erase(partial);
  // A file that stays is removed at the next start, because its record is gone, or the other way round.
  (void)remove_file(partial_record_path(hash));
  (void)remove_file(partial_path(hash));
}

Result<void, StoreError> Store::Impl::abort_upload(const Hash32& hash) {
  const std::lock_guard lock(mutex_);
  const auto found = partials_.find(hash);
  if (found == partials_.end()) return fail(StoreError::NotFound);
  if (found->second.busy) return fail(StoreError::Busy);
  forget_partial(found);
  return {};
}

Result<ArtifactInfo, StoreError> Store::Impl::write_and_install(const std::filesystem::path& temporary,
                                                                const Hash32& hash, ByteView bytes, Record record) {
  const auto file = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return fail(file.error());
  if (auto written = write_at(*file, 0, bytes); !written) return fail(written.error());
  return install(temporary, hash, std::move(record));
}

Result<ArtifactInfo, StoreError> Store::Impl::put(ByteView bytes, std::string_view uploader, std::int64_t now_ms) {
  const Hash32 hash = sha256(bytes);
  std::filesystem::path temporary;
  {
    const std::lock_guard lock(mutex_);
    if (find_entry(hash) != nullptr) {
      note_existing(hash, uploader);
      return info_of(hash, entries_.at(hash).record);
    }
    if (auto room = check_room(bytes.size()); !room) return fail(room.error());
    reserved_bytes_ += bytes.size();
    // A name of its own: an upload of the same content may be under way.
    temporary = partials_directory_ / fmt::format("put-{}.tmp", ++puts_);
  }
  Record record;
  record.size = bytes.size();
  record.created_ms = now_ms;
  note_uploader(record, uploader);
  auto installed = write_and_install(temporary, hash, bytes, std::move(record));
  const std::lock_guard lock(mutex_);
  reserved_bytes_ -= bytes.size();
  (void)remove_file(temporary);
  return installed;
}

}  // namespace starminer::artifacts
