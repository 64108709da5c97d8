// Vectors of zero-knowledge proofs: cases of cases.json, lists that hold keys, signals and proofs themselves, and lists
// of calls to the EVM's precompiled contracts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "client/evidence/case_files.h"
#include "client/evidence/judgement.h"

namespace starminer::client::evidence {

struct ProofRow {
  /// As a case of cases.json says it: "id", "expect" and what else is expected.
  nlohmann::json expectation;
  Judgement judgement;
};

/// {"vk", "public", "proof", perhaps "receipt"}: files by their paths.
[[nodiscard]] Result<Judgement, std::string> judge_proof_case(const nlohmann::json& row, const CaseFiles& files);

/// {"entries": [{"id", "vk", "public", "proof", "expect"}], "vk_when_null": path}, or [{"Name", "Input", "Expected"}]
/// as go-ethereum has them, for the contract that the file's name begins with: bn256Add, bn256ScalarMul, bn256Pairing;
/// others are UNSUPPORTED. Paths are those of the file's folder or the one above. Fails with a sentence.
[[nodiscard]] Result<std::vector<ProofRow>, std::string> judge_proof_list(const nlohmann::json& document,
                                                                          const std::filesystem::path& file,
                                                                          const CaseOptions& options);

}  // namespace starminer::client::evidence
