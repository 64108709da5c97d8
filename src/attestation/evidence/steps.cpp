#include "attestation/evidence/steps.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace starminer::attestation::evidence {

namespace {

constexpr StepRow kRows[] = {
#define SM_STEP(enumerator, number, code, name, kind) {StepId::enumerator, code, name, StepKind::kind},
#include "attestation/evidence/steps.def"
#undef SM_STEP
};

}  // namespace

std::span<const StepRow> step_rows() { return kRows; }

const StepRow& row_of(StepId id) {
  const auto* const found =
      std::lower_bound(std::begin(kRows), std::end(kRows), id, [](const StepRow& row, StepId wanted) {
        return static_cast<std::uint16_t>(row.id) < static_cast<std::uint16_t>(wanted);
      });
  STARMINER_CHECK(found != std::end(kRows) && found->id == id);
  return *found;
}

std::string_view name_of(StepKind kind) {
  switch (kind) {
    case StepKind::Cryptography: return "cryptography";
    case StepKind::Form: return "form";
    case StepKind::Status: return "status";
    case StepKind::Policy: return "policy";
  }
  return "";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Valid: return "valid";
    case Verdict::Invalid: return "invalid";
    case Verdict::Unverifiable: return "UNVERIFIABLE";
    case Verdict::Unsupported: return "UNSUPPORTED";
  }
  return "";
}

void Steps::judge(StepId id, std::string reason) {
  if (reason.empty()) {
    pass(id);
  } else {
    fail(id, std::move(reason));
  }
}

void Steps::check(StepId id, bool passed, std::string_view reason) { judge(id, passed ? "" : std::string(reason)); }

void Steps::append(const Steps& other) { steps_.insert(steps_.end(), other.steps_.begin(), other.steps_.end()); }

void Steps::append(const Steps& other, std::string_view name) {
  for (const Step& step : other.steps_) {
    add(step.id, step.outcome, step.reason.empty() ? step.reason : std::string(name) + ": " + step.reason);
  }
}

const Step* Steps::find(StepId id) const {
  const Step* found = nullptr;
  for (const StepOutcome outcome : {StepOutcome::Failed, StepOutcome::Skipped, StepOutcome::Passed}) {
    for (const Step& step : steps_) {
      if (found == nullptr && step.id == id && step.outcome == outcome) found = &step;
    }
  }
  return found;
}

bool Steps::passed(StepId id) const {
  const Step* step = find(id);
  return step != nullptr && step->outcome == StepOutcome::Passed;
}

bool Steps::any_failed(StepKind kind) const {
  return std::any_of(steps_.begin(), steps_.end(), [kind](const Step& step) {
    return row_of(step.id).kind == kind && step.outcome == StepOutcome::Failed;
  });
}

Verdict Steps::cryptography() const {
  bool any = false;
  bool whole = true;
  for (const Step& step : steps_) {
    if (row_of(step.id).kind != StepKind::Cryptography) continue;
    if (step.outcome == StepOutcome::Failed) return Verdict::Invalid;
    any = true;
    whole = whole && step.outcome == StepOutcome::Passed;
  }
  if (!any) return Verdict::Invalid;
  return whole ? Verdict::Valid : Verdict::Unverifiable;
}

bool Steps::accepted() const {
  return cryptography() == Verdict::Valid && !any_failed(StepKind::Form) && !any_failed(StepKind::Status) &&
         !any_failed(StepKind::Policy);
}

void Steps::add(StepId id, StepOutcome outcome, std::string reason) {
  steps_.push_back({id, outcome, std::move(reason)});
}

}  // namespace starminer::attestation::evidence
