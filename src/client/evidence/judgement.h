// What a check of evidence says, ready to be shown: verdict, steps, and what the evidence states. Plain values.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "attestation/evidence/steps.h"

namespace starminer::client::evidence {

struct Judgement {
  /// "sev-snp", "tdx-quote", ... as the vector folders name them.
  std::string kind;
  attestation::evidence::Verdict verdict = attestation::evidence::Verdict::Invalid;
  /// The verdict is valid, no byte that nobody signs is out of form, and the policy accepts.
  bool accepted = false;
  attestation::evidence::Steps steps;
  /// Decoded; true only where the verdict is valid.
  nlohmann::json fields = nlohmann::json::object();
  /// What the endorsing certificate states; null where there is none.
  nlohmann::json certificate;
  /// What the collateral says of the platform ("UpToDate", "error: ..."); empty where there is none.
  std::string tcb_status;
};

/// Verdict and acceptance from the steps.
[[nodiscard]] Judgement judgement_of(std::string kind, attestation::evidence::Steps steps);
/// Of a kind that the protocol does not accept.
[[nodiscard]] Judgement unsupported(std::string kind);

/// {"cert_chain": true, ...}; null where a step could not be judged.
[[nodiscard]] nlohmann::json steps_by_name(const attestation::evidence::Steps& steps);
/// Everything about each step, in order.
[[nodiscard]] nlohmann::json step_rows(const attestation::evidence::Steps& steps);

}  // namespace starminer::client::evidence
