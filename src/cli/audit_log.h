// The block log that an auditor computes from: where it lies, fetching it, and walking through it with a progress bar.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/outcome.h"
#include "cli/settings.h"
#include "client/audit/walk.h"
#include "config/command.h"

namespace starminer::cli {

struct LogRequest {
  std::string log;   // folder; empty: kept below the state folder, and brought up to date first
  std::string root;  // app hash that must occur in it
};

/// Adds --log and --root.
void add_log_options(config::Command& command, LogRequest& request);

/// Brings a folder up to date with the node: genesis once, then the blocks that are missing. Gives how many there are.
[[nodiscard]] Outcome<std::uint64_t> fetch_log(const config::Invocation& call, const Settings& settings,
                                               const client::audit::LogFolder& folder);
/// The folder of the request, fetched where none was named.
[[nodiscard]] Outcome<client::audit::LogFolder> log_folder(const config::Invocation& call, const Settings& settings,
                                                           const LogRequest& request);
/// Replays the log. Fails with Mismatch where it does not come to its own roots, or the wanted root is not in it.
[[nodiscard]] Outcome<client::audit::WalkReport> walk_log(const config::Invocation& call,
                                                          const client::audit::LogFolder& folder,
                                                          const LogRequest& request,
                                                          const std::vector<client::audit::Visitor>& visitors);

}  // namespace starminer::cli
