// SEV-SNP evidence from files: a report, the VCEK or VLEK that endorses it, and AMD's chain, which the program has.
#pragma once

#include <optional>
#include <vector>

#include "attestation/sev_snp/policy.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"
#include "client/evidence/judgement.h"
#include "client/evidence/roots.h"

namespace starminer::client::evidence {

struct SnpFiles {
  /// Empty to check the endorsement alone.
  std::optional<Bytes> report;
  /// DER.
  Bytes endorsement;
  /// ASK or ASVK, then ARK. Empty to take the one of `roots` that issued the endorsement.
  std::vector<Bytes> chain;
};

[[nodiscard]] Judgement judge_snp(const SnpFiles& files, const Roots& roots, attestation::x509::UnixTime time,
                                  const attestation::sev_snp::Policy& policy);

/// What the report states, as cases.json names it.
[[nodiscard]] nlohmann::json fields_of(const attestation::sev_snp::Report& report,
                                       std::optional<attestation::sev_snp::Product> product);

}  // namespace starminer::client::evidence
