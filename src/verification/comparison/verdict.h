// What a comparison found. Whoever has both artifacts, the comparator and the forms computes the same verdict, bit by
// bit, and so the same digest. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace starminer::verification {

/// Numbers are hashed: frozen.
enum class Outcome : std::uint8_t { Agree = 0, Differ = 1, NotComparable = 2 };
[[nodiscard]] constexpr std::uint8_t enum_count(Outcome) { return 3; }
/// "agree", "differ", "not_comparable".
[[nodiscard]] std::string_view outcome_name(Outcome outcome);

enum class Reason : std::uint8_t {
#define SM_REASON(enumerator, number, outcome, name, sentence) enumerator = number,
#include "verification/comparison/reasons.def"
#undef SM_REASON
};

struct ReasonRow {
  Reason reason;
  Outcome outcome;
  std::string_view name;
  std::string_view sentence;
};
[[nodiscard]] const ReasonRow& row_of(Reason reason);

/// Where the sides first differ beyond what is allowed, and the bits (or tokens) there.
struct Difference {
  std::uint64_t group = 0;  // sequence of tokens or chunk; 0 where there is one of them
  std::uint64_t index = 0;  // byte, element or token in it
  std::uint64_t claimed = 0;
  std::uint64_t recomputed = 0;

  bool operator==(const Difference&) const = default;
};

/// Counts of a comparison; what does not apply is 0.
struct Findings {
  std::uint64_t compared = 0;       // bytes, elements, tokens or points that were looked at
  std::uint64_t differing = 0;      // of these, not the same bits
  std::uint64_t beyond = 0;         // of these, further away than is allowed
  std::uint64_t largest = 0;        // distance of any two elements; exponent mismatches of any chunk
  std::uint64_t squared_error = 0;  // sum over all samples
  std::uint64_t mean = 0;           // mantissa differences: of the worst chunk, in hundredths, rounded up
  std::uint64_t median = 0;         // the same
  std::optional<Difference> first;

  bool operator==(const Findings&) const = default;
};

struct Verdict {
  Reason reason{};
  Findings findings;
  Hash32 claimed;      // SHA-256 of the artifact
  Hash32 recomputed;   // the same
  Hash32 digest;       // of all of the above, the comparator, the forms and the classes (README.md)
  std::string detail;  // for people, not hashed: what is malformed or unfit

  [[nodiscard]] Outcome outcome() const { return row_of(reason).outcome; }
};

}  // namespace starminer::verification
