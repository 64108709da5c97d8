#include "provider/devices/shared_library.h"

#include <dlfcn.h>

#include <utility>

namespace starminer::provider::devices {

Result<SharedLibrary, std::string> SharedLibrary::open(const std::string& name) {
  // Drivers start threads that outlive a dlclose, so their code is never unmapped.
  void* handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* reason = dlerror();
    return fail(std::string(reason != nullptr ? reason : "unknown loader error"));
  }
  return SharedLibrary(handle);
}

SharedLibrary::SharedLibrary(SharedLibrary&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

SharedLibrary& SharedLibrary::operator=(SharedLibrary&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

SharedLibrary::~SharedLibrary() {
  if (handle_ != nullptr) dlclose(handle_);
}

void* SharedLibrary::find_address(const char* name) const { return dlsym(handle_, name); }

}  // namespace starminer::provider::devices
