#include "api/start_forecast.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace starminer::api {
namespace {

constexpr std::uint64_t kHour = 3'600'000;

RunTimes runs_of(const std::vector<double>& ratios) {
  RunTimes runs;
  for (const double ratio : ratios) runs.add(static_cast<std::uint64_t>(ratio * 1000), 1000);
  return runs;
}

TEST(RunTimes, ForAJobThatHasRunOnlyLongerOnesCount) {
  const RunTimes runs = runs_of({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0});
  EXPECT_EQ(runs.remaining_ms(0.5, 0, 1000, kHour), 500U);
  EXPECT_EQ(runs.remaining_ms(0.9, 0, 1000, kHour), 900U);
  EXPECT_EQ(runs.remaining_ms(0.5, 500, 1000, kHour), 300U) << "of 0.6 to 1.0 the third";
  EXPECT_EQ(runs.remaining_ms(0.5, 1000, 1000, 77), 77U) << "none ran longer: up to its end by the contract";
  EXPECT_EQ(runs.remaining_ms(0.9, 0, 1000, 400), 400U);
}

TEST(RunTimes, ForgetsTheOldest) {
  RunTimes runs;
  for (std::size_t i = 0; i < RunTimes::kKept; ++i) runs.add(9000, 1000);
  for (std::size_t i = 0; i < RunTimes::kKept; ++i) runs.add(2000, 1000);
  EXPECT_EQ(runs.remaining_ms(0.9, 0, 1000, kHour), 2000U);
}

TEST(SimulatedWait, ServesInOrderAsRoomComesFree) {
  const RunTimes runs = runs_of(std::vector<double>(16, 1.0));  // all run what they state
  Pool pool;
  pool.free_milli = 1000;
  pool.running = {{2000, 0, 100, kHour}, {1000, 50, 100, kHour}};
  EXPECT_EQ(simulated_wait_ms(pool, {1000, 10, 100}, runs, 0.5), 0U);
  EXPECT_EQ(simulated_wait_ms(pool, {2000, 10, 100}, runs, 0.5), 50U);
  EXPECT_EQ(simulated_wait_ms(pool, {4000, 10, 100}, runs, 0.5), 100U);
  EXPECT_FALSE(simulated_wait_ms(pool, {5000, 10, 100}, runs, 0.5)) << "more than there is";
  pool.ahead = {{1000, 30, 100}};
  EXPECT_EQ(simulated_wait_ms(pool, {1000, 10, 100}, runs, 0.5), 30U) << "behind the first";
  pool.ahead = {{9000, 30, 100}, {1000, 30, 100}};
  EXPECT_EQ(simulated_wait_ms(pool, {1000, 10, 100}, runs, 0.5), 100U) << "what never fits here takes nothing";
}

RC_GTEST_PROP(SimulatedWait, IsNoShorterForMoreBeforeItOrForALaterQuantile, ()) {
  const auto milli = [] { return 1000 * *rc::gen::inRange<std::uint64_t>(1, 5); };
  const auto time = [] { return *rc::gen::inRange<std::uint64_t>(1, 10'000); };
  RunTimes runs;
  const auto ended = *rc::gen::inRange(0, 30);
  for (int i = 0; i < ended; ++i) runs.add(time(), 5'000);
  Pool pool;
  pool.free_milli = milli();
  const auto running = *rc::gen::inRange(0, 20);
  for (int i = 0; i < running; ++i) pool.running.push_back({milli(), time(), time(), time()});
  const QueuedJob job{1000, time(), 20'000};
  const auto alone = simulated_wait_ms(pool, job, runs, 0.5);
  RC_ASSERT(alone.has_value());
  RC_ASSERT(*simulated_wait_ms(pool, job, runs, 0.9) >= *alone);
  pool.ahead.push_back({1000, time(), 20'000});
  const auto behind = simulated_wait_ms(pool, job, runs, 0.5);
  RC_ASSERT(behind.has_value());
  RC_ASSERT(*behind >= *alone);
}

// Whatever the bias of what is predicted, the share that starts in time becomes what was said.
TEST(Calibration, PredictionsComeTrueAsOftenAsTheySay) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> wait(11, 1);
  for (const double quantile : kQuantiles) {
    for (const double bias : {0.2, 1.0, 6.0}) {
      Calibration calibration(quantile);
      const auto guess = static_cast<std::uint64_t>(bias * std::exp(11));
      for (int i = 0; i < 4'000; ++i) {
        calibration.learn(calibration.corrected(guess), static_cast<std::uint64_t>(wait(random)));
      }
      EXPECT_NEAR(static_cast<double>(calibration.kept()) / static_cast<double>(calibration.judged()), quantile, 0.03)
          << "bias " << bias;
    }
  }
}

TEST(Calibration, TellsTheMedianErrorOfTheNewest) {
  Calibration calibration(0.5);
  EXPECT_FALSE(calibration.median_error_ppm());
  calibration.learn(15'000, 10'000);
  EXPECT_EQ(calibration.median_error_ppm(), 500'000U);
  for (int i = 0; i < 256; ++i) calibration.learn(8'000, 10'000);
  EXPECT_EQ(calibration.median_error_ppm(), 200'000U);
}

}  // namespace
}  // namespace starminer::api
