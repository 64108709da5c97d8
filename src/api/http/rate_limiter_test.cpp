#include "api/http/rate_limiter.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace starminer::api::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const RateLimiter::Clock::time_point kStart{};

TEST(RateLimiter, GrantsTheBurstThenTheRate) {
  RateLimiter limiter({10, 5});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(limiter.take("a", 1, kStart), 0);
  EXPECT_EQ(limiter.take("a", 1, kStart), 1);
  EXPECT_EQ(limiter.take("b", 1, kStart), 0) << "keys do not share";
  EXPECT_EQ(limiter.take("a", 1, kStart + milliseconds(100)), 0);
  EXPECT_EQ(limiter.take("a", 1, kStart + milliseconds(100)), 1);
}

TEST(RateLimiter, TellsHowLongToWait) {
  RateLimiter limiter({0.5, 1});
  EXPECT_EQ(limiter.take("a", 1, kStart), 0);
  EXPECT_EQ(limiter.take("a", 1, kStart), 2);
  EXPECT_EQ(limiter.take("a", 1, kStart + seconds(1)), 1);
  EXPECT_EQ(limiter.take("a", 1, kStart + seconds(2)), 0);
}

TEST(RateLimiter, ZeroIsUnlimited) {
  RateLimiter limiter({});
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(limiter.take("a", 1, kStart), 0);
  EXPECT_EQ(limiter.key_count(), 0U);
}

TEST(RateLimiter, ACostAboveTheBurstTakesTheWholeBurst) {
  RateLimiter limiter({1, 10});
  EXPECT_EQ(limiter.take("a", 256, kStart), 0);
  EXPECT_EQ(limiter.take("a", 1, kStart), 1);
}

// F6: ten thousand addresses do not grow the table beyond its bound, and an honest key in use keeps its place.
TEST(RateLimiter, ManyKeysStayWithinTheBound) {
  RateLimiter limiter({1, 1}, 1'024);
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(limiter.take("attacker-" + std::to_string(i), 1, kStart), 0);
    if (i % 100 == 0) (void)limiter.take("honest", 1, kStart + seconds(i));
  }
  EXPECT_LE(limiter.key_count(), 1'024U);
}

TEST(RateLimiter, NeverGrantsMoreThanBurstPlusRate) {
  EXPECT_TRUE(rc::check([] {
    const auto per_second = *rc::gen::inRange(1, 50);
    const auto burst = *rc::gen::inRange(1, 50);
    RateLimiter limiter({static_cast<double>(per_second), static_cast<double>(burst)});
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 200));
    auto now = kStart;
    long granted = 0;
    for (const int step : steps) {
      now += milliseconds(step);
      if (limiter.take("k", 1, now) == 0) ++granted;
    }
    const double elapsed = std::chrono::duration<double>(now - kStart).count();
    RC_ASSERT(static_cast<double>(granted) <= burst + per_second * elapsed + 1e-6);
  }));
}

}  // namespace
}  // namespace starminer::api::http
