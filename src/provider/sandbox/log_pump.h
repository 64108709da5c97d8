// One of a job's two output streams on its way from a pipe to a file of bounded size. What goes beyond the limit is
// read and dropped at a bounded rate, so that a flood costs the job its time and the supervisor next to nothing. Used
// by the supervisor only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "provider/sandbox/file_io.h"

namespace starminer::provider::sandbox {

class LogPump {
 public:
  /// Creates `name` in the directory; `pipe` must be non-blocking.
  [[nodiscard]] static SandboxResult<LogPump> open(int directory, const std::string& name, Fd pipe,
                                                   std::uint64_t bytes_max);

  /// The pipe while it should be polled: open, and below the limit.
  [[nodiscard]] int polled_fd() const { return full() ? -1 : pipe_.get(); }
  [[nodiscard]] bool open_pipe() const { return pipe_.valid(); }
  [[nodiscard]] bool full() const { return written_ >= bytes_max_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

  /// Moves what is there, at most 1 MiB. Fails with Io when the file cannot be written.
  [[nodiscard]] SandboxResult<void> pump();

 private:
  LogPump(Fd file, Fd pipe, std::uint64_t bytes_max);

  Fd file_;
  Fd pipe_;
  std::uint64_t bytes_max_;
  std::uint64_t written_ = 0;
  std::uint64_t dropped_ = 0;
  std::vector<char> buffer_;
};

}  // namespace starminer::provider::sandbox
