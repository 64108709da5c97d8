// The price controller of one tier of one hardware class (MTP-3, economics section 2.3): load in, log-price out. It is
// a PI controller on smoothed load whose state is a log-price in 2^-32 above the floor; what it publishes moves by at
// most the slew of a tick. Pure functions of their arguments in integers; no overflow within the parameters' bounds.
#pragma once

#include <cstdint>

#include "base/amount.h"

namespace starminer::protocol {

/// What a tier of a class has and what is asked of it, in thousandths of a GPU.
struct Load {
  std::uint64_t online_milli = 0;
  std::uint64_t busy_milli = 0;
  std::uint64_t queued_milli = 0;

  auto operator<=>(const Load&) const = default;
};

inline constexpr std::uint64_t kLoadMaxPpm = 4 * kPpm;
inline constexpr unsigned kLoadFraction = 16;  // bits of the smoothed load below one ppm

/// Busy and queued over online, at most kLoadMaxPpm. Requires: something is online.
[[nodiscard]] std::uint32_t load_ppm(const Load& load);

struct ControllerState {
  std::uint64_t smoothed_load = 0;  // ppm x 2^16
  std::uint64_t integral = 0;       // Q32
  std::uint64_t target = 0;         // Q32: where the log-price would go at once if nothing bounded its speed
  std::uint64_t log_price = 0;      // Q32

  auto operator<=>(const ControllerState&) const = default;
};

struct ControllerTerms {
  std::uint64_t target_load_ppm = 0;  // of the tier; not zero
  std::uint64_t tick_ms = 0;
  std::uint64_t kappa_ms = 0;  // integral time; not zero
  std::uint64_t integral_error_max_ppm = 0;
  std::uint64_t gain_error_max_ppm = 0;
  std::uint64_t slew = 0;     // Q32 a tick
  std::uint64_t log_max = 0;  // Q32
};

/// Proportional gain of a pool of this size: small pools react less.
[[nodiscard]] std::uint64_t gain_ppm(std::uint64_t online_milli, std::uint64_t full_gain_ppm,
                                     std::uint64_t half_gain_gpus);

/// One tick.
[[nodiscard]] ControllerState step(const ControllerState& state, std::uint32_t load_ppm, std::uint64_t gain_ppm,
                                   const ControllerTerms& terms);

/// The slow reference follows a log-price with a time of 1024 ticks.
[[nodiscard]] std::uint64_t follow_slowly(std::uint64_t slow, std::uint64_t log_price);

/// The largest y with exp_q32(y) <= x: the inverse of exp_q32 on 2^32 .. 256 x 2^32, 0 below.
[[nodiscard]] std::uint64_t ln_q32(std::uint64_t x);

}  // namespace starminer::protocol
