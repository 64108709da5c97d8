// Runs an attempt without a sandbox, as root in a throw-away process, to prove that the attempt is real. The process
// has its own mount, IPC and host name namespaces, so that what succeeds changes nothing of this machine.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace starminer::provider::sandbox {

enum class Pids { Own, Host };
enum class RunAs { Root, Nobody };

struct OutsideRun {
  std::vector<std::string> arguments;
  Pids pids = Pids::Own;  ///< Own: process 1 is an ordinary process of root, as on a machine without further guards.
  RunAs user = RunAs::Root;
  std::filesystem::path folder;  ///< Working directory; must exist.
  std::filesystem::path program = {};
};

struct OutsideResult {
  int exit_code = -1;
  std::string output;
};

[[nodiscard]] OutsideResult run_outside(const OutsideRun& run);

/// Starts an attempt on the host and returns its process id; the caller ends it. For attempts that do not end.
[[nodiscard]] pid_t start_outside(const OutsideRun& run);

}  // namespace starminer::provider::sandbox
