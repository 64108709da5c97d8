// One agent per state folder: two on one folder would both serve its contracts and run their jobs twice. The lock is
// the kernel's and ends with the process, so a killed agent leaves nothing to clean up. Held by one thread.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "provider/sandbox/file_io.h"

namespace starminer::provider {

class StateLock {
 public:
  /// Takes `state_dir` for this process. Fails with a sentence where another process holds it.
  [[nodiscard]] static Result<StateLock, std::string> take(const std::filesystem::path& state_dir);

 private:
  explicit StateLock(sandbox::Fd file) : file_(std::move(file)) {}

  sandbox::Fd file_;
};

}  // namespace starminer::provider
