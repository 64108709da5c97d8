// What prices did over time, tick by tick, by tier and hardware class: their course, whether the envelopes held, and
// how often the published bands did. It only looks at the chain. Values; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sim/chain.h"

namespace starminer::sim {

struct PriceTick {
  std::uint64_t tick = 0;
  double price = 0;  // AGPU per GPU-hour
  double load = 0;   // 1: all that is online is busy or waited for
  // Band and price at the time of the tick, for a prediction of the longest horizon from now.
  double low = 0;
  double high = 0;
};

/// Of one (tier, class); without the ticks at which nothing of it was online.
struct PriceCourse {
  std::string name;  // "Standard A100"
  protocol::PriceKey key;
  std::vector<PriceTick> ticks;
  // By protocol::kBandTicks.
  std::array<std::uint64_t, protocol::kBandCount> matured{};
  std::array<std::uint64_t, protocol::kBandCount> inside{};
  std::array<double, protocol::kBandCount> half_width{};  // at the end, share of the price
  std::uint64_t envelopes = 0;                            // that were promised and whose tick came
  std::uint64_t envelopes_broken = 0;

  [[nodiscard]] double mean() const;
  [[nodiscard]] double least() const;
  [[nodiscard]] double most() const;
  /// Largest move in a tick, as a share of the price.
  [[nodiscard]] double largest_step() const;
  /// Standard deviation of the log-price.
  [[nodiscard]] double log_deviation() const;
  [[nodiscard]] double mean_load() const;
  /// Share of the matured bands that held; 0 of none.
  [[nodiscard]] double coverage(std::size_t horizon) const;
};

class PriceRecord {
 public:
  /// The chain must outlive the record.
  explicit PriceRecord(const Chain& chain) : chain_(chain) {}

  /// After a tick. Ticks are numbered from 1 on.
  void on_tick(std::uint64_t tick);
  /// In the order of tiers and classes; only what was online at some tick.
  [[nodiscard]] std::vector<PriceCourse> courses() const;

 private:
  struct Promise {
    std::uint64_t due = 0;
    protocol::Envelope envelope;
  };
  struct Kept {
    PriceCourse course;
    std::array<std::deque<Promise>, protocol::kBandCount> promises;
  };

  const Chain& chain_;
  std::map<protocol::PriceKey, Kept> kept_;
};

[[nodiscard]] double agpu_per_hour(Price price);

}  // namespace starminer::sim
