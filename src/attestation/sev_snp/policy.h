// What a verifier accepts of a genuine SEV-SNP report: steps (6) to (10) of verification.md 2.1. Everything is refused
// by default that can be judged without knowing the job; what needs an expected value is judged where one is given.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attestation/evidence/steps.h"
#include "attestation/sev_snp/endorsement.h"
#include "attestation/sev_snp/report.h"
#include "attestation/sev_snp/tcb.h"

namespace starminer::attestation::sev_snp {

using Digest48 = std::array<std::uint8_t, 48>;

struct Policy {
  /// An endorsement without a report says that a chip is AMD's, and nothing about a guest.
  bool report_needed = true;
  bool debug_allowed = false;
  bool migration_agent_allowed = false;
  /// Reports before version 3 do not say whether memory was checked for aliases, so they fail.
  bool alias_check_needed = true;
  /// The privilege level that must have asked for the report.
  std::optional<std::uint32_t> vmpl = 0;
  /// Milan: the seed of its keys can be read by software (arXiv 2605.12990), so any report of it can be forged.
  std::set<Product> denied_products = {Product::Milan};
  /// Chips by the HWID of their certificate, 64 bytes (8 on Turin); under a VLEK, which names none, by the chip id of
  /// the report. Where that is hidden, too, nobody knows whether the chip is denied, and the step fails.
  std::set<Bytes> denied_chips;
  /// Whose VLEKs are accepted, by the name of the provider.
  std::optional<std::set<std::string>> providers;
  /// Of reported, committed and launch TCB, part by part.
  std::map<Product, Tcb> minimum_tcb;
  std::optional<std::vector<Digest48>> measurements;
  /// Digests of the id key and author key, either of which must be among them.
  std::optional<std::vector<Digest48>> signers;
  /// The binding to a job (verification.md 2.4).
  std::optional<std::array<std::uint8_t, 64>> report_data;
};

/// Steps SnpDebug to SnpBinding. What the report says counts only if its own check passed.
[[nodiscard]] evidence::Steps judge(const Report& report, const EndorsementFields& fields, const Policy& policy);
/// Of an endorsement that no report was given with: steps SnpReportGiven, SnpProductAllowed, SnpProviderAllowed,
/// SnpChipAllowed.
[[nodiscard]] evidence::Steps judge_endorsement(const EndorsementFields& fields, const Policy& policy);

}  // namespace starminer::attestation::sev_snp
