// The end of a job: bill against quote, results, the proof of the settlement; or why it failed, who is responsible and
// what it last said. One function for text and JSON each.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/job_feed.h"
#include "cli/outcome.h"
#include "cli/results.h"
#include "client/api.h"

namespace starminer::cli {

struct RunEnd {
  JobNews news;
  /// What was quoted before the submission; null where this machine does not know it.
  nlohmann::json quote;
  std::optional<Results> results;
  /// File with the proof of the settlement; empty for a job that ended without a contract.
  std::string bundle;
  bool proof_verified = false;
};

/// Asks for job and contract again.
[[nodiscard]] Outcome<void> refresh(client::Api& api, RunEnd& end);

/// Fetches the settlement's proof, checks it against the contract that was shown, and saves it beside the results.
/// Fails with Mismatch where node and proof disagree.
[[nodiscard]] Outcome<void> keep_settlement(client::Api& api, RunEnd& end, const std::string& name);

/// JobFailed where the end is somebody's fault.
[[nodiscard]] config::ExitCode report_end(const config::Invocation& call, client::Api& api, const RunEnd& end);
/// Results are here, the window is open: what can be done.
[[nodiscard]] config::ExitCode report_open_window(const config::Invocation& call, const RunEnd& end);

/// The one JSON object of run and attach.
[[nodiscard]] nlohmann::json run_json(const RunEnd& end);
/// Bill against quote as people read it.
[[nodiscard]] std::string bill_text(const terminal::Terminal& terminal, const RunEnd& end);

}  // namespace starminer::cli
