// Follows a job to its end and settles what is the requester's part: shows it live, fetches and checks the results,
// accepts them, compares the bill with the quote, and keeps the proof of the settlement. Serves run and attach.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cli/outcome.h"
#include "cli/run_record.h"
#include "cli/settings.h"
#include "client/api.h"

namespace starminer::cli {

struct FollowOptions {
  /// Show what the job prints.
  bool logs = false;
  /// Leave the acceptance window open.
  bool no_accept = false;
  /// Folder for the results; empty: by the job's name.
  std::string out{};
  /// Stop following after this time; 0: never.
  std::chrono::milliseconds timeout{0};

  void attach(config::Command& command);
};

/// `run` is closed when nothing is left to do; without one the job was begun elsewhere. Ctrl-C detaches: the job goes
/// on. Prints the end in text, or as one JSON object.
[[nodiscard]] config::ExitCode follow_job(const config::Invocation& call, const Settings& settings, client::Api& api,
                                          const std::string& job, std::unique_ptr<OpenRun> run,
                                          const FollowOptions& options);

/// Accepts a delivered contract; also fine where it is settled already.
[[nodiscard]] Outcome<void> accept_contract(client::Api& api, const std::string& contract);

}  // namespace starminer::cli
