#include "cli/interrupt.h"

#include <csignal>

namespace starminer::cli {
namespace {

// A signal handler reaches nothing but a global.
volatile std::sig_atomic_t received = 0;

extern "C" void note_signal(int number) {
  received = number;
  // The next one ends the program, should it hang.
  std::signal(number, SIG_DFL);
}

}  // namespace

InterruptScope::InterruptScope() {
  received = 0;
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

InterruptScope::~InterruptScope() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptScope::asked() { return received != 0; }

config::ExitCode InterruptScope::code() {
  return received == SIGTERM ? config::ExitCode::Terminated : config::ExitCode::Interrupted;
}

}  // namespace starminer::cli
