#include "provider/completion.h"

#include <nlohmann/json.hpp>

#include "signing/request.h"

namespace starminer::provider {
namespace {

using nlohmann::json;

json usage(const sandbox::ExitReport& report) {
  return {{"wall_ms", report.wall_ms},
          {"cpu_ms", report.cpu_ms},
          {"memory_peak_bytes", report.memory_peak_bytes},
          {"processes_peak", report.processes_peak}};
}

json log_digest(const LogDigest& log) { return {{"sha256", log.sha256}, {"size", log.size}}; }

json limits_of(const sandbox::Limits& limits) {
  return {{"cpu_milli", limits.cpu_milli},
          {"memory_bytes", limits.memory_bytes},
          {"processes", limits.processes},
          {"output_bytes", limits.output_bytes},
          {"scratch_bytes", limits.scratch_bytes},
          {"log_bytes", limits.log_bytes},
          {"wall_ms", limits.wall_ms}};
}

}  // namespace

std::string make_result_manifest(const RunRecord& run) {
  json outputs = json::array();
  for (const sandbox::OutputFile& output : run.outputs) {
    outputs.push_back({{"path", output.path}, {"sha256", output.sha256}, {"size", output.size}});
  }
  return json{{"version", 1},
              {"contract", run.contract},
              {"exit_code", run.report.exit_code},
              {"outputs", std::move(outputs)},
              {"stdout", log_digest(run.standard_output)},
              {"stderr", log_digest(run.standard_error)},
              {"usage", usage(run.report)}}
      .dump();
}

std::string make_proof(const RunRecord& run, const std::string& result_hash, const std::string& reason,
                       const std::string& detail, const SigningKey& key) {
  json inputs = json::array();
  for (const auto& input : run.manifest.inputs) inputs.push_back(input.sha256.hex());
  json met = json::array();
  for (const sandbox::LimitHit limit : run.report.limits_met) met.push_back(sandbox::to_string(limit));
  json proof = {{"version", 1},
                {"contract", run.contract},
                {"job", run.job},
                {"node", run.node},
                {"manifest_hash", run.manifest_hash},
                {"inputs", std::move(inputs)},
                {"runtime", run.manifest.runtime},
                {"command", run.manifest.command},
                {"started_ms", run.report.started_unix_ms},
                {"stopped_ms", run.report.ended_unix_ms},
                {"run_ms", run.run_ms},
                {"usage", usage(run.report)},
                {"sandbox",
                 {{"tier", 1},
                  {"end", sandbox::to_string(run.report.end)},
                  {"exit_code", run.report.exit_code},
                  {"signal", run.report.signal},
                  {"limits", limits_of(run.limits)},
                  {"limits_met", std::move(met)},
                  {"landlock_abi", run.report.landlock_abi},
                  {"cgroup_version", run.report.cgroup_version}}},
                {"devices", run.devices},
                {"stdout", log_digest(run.standard_output)},
                {"stderr", log_digest(run.standard_error)},
                {"result_hash", result_hash},
                {"public_key", to_hex(key.public_key().view())}};
  if (!reason.empty()) {
    proof["reason"] = reason;
    proof["detail"] = detail;
  }
  const Signature signature = key.sign(signing::kProofDomain, as_bytes(proof.dump()));
  proof["signature"] = to_hex(signature.view());
  return proof.dump();
}

}  // namespace starminer::provider
