#include "client/evidence/quote.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "attestation/dcap/verify.h"
#include "attestation/json/json.h"
#include "attestation/x509/pem.h"

namespace starminer::client::evidence {
namespace {

using attestation::dcap::Collateral;
using attestation::dcap::PckFields;
using attestation::dcap::PlatformStatus;
using attestation::dcap::Quote;
using attestation::dcap::StatusLevel;
using nlohmann::json;

void add_domain(json& fields, const attestation::dcap::TdReport& domain) {
  fields["tee_tcb_svn"] = to_hex(domain.tee_tcb_svn);
  fields["mr_seam"] = to_hex(domain.mr_seam);
  fields["td_attributes"] = to_hex(domain.td_attributes);
  fields["xfam"] = to_hex(domain.xfam);
  fields["mr_td"] = to_hex(domain.mr_td);
  fields["mr_config_id"] = to_hex(domain.mr_config_id);
  fields["mr_owner"] = to_hex(domain.mr_owner);
  fields["mr_owner_config"] = to_hex(domain.mr_owner_config);
  for (const auto& rtmr : domain.rtmr) fields["rtmr"].push_back(to_hex(rtmr));
  fields["tee_tcb_svn2"] = to_hex(domain.tee_tcb_svn2);
  fields["mr_service_td"] = to_hex(domain.mr_service_td);
}

void add_enclave(json& fields, const attestation::dcap::EnclaveReport& enclave) {
  fields["cpu_svn"] = to_hex(enclave.cpu_svn);
  fields["attributes"] = to_hex(enclave.attributes);
  fields["mr_enclave"] = to_hex(enclave.mr_enclave);
  fields["mr_signer"] = to_hex(enclave.mr_signer);
  fields["isv_prod_id"] = enclave.isv_prod_id;
  fields["isv_svn"] = enclave.isv_svn;
}

json fields_of(const Quote& quote) {
  json fields = {{"version", quote.version},
                 {"attestation_key_type", quote.attestation_key_type},
                 {"tee_type", fmt::format("{:#x}", quote.tee_type)},
                 {"body_size", quote.body_size},
                 {"signature_data_length", quote.signature_data_length},
                 {"trailing_bytes", quote.trailing.size()},
                 {"certification_data_type", quote.certification_type},
                 {"qe_auth_data_length", quote.qe_auth_data.size()},
                 {"qe_isvsvn", quote.qe_report.isv_svn},
                 {"report_data", to_hex(quote.report_data())}};
  if (quote.domain) add_domain(fields, *quote.domain);
  if (quote.enclave) add_enclave(fields, *quote.enclave);
  return fields;
}

void add_platform(json& fields, const PckFields& pck, const std::string& issuer) {
  fields["fmspc"] = to_hex(pck.fmspc);
  fields["pceid"] = to_hex(pck.pce_id);
  fields["ppid"] = to_hex(pck.ppid);
  fields["pck_tcb_components"] = pck.tcb_components;
  fields["pcesvn"] = pck.pce_svn;
  fields["pck_issuer"] = issuer;
}

json status_of(const PlatformStatus& platform) {
  if (!platform.status) return {{"error", platform.error}};
  const auto name = [](const std::optional<StatusLevel>& level) {
    return level ? json(attestation::dcap::name_of(level->status)) : json();
  };
  json object = {{"tcbDate", platform.platform->date},
                 {"platform", name(platform.platform)},
                 {"qe", name(platform.quoting_enclave)},
                 {"final", attestation::dcap::name_of(*platform.status)},
                 {"advisories", platform.advisories},
                 // Signer, product, attributes, MISCSELECT: there is no status without all of them.
                 {"qe_ok", {true, true, true, true}}};
  if (platform.module) {
    object["module"] = name(platform.module);
    object["module_ok"] = {true, true};  // signer, attributes
  }
  return object;
}

std::string status_text(const std::optional<PlatformStatus>& platform) {
  if (!platform) return {};
  if (!platform->status) return "error: " + platform->error;
  return std::string(attestation::dcap::name_of(*platform->status));
}

}  // namespace

Judgement judge_quote(const QuoteFiles& files, const Roots& roots, attestation::x509::UnixTime time,
                      const attestation::dcap::Policy& policy) {
  Collateral collateral = files.collateral;
  if (!roots.intel_signers.empty()) {
    if (collateral.tcb_signer.empty()) collateral.tcb_signer = roots.intel_signers.front();
    if (collateral.qe_signer.empty()) collateral.qe_signer = roots.intel_signers.front();
  }
  auto verification = attestation::dcap::verify({files.quote, files.pck_chain, roots.intel}, collateral, time);
  if (verification.quote) verification.steps.append(attestation::dcap::judge(verification, policy));
  const bool tdx = verification.quote && verification.quote->is_tdx();
  Judgement judgement = judgement_of(tdx ? "tdx-quote" : "sgx-quote", std::move(verification.steps));
  if (verification.quote) judgement.fields = fields_of(*verification.quote);
  if (verification.pck) add_platform(judgement.fields, *verification.pck, verification.pck_issuer);
  if (verification.platform) judgement.fields["tcb"] = status_of(*verification.platform);
  judgement.tcb_status = status_text(verification.platform);
  return judgement;
}

std::optional<Collateral> parse_collateral(std::string_view text) {
  constexpr std::array<std::string_view, 9> kNames = {
      "pck_crl_issuer_chain",     "root_ca_crl", "pck_crl",
      "tcb_info_issuer_chain",    "tcb_info",    "tcb_info_signature",
      "qe_identity_issuer_chain", "qe_identity", "qe_identity_signature"};
  const auto document = attestation::json::parse(text);
  if (!document || document->members.size() != kNames.size()) return std::nullopt;
  std::array<std::string, kNames.size()> texts;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    auto value = document->text_of(kNames[i]);
    if (!value) return std::nullopt;
    texts[i] = std::move(*value);
  }
  auto crl_issuer = attestation::x509::certificates_of_pem(texts[0]);
  auto root_crl = from_hex(texts[1]);
  auto pck_crl = from_hex(texts[2]);
  auto tcb_signer = attestation::x509::certificates_of_pem(texts[3]);
  auto tcb_signature = from_hex(texts[5]);
  auto qe_signer = attestation::x509::certificates_of_pem(texts[6]);
  auto qe_signature = from_hex(texts[8]);
  if (!crl_issuer || !root_crl || !pck_crl || !tcb_signer || !tcb_signature || !qe_signer || !qe_signature) {
    return std::nullopt;
  }
  return Collateral{{std::move(texts[4]), std::move(*tcb_signature)},
                    {std::move(texts[7]), std::move(*qe_signature)},
                    std::move(*tcb_signer),
                    std::move(*qe_signer),
                    std::move(*pck_crl),
                    std::move(*root_crl),
                    std::move(*crl_issuer)};
}

}  // namespace starminer::client::evidence
