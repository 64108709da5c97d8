// What a program's exit status says. Scripts rely on the numbers: they are never given another meaning
// (docs/exit-codes.md lists them and a test holds it against this table).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace starminer::config {

enum class ExitCode : std::uint8_t {
  Ok = 0,
  Failure = 1,
  Usage = 2,
  Refused = 3,
  Unreachable = 4,
  NotFound = 5,
  JobFailed = 6,
  Timeout = 7,
  Mismatch = 8,
  NotConfirmed = 9,
  Interrupted = 130,
  Terminated = 143,
};

struct ExitCodeRow {
  ExitCode code;
  std::string_view name;
  std::string_view meaning;
};

/// Every code once, rising.
[[nodiscard]] std::span<const ExitCodeRow> exit_codes();
[[nodiscard]] const ExitCodeRow& exit_code_row(ExitCode code);

}  // namespace starminer::config
