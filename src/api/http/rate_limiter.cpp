#include "api/http/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>

namespace starminer::api::http {

// Buckets are kept in the order of their last use, so that the oldest is found without a search.
struct RateLimiter::Shard {
  struct Bucket {
    std::string key;
    double tokens = 0;
    Clock::time_point updated;
  };
  std::mutex mutex;
  std::list<Bucket> buckets;
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> index;
};

RateLimiter::RateLimiter(Rate rate, std::size_t keys_max)
    : rate_{rate.per_second, std::max(rate.burst, 1.0)},
      keys_per_shard_max_(std::max<std::size_t>(1, keys_max / kShards)),
      shards_(std::make_unique<Shard[]>(kShards)) {}

RateLimiter::~RateLimiter() = default;

int RateLimiter::take(std::string_view key, double cost, Clock::time_point now) {
  if (rate_.per_second <= 0) return 0;
  Shard& shard = shards_[std::hash<std::string_view>{}(key) % kShards];
  const std::lock_guard lock(shard.mutex);
  auto found = shard.index.find(key);
  if (found == shard.index.end()) {
    if (shard.buckets.size() >= keys_per_shard_max_) {
      shard.index.erase(shard.buckets.back().key);
      shard.buckets.pop_back();
    }
    shard.buckets.push_front({std::string(key), rate_.burst, now});
    found = shard.index.emplace(shard.buckets.front().key, shard.buckets.begin()).first;
  } else {
    shard.buckets.splice(shard.buckets.begin(), shard.buckets, found->second);
  }
  Shard::Bucket& bucket = *found->second;
  if (now > bucket.updated) {
    const double elapsed = std::chrono::duration<double>(now - bucket.updated).count();
    bucket.tokens = std::min(rate_.burst, bucket.tokens + elapsed * rate_.per_second);
    bucket.updated = now;
  }
  const double charge = std::min(cost, rate_.burst);
  if (bucket.tokens >= charge) {
    bucket.tokens -= charge;
    return 0;
  }
  const double wait = std::ceil((charge - bucket.tokens) / rate_.per_second);
  return static_cast<int>(std::clamp(wait, 1.0, 3'600.0));
}

std::size_t RateLimiter::key_count() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < kShards; ++i) {
    const std::lock_guard lock(shards_[i].mutex);
    count += shards_[i].buckets.size();
  }
  return count;
}

}  // namespace starminer::api::http
