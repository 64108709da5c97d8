#include "cli/program.h"

#include "cli/commands.h"

namespace starminer::cli {

CliProgram::CliProgram()
    : settings_(make_settings()),
      program_({"starminer", "Run jobs on the StarMiner market and check what they cost", STARMINER_VERSION}) {
  declare_options(options_, settings_);
  config::Command& root = program_.root();
  root.describe(
      "A market for GPU computing: jobs are priced before they run, routed to a node, run in a sandbox, checked and "
      "paid by contract.\n\nBegin with `starminer login`, then `starminer init training > job.yaml`, `starminer plan "
      "job.yaml`, `starminer run job.yaml`.");
  add_account_commands(root, settings_);
  add_stake_commands(root, settings_);
  add_run_commands(root, settings_);
  add_job_commands(root, settings_);
  add_explain_command(root, settings_);
  add_logs_command(root, settings_);
  add_nodes_command(root, settings_);
  add_live_commands(root, settings_);
  add_prices_command(root, settings_);
  add_pools_command(root, settings_);
  add_network_commands(root, settings_);
  add_attest_commands(root, settings_);
  add_audit_commands(root, settings_);
  add_evidence_commands(root);
  program_.configure(options_, config_files());
}

}  // namespace starminer::cli
