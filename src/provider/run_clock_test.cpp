#include "provider/run_clock.h"

#include <gtest/gtest.h>

namespace starminer::provider {
namespace {

TEST(RunClock, SaysNothingBeforeTheStartAndAfterTheEnd) {
  RunClock clock;
  EXPECT_EQ(clock.state(5'000), std::nullopt);
  clock.start(1'000, 0);
  EXPECT_EQ(clock.state(5'000), 4'000U);
  clock.stop();
  EXPECT_EQ(clock.state(6'000), std::nullopt);
}

// The supervisor may measure less than the agent had reported a moment before: the chain refuses a smaller number.
TEST(RunClock, TheEndNeverStatesLessThanAReport) {
  RunClock clock;
  clock.start(1'000, 0);
  EXPECT_EQ(clock.state(1'025), 25U);
  EXPECT_EQ(clock.freeze(20), 25U);
  EXPECT_EQ(clock.freeze(40), 40U);
}

// A result may take long to upload: the provider is not silent meanwhile, and the job's time stands still.
TEST(RunClock, GoesOnReportingTheSameTimeDuringDelivery) {
  RunClock clock;
  clock.start(1'000, 0);
  EXPECT_EQ(clock.freeze(700), 700U);
  EXPECT_EQ(clock.state(900'000), 700U);
}

TEST(RunClock, AnAdoptedJobStartsAtWhatTheChainHasHeard) {
  RunClock clock;
  clock.start(10'000, 60'000);
  EXPECT_EQ(clock.state(11'000), 60'000U);
  EXPECT_EQ(clock.freeze(1'500), 60'000U);
}

TEST(RunClock, AWallClockThatJumpsBackDoesNotMoveIt) {
  RunClock clock;
  clock.start(100'000, 0);
  EXPECT_EQ(clock.state(130'000), 30'000U);
  EXPECT_EQ(clock.state(90'000), 30'000U);
}

}  // namespace
}  // namespace starminer::provider
