// The commands of `starminer`, one function per subject. Each adds its rows to the program's table; the settings must
// outlive the program.
#pragma once

namespace starminer::config {
class Command;
}

namespace starminer::cli {

struct Settings;

/// login, address, balance, transfer
void add_account_commands(config::Command& root, const Settings& settings);
/// init, plan, run, submit, attach
void add_run_commands(config::Command& root, const Settings& settings);
/// status, cancel, accept, results, list
void add_job_commands(config::Command& root, const Settings& settings);
void add_explain_command(config::Command& root, const Settings& settings);
void add_logs_command(config::Command& root, const Settings& settings);
void add_nodes_command(config::Command& root, const Settings& settings);
/// market, queues
void add_live_commands(config::Command& root, const Settings& settings);
/// prices
void add_prices_command(config::Command& root, const Settings& settings);
/// stake show, stake lock, stake unbond
void add_stake_commands(config::Command& root, const Settings& settings);
/// pools
void add_pools_command(config::Command& root, const Settings& settings);
/// network, params, set-param, codes
void add_network_commands(config::Command& root, const Settings& settings);
/// attest, set-attestor
void add_attest_commands(config::Command& root, const Settings& settings);
/// evidence verify, evidence check-cases, and the ones below
void add_evidence_commands(config::Command& root);
/// evidence compare; `group` is evidence
void add_evidence_compare_command(config::Command& group);
/// evidence segments, draw, bond, product; `group` is evidence
void add_evidence_audit_commands(config::Command& group);
/// audit receipt, audit verify, and the ones below
void add_audit_commands(config::Command& root, const Settings& settings);
/// audit bundle, audit consistency; `group` is audit
void add_audit_bundle_commands(config::Command& group, const Settings& settings);
/// audit log, audit replay
void add_audit_log_commands(config::Command& group, const Settings& settings);
/// audit telemetry
void add_audit_telemetry_command(config::Command& group, const Settings& settings);
/// audit export, audit statement
void add_audit_table_commands(config::Command& group, const Settings& settings);

}  // namespace starminer::cli
