#include "verification/comparison/verdict.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace starminer::verification {
namespace {

constexpr ReasonRow kRows[] = {
#define SM_REASON(enumerator, number, outcome, name, sentence) {Reason::enumerator, Outcome::outcome, name, sentence},
#include "verification/comparison/reasons.def"
#undef SM_REASON
};

constexpr std::array<std::string_view, 3> kOutcomes = {"agree", "differ", "not_comparable"};

}  // namespace

std::string_view outcome_name(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

const ReasonRow& row_of(Reason reason) {
  const auto* const row =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const ReasonRow& one) { return one.reason == reason; });
  STARMINER_CHECK(row != std::end(kRows));
  return *row;
}

}  // namespace starminer::verification
