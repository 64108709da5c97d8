#include "attestation/sev_snp/verify.h"

#include <algorithm>
#include <utility>

namespace starminer::attestation::sev_snp {
namespace {

using evidence::StepId;

bool zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::string tcb_fault(const Report& report, const EndorsementFields& fields) {
  if (!fields.product || !fields.tcb) return "the certificate states no TCB";
  const auto reported = parse_tcb(report.reported_tcb, *fields.product);
  if (!reported) return "the reported TCB sets reserved bytes";
  if (*reported == *fields.tcb) return {};
  return "the report states " + describe(*reported, *fields.product) + ", the certificate " +
         describe(*fields.tcb, *fields.product);
}

/// Turin's certificates carry the 8 bytes of the chip id that are used; the rest is zero.
/// A host may hide the chip id, which is zero then; the certificate names the chip all the same.
std::string hwid_fault(const Report& report, const EndorsementFields& fields) {
  const ByteView chip = report.chip_id;
  if (report.chip_key_masked()) return "the report says that the firmware does not sign";
  if (report.signer() == Signer::Vlek) {
    return fields.hwid.empty() ? std::string() : "the report says that a VLEK signed it, the certificate is of a chip";
  }
  if (report.signer() != Signer::Vcek) return "the report says that no known key signed it";
  if (fields.hwid.empty()) return "the certificate names no chip";
  if (zero(chip)) return {};
  const std::size_t size = fields.product == Product::Turin ? 8 : chip.size();
  if (fields.hwid.size() != size) return "the chip id of the certificate has another length";
  if (!std::equal(fields.hwid.begin(), fields.hwid.end(), chip.begin()) || !zero(chip.subspan(size))) {
    return "the certificate is of another chip";
  }
  return {};
}

std::string product_fault(const Report& report, const EndorsementFields& fields) {
  constexpr std::uint32_t kFirstWithCpuid = 3;
  if (!fields.product) return "the certificate names no known product";
  if (report.version < kFirstWithCpuid) return {};
  if (product_of_cpuid(report.cpuid_family, report.cpuid_model) == fields.product) return {};
  return "the processor of the report is no " + std::string(name_of(*fields.product));
}

}  // namespace

ReportCheck check_report(ByteView bytes, const Endorsement& endorsement) {
  ReportCheck check;
  evidence::Steps& steps = check.steps;
  const auto report = parse_report(bytes);
  if (!report) {
    steps.fail(StepId::SnpReportForm, report.error());
    for (const StepId step :
         {StepId::SnpUnsignedBytes, StepId::SnpSignature, StepId::SnpTcb, StepId::SnpHwid, StepId::SnpProduct}) {
      steps.skip(step, "there is no report");
    }
    return check;
  }
  check.report = *report;
  steps.pass(StepId::SnpReportForm);
  steps.check(StepId::SnpUnsignedBytes, report->unsigned_bytes_zero, "bytes behind r and s are not zero");
  const x509::EcdsaSignature signature{report->signature_r, report->signature_s};
  const bool signed_by_key =
      x509::verify_ecdsa(endorsement.certificate.key(), x509::Digest::Sha384, bytes.first(kSignedBytes), signature);
  steps.check(StepId::SnpSignature, signed_by_key, "the key of the certificate has not signed these bytes");
  steps.judge(StepId::SnpTcb, tcb_fault(*report, endorsement.fields));
  steps.judge(StepId::SnpHwid, hwid_fault(*report, endorsement.fields));
  steps.judge(StepId::SnpProduct, product_fault(*report, endorsement.fields));
  return check;
}

Verification verify(ByteView report, const EndorsementInput& input, x509::UnixTime time) {
  EndorsementCheck endorsed = check_endorsement(input, time);
  Verification verification{std::move(endorsed.steps), std::nullopt, std::move(endorsed.endorsement)};
  if (!verification.endorsement) {
    const auto parsed = parse_report(report);
    verification.steps.judge(StepId::SnpReportForm, parsed ? std::string() : parsed.error());
    if (parsed) verification.report = *parsed;
    verification.steps.skip(StepId::SnpSignature, "there is no certificate");
    return verification;
  }
  ReportCheck checked = check_report(report, *verification.endorsement);
  verification.steps.append(checked.steps);
  verification.report = std::move(checked.report);
  return verification;
}

}  // namespace starminer::attestation::sev_snp
