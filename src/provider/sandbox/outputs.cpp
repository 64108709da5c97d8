#include "provider/sandbox/outputs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {
namespace {

constexpr int kDepthMax = 32;
constexpr std::size_t kPathBytesMax = 1024;
constexpr std::size_t kRefusalsNamedMax = 100;
constexpr std::size_t kPrintableMax = 256;
constexpr std::size_t kCopyBytes = 1U << 20U;
constexpr std::size_t kUnsyncedMax = 128;

SandboxResult<Fd> open_beneath(int directory, const std::string& name, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  Fd fd{static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how))};
  if (!fd.valid()) return fail(system_error(SandboxErrc::OutputRefused, "cannot open " + printable(name), errno));
  return fd;
}

// The length of the UTF-8 sequence at the front, 0 where there is none (RFC 3629, without surrogates and overlong
// forms).
std::size_t utf8_length(std::string_view text) {
  const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&at](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF && follows(1)) return 2;
  if (first >= 0xE0 && first <= 0xEF && follows(1) && follows(2)) {
    const bool overlong = first == 0xE0 && at(1) < 0xA0;
    const bool surrogate = first == 0xED && at(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xF0 && first <= 0xF4 && follows(1) && follows(2) && follows(3)) {
    const bool overlong = first == 0xF0 && at(1) < 0x90;
    const bool beyond = first == 0xF4 && at(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

// Why a name may not be passed on, or nothing. C1 controls are U+0080 to U+009F; U+202A to U+202E and U+2066 to U+2069
// turn the direction of text and would let a name look like another.
const char* refuse_name(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos) return "not a file name";
  while (!name.empty()) {
    const auto first = static_cast<unsigned char>(name.front());
    const std::size_t length = utf8_length(name);
    if (length == 0) return "the name is not UTF-8";
    if (first < 0x20 || first == 0x7F || (first == 0xC2 && static_cast<unsigned char>(name[1]) < 0xA0)) {
      return "the name holds control characters";
    }
    const std::string_view character = name.substr(0, length);
    if ((character >= "\u202A" && character <= "\u202E") || (character >= "\u2066" && character <= "\u2069")) {
      return "the name turns the direction of text";
    }
    name.remove_prefix(length);
  }
  return nullptr;
}

const char* kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a plain file";
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// One walk for both uses: `target` below 0 only reads, and `tolerant` names traps instead of stopping at them.
class Walk {
 public:
  Walk(const OutputLimits& limits, bool tolerant) : limits_(limits), tolerant_(tolerant), buffer_(kCopyBytes) {}

  SandboxResult<void> visit(int source, int target, const std::string& prefix, int depth) {
    if (depth > kDepthMax) {
      return fail(SandboxError{SandboxErrc::OutputTooLarge,
                               fmt::format("output folders are nested deeper than {}", kDepthMax)});
    }
    Fd listing{::openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!listing.valid()) return fail(system_error(SandboxErrc::Io, "cannot list " + printable(prefix), errno));
    const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(listing.get()));
    if (directory == nullptr) return fail(system_error(SandboxErrc::Io, "cannot list " + printable(prefix), errno));
    listing.release();
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) break;
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (auto taken = take(source, target, name, prefix, depth); !taken) return taken;
    }
    if (errno != 0) return fail(system_error(SandboxErrc::Io, "cannot list " + printable(prefix), errno));
    return {};
  }

  // The end report is durable, so what it reports must be.
  SandboxResult<void> sync() {
    for (const Fd& file : unsynced_) {
      if (::fdatasync(file.get()) != 0) return fail(system_error(SandboxErrc::Io, "cannot sync an output file", errno));
    }
    unsynced_.clear();
    return {};
  }

  Export finish() {
    std::sort(files_.begin(), files_.end(), [](const OutputFile& a, const OutputFile& b) { return a.path < b.path; });
    return Export{std::move(files_), std::move(refused_)};
  }

 private:
  SandboxResult<void> refuse(const std::string& path, const std::string& reason) {
    if (!tolerant_) return fail(SandboxError{SandboxErrc::OutputRefused, printable(path) + ": " + reason});
    if (refused_.size() < kRefusalsNamedMax) refused_.push_back({printable(path), reason});
    return {};
  }

  // Folders and refused entries count too: a bomb of empty folders costs as much as one of files.
  SandboxResult<void> count_entry() {
    if (++entries_ <= 2ULL * limits_.files + 16) return {};
    return fail(SandboxError{SandboxErrc::OutputTooLarge, fmt::format("more than {} output files", limits_.files)});
  }

  SandboxResult<void> take(int source, int target, const std::string& name, const std::string& prefix, int depth) {
    if (auto counted = count_entry(); !counted) return counted;
    const std::string path = prefix + name;
    if (const char* reason = refuse_name(name); reason != nullptr) return refuse(path, reason);
    if (path.size() > kPathBytesMax)
      return refuse(path, fmt::format("the path is longer than {} bytes", kPathBytesMax));
    struct stat info {};
    if (::fstatat(source, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return refuse(path, "it cannot be inspected");
    if (S_ISDIR(info.st_mode)) return take_folder(source, target, name, path, depth);
    if (!S_ISREG(info.st_mode)) return refuse(path, kind_of(info.st_mode));
    return take_file(source, target, name, path);
  }

  SandboxResult<void> take_folder(int source, int target, const std::string& name, const std::string& path, int depth) {
    const auto folder = open_beneath(source, name, O_RDONLY | O_DIRECTORY);
    if (!folder) return refuse(path, folder.error().text);
    Fd copy;
    if (target >= 0) {
      if (::mkdirat(target, name.c_str(), 0700) != 0)
        return fail(system_error(SandboxErrc::Io, "cannot create a folder", errno));
      copy = Fd{::openat(target, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
      if (!copy.valid()) return fail(system_error(SandboxErrc::Io, "cannot open a folder", errno));
    }
    return visit(folder->get(), copy.get(), path + "/", depth + 1);
  }

  SandboxResult<void> take_file(int source, int target, const std::string& name, const std::string& path) {
    // Non-blocking, in case a FIFO took the file's place since it was looked at.
    const auto file = open_beneath(source, name, O_RDONLY | O_NONBLOCK);
    if (!file) return refuse(path, file.error().text);
    struct stat info {};
    if (::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return refuse(path, kind_of(info.st_mode));
    if (info.st_nlink != 1) return refuse(path, "the file has other names (hard links)");
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (files_.size() >= limits_.files) {
      return fail(SandboxError{SandboxErrc::OutputTooLarge, fmt::format("more than {} output files", limits_.files)});
    }
    if (size > limits_.bytes - bytes_) {
      return fail(SandboxError{SandboxErrc::OutputTooLarge,
                               fmt::format("{} of {} bytes goes beyond the output limit of {} bytes", printable(path),
                                           size, limits_.bytes)});
    }
    bytes_ += size;
    Fd copy;
    if (target >= 0) {
      copy = Fd{::openat(target, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
      if (!copy.valid()) return fail(system_error(SandboxErrc::Io, "cannot create an output file", errno));
    }
    auto digest = read_through(file->get(), copy.get(), size);
    if (!digest) return fail(digest.error());
    if (copy.valid()) {
      // Begins to write now, so that the syncs at the end find little to do and share one journal commit.
      ::sync_file_range(copy.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
      unsynced_.push_back(std::move(copy));
    }
    if (unsynced_.size() >= kUnsyncedMax) {
      if (auto synced = sync(); !synced) return synced;
    }
    files_.push_back({path, size, std::move(*digest)});
    return {};
  }

  SandboxResult<std::string> read_through(int source, int target, std::uint64_t size) {
    Sha256 hash;
    std::uint64_t total = 0;
    for (;;) {
      const ssize_t count = ::read(source, buffer_.data(), buffer_.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(system_error(SandboxErrc::Io, "cannot read an output file", errno));
      if (count == 0) break;
      const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(count));
      total += bytes.size();
      if (total > size) return fail(SandboxError{SandboxErrc::OutputRefused, "an output file grows while it is read"});
      hash.update(bytes);
      if (target < 0) continue;
      if (auto written = write_all(target, bytes); !written) return fail(written.error());
    }
    if (total != size) return fail(SandboxError{SandboxErrc::OutputRefused, "an output file shrank while it was read"});
    return hash.finish().hex();
  }

  OutputLimits limits_;
  bool tolerant_;
  std::vector<char> buffer_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<OutputFile> files_;
  std::vector<RefusedOutput> refused_;
  std::vector<Fd> unsynced_;
};

}  // namespace

SandboxResult<std::vector<OutputFile>> collect_outputs(const std::filesystem::path& directory,
                                                       const OutputLimits& limits) {
  const auto source = open_directory(directory);
  if (!source) return fail(source.error());
  Walk walk(limits, false);
  if (auto done = walk.visit(source->get(), -1, "", 0); !done) return fail(done.error());
  return walk.finish().files;
}

SandboxResult<Export> export_outputs(int source, int target, const OutputLimits& limits) {
  Walk walk(limits, true);
  if (auto done = walk.visit(source, target, "", 0); !done) return fail(done.error());
  if (auto synced = walk.sync(); !synced) return fail(synced.error());
  return walk.finish();
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= kPrintableMax) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '\\') {
      out.push_back(c);
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  return out;
}

}  // namespace starminer::provider::sandbox
