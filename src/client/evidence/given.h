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
#include "client/evidence/proof.h"
#include "client/evidence/roots.h"

namespace starminer::client::evidence {

struct GivenFile {
  std::string name;
  Bytes bytes;
};

/// Something that the caller said, which must have had a say.
struct Asked {
  /// As the caller gave it: "--nonce".
  std::string name;
  /// Of these steps one must have been judged.
  std::vector<attestation::evidence::StepId> steps;
};

/// What a verifier asks beyond the cryptography.
struct Demands {
  std::vector<Asked> asked;
  attestation::sev_snp::Policy snp;
  attestation::dcap::Policy dcap;
  GpuDemands gpu;
  ProofDemands proof;
};

/// Fails with a sentence that says which file is not understood, what is missing, or what is there twice; or that
/// something that was asked says nothing about evidence of this kind, unless that is invalid anyway. All evidence but
/// proofs, which do not age, is judged at a time.
[[nodiscard]] Result<Judgement, std::string> judge_files(const std::vector<GivenFile>& files, const Roots& roots,
                                                         std::optional<attestation::x509::UnixTime> time,
                                                         const Demands& demands);

/// The steps of this name, one for each kind of evidence, that a caller may take out of what decides about acceptance:
/// none of the cryptography, nor that Intel says nothing of a platform. Fails with a sentence that names the others.
[[nodiscard]] Result<std::vector<attestation::evidence::StepId>, std::string> waivable_steps(const std::string& name);
/// Decides anew with these steps waived.
void waive(Judgement& judgement, const std::vector<attestation::evidence::StepId>& waived);

}  // namespace starminer::client::evidence
