// Gifts of a development network: signs transfers from one account, limited per receiving address and per peer.
// Thread-safe; nothing blocks.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "api/http/rate_limiter.h"
#include "api/parts.h"
#include "base/ids.h"
#include "engine/engine.h"

namespace starminer::api {

class Faucet {
 public:
  Faucet(engine::Engine& engine, FaucetOptions options);

  /// Seconds to wait, 0 where the gift is granted and used up.
  [[nodiscard]] int admit(const AccountId& to, const std::string& peer);
  /// Transfers the amount; `answer` comes from a thread of the engine or from this one.
  void give(const AccountId& to, engine::Answer answer);
  [[nodiscard]] Agpu amount() const { return options_.amount; }

 private:
  engine::Engine& engine_;
  FaucetOptions options_;
  http::RateLimiter per_address_;
  http::RateLimiter per_peer_;
  std::mutex mutex_;
  // Gifts on their way use sequences that the state does not show yet.
  std::uint64_t next_sequence_ = 0;
  std::atomic<std::uint64_t> on_their_way_{0};
};

}  // namespace starminer::api
