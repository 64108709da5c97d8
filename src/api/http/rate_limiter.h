// Token buckets by key: each key gains `per_second` tokens up to `burst`, a request takes some. Memory is bounded: the
// table holds at most `keys_max` keys, and the key that has rested longest makes room for a new one.
// Thread-safe; keys are spread over locked shards.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace starminer::api::http {

/// per_second 0 = unlimited.
struct Rate {
  double per_second = 0;
  double burst = 0;
};

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RateLimiter(Rate rate, std::size_t keys_max = 65'536);
  ~RateLimiter();
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  /// Takes `cost` tokens: 0 when granted, else the whole seconds until enough tokens are there (at least 1) and
  /// nothing is taken. A cost above the burst is charged as the burst.
  [[nodiscard]] int take(std::string_view key, double cost = 1.0, Clock::time_point now = Clock::now());
  [[nodiscard]] std::size_t key_count() const;

 private:
  struct Shard;
  static constexpr std::size_t kShards = 16;

  Rate rate_{};
  std::size_t keys_per_shard_max_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace starminer::api::http
