#include "client/evidence/snp.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "attestation/sev_snp/verify.h"

namespace starminer::client::evidence {
namespace {

using attestation::sev_snp::Endorsement;
using attestation::sev_snp::EndorsementInput;
using attestation::sev_snp::Product;
using attestation::sev_snp::Report;
using attestation::sev_snp::Tcb;
using attestation::x509::Certificate;
using attestation::x509::UnixTime;
using nlohmann::json;

json json_of(const Tcb& tcb, std::optional<Product> product) {
  json parts = {{"bootloader", tcb.bootloader}, {"tee", tcb.tee}, {"snp", tcb.snp}, {"microcode", tcb.microcode}};
  if (product == Product::Turin) parts["fmc"] = tcb.fmc;
  return parts;
}

/// Without a product nobody knows what the bytes mean; Milan's layout is that of most reports.
json tcb_of(ByteView bytes, std::optional<Product> product) {
  const auto tcb = attestation::sev_snp::parse_tcb(bytes, product.value_or(Product::Milan));
  return tcb ? json_of(*tcb, product) : json(to_hex(bytes));
}

/// "2022-09-24 00:55:28", as cases.json writes times of certificates.
std::string spaced(UnixTime time) {
  std::string text = attestation::x509::format_time(time);
  text[10] = ' ';
  text.pop_back();
  return text;
}

json certificate_of(const Endorsement& endorsement) {
  const auto& fields = endorsement.fields;
  json object = {{"product_name", fields.product_name},
                 {"tcb", fields.tcb ? json_of(*fields.tcb, fields.product) : json()},
                 {"hwid", fields.hwid.empty() ? json() : json(to_hex(fields.hwid))},
                 {"csp_id", fields.csp_id.empty() ? json() : json(fields.csp_id)},
                 {"not_before", spaced(endorsement.validity.not_before)},
                 {"not_after", spaced(endorsement.validity.not_after)}};
  return object;
}

/// The chain whose authority has the name that the endorsement gives for its issuer.
std::vector<Bytes> chain_for(const Bytes& endorsement, const Roots& roots) {
  const auto leaf = Certificate::parse(endorsement);
  if (!leaf) return {};
  for (const auto& chain : roots.amd_chains) {
    const auto authority = Certificate::parse(chain.front());
    if (authority && std::equal(leaf->issuer().begin(), leaf->issuer().end(), authority->subject().begin(),
                                authority->subject().end())) {
      return chain;
    }
  }
  return {};
}

}  // namespace

json fields_of(const Report& report, std::optional<Product> product) {
  return {{"version", report.version},
          {"guest_svn", report.guest_svn},
          {"policy", fmt::format("{:#x}", report.policy)},
          {"vmpl", report.vmpl},
          {"signature_algo", report.signature_algorithm},
          {"platform_info", fmt::format("{:#x}", report.platform_info)},
          {"signer_info", fmt::format("{:#x}", report.signer_info)},
          {"report_data", to_hex(report.report_data)},
          {"measurement", to_hex(report.measurement)},
          {"host_data", to_hex(report.host_data)},
          {"id_key_digest", to_hex(report.id_key_digest)},
          {"author_key_digest", to_hex(report.author_key_digest)},
          {"report_id", to_hex(report.report_id)},
          {"chip_id", to_hex(report.chip_id)},
          {"current_tcb", tcb_of(report.current_tcb, product)},
          {"reported_tcb", tcb_of(report.reported_tcb, product)},
          {"committed_tcb", tcb_of(report.committed_tcb, product)},
          {"launch_tcb", tcb_of(report.launch_tcb, product)},
          {"cpuid_family_model_stepping", {report.cpuid_family, report.cpuid_model, report.cpuid_stepping}}};
}

Judgement judge_snp(const SnpFiles& files, const Roots& roots, UnixTime time,
                    const attestation::sev_snp::Policy& policy) {
  const std::vector<Bytes> chain = files.chain.empty() ? chain_for(files.endorsement, roots) : files.chain;
  const EndorsementInput input{files.endorsement, chain, roots.amd};
  if (!files.report) {
    auto check = attestation::sev_snp::check_endorsement(input, time);
    if (check.endorsement) {
      check.steps.append(attestation::sev_snp::judge_endorsement(check.endorsement->fields, policy));
    }
    Judgement judgement = judgement_of("sev-snp-chain", std::move(check.steps));
    if (check.endorsement) judgement.certificate = certificate_of(*check.endorsement);
    return judgement;
  }
  auto verification = attestation::sev_snp::verify(*files.report, input, time);
  const auto& endorsement = verification.endorsement;
  if (verification.report && endorsement) {
    verification.steps.append(attestation::sev_snp::judge(*verification.report, endorsement->fields, policy));
  }
  Judgement judgement = judgement_of("sev-snp", std::move(verification.steps));
  if (verification.report) {
    judgement.fields = fields_of(*verification.report, endorsement ? endorsement->fields.product : std::nullopt);
  }
  if (endorsement) judgement.certificate = certificate_of(*endorsement);
  return judgement;
}

}  // namespace starminer::client::evidence
