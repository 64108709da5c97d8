// What the commands of starminerd do, apart from how they are named and parsed (program.cpp).
#pragma once

#include <string>
#include <vector>

#include "config/command.h"
#include "node/settings.h"

namespace starminer::node {

struct InitRequest {
  std::string preset = "dev";
  std::string chain_id;                 // empty: made from preset and chance
  std::vector<std::string> accounts;    // "sm1...=1000 AGPU"
  std::string governance;               // address or "none"; empty: the operator, on preset main nobody
  std::vector<std::string> parameters;  // "ArchiveAfterMs=60000"
  std::vector<std::string> validators;  // "ADDRESS=VRF-KEY", both hexadecimal; empty: the operator proposes alone
  Agpu operator_funds{1'000 * kBasePerToken};
  Agpu faucet_funds{1'000'000 * kBasePerToken};
};

/// Makes a data folder: keys and genesis. Nothing is overwritten.
[[nodiscard]] config::ExitCode init(const config::Invocation& call, const Settings& settings,
                                    const InitRequest& request);
/// Serves until SIGTERM or SIGINT.
[[nodiscard]] config::ExitCode serve(const config::Invocation& call, const Settings& settings,
                                     const std::string& version);
/// Shows the public half of the folder's VRF key, and makes the key where there is none.
[[nodiscard]] config::ExitCode show_vrf_key(const config::Invocation& call, const Settings& settings);
/// Recomputes the block log and compares every root.
[[nodiscard]] config::ExitCode replay(const config::Invocation& call, const Settings& settings);
struct SnapshotRequest {
  std::string folder;  // of the snapshot
  std::string root;    // trusted app hash, or empty
};

/// Saves the chain as of now, from a node that goes on serving, or from a folder that none serves.
[[nodiscard]] config::ExitCode snapshot_create(const config::Invocation& call, const Settings& settings,
                                               const SnapshotRequest& request);
/// Checks every chunk and the whole.
[[nodiscard]] config::ExitCode snapshot_verify(const config::Invocation& call, const SnapshotRequest& request);
/// Makes the chain of a data folder out of one.
[[nodiscard]] config::ExitCode snapshot_restore(const config::Invocation& call, const Settings& settings,
                                                const SnapshotRequest& request);
struct RepairSources {
  std::vector<std::string> copies;     // data folders or chain folders
  std::vector<std::string> snapshots;  // folders of snapshots
  bool examine_only = false;
  bool accept_loss = false;
};

/// Finds what of the chain is damaged, and makes it whole out of what is left and of other copies.
[[nodiscard]] config::ExitCode repair(const config::Invocation& call, const Settings& settings,
                                      const RepairSources& sources);
/// Asks the node that serves this data folder.
[[nodiscard]] config::ExitCode status(const config::Invocation& call, const Settings& settings);

}  // namespace starminer::node
