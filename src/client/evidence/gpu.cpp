#include "client/evidence/gpu.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "attestation/json/json.h"
#include "attestation/nvidia_rim/manifest.h"
#include "attestation/x509/pem.h"
#include "client/evidence/files.h"

namespace starminer::client::evidence {
namespace {

using attestation::nvidia::Report;
using attestation::x509::UnixTime;
using nlohmann::json;

json text_of(const std::string& text) { return text.empty() ? json() : json(text); }

json hex_of(std::optional<ByteView> value) { return value ? json(to_hex(*value)) : json(); }

json fields_of(const Report& report) {
  std::vector<std::uint16_t> types;
  for (const auto& field : report.opaque) types.push_back(field.type);
  std::sort(types.begin(), types.end());
  const std::size_t signature_and_trailing = report.signature.size() + report.trailing.size();
  const auto* const first = report.block(1);
  return {{"length", report.signed_part.size() + signature_and_trailing},
          {"spdm_request", to_hex(report.request)},
          {"nonce", to_hex(report.nonce)},
          {"spdm_version", fmt::format("{:#x}", report.spdm_version)},
          {"number_of_blocks", report.block_count},
          {"measurement_record_length", report.record_length},
          {"responder_nonce", to_hex(report.responder_nonce)},
          {"opaque_length", report.opaque_length},
          {"signature_and_trailing_length", signature_and_trailing},
          {"opaque_field_types", types},
          {"driver_version", text_of(report.driver_version())},
          {"vbios_version", text_of(report.vbios_version())},
          {"vbios_version_raw", hex_of(report.find(attestation::nvidia::kVbiosVersion))},
          {"fwid", hex_of(report.find(attestation::nvidia::kFwid))},
          {"measurement_1", first == nullptr ? json() : json(to_hex(first->value))}};
}

}  // namespace

Judgement judge_gpu(const GpuFiles& files, const Roots& roots, std::optional<UnixTime> time,
                    const GpuDemands& demands) {
  auto chain = attestation::nvidia::check_chain(files.chain, roots.nvidia_device, time);
  if (!chain.chain) return judgement_of("nvidia-spdm", std::move(chain.steps));
  auto report = attestation::nvidia::check_report(files.report, *chain.chain, demands.nonce);
  chain.steps.append(report.steps);
  attestation::nvidia::Policy policy = demands.policy;
  for (const ManifestFile& file : files.manifests) {
    // Manifests run out; without a time nobody knows whether they had.
    const auto manifest =
        attestation::nvidia_rim::check_manifest(as_text(file.text), roots.nvidia_rim, time.value_or(UnixTime{}));
    chain.steps.append(manifest.steps, file.name);
    if (!policy.golden) policy.golden.emplace();
    if (manifest.manifest) policy.golden->push_back({manifest.manifest->version, manifest.manifest->values});
  }
  if (report.report) {
    chain.steps.append(attestation::nvidia::judge(*report.report, *chain.chain, demands.nonce.has_value(), policy));
  }
  Judgement judgement = judgement_of("nvidia-spdm", std::move(chain.steps));
  if (report.report) judgement.fields = fields_of(*report.report);
  const auto& certificates = chain.chain->certificates;
  judgement.fields["leaf_subject"] = certificates.front().subject_text();
  judgement.fields["chain_length"] = certificates.size();
  const bool named = certificates.size() > 1;
  judgement.certificate = {{"serial", to_hex(certificates.front().serial())},
                           {"chip_serial", named ? json(to_hex(certificates[1].serial())) : json()},
                           {"fwid", chain.chain->fwid ? json(to_hex(*chain.chain->fwid)) : json()}};
  return judgement;
}

Judgement judge_manifest(std::string_view text, const Roots& roots, UnixTime time) {
  auto check = attestation::nvidia_rim::check_manifest(text, roots.nvidia_rim, time);
  Judgement judgement = judgement_of("nvidia-rim", std::move(check.steps));
  if (!check.manifest) return judgement;
  json values = json::object();
  for (const auto& [index, alternatives] : check.manifest->values) {
    for (const auto& digest : alternatives) values[std::to_string(index)].push_back(to_hex(digest));
  }
  judgement.fields = {{"version", check.manifest->version},
                      {"product", check.manifest->product},
                      {"active", check.manifest->values.size()},
                      {"values", std::move(values)}};
  return judgement;
}

Judgement judge_token(std::string_view text, std::optional<UnixTime> time, const GpuDemands& demands) {
  std::optional<std::string> nonce;
  if (demands.nonce) nonce = to_hex(*demands.nonce);
  auto check = attestation::nvidia::check_token({text, demands.token_keys, time, nonce});
  if (!check.key_id.empty()) check.steps.append(attestation::nvidia::judge(check, nonce.has_value(), demands.policy));
  Judgement judgement = judgement_of("nvidia-eat", std::move(check.steps));
  if (check.key_id.empty()) return judgement;
  const auto& overall = check.overall;
  judgement.fields = {{"header", {{"kid", check.key_id}, {"alg", check.algorithm}}},
                      {"overall",
                       {{"iss", overall.issuer},
                        {"sub", overall.subject},
                        {"x-nvidia-ver", overall.version},
                        {"x-nvidia-overall-att-result", overall.result},
                        {"eat_nonce", overall.nonce},
                        {"iat", overall.issued},
                        {"nbf", overall.not_before},
                        {"exp", overall.expires}}},
                      {"submod_digest_ok", check.digests}};
  for (const auto& [name, device] : check.devices) judgement.fields["ueid"][name] = device.ueid;
  return judgement;
}

std::optional<GpuFiles> parse_gpu_evidence(std::string_view text) {
  const auto document = attestation::json::parse(text);
  if (!document || document->items.size() != 1) return std::nullopt;
  const auto& device = document->items.front();
  auto report = from_base64(device.text_of("evidence").value_or(""));
  const auto pem = from_base64(device.text_of("certificate").value_or(""));
  auto chain = pem ? attestation::x509::certificates_of_pem(as_text(*pem)) : std::nullopt;
  if (!report || !chain) return std::nullopt;
  return GpuFiles{std::move(*report), std::move(*chain), {}};
}

}  // namespace starminer::client::evidence
