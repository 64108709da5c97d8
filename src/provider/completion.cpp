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
  for (const sandbox::OutputFile& output : run.host_outputs) {
    outputs.push_back({{"path", output.path}, {"sha256", output.sha256}, {"size", output.size}});
  }
  json hosts = json::array();
  for (const HostRecord& host : run.hosts) {
    hosts.push_back({{"node", host.node},
                     {"stdout", log_digest(host.standard_output)},
                     {"stderr", log_digest(host.standard_error)}});
  }
  json manifest{{"version", 1},
                {"contract", run.contract},
                {"exit_code", run.report.exit_code},
                {"outputs", std::move(outputs)},
                {"stdout", log_digest(run.standard_output)},
                {"stderr", log_digest(run.standard_error)},
                {"usage", usage(run.report)}};
  if (!hosts.empty()) manifest["hosts"] = std::move(hosts);
  return manifest.dump();
}

std::optional<ResultManifest> parse_result_manifest(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("outputs") || !document["outputs"].is_array()) return std::nullopt;
  const auto digest_of = [](const json& object, LogDigest& digest) {
    if (!object.is_object() || !object.contains("sha256") || !object["sha256"].is_string() ||
        !object.contains("size") || !object["size"].is_number_unsigned()) {
      return false;
    }
    digest = {object["sha256"].get<std::string>(), object["size"].get<std::uint64_t>()};
    return digest.sha256.empty() || Hash32::from_hex(digest.sha256).has_value();
  };
  ResultManifest manifest;
  if (!digest_of(document.value("stdout", json()), manifest.standard_output) ||
      !digest_of(document.value("stderr", json()), manifest.standard_error)) {
    return std::nullopt;
  }
  const json used = document.value("usage", json::object());
  if (!used.is_object() || !used.value("wall_ms", json()).is_number_unsigned()) return std::nullopt;
  manifest.wall_ms = used["wall_ms"].get<std::uint64_t>();
  for (const json& output : document["outputs"]) {
    LogDigest digest;
    if (!digest_of(output, digest) || digest.sha256.empty() || !output.contains("path") || !output["path"].is_string())
      return std::nullopt;
    manifest.outputs.push_back({output["path"].get<std::string>(), digest.size, digest.sha256});
  }
  return manifest;
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
