// Ctrl-C and SIGTERM while a job is followed: the first one asks to stop, so that the program can say how to attach
// again; the next one ends it at once. One scope at a time.
#pragma once

#include <atomic>

#include "config/exit_code.h"

namespace starminer::cli {

class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  [[nodiscard]] static bool asked();
  /// Interrupted or Terminated. Requires: asked().
  [[nodiscard]] static config::ExitCode code();
};

}  // namespace starminer::cli
