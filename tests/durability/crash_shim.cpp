// The file functions of the C library, as this program and its libraries find them: each does its work and tells the
// recorder. Other programs do not link this.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include "durability/crash_disk.h"

namespace {

using starminer::storage::DiskEvent;
using starminer::storage::Recorder;

/// The function of this name in the C library.
template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// Tells the recorder of what went well, and leaves errno as it was.
template <class Result, class Tell>
Result told(Result result, const Tell& tell) {
  if (result < 0) return result;
  const int error = errno;
  tell();
  errno = error;
  return result;
}

int open_and_tell(const char* name, const char* path, int flags, mode_t mode) {
  const auto real = next<int (*)(const char*, int, ...)>(name);
  const int fd = real(path, flags, mode);
  return told(fd, [&] { Recorder::get().opened(path, flags, fd); });
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_and_tell("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return open_and_tell("open64", path, flags, mode);
}

int close(int fd) {
  static const auto real = next<int (*)(int)>("close");
  Recorder::get().closed(fd);
  return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  const ssize_t done = real(fd, bytes, size);
  return told(done, [&] { Recorder::get().wrote(fd, bytes, static_cast<size_t>(done), std::nullopt); });
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  const ssize_t done = real(fd, bytes, size, offset);
  return told(done,
              [&] { Recorder::get().wrote(fd, bytes, static_cast<size_t>(done), static_cast<std::uint64_t>(offset)); });
}

int ftruncate(int fd, off_t size) noexcept {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  return told(real(fd, size), [&] { Recorder::get().resized(fd, static_cast<std::uint64_t>(size)); });
}

int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  return told(real(fd), [&] { Recorder::get().synced(fd); });
}

int fdatasync(int fd) {
  static const auto real = next<int (*)(int)>("fdatasync");
  return told(real(fd), [&] { Recorder::get().synced(fd); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return told(real(from, to), [&] { Recorder::get().named(DiskEvent::Kind::Rename, from, to); });
}

int link(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("link");
  return told(real(from, to), [&] { Recorder::get().named(DiskEvent::Kind::Link, from, to); });
}

int unlink(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("unlink");
  return told(real(path), [&] { Recorder::get().named(DiskEvent::Kind::Unlink, path); });
}

int remove(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("remove");
  struct stat status {};
  const bool folder = ::stat(path, &status) == 0 && S_ISDIR(status.st_mode);
  return told(real(path),
              [&] { Recorder::get().named(folder ? DiskEvent::Kind::RemoveFolder : DiskEvent::Kind::Unlink, path); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
  return told(real(path, mode), [&] { Recorder::get().named(DiskEvent::Kind::MakeFolder, path); });
}

int rmdir(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("rmdir");
  return told(real(path), [&] { Recorder::get().named(DiskEvent::Kind::RemoveFolder, path); });
}

}  // extern "C"
