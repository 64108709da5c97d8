// The comparison of a claimed result with the one that a verifier computed: from bytes, comparator and forms to a
// verdict with its digest. A function of its arguments, on integers alone. Any thread.
#pragma once

#include <optional>
#include <string>

#include "verification/comparison/comparator.h"
#include "verification/comparison/form.h"
#include "verification/comparison/numeric_class.h"
#include "verification/comparison/verdict.h"

namespace starminer::verification {

/// One of the two artifacts. The bytes must outlive the call.
struct Side {
  ByteView file{};
  Form form{};
  std::optional<NumericClass> numeric_class{};
};

struct Sides {
  Side claimed;     // by the provider
  Side recomputed;  // by the verifier
};

/// `report` is what the program of a `Container` left; the other comparators take none. A claimed artifact that is not
/// of its form differs; where the verifier's own is not, or the comparator does not apply, there is no verdict.
[[nodiscard]] Verdict compare(const Comparator& comparator, const Sides& sides,
                              const std::optional<ByteView>& report = std::nullopt);

/// The comparison without its hashes, which is what a benchmark of it measures: reason, findings and detail.
struct Judgement {
  Reason reason{};
  Findings findings{};
  std::string detail{};
};
/// Requires: no `Container`, whose report names hashes.
[[nodiscard]] Judgement judge(const Comparator& comparator, const Sides& sides);

/// The form that a file has for this comparator where nobody says: by its first bytes, else bytes for `exact` and
/// `container`, tokens for `token-wise`, proofs for the claimed side of `toploc`. Nothing where it must be said.
[[nodiscard]] std::optional<Form> default_form(const Comparator& comparator, ByteView file, bool is_claimed);

}  // namespace starminer::verification
