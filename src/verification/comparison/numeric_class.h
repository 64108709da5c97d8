// The numeric class of a run: what must be the same for floating-point results to be the same bit by bit
// (verification.md section 0). Verifiers are drawn from the class of the provider. Plain value, pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"

namespace starminer::verification {

inline constexpr std::size_t kClassPartMax = 64;
inline constexpr std::size_t kClassFlagsMax = 16;

struct NumericClass {
  std::string architecture;        // of the device: "sm_90"
  std::string toolkit;             // driver and libraries: "cuda-12.4.1+cudnn-9.1"
  Hash32 image;                    // of the job's software; zero: none
  std::vector<std::string> flags;  // determinism settings, sorted, each once: "deterministic", "tf32=off"

  bool operator==(const NumericClass&) const = default;
  /// Names the class in rows and verdicts.
  [[nodiscard]] Hash32 id() const;
};

/// "sm_90/cuda-12.4.1/IMAGE/deterministic,tf32=off": the image in 64 hexadecimal digits, "-" for none of image or
/// flags.
[[nodiscard]] std::string class_text(const NumericClass& numeric_class);
/// Of the one text that a class has, or nothing. Parts have 1 to 64 of a-z, 0-9, and . _ + = -
[[nodiscard]] std::optional<NumericClass> parse_class(std::string_view text);

}  // namespace starminer::verification
