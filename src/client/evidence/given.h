// Evidence from files in any order: what each file is shows in its bytes, what it is for in what lies beside it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attestation/dcap/policy.h"
#include "attestation/evidence/steps.h"
#include "attestation/sev_snp/policy.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"
#include "base/result.h"
#include "client/evidence/gpu.h"
#include "client/evidence/judgement.h"
#include "client/evidence/roots.h"

namespace starminer::client::evidence {

struct GivenFile {
  std::string name;
  Bytes bytes;
};

/// What a verifier asks beyond the cryptography.
struct Demands {
  attestation::sev_snp::Policy snp;
  attestation::dcap::Policy dcap;
  GpuDemands gpu;
};

/// Fails with a sentence that says which file is not understood, what is missing, or what is there twice.
[[nodiscard]] Result<Judgement, std::string> judge_files(const std::vector<GivenFile>& files, const Roots& roots,
                                                         attestation::x509::UnixTime time, const Demands& demands);

/// Takes a failing step out of what decides about acceptance. Steps of the cryptography cannot be waived. Fails with a
/// sentence that names the steps that can.
[[nodiscard]] Result<attestation::evidence::StepId, std::string> waivable_step(const std::string& name);
/// Decides anew with these steps waived.
void waive(Judgement& judgement, const std::vector<attestation::evidence::StepId>& waived);

}  // namespace starminer::client::evidence
