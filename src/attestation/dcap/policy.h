// What a verifier accepts of a genuine quote: statuses of platforms, no debugging, measurements, the binding to a job.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "attestation/dcap/verify.h"
#include "attestation/evidence/steps.h"

namespace starminer::attestation::dcap {

/// An enclave or domain that is accepted.
struct Measurement {
  /// MRTD of a domain; of an enclave MRENCLAVE and sixteen zeros.
  Digest48 image{};
  /// Of a domain, where they matter: the registers that its boot extends.
  std::array<std::optional<Digest48>, 4> rtmr{};
  /// Of a domain of TDX 1.5, where it matters: the service domain bound to it, such as one that migrates it.
  std::optional<Digest48> service_td{};
};

struct Policy {
  std::set<TcbStatus> statuses = {TcbStatus::UpToDate};
  bool debug_allowed = false;
  bool migration_allowed = false;
  bool sept_ve_disabled_needed = true;
  bool crls_needed = true;
  /// By PPID, as in the PCK certificate.
  std::set<std::array<std::uint8_t, 16>> denied_platforms;
  /// The oldest accepted edition of Intel's collateral (tcbEvaluationDataNumber).
  std::optional<std::uint64_t> evaluation_min;
  /// The oldest accepted collateral. Documents and lists live for 30 days, and who shows evidence chooses them: without
  /// this, whoever was revoked yesterday shows the list of the day before.
  std::optional<x509::UnixTime> issued_min;
  std::optional<std::vector<Measurement>> measurements;
  /// The binding to a job (verification.md 2.4).
  std::optional<std::array<std::uint8_t, 64>> report_data;
};

/// Steps TcbLevelFound, TcbStatus and QuoteDebug to QuoteCollateralIssued. Requires a quote; what it says counts only
/// if its own check passed.
[[nodiscard]] evidence::Steps judge(const Verification& verification, const Policy& policy);

}  // namespace starminer::attestation::dcap
