// The files of a zero-knowledge proof in any order.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "client/evidence/given.h"

namespace starminer::client::evidence {

/// One of the files is a verifying key, a proof or a receipt.
[[nodiscard]] bool is_proof(const std::vector<GivenFile>& files);

/// Beside a key, bytes that say nothing of themselves are a proof in words. Fails with a sentence that says what is
/// missing, or what is there twice.
[[nodiscard]] Result<Judgement, std::string> judge_proof_files(const std::vector<GivenFile>& files,
                                                               const ProofDemands& demands);

}  // namespace starminer::client::evidence
