#include "protocol/pricing/controller.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kLogOfAnchor = 5'954'088'943;  // ln 4
constexpr std::uint64_t kSlew = 126'954'088;
constexpr std::uint64_t kLogMax = 14'885'222'359;
constexpr ControllerTerms kStandardTerms = {800'000, 60'000, 10'800'000, 250'000, 800'000, kSlew, kLogMax};
constexpr std::uint64_t kFullGain = 1'500'000;

ControllerState at_rest(std::uint64_t log_price = kLogOfAnchor) {
  return {std::uint64_t{800'000} << kLoadFraction, log_price, log_price, log_price};
}

// REQ: MTP-3 (the vector of economics 2.3)
TEST(Controller, MatchesTheVector) {
  ControllerState state = at_rest();
  std::vector<std::uint64_t> log_prices;
  for (const std::uint32_t load : {800'000U, 900'000U, 1'000'000U, 1'200'000U, 1'200'000U, 400'000U, 400'000U}) {
    state = step(state, load, kFullGain, kStandardTerms);
    log_prices.push_back(state.log_price);
  }
  const std::vector<std::uint64_t> expected = {5'954'088'943, 6'034'992'406, 6'161'946'494, 6'288'900'582,
                                               6'415'854'670, 6'324'713'240, 6'197'759'152};
  EXPECT_EQ(log_prices, expected);
}

TEST(Controller, GainFallsWithThePool) {
  EXPECT_EQ(gain_ppm(500'000, kFullGain, 500), 750'000U) << "half of it at GainHalfGpus";
  EXPECT_EQ(gain_ppm(2'000'000, kFullGain, 500), 1'200'000U);
  EXPECT_EQ(gain_ppm(0, kFullGain, 500), 0U);
  EXPECT_EQ(gain_ppm(~std::uint64_t{0}, 3'000'000, 50), 2'999'999U) << "no pool is too large to count";
}

TEST(Controller, LoadIsBounded) {
  EXPECT_EQ(load_ppm({3'000, 1'000, 1'000}), 666'666U);
  EXPECT_EQ(load_ppm({1, 5, 0}), kLoadMaxPpm);
  EXPECT_EQ(load_ppm({1, ~std::uint64_t{0}, ~std::uint64_t{0}}), kLoadMaxPpm);
  EXPECT_EQ(load_ppm({8'000, 0, 0}), 0U);
}

/// The same tick with other means: floating point, whose figures the integers must meet closely.
struct Slow {
  long double smoothed = 0;
  long double integral = 0;
  long double log_price = 0;

  void tick(long double load, long double gain, const ControllerTerms& terms) {
    smoothed += (load - smoothed) / 8;
    const long double error = smoothed - terms.target_load_ppm / 1e6L;
    const auto within = [](long double x, long double most) { return std::clamp(x, -most, most); };
    const long double target = terms.target_load_ppm / 1e6L;
    const long double most = terms.log_max / 4294967296.0L;
    const long double slew = terms.slew / 4294967296.0L;
    integral += within(error, terms.integral_error_max_ppm / 1e6L) * terms.tick_ms / (terms.kappa_ms * target);
    integral = std::clamp(integral, 0.0L, most);
    const long double wanted = std::clamp(integral + within(error, terms.gain_error_max_ppm / 1e6L) * gain, 0.0L, most);
    log_price += within(wanted - log_price, slew);
  }
};

ControllerTerms any_terms() {
  using rc::gen::inRange;
  return {*inRange<std::uint64_t>(500'000, 950'001),
          *inRange<std::uint64_t>(10, 600'001),
          *inRange<std::uint64_t>(360'000, 43'200'001),
          *inRange<std::uint64_t>(50'000, 500'001),
          *inRange<std::uint64_t>(200'000, 1'000'001),
          *inRange<std::uint64_t>(42'736'345, 505'874'287),
          *inRange<std::uint64_t>(8'931'133'415, 17'862'266'831)};
}

std::vector<std::uint32_t> any_loads() {
  return *rc::gen::container<std::vector<std::uint32_t>>(
      rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 1'500'000), rc::gen::element<std::uint32_t>(0, 4'000'000)));
}

ControllerState any_state(const ControllerTerms& terms) {
  const auto log = [&] { return *rc::gen::inRange<std::uint64_t>(0, terms.log_max + 1); };
  return {*rc::gen::inRange<std::uint64_t>(0, (kLoadMaxPpm << kLoadFraction) + 1), log(), 0, log()};
}

// REQ: MTP-3 (P1, P2 for every parameter within its bounds)
RC_GTEST_PROP(Controller, NeverPassesItsSlewNorItsBounds, ()) {
  const ControllerTerms terms = any_terms();
  const auto gain = *rc::gen::inRange<std::uint64_t>(0, 3'000'001);
  ControllerState state = any_state(terms);
  Slow slow{state.smoothed_load / 65536.0L / 1e6L, state.integral / 4294967296.0L, state.log_price / 4294967296.0L};
  for (const std::uint32_t load : any_loads()) {
    const ControllerState next = step(state, load, gain, terms);
    slow.tick(load / 1e6L, gain / 1e6L, terms);
    RC_ASSERT(next.log_price <= state.log_price + terms.slew);
    RC_ASSERT(state.log_price <= next.log_price + terms.slew);
    RC_ASSERT(next.integral <= terms.log_max);
    RC_ASSERT(next.log_price <= terms.log_max);
    RC_ASSERT(next.smoothed_load >> kLoadFraction <= kLoadMaxPpm);
    state = next;
    // Rounding to whole ppm of the error and of the push is all that may part them: 2 ppm a tick in the integral's
    // drift, 8 ppm in the push.
    RC_ASSERT(std::abs(slow.log_price - state.log_price / 4294967296.0L) < 1e-4L);
  }
}

// P4: at its target load the integral stands still, for whatever the other figures are.
RC_GTEST_PROP(Controller, RestsAtItsTarget, ()) {
  const ControllerTerms terms = any_terms();
  ControllerState state = any_state(terms);
  state.smoothed_load = terms.target_load_ppm << kLoadFraction;
  const auto load = static_cast<std::uint32_t>(terms.target_load_ppm);
  for (int i = 0; i < 100; ++i) {
    const ControllerState next = step(state, load, kFullGain, terms);
    RC_ASSERT(next.integral == state.integral);
    RC_ASSERT(next.target == state.integral);
    state = next;
  }
}

// P5: whoever adds load never lowers a price, now or later.
RC_GTEST_PROP(Controller, MoreLoadNeverLowersThePrice, ()) {
  const ControllerTerms terms = any_terms();
  const auto gain = *rc::gen::inRange<std::uint64_t>(0, 3'000'001);
  ControllerState less = any_state(terms);
  ControllerState more = less;
  for (const std::uint32_t load : any_loads()) {
    const auto extra = *rc::gen::inRange<std::uint32_t>(0, 400'000);
    less = step(less, load, gain, terms);
    more = step(more, std::min<std::uint32_t>(load + extra, kLoadMaxPpm), gain, terms);
    RC_ASSERT(more.log_price >= less.log_price);
  }
}

TEST(Controller, ComesDownAtItsSlewWhereTheCeilingWasLowered) {
  ControllerTerms terms = kStandardTerms;
  terms.log_max = 8'931'133'415;
  const ControllerState state = step(at_rest(kLogMax), 4'000'000, kFullGain, terms);
  EXPECT_EQ(state.log_price, kLogMax - kSlew);
  EXPECT_EQ(state.integral, terms.log_max);
}

TEST(SlowReference, FollowsWithAThousandthOfTheWay) {
  EXPECT_EQ(follow_slowly(1'000'000, 1'000'000 + 4'096), 1'000'004U);
  EXPECT_EQ(follow_slowly(1'000'000, 1'000'000 - 4'096), 999'996U);
  EXPECT_EQ(follow_slowly(1'000, 999), 999U) << "rounded down, so it never rests above";
  EXPECT_EQ(follow_slowly(0, 0), 0U);
}

TEST(Logarithm, MatchesTheConstantsOfTheEconomicsText) {
  // floor(ln(x) x 2^32), where the exponential's own rounding may cost the last units.
  const std::array<std::pair<double, std::uint64_t>, 7> known = {{{1.01, 42'736'345},
                                                                  {1.05, 209'552'159},
                                                                  {2, 2'977'044'471},
                                                                  {4, 5'954'088'943},
                                                                  {8, 8'931'133'415},
                                                                  {32, 14'885'222'359},
                                                                  {256, 23'816'355'774}}};
  for (const auto& [x, log] : known) {
    const auto found = static_cast<double>(ln_q32(static_cast<std::uint64_t>(x * 4294967296.0)));
    EXPECT_NEAR(found, static_cast<double>(log), 3.0) << x;
  }
  EXPECT_EQ(ln_q32(0), 0U);
  EXPECT_EQ(ln_q32(kQ32), 0U);
  EXPECT_EQ(ln_q32(~std::uint64_t{0}), 23'816'355'774U);
}

RC_GTEST_PROP(Logarithm, IsTheLargestWhoseExponentialIsNotAbove, ()) {
  const auto x = *rc::gen::inRange<std::uint64_t>(kQ32, 256 * kQ32 - 1'000);
  const std::uint64_t y = ln_q32(x);
  RC_ASSERT(exp_q32(y) <= x);
  RC_ASSERT(exp_q32(y + 1) > x);
}

}  // namespace
}  // namespace starminer::protocol
