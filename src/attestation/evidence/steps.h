// What a check of evidence found: a list of named steps, each passed, failed with its reason, or skipped because what
// it needs is missing. The list says everything that is wrong, not only the first thing. Rows: steps.def. Plain values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starminer::attestation::evidence {

enum class StepKind : std::uint8_t { Cryptography, Form, Status, Policy };

enum class StepId : std::uint16_t {
#define SM_STEP(enumerator, number, code, name, kind) enumerator = number,
#include "attestation/evidence/steps.def"
#undef SM_STEP
};

struct StepRow {
  StepId id;
  std::string_view code;
  std::string_view name;
  StepKind kind;
};

/// Requires a step of steps.def.
[[nodiscard]] const StepRow& row_of(StepId id);
/// In rising order of their numbers.
[[nodiscard]] std::span<const StepRow> step_rows();
[[nodiscard]] std::string_view name_of(StepKind kind);

enum class StepOutcome : std::uint8_t { Passed, Failed, Skipped };

struct Step {
  StepId id;
  StepOutcome outcome = StepOutcome::Skipped;
  /// Why it failed or could not be judged; empty where it passed.
  std::string reason;
};

/// valid: every Cryptography step passed. Unverifiable: none failed, but a key that one needs is not at hand.
/// Unsupported: the protocol does not accept this kind of evidence.
enum class Verdict : std::uint8_t { Valid, Invalid, Unverifiable, Unsupported };

/// "valid", "invalid", "UNVERIFIABLE", "UNSUPPORTED".
[[nodiscard]] std::string_view name_of(Verdict verdict);

class Steps {
 public:
  void pass(StepId id) { add(id, StepOutcome::Passed, {}); }
  void fail(StepId id, std::string reason) { add(id, StepOutcome::Failed, std::move(reason)); }
  /// The step says nothing about the evidence: an input was not given, or an earlier step left nothing to judge.
  void skip(StepId id, std::string reason) { add(id, StepOutcome::Skipped, std::move(reason)); }
  /// Passed if `reason` is empty, else failed with it.
  void judge(StepId id, std::string reason);
  void check(StepId id, bool passed, std::string_view reason);
  void append(const Steps& other);
  /// The same, of one of several parts: its reasons begin with its name.
  void append(const Steps& other, std::string_view name);

  [[nodiscard]] const std::vector<Step>& list() const& { return steps_; }
  const std::vector<Step>& list() && = delete;
  /// The step, or null if the check did not come to it. Of several, which parts of one kind have, one that failed, else
  /// one that was skipped.
  [[nodiscard]] const Step* find(StepId id) const;
  /// Each of them.
  [[nodiscard]] bool passed(StepId id) const;
  [[nodiscard]] bool any_failed(StepKind kind) const;
  /// Of the cryptography alone. Invalid for an empty list: evidence that nobody looked at proves nothing.
  [[nodiscard]] Verdict cryptography() const;
  /// The cryptography is valid and no step of any kind failed.
  [[nodiscard]] bool accepted() const;

 private:
  void add(StepId id, StepOutcome outcome, std::string reason);

  std::vector<Step> steps_;
};

}  // namespace starminer::attestation::evidence
