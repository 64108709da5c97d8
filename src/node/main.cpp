// starminerd: a node of the market.
#include <unistd.h>

#include <new>
#include <string_view>

#include "config/exit_code.h"
#include "node/program.h"

namespace {

// A block that is half applied cannot be taken back without memory, and nothing of it is on the disk: as after a kill,
// a start stands at the last durable block. Allocates nothing.
[[noreturn]] void end_without_memory() {
  constexpr std::string_view kWhy =
      "out of memory: the process ends. What was answered is on disk; give it more memory, then start again\n";
  static_cast<void>(!::write(STDERR_FILENO, kWhy.data(), kWhy.size()));
  ::_exit(static_cast<int>(starminer::config::ExitCode::Failure));
}

}  // namespace

int main(int argc, char** argv) {
  std::set_new_handler(end_without_memory);
  return starminer::node::run_program(argc, argv);
}
