#include "durability/crash_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "storage/files.h"

namespace starminer::storage {
namespace {

using Kind = DiskEvent::Kind;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

/// Whether the entry of an event lies in a folder: a rename is an entry of where it leads to.
bool lies_in(const DiskEvent& event, const std::string& folder) {
  const bool moves = event.kind == Kind::Rename || event.kind == Kind::Link;
  return folder_of(moves ? event.target : event.path) == folder;
}

void put(Bytes& content, std::uint64_t at, ByteView bytes) {
  if (content.size() < at + bytes.size()) content.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

Recorder& Recorder::get() {
  static Recorder only;
  return only;
}

void Recorder::start(const std::filesystem::path& root) {
  const std::lock_guard lock(mutex_);
  root_ = root.string();
  events_.clear();
  files_.clear();
  sizes_.clear();
  open_.clear();
  recording_ = true;
}

std::vector<DiskEvent> Recorder::stop() {
  const std::lock_guard lock(mutex_);
  recording_ = false;
  return std::move(events_);
}

void Recorder::mark(std::uint64_t what) {
  const std::lock_guard lock(mutex_);
  if (recording_) events_.push_back({Kind::Mark, 0, {}, {}, what, {}});
}

std::optional<std::string> Recorder::below(const char* path) const {
  if (!recording_) return std::nullopt;
  std::string full = std::filesystem::path(path).lexically_normal().string();
  while (full.size() > 1 && full.back() == '/') full.pop_back();
  if (full == root_) return std::string();
  if (full.size() <= root_.size() || full.compare(0, root_.size(), root_) != 0 || full[root_.size()] != '/') return {};
  return full.substr(root_.size() + 1);
}

void Recorder::opened(const char* path, int flags, int fd) {
  const std::lock_guard lock(mutex_);
  const auto name = below(path);
  if (!name) return;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    open_[fd] = {0, *name, 0, false};
    return;
  }
  auto known = files_.find(*name);
  if (known == files_.end()) {
    known = files_.emplace(*name, ++last_file_).first;
    events_.push_back({Kind::Create, known->second, *name, {}, 0, {}});
  } else if ((flags & O_TRUNC) != 0) {
    sizes_[known->second] = 0;
    events_.push_back({Kind::Resize, known->second, {}, {}, 0, {}});
  }
  open_[fd] = {known->second, *name, 0, (flags & O_APPEND) != 0};
}

void Recorder::closed(int fd) {
  const std::lock_guard lock(mutex_);
  open_.erase(fd);
}

void Recorder::wrote(int fd, const void* bytes, std::size_t size, std::optional<std::uint64_t> offset) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(fd);
  if (!recording_ || found == open_.end() || size == 0) return;
  Open& open = found->second;
  std::uint64_t& length = sizes_[open.file];
  if (open.appends) open.position = length;
  const std::uint64_t at = offset.value_or(open.position);
  if (!offset) open.position += size;
  length = std::max(length, at + size);
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  events_.push_back({Kind::Write, open.file, {}, {}, at, Bytes(first, first + size)});
}

void Recorder::resized(int fd, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(fd);
  if (!recording_ || found == open_.end()) return;
  sizes_[found->second.file] = size;
  events_.push_back({Kind::Resize, found->second.file, {}, {}, size, {}});
}

void Recorder::synced(int fd) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(fd);
  if (!recording_ || found == open_.end()) return;
  const bool folder = found->second.file == 0;
  events_.push_back({folder ? Kind::SyncFolder : Kind::Sync, found->second.file, found->second.path, {}, 0, {}});
}

void Recorder::named(Kind kind, const char* path, const char* target) {
  const std::lock_guard lock(mutex_);
  const auto name = below(path);
  const auto to = target != nullptr ? below(target) : std::optional<std::string>(std::string());
  if (!name || !to) return;
  const auto known = files_.find(*name);
  if (kind == Kind::MakeFolder || kind == Kind::RemoveFolder) {
    events_.push_back({kind, 0, *name, {}, 0, {}});
    return;
  }
  if (known == files_.end()) return;  // made by a function that is not substituted: log files for people
  const std::uint64_t file = known->second;
  if (kind != Kind::Link) files_.erase(known);
  if (kind != Kind::Unlink) files_[*to] = file;
  events_.push_back({kind, file, *name, *to, 0, {}});
}

void CrashDisk::apply_name(const DiskEvent& event, Names& names) {
  switch (event.kind) {
    case Kind::Create: names[event.path] = event.file; break;
    case Kind::Link: names[event.target] = event.file; break;
    case Kind::Rename:
      if (const auto from = names.find(event.path); from != names.end() && from->second == event.file) {
        names.erase(from);
      }
      names[event.target] = event.file;
      break;
    case Kind::MakeFolder: names[event.path] = 0; break;
    default: names.erase(event.path); break;
  }
}

void CrashDisk::apply(const DiskEvent& event) {
  switch (event.kind) {
    case Kind::Mark: break;
    case Kind::Write: files_[event.file].pending.push_back({event.at, event.bytes}); break;
    case Kind::Resize: files_[event.file].pending.push_back({event.at, std::nullopt}); break;
    case Kind::Sync: {
      if (forgotten_.file_syncs) break;
      File& file = files_[event.file];
      file.durable = settle(file);
      file.pending.clear();
      break;
    }
    case Kind::SyncFolder: {
      if (forgotten_.folder_syncs) break;
      std::vector<DiskEvent> left;
      for (DiskEvent& name : pending_names_) {
        if (lies_in(name, event.path)) {
          apply_name(name, durable_names_);
        } else {
          left.push_back(std::move(name));
        }
      }
      pending_names_ = std::move(left);
      break;
    }
    default: pending_names_.push_back(event); break;
  }
}

/// Everything that was written.
Bytes CrashDisk::settle(const File& file) {
  Bytes content = file.durable;
  for (const Change& change : file.pending) {
    if (change.bytes) {
      put(content, change.at, *change.bytes);
    } else {
      content.resize(change.at);
    }
  }
  return content;
}

/// A size that the file had since its last sync, and of each piece one of its contents since then.
Bytes CrashDisk::crash(const File& file, scenario::Dice& dice) {
  const std::uint64_t mood = dice.below(8);
  if (file.pending.empty() || mood == 0) return file.durable;
  if (mood == 1) return settle(file);
  const unsigned kept_percent = static_cast<unsigned>(dice.below(101));
  Bytes content = file.durable;
  std::vector<std::size_t> sizes{content.size()};
  std::size_t size = content.size();
  for (const Change& change : file.pending) {
    if (!change.bytes) {
      size = change.at;
      sizes.push_back(size);
      // Cutting keeps what the disk has; the size that is drawn below decides what of it is seen.
      continue;
    }
    const std::uint64_t end = change.at + change.bytes->size();
    size = std::max<std::size_t>(size, end);
    sizes.push_back(size);
    for (std::uint64_t at = change.at; at < end;) {
      const std::uint64_t next = std::min(end, (at / kPiece + 1) * kPiece);
      if (dice.chance(kept_percent)) put(content, at, ByteView(*change.bytes).subspan(at - change.at, next - at));
      at = next;
    }
  }
  content.resize(dice.pick(sizes));
  return content;
}

void CrashDisk::write_image(const std::filesystem::path& folder, scenario::Dice& dice) const {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  // The journal of a file system keeps the order of names.
  Names names = durable_names_;
  const std::uint64_t kept = dice.below(3) == 0 ? pending_names_.size() : dice.below(pending_names_.size() + 1);
  for (std::uint64_t i = 0; i < kept; ++i) apply_name(pending_names_[i], names);
  for (const auto& [path, file] : names) {
    const std::filesystem::path there = folder / path;
    std::error_code ignored;
    if (file == 0) {
      std::filesystem::create_directories(there, ignored);
      continue;
    }
    if (!std::filesystem::is_directory(there.parent_path(), ignored)) continue;  // its folder did not last
    const auto known = files_.find(file);
    STARMINER_CHECK(write_new_file(there, known != files_.end() ? crash(known->second, dice) : Bytes()));
  }
}

std::size_t CrashDisk::unsynced() const {
  std::size_t count = pending_names_.size();
  for (const auto& [id, file] : files_) {
    for (const Change& change : file.pending) count += change.bytes ? change.bytes->size() / kPiece + 1 : 1;
  }
  return count;
}

}  // namespace starminer::storage
