// Whether an SEV-SNP report is genuine: made by the firmware of a chip that AMD endorsed, at the TCB that it reports.
// The steps (1) to (5) of verification.md 2.1. Whether a genuine report is acceptable is policy.h's question. Pure
// functions.
#pragma once

#include <optional>

#include "attestation/evidence/steps.h"
#include "attestation/sev_snp/endorsement.h"
#include "attestation/sev_snp/report.h"

namespace starminer::attestation::sev_snp {

struct ReportCheck {
  evidence::Steps steps;
  /// Empty where the bytes are no report.
  std::optional<Report> report;
};

/// Of a report under an endorsement that was read from a certificate. Steps: SnpReportForm, SnpUnsignedBytes,
/// SnpSignature, SnpTcb, SnpHwid, SnpProduct. The endorsement's own steps are those of its check.
[[nodiscard]] ReportCheck check_report(ByteView report, const Endorsement& endorsement);

struct Verification {
  evidence::Steps steps;
  std::optional<Report> report;
  std::optional<Endorsement> endorsement;
};

/// The endorsement, then the report under it.
[[nodiscard]] Verification verify(ByteView report, const EndorsementInput& input, x509::UnixTime time);

}  // namespace starminer::attestation::sev_snp
