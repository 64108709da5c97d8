// The public face, opening and loading, and what concerns complete artifacts. Uploads are in upload.cpp.
#include "artifacts/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>

#include "artifacts/store_impl.h"

namespace starminer::artifacts {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRecordSuffix = ".meta";

struct ErrorText {
  StoreError error;
  std::string_view name;
  std::string_view text;
};

constexpr std::array kErrorTexts = {
    ErrorText{StoreError::NotFound, "not_found", "There is no such artifact or upload; upload it first."},
    ErrorText{StoreError::AlreadyExists, "already_exists",
              "The artifact is stored already; nothing is left to upload."},
    ErrorText{StoreError::TooLarge, "too_large", "The artifact is larger than the store takes; split it."},
    ErrorText{StoreError::StoreFull, "store_full",
              "The store has no room for it; try again later or use another node."},
    ErrorText{StoreError::TooManyUploads, "too_many_uploads", "Too many uploads are unfinished; try again later."},
    ErrorText{StoreError::SizeMismatch, "size_mismatch",
              "The bytes do not agree with the size stated for this artifact; state the right size."},
    ErrorText{StoreError::OffsetMismatch, "offset_mismatch",
              "The bytes do not start where the stored ones end; ask for the offset and continue there."},
    ErrorText{StoreError::Incomplete, "incomplete", "Bytes are missing; ask for the offset and send the rest."},
    ErrorText{StoreError::HashMismatch, "hash_mismatch",
              "The bytes have another SHA-256 than the artifact's name; the upload was removed, start again."},
    ErrorText{StoreError::Busy, "busy", "Another request is writing this artifact; try again in a moment."},
    ErrorText{StoreError::Damaged, "damaged", "The stored bytes are damaged; upload the artifact again."},
    ErrorText{StoreError::InUse, "in_use", "Another process uses this store; end it or choose another directory."},
    ErrorText{StoreError::IoError, "io_error", "The disk of the store failed; try again later or use another node."},
};

const ErrorText& text_of(StoreError error) {
  const auto* found = std::find_if(kErrorTexts.begin(), kErrorTexts.end(),
                                   [&](const ErrorText& entry) { return entry.error == error; });
  return found == kErrorTexts.end() ? kErrorTexts.back() : *found;
}

/// Names of the entries of a directory; files of interrupted steps are removed on the way.
Result<std::vector<fs::path>, StoreError> files_of(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".tmp") {
      if (auto removed = remove_file(at->path()); !removed) return fail(removed.error());
    } else {
      files.push_back(at->path());
    }
  }
  if (error) {
    spdlog::error("artifacts: cannot read {}: {}", directory.string(), error.message());
    return fail(StoreError::IoError);
  }
  return files;
}

}  // namespace

std::string_view describe(StoreError error) { return text_of(error).text; }
std::string_view name_of(StoreError error) { return text_of(error).name; }

Store::Impl::Impl(fs::path directory, StoreLimits limits, Descriptor lock)
    : directory_(std::move(directory)),
      objects_(directory_ / "objects"),
      partials_directory_(directory_ / "partials"),
      limits_(limits),
      lock_(std::move(lock)) {}

fs::path Store::Impl::object_path(const Hash32& hash) const {
  const std::string name = hash.hex();
  return objects_ / name.substr(0, 2) / name;
}

fs::path Store::Impl::record_path(const Hash32& hash) const {
  fs::path path = object_path(hash);
  path += kRecordSuffix;
  return path;
}

fs::path Store::Impl::partial_path(const Hash32& hash) const { return partials_directory_ / hash.hex(); }

fs::path Store::Impl::partial_record_path(const Hash32& hash) const {
  return partials_directory_ / (hash.hex() + std::string(kRecordSuffix));
}

Result<void, StoreError> Store::Impl::load() {
  for (const fs::path& path : {objects_, partials_directory_}) {
    if (auto made = make_directory(path); !made) return fail(made.error());
  }
  if (auto synced = sync_directory(directory_); !synced) return synced;
  if (auto loaded = load_objects(); !loaded) return loaded;
  return load_partials();
}

Result<void, StoreError> Store::Impl::load_objects() {
  auto folders = files_of(objects_);
  if (!folders) return fail(folders.error());
  for (const fs::path& folder : *folders) {
    auto files = files_of(folder);
    if (!files) return fail(files.error());
    for (const fs::path& path : *files) {
      const auto hash = Hash32::from_hex(path.stem().string());
      if (!hash) continue;
      if (path.extension().empty()) {
        load_object(path, *hash);
      } else if (path.extension() == kRecordSuffix && !fs::exists(object_path(*hash))) {
        // The record is written before the content moves in and removed after it went.
        if (auto removed = remove_file(path); !removed) return removed;
      }
    }
  }
  return {};
}

void Store::Impl::load_object(const fs::path& path, const Hash32& hash) {
  Entry entry;
  const auto text = read_small_file(record_path(hash));
  const auto record = text ? parse_record(*text) : std::nullopt;
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  entry.damaged = !record || error || record->size != size;
  if (entry.damaged) {
    spdlog::error("artifacts: {} and its record disagree; it is not served, upload it again", hash.hex());
  }
  entry.record = record.value_or(Record{});
  entry.record.size = size;
  artifact_bytes_ += size;
  entries_[hash] = std::move(entry);
}

Result<void, StoreError> Store::Impl::load_partials() {
  auto files = files_of(partials_directory_);
  if (!files) return fail(files.error());
  for (const fs::path& path : *files) {
    const auto hash = Hash32::from_hex(path.stem().string());
    if (hash && path.extension() == kRecordSuffix) load_partial(path, *hash);
  }
  for (const fs::path& path : *files) {
    const auto hash = Hash32::from_hex(path.stem().string());
    if (hash && partials_.count(*hash) > 0) continue;
    if (auto removed = remove_file(path); !removed) return removed;
  }
  return {};
}

void Store::Impl::load_partial(const fs::path& record_file, const Hash32& hash) {
  const auto text = read_small_file(record_file);
  const auto record = text ? parse_record(*text) : std::nullopt;
  std::error_code error;
  const std::uint64_t offset = fs::file_size(partial_path(hash), error);
  if (!record || error || offset > record->size || find_entry(hash) != nullptr) return;
  Partial partial;
  partial.record = *record;
  partial.offset = offset;
  partial.saved_ms = record->time_ms;
  reserved_bytes_ += record->size;
  partials_.emplace(hash, std::move(partial));
}

const Store::Impl::Entry* Store::Impl::find_entry(const Hash32& hash) const {
  const auto found = entries_.find(hash);
  return found == entries_.end() || found->second.damaged ? nullptr : &found->second;
}

ArtifactInfo Store::Impl::info_of(const Hash32& hash, const Record& record) {
  return {hash, record.size, record.created_ms, record.time_ms, record.uploaders};
}

void Store::Impl::add_entry(const Hash32& hash, Record record) {
  const auto old = entries_.find(hash);
  if (old != entries_.end()) artifact_bytes_ -= old->second.record.size;
  artifact_bytes_ += record.size;
  entries_[hash] = {std::move(record), false};
}

void Store::Impl::mark_damaged(const Hash32& hash) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(hash);
  if (found == entries_.end()) return;
  spdlog::error("artifacts: the content of {} is damaged; it is not served, upload it again", hash.hex());
  found->second.damaged = true;
}

Result<OpenArtifact, StoreError> Store::Impl::open_artifact(const Hash32& hash) {
  OpenArtifact opened;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(hash);
    if (found == entries_.end()) return fail(StoreError::NotFound);
    if (found->second.damaged) return fail(StoreError::Damaged);
    opened.info = info_of(hash, found->second.record);
  }
  auto file = open_file(object_path(hash), O_RDONLY);
  const auto size = file ? size_of(*file) : fail(file.error());
  if (!size) {
    // Gone from the index by now: removed. Still in it: somebody took the file away.
    if (size.error() != StoreError::NotFound || !find(hash)) return fail(size.error());
    mark_damaged(hash);
    return fail(StoreError::Damaged);
  }
  if (*size != opened.info.size) {
    mark_damaged(hash);
    return fail(StoreError::Damaged);
  }
  opened.fd = file->release();
  return opened;
}

std::optional<ArtifactInfo> Store::Impl::find(const Hash32& hash) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find_entry(hash);
  if (entry == nullptr) return std::nullopt;
  return info_of(hash, entry->record);
}

std::vector<ArtifactInfo> Store::Impl::list(const Hash32& after, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  std::vector<ArtifactInfo> out;
  for (auto at = entries_.upper_bound(after); at != entries_.end() && out.size() < limit; ++at) {
    if (!at->second.damaged) out.push_back(info_of(at->first, at->second.record));
  }
  return out;
}

Result<void, StoreError> Store::Impl::remove_entry(const Hash32& hash) {
  const auto found = entries_.find(hash);
  if (found == entries_.end()) return fail(StoreError::NotFound);
  if (auto removed = remove_file(object_path(hash)); !removed) return removed;
  artifact_bytes_ -= found->second.record.size;
  entries_.erase(found);
  if (auto removed = remove_file(record_path(hash)); !removed) return removed;
  return sync_directory(object_path(hash).parent_path());
}

Result<void, StoreError> Store::Impl::remove(const Hash32& hash) {
  const std::lock_guard placing(place_mutex_);
  const std::lock_guard lock(mutex_);
  return remove_entry(hash);
}

Result<void, StoreError> Store::Impl::retain(const Hash32& hash, std::int64_t until_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(hash);
  if (found == entries_.end() || found->second.damaged) return fail(StoreError::NotFound);
  if (until_ms <= found->second.record.time_ms) return {};
  Record record = found->second.record;
  record.time_ms = until_ms;
  if (auto saved = replace_file(record_path(hash), format_record(record), Durability::Synced); !saved) return saved;
  found->second.record = std::move(record);
  return {};
}

Expired Store::Impl::expire(std::int64_t now_ms) {
  const std::lock_guard placing(place_mutex_);
  const std::lock_guard lock(mutex_);
  const std::int64_t ttl_ms = std::chrono::milliseconds(limits_.partial_ttl).count();
  Expired expired;
  for (auto at = partials_.begin(); at != partials_.end();) {
    const auto current = at++;
    if (current->second.busy || now_ms - current->second.record.time_ms < ttl_ms) continue;
    ++expired.partials;
    expired.bytes += current->second.offset;
    forget_partial(current);
  }
  std::vector<Hash32> ended;
  for (const auto& [hash, entry] : entries_) {
    const Record& record = entry.record;
    const std::int64_t until = record.time_ms > 0 ? record.time_ms : record.created_ms + ttl_ms;
    if (!entry.damaged && now_ms >= until) ended.push_back(hash);
  }
  for (const Hash32& hash : ended) {
    const std::uint64_t size = entries_.at(hash).record.size;
    if (!remove_entry(hash)) continue;
    ++expired.artifacts;
    expired.bytes += size;
  }
  return expired;
}

Result<void, StoreError> Store::Impl::verify(const Hash32& hash) {
  auto opened = open_artifact(hash);
  if (!opened) return fail(opened.error());
  const Descriptor file(opened->fd);
  Sha256 content;
  if (auto read = hash_range(file, 0, opened->info.size, content); !read) return read;
  if (content.finish() == hash) return {};
  mark_damaged(hash);
  return fail(StoreError::Damaged);
}

Usage Store::Impl::usage() const {
  const std::lock_guard lock(mutex_);
  return {entries_.size(), artifact_bytes_, partials_.size(), reserved_bytes_, limits_.total_bytes_max};
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>, StoreError> Store::open(fs::path directory, StoreLimits limits) {
  if (auto made = make_directory(directory); !made) return fail(made.error());
  auto lock = open_file(directory / "LOCK", O_RDWR | O_CREAT);
  if (!lock) return fail(lock.error());
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) return fail(StoreError::InUse);
  auto impl = std::make_unique<Impl>(std::move(directory), limits, std::move(*lock));
  if (auto loaded = impl->load(); !loaded) return fail(loaded.error());
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

Result<UploadState, StoreError> Store::begin_upload(const Hash32& hash, std::uint64_t size, std::string_view uploader,
                                                    std::int64_t now_ms) {
  return impl_->begin_upload(hash, size, uploader, now_ms);
}
Result<UploadState, StoreError> Store::upload_state(const Hash32& hash) const { return impl_->upload_state(hash); }
Result<UploadState, StoreError> Store::append(const Hash32& hash, std::uint64_t offset, ByteView bytes,
                                              std::int64_t now_ms) {
  return impl_->append(hash, offset, bytes, now_ms);
}
Result<ArtifactInfo, StoreError> Store::finish(const Hash32& hash, std::int64_t now_ms) {
  return impl_->finish(hash, now_ms);
}
Result<void, StoreError> Store::abort_upload(const Hash32& hash) { return impl_->abort_upload(hash); }
Result<ArtifactInfo, StoreError> Store::put(ByteView bytes, std::string_view uploader, std::int64_t now_ms) {
  return impl_->put(bytes, uploader, now_ms);
}
Result<OpenArtifact, StoreError> Store::open_artifact(const Hash32& hash) const { return impl_->open_artifact(hash); }

Result<Bytes, StoreError> Store::read_all(const Hash32& hash, std::uint64_t bytes_max) const {
  auto opened = impl_->open_artifact(hash);
  if (!opened) return fail(opened.error());
  const Descriptor file(opened->fd);
  if (opened->info.size > bytes_max) return fail(StoreError::TooLarge);
  Bytes content(opened->info.size);
  if (auto read = read_at(file, 0, content); !read) return fail(read.error());
  return content;
}

std::optional<ArtifactInfo> Store::find(const Hash32& hash) const { return impl_->find(hash); }
std::vector<ArtifactInfo> Store::list(const Hash32& after, std::size_t limit) const {
  return impl_->list(after, limit);
}
Result<void, StoreError> Store::remove(const Hash32& hash) { return impl_->remove(hash); }
Result<void, StoreError> Store::retain(const Hash32& hash, std::int64_t until_ms) {
  return impl_->retain(hash, until_ms);
}
Expired Store::expire(std::int64_t now_ms) { return impl_->expire(now_ms); }
Result<void, StoreError> Store::verify(const Hash32& hash) const { return impl_->verify(hash); }
Usage Store::usage() const { return impl_->usage(); }

}  // namespace starminer::artifacts
