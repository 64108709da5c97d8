// What any server of this program needs of its process: logs on standard error, and the signals that end it.
#pragma once

#include <csignal>

#include "node/settings.h"

namespace starminer::node {

void start_logging(LogLevel level);

/// Signals that end the program, held back from all threads and waited for in one place. Make it before any thread.
class StopSignals {
 public:
  StopSignals();
  void wait() const;

 private:
  sigset_t set_{};
};

}  // namespace starminer::node
