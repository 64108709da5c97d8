// Folders of test vectors: cases.json says for each case its files, the time, and what a verifier must find;
// mutations.json beside it names single changes of a case's file. Everything is judged and held against what the folder
// expects.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "client/evidence/judgement.h"
#include "client/evidence/roots.h"

namespace starminer::client::evidence {

struct JudgedCase {
  std::string id;
  Judgement judgement;
  /// As the folder writes it: "valid", "invalid", ...
  std::string expected;
  /// What the folder expects and was not found, in words; empty where everything agrees.
  std::vector<std::string> differences;

  [[nodiscard]] bool agrees() const { return differences.empty(); }
};

struct CaseOptions {
  Roots roots;
  /// Where files are looked for that do not lie beside the cases.
  std::filesystem::path more_files;
};

/// The cases of the file and, where there is one beside it, of mutations.json. Fails with a sentence for a file that is
/// missing or not of this format; a case that cannot be read is a failure of the whole.
[[nodiscard]] Result<std::vector<JudgedCase>, std::string> judge_cases(const std::filesystem::path& file,
                                                                       const CaseOptions& options);

/// {"cases": [{"id", "verdict", "expected", "agrees", "steps", ...}]}
[[nodiscard]] nlohmann::json report_of(const std::vector<JudgedCase>& cases);

}  // namespace starminer::client::evidence
