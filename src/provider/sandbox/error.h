// What can go wrong around a job, by consequence. The text carries the figures and says what to do; it is for people
// and logs, programs decide by the code. Values only, no state.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace starminer::provider::sandbox {

enum class SandboxErrc : std::uint8_t {
  BadSpec,         ///< The job's description is refused before anything was touched.
  AlreadyStarted,  ///< This job directory was used before; a job is never started twice.
  NotFound,        ///< There is no such job directory, file or log.
  Unsupported,     ///< This machine lacks something the sandbox promises; it must not take jobs.
  SetupFailed,     ///< The sandbox could not be built; the job's program did not run.
  Io,              ///< A system call on the agent's own files failed.
  Corrupt,         ///< A file of the job directory does not parse.
  OutputRefused,   ///< The output holds something that is not a plain file (link, device, FIFO, hostile name).
  OutputTooLarge,  ///< The output exceeds its limit of bytes, files or depth.
};

struct SandboxError {
  SandboxErrc code{};
  std::string text;
};

/// The code's name as it is written to logs, for example "OutputRefused".
[[nodiscard]] const char* to_string(SandboxErrc code);

/// An error whose text ends in the system's words for `error_number` (an errno value).
[[nodiscard]] SandboxError system_error(SandboxErrc code, std::string what, int error_number);

template <class T>
using SandboxResult = Result<T, SandboxError>;

}  // namespace starminer::provider::sandbox
