// Attempts to leave a sandbox or to take more than a job's share, each a small function in one static program. An
// attempt tries the real thing in a form that does no harm where it succeeds, so that the same program proves outside
// that the attempt is real and inside that it is contained. Single-threaded unless the attempt is about threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace starminer::provider::sandbox::attempts {

/// Also the program's exit code.
enum class Verdict : std::uint8_t {
  Succeeded = 0,
  Misused = 2,       ///< Wrong arguments.
  Refused = 10,      ///< The system said no.
  Unsupported = 11,  ///< The system said that there is no such thing; inside a sandbox that is a refusal too.
};

using Arguments = std::vector<std::string>;

enum class Needs : std::uint8_t {
  Nothing,  ///< Runs as it is and ends at once: part of an agent's self-test.
  Input,    ///< A path, address or size that only the caller knows.
};

struct Attempt {
  const char* name;
  Needs needs;
  const char* what;
  Verdict (*run)(const Arguments&);
};

/// What the attempt has to say about itself, printed with the verdict.
void explain(const std::string& text);

/// By the outcome of a system call: Succeeded, or Refused or Unsupported by errno.
[[nodiscard]] Verdict judge(bool succeeded);

[[nodiscard]] std::vector<Attempt> file_attempts();
[[nodiscard]] std::vector<Attempt> kernel_attempts();
[[nodiscard]] std::vector<Attempt> process_attempts();
[[nodiscard]] std::vector<Attempt> network_attempts();
[[nodiscard]] std::vector<Attempt> bomb_attempts();

}  // namespace starminer::provider::sandbox::attempts
