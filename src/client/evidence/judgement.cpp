#include "client/evidence/judgement.h"

#include <utility>

namespace starminer::client::evidence {

using attestation::evidence::row_of;
using attestation::evidence::Step;
using attestation::evidence::StepOutcome;
using attestation::evidence::Steps;
using nlohmann::json;

namespace {

json outcome_of(const Step& step) {
  if (step.outcome == StepOutcome::Skipped) return nullptr;
  return step.outcome == StepOutcome::Passed;
}

}  // namespace

Judgement judgement_of(std::string kind, Steps steps) {
  Judgement judgement;
  judgement.kind = std::move(kind);
  judgement.verdict = steps.cryptography();
  judgement.accepted = steps.accepted();
  judgement.steps = std::move(steps);
  return judgement;
}

Judgement unsupported(std::string kind) {
  Judgement judgement;
  judgement.kind = std::move(kind);
  judgement.verdict = attestation::evidence::Verdict::Unsupported;
  return judgement;
}

json steps_by_name(const Steps& steps) {
  json object = json::object();
  // Where several parts have a step, the one that says most.
  for (const Step& step : steps.list()) object[std::string(row_of(step.id).name)] = outcome_of(*steps.find(step.id));
  return object;
}

json step_rows(const Steps& steps) {
  json list = json::array();
  for (const Step& step : steps.list()) {
    const auto& row = row_of(step.id);
    list.push_back({{"step", row.name},
                    {"code", row.code},
                    {"kind", name_of(row.kind)},
                    {"passed", outcome_of(step)},
                    {"reason", step.reason}});
  }
  return list;
}

}  // namespace starminer::client::evidence
