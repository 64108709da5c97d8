// How prices answer to a market (economics sections 2.2 and 12): the controller and the bands of the shipped code, tick
// by tick, against requesters who come by the price and jobs that hold what they got for hours. Only demand is made up.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/pricing/test_market.h"

namespace starminer::protocol {
namespace {

using namespace pricing_test;

constexpr std::uint64_t kTicksPerHour = 60;
constexpr double kTarget = 0.8;  // of Standard

struct Demand {
  std::uint64_t gpus = 2'000;
  double mean_runtime_ticks = 120;
  double elasticity = 1;
  double times = 1;  // of what keeps the anchor price at the target load
  double daily = 0;  // swing of a day
};

/// A pool of one tier. Jobs of 1 to 64 GPUs arrive as the price lets them and run for log-normal times, first come
/// first served with whatever fits behind; what waits counts up to a quarter of the pool.
class Pool {
 public:
  Pool(const Demand& demand, std::uint64_t seed) : demand_(demand), dice_(seed), online_(demand.gpus) {}

  void pass(std::uint64_t ticks) {
    for (std::uint64_t i = 0; i < ticks; ++i) pass_one();
  }
  void change(double times) { demand_.times = times; }
  /// Nodes leave with what runs on them; those jobs wait again, before all others.
  void lose(std::uint64_t gpus) {
    online_ -= gpus;
    while (busy_ > online_) {
      const auto it = running_.begin();
      waiting_.push_front({it->second, it->first - tick_, limit()});
      busy_ -= it->second;
      running_.erase(it);
    }
  }

  [[nodiscard]] double log_price() const {
    const PriceRow& row = market_.pricing.price_row(kStandard, market_.a100());
    return std::log(static_cast<double>(row.price.nagpu_per_gpu_hour) / 1e9);
  }
  [[nodiscard]] const std::vector<double>& log_prices() const { return log_prices_; }
  [[nodiscard]] double use() const { return static_cast<double>(busy_) / static_cast<double>(online_); }
  /// Of jobs that would pay the price of now; the others are parked.
  [[nodiscard]] std::uint64_t waiting_gpus() const {
    std::uint64_t sum = 0;
    for (const Job& job : waiting_) sum += job.log_limit >= log_price() ? job.gpus : 0;
    return sum;
  }
  [[nodiscard]] const BandRow& bands() const { return market_.pricing.bands().get({kStandard, market_.a100()}); }
  [[nodiscard]] bool sound() const { return market_.pricing.invariants_hold(); }

 private:
  struct Job {
    std::uint64_t gpus = 0;
    std::uint64_t ticks = 0;
    double log_limit = 0;
  };

  void pass_one() {
    ++tick_;
    for (auto it = running_.begin(); it != running_.end() && it->first <= tick_; it = running_.erase(it)) {
      busy_ -= it->second;
    }
    arrive();
    const double price = log_price();
    for (auto it = waiting_.begin(); it != waiting_.end() && busy_ < online_;) {
      if (it->gpus > online_ - busy_ || it->log_limit < price) {
        ++it;
        continue;
      }
      busy_ += it->gpus;
      running_.emplace(tick_ + std::max<std::uint64_t>(it->ticks, 1), it->gpus);
      it = waiting_.erase(it);
    }
    const std::uint64_t queued = std::min(waiting_gpus(), online_ / 4);
    // Economy has nothing to do, so that it holds no price up.
    const Loads loads = {{{kEconomy, market_.a100()}, {online_ * 1000, 0, 0}},
                         {{kStandard, market_.a100()}, {online_ * 1000, busy_ * 1000, queued * 1000}}};
    market_.pricing.on_tick(loads, tick_, kNow + DurationMs{tick_ * 60'000});
    log_prices_.push_back(log_price());
  }

  void arrive() {
    constexpr double kMeanGang = 4.44;
    const double day = 1 + demand_.daily * std::sin(static_cast<double>(tick_) * 2 * 3.14159265 / 1440);
    const double rate = demand_.times * day * kTarget * static_cast<double>(demand_.gpus) /
                        (kMeanGang * demand_.mean_runtime_ticks) * std::exp(-demand_.elasticity * log_price());
    constexpr double kSpread = 0.8;  // of the logarithm of run times
    std::lognormal_distribution<double> runtime(std::log(demand_.mean_runtime_ticks) - kSpread * kSpread / 2, kSpread);
    for (int left = std::poisson_distribution<int>(rate)(dice_); left > 0; --left) {
      const std::uint64_t gpus = std::min(gang(), online_ / 4);
      waiting_.push_back({gpus, static_cast<std::uint64_t>(runtime(dice_)), limit()});
    }
  }

  /// The max_price of a job that came at the price of now: demand that falls with the price by this elasticity.
  double limit() { return log_price() + std::exponential_distribution<double>(demand_.elasticity)(dice_); }

  /// Half of the jobs take one GPU, one in a hundred takes 64.
  std::uint64_t gang() {
    const std::uint64_t percent = dice_() % 100;
    std::uint64_t gpus = 1;
    for (const std::uint64_t smaller : {50U, 65U, 80U, 92U, 97U, 99U}) gpus *= percent >= smaller ? 2 : 1;
    return gpus;
  }

  Market market_;
  Demand demand_;
  std::mt19937_64 dice_;
  std::uint64_t tick_ = 0;
  std::uint64_t online_ = 0;
  std::uint64_t busy_ = 0;
  std::multimap<std::uint64_t, std::uint64_t> running_;  // end, GPUs
  std::deque<Job> waiting_;
  std::vector<double> log_prices_;
};

struct Response {
  double overshoot = 0;  // share of the log move, of the mean path
  std::uint64_t hours_to_85 = 0;
  double largest_step = 0;  // of any path, in a tick
  double end_use = 0;
  std::uint64_t waiting_gpus = 0;  // 12 hours after the change, of the worst path
};

constexpr std::uint64_t kWarmUp = 24 * kTicksPerHour;
constexpr std::uint64_t kAfter = 48 * kTicksPerHour;
constexpr std::uint64_t kDrained = 12 * kTicksPerHour;

template <class Change>
Response respond(const Demand& demand, double log_move, Change change) {
  constexpr std::size_t kPaths = 24;
  Response response;
  std::vector<double> mean(kWarmUp + kAfter, 0);
  for (std::size_t i = 0; i < kPaths; ++i) {
    Pool pool(demand, 1'000 + i);
    pool.pass(kWarmUp);
    change(pool);
    pool.pass(kDrained);
    response.waiting_gpus = std::max(response.waiting_gpus, pool.waiting_gpus());
    pool.pass(kAfter - kDrained);
    EXPECT_TRUE(pool.sound());
    response.end_use += pool.use() / kPaths;
    const auto& path = pool.log_prices();
    for (std::size_t t = 0; t < path.size(); ++t) {
      mean[t] += path[t] / kPaths;
      if (t > 0) response.largest_step = std::max(response.largest_step, std::abs(path[t] - path[t - 1]));
    }
  }
  const double start = mean[kWarmUp - 1];
  std::uint64_t reached = 0;
  for (std::size_t t = kWarmUp; t < mean.size(); ++t) {
    const double part = (mean[t] - start) / log_move;
    response.overshoot = std::max(response.overshoot, part - 1);
    if (reached == 0 && part >= 0.85) reached = t - kWarmUp;
  }
  response.hours_to_85 = reached == 0 ? 999 : (reached + kTicksPerHour - 1) / kTicksPerHour;
  std::printf("  overshoot %.0f %% of the move, 85 %% of it within %d h, largest step %.2f %%, use at the end %.3f\n",
              100 * response.overshoot, static_cast<int>(response.hours_to_85),
              100 * (std::exp(response.largest_step) - 1), response.end_use);
  return response;
}

// REQ: MTP-3 (economics section 12: overshoot of the mean path at most 25 %, 85 % of the move within 10 h, 3 % a tick)
TEST(PriceResponse, DemandDoubles) {
  for (const double runtime_ticks : {20.0, 120.0, 480.0}) {
    const Response response = respond({2'000, runtime_ticks, 1, 1, 0}, std::log(2), [](Pool& pool) { pool.change(2); });
    EXPECT_LE(response.overshoot, 0.25) << runtime_ticks;
    EXPECT_LE(response.hours_to_85, 10U) << runtime_ticks;
    EXPECT_LE(response.largest_step, std::log(1.03) + 1e-6);
    EXPECT_NEAR(response.end_use, kTarget, 0.04);
  }
}

TEST(PriceResponse, DemandTimesFiveAndHalved) {
  const Response five = respond({2'000, 120, 1, 1, 0}, std::log(5), [](Pool& pool) { pool.change(5); });
  EXPECT_LE(five.overshoot, 0.25);
  EXPECT_LE(five.hours_to_85, 10U);
  const Response half = respond({2'000, 120, 1, 1, 0}, -std::log(2), [](Pool& pool) { pool.change(0.5); });
  EXPECT_LE(half.overshoot, 0.25);
  EXPECT_LE(half.hours_to_85, 10U);
}

TEST(PriceResponse, SupplyHalvesAndTheQueueDrains) {
  const Response response = respond({2'000, 120, 1, 1, 0}, std::log(2), [](Pool& pool) { pool.lose(1'000); });
  EXPECT_LE(response.overshoot, 0.40);
  EXPECT_LE(response.largest_step, std::log(1.03) + 1e-6);
  EXPECT_LE(response.waiting_gpus, 100U) << "drained within 12 h but for what just came";
}

TEST(PriceResponse, ASmallPoolStaysCalm) {
  Pool pool({200, 120, 1, 1, 0}, 7);
  pool.pass(kWarmUp);
  const std::size_t from = pool.log_prices().size();
  pool.pass(20 * 24 * kTicksPerHour);
  const auto& path = pool.log_prices();
  double sum = 0;
  double squares = 0;
  for (std::size_t t = from; t < path.size(); ++t) {
    sum += path[t];
    squares += path[t] * path[t];
  }
  const auto count = static_cast<double>(path.size() - from);
  const double deviation = std::sqrt(squares / count - sum / count * sum / count);
  std::printf("  200 GPUs: standard deviation of the log-price %.3f\n", deviation);
  EXPECT_LE(deviation, 0.25);
}

// REQ: MTP-7
// F3: over 20,000 ticks nine in ten prices lie in the bands published 5, 15 and 60 ticks before, whatever happens
// inside.
TEST(PriceResponse, BandsCoverWhatTheyPromise) {
  for (const Demand& demand :
       {Demand{2'000, 120, 1, 1, 0}, Demand{2'000, 120, 1, 1, 0.5}, Demand{200, 120, 1, 1, 0.3}}) {
    Pool pool(demand, 42);
    pool.pass(8'000);
    pool.change(2);
    pool.pass(6'000);
    pool.lose(demand.gpus / 2);
    pool.pass(6'200);
    const BandRow& bands = pool.bands();
    for (std::size_t i = 0; i < kBandCount; ++i) {
      ASSERT_GE(bands.matured[i], 20'000U);
      const double coverage = static_cast<double>(bands.inside[i]) / static_cast<double>(bands.matured[i]);
      std::printf("  %d GPUs, daily swing %.1f: %u ticks ahead %.3f covered, half width %.1f %%\n",
                  static_cast<int>(demand.gpus), demand.daily, kBandTicks[i], coverage,
                  100 * (std::exp(static_cast<double>(bands.half_width[i]) / 4294967296.0) - 1));
      EXPECT_NEAR(coverage, 0.90, 0.04) << kBandTicks[i];
    }
    EXPECT_TRUE(pool.sound());
  }
}

}  // namespace
}  // namespace starminer::protocol
