#include "config/exit_code.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace starminer::config {
namespace {

constexpr std::array<ExitCodeRow, 12> kRows = {
    ExitCodeRow{ExitCode::Ok, "ok", "The command did what it was asked to."},
    ExitCodeRow{ExitCode::Failure, "failure",
                "The command could not finish for a reason of this machine: disk, permissions, a bug."},
    ExitCodeRow{ExitCode::Usage, "usage",
                "The command line, the configuration or the job file is wrong; nothing was sent."},
    ExitCodeRow{ExitCode::Refused, "refused",
                "The protocol or the node refused the request; the message has a code such as E2104."},
    ExitCodeRow{ExitCode::Unreachable, "unreachable",
                "No node could be reached or the connection broke; trying again is safe."},
    ExitCodeRow{ExitCode::NotFound, "not_found",
                "The job, node, contract, account or file that was named does not exist."},
    ExitCodeRow{ExitCode::JobFailed, "job_failed",
                "The job reached its end without a result; the end reason names the responsible party."},
    ExitCodeRow{ExitCode::Timeout, "timeout",
                "What was waited for did not happen in the time that was given; it may still happen."},
    ExitCodeRow{ExitCode::Mismatch, "mismatch",
                "A hash, signature or proof does not fit the contract; do not use the data."},
    ExitCodeRow{ExitCode::NotConfirmed, "not_confirmed",
                "The question was answered with no, or could not be asked; use --yes in scripts."},
    ExitCodeRow{ExitCode::Interrupted, "interrupted", "Stopped by Ctrl-C; a job that was submitted goes on."},
    ExitCodeRow{ExitCode::Terminated, "terminated", "Stopped by SIGTERM."},
};

}  // namespace

std::span<const ExitCodeRow> exit_codes() { return kRows; }

const ExitCodeRow& exit_code_row(ExitCode code) {
  const auto* const row =
      std::find_if(kRows.begin(), kRows.end(), [code](const ExitCodeRow& candidate) { return candidate.code == code; });
  STARMINER_CHECK(row != kRows.end());
  return *row;
}

}  // namespace starminer::config
