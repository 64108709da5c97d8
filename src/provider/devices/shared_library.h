// A shared library loaded at run time, so that one binary runs on machines with and without a GPU driver.
// The code stays mapped until the process ends; symbols must not be used after the object. Not for use from two threads
// at once. Loading runs code of the driver: do it in a child process (child_process.h) where a hang must not spread.
#pragma once

#include <string>

#include "base/result.h"

namespace starminer::provider::devices {

class SharedLibrary {
 public:
  /// Loads by name (the loader's search path) or by path. Fails with the loader's own text.
  [[nodiscard]] static Result<SharedLibrary, std::string> open(const std::string& name);

  SharedLibrary(SharedLibrary&& other) noexcept;
  SharedLibrary& operator=(SharedLibrary&& other) noexcept;
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;
  ~SharedLibrary();

  /// The symbol as a function pointer of the given type, or null where the library has none. The type is the caller's
  /// claim about the library's ABI.
  template <class Function>
  [[nodiscard]] Function* find(const char* name) const {
    return reinterpret_cast<Function*>(find_address(name));
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  [[nodiscard]] void* find_address(const char* name) const;

  void* handle_;
};

}  // namespace starminer::provider::devices
