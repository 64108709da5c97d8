// What it takes for two results to be the same (verification.md section 4.1), as a value with one text. A job's class
// names its comparator; verifiers run it. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/hash.h"

namespace starminer::verification {

/// "exact": the same bytes; with a form other than bytes the same shape and the same bits of every element.
struct Exact {};
/// "ulp(4)": every element at most so many representable values away.
struct Ulp {
  std::uint64_t distance_max = 0;
};
/// "mse_max(2)": the mean of the squared differences of integer samples is at most this, in squared steps of a sample.
struct MseMax {
  std::uint64_t mean_max = 0;
};
/// "token-wise": the same sequences of token ids, whatever their file form.
struct TokenWise {};
/// "toploc(38,1000,800)": per chunk at most so many exponent mismatches, and mean and median of the mantissa
/// differences at most so many hundredths.
struct Toploc {
  std::uint64_t exponents_max = 0;    // below kToplocPoints
  std::uint64_t mean_hundredths = 0;  // at most 12,700, which is every mantissa
  std::uint64_t median_hundredths = 0;
};
/// "container(64 hexadecimal digits)": what the program of this image says, which is a function of both artifacts.
struct Container {
  Hash32 image;
};

using Comparator = std::variant<Exact, Ulp, MseMax, TokenWise, Toploc, Container>;

[[nodiscard]] std::string comparator_text(const Comparator& comparator);
/// Of the one text that a comparator has, or nothing.
[[nodiscard]] std::optional<Comparator> parse_comparator(std::string_view text);

/// True where a difference is a fault only inside of one numeric class.
[[nodiscard]] bool needs_one_class(const Comparator& comparator);

}  // namespace starminer::verification
