#include "protocol/pricing/controller.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr unsigned kSmoothingShift = 3;  // about 8 ticks
constexpr unsigned kSlowShift = 10;      // about 17 hours of ticks of a minute
constexpr std::uint64_t kMilliPerGpu = 1000;
constexpr std::uint64_t kLnOfMost = 23'816'355'774;  // floor(ln(256) x 2^32), where exp_q32 ends

/// `from` plus 2^-shift of the way to `to`, rounded down.
std::uint64_t part_of_way(std::uint64_t from, std::uint64_t to, unsigned shift) {
  const auto way = static_cast<std::int64_t>(to) - static_cast<std::int64_t>(from);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(from) + (way >> shift));
}

std::uint64_t moved(std::uint64_t log_price, bool up, std::uint64_t by, std::uint64_t log_max) {
  return std::min(up ? saturating_add(log_price, by) : saturating_sub(log_price, by), log_max);
}

}  // namespace

std::uint32_t load_ppm(const Load& load) {
  STARMINER_CHECK(load.online_milli > 0);
  const u128 asked = u128{load.busy_milli} + load.queued_milli;
  return static_cast<std::uint32_t>(std::min<u128>(asked * kPpm / load.online_milli, kLoadMaxPpm));
}

std::uint64_t gain_ppm(std::uint64_t online_milli, std::uint64_t full_gain_ppm, std::uint64_t half_gain_gpus) {
  const u128 whole = u128{online_milli} + u128{half_gain_gpus} * kMilliPerGpu;
  return whole != 0 ? static_cast<std::uint64_t>(u128{full_gain_ppm} * online_milli / whole) : 0;
}

ControllerState step(const ControllerState& state, std::uint32_t load_ppm, std::uint64_t gain_ppm,
                     const ControllerTerms& terms) {
  STARMINER_CHECK(terms.target_load_ppm > 0 && terms.kappa_ms > 0);
  ControllerState next;
  next.smoothed_load = part_of_way(state.smoothed_load, std::uint64_t{load_ppm} << kLoadFraction, kSmoothingShift);
  const std::uint64_t load = next.smoothed_load >> kLoadFraction;
  const bool up = load >= terms.target_load_ppm;
  const std::uint64_t error = up ? load - terms.target_load_ppm : terms.target_load_ppm - load;
  const std::uint64_t integral_error = std::min(error, terms.integral_error_max_ppm);
  const std::uint64_t gain_error = std::min(error, terms.gain_error_max_ppm);
  // The published price is bounded in its speed, never the integral: bounding that would bias the price.
  const u128 drift = u128{integral_error} * kQ32 * terms.tick_ms / (u128{terms.kappa_ms} * terms.target_load_ppm);
  next.integral = moved(state.integral, up, static_cast<std::uint64_t>(drift), terms.log_max);
  const u128 push = u128{gain_error} * gain_ppm / kPpm * kQ32 / kPpm;
  next.target = moved(next.integral, up, static_cast<std::uint64_t>(push), terms.log_max);
  const bool rises = next.target >= state.log_price;
  const std::uint64_t way = rises ? next.target - state.log_price : state.log_price - next.target;
  const std::uint64_t by = std::min(way, terms.slew);
  next.log_price = rises ? state.log_price + by : state.log_price - by;
  return next;
}

std::uint64_t follow_slowly(std::uint64_t slow, std::uint64_t log_price) {
  return part_of_way(slow, log_price, kSlowShift);
}

std::uint64_t ln_q32(std::uint64_t x) {
  std::uint64_t y = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 34U; bit != 0; bit >>= 1U) {
    if (y + bit <= kLnOfMost && exp_q32(y + bit) <= x) y += bit;
  }
  return y;
}

}  // namespace starminer::protocol
