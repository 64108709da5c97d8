// The newest matches of the market, for whoever watches it: their contracts in the order of the matches. Fed by blocks;
// after a restart the contracts of the state tell it again. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>

#include <nlohmann/json_fwd.hpp>

#include "base/ids.h"
#include "storage/storage_error.h"

namespace starminer::engine {
class Engine;
}
namespace starminer::protocol {
struct BlockResult;
}

namespace starminer::api {

class RecentMatches {
 public:
  static constexpr std::size_t kKept = 200;

  explicit RecentMatches(const engine::Engine& engine) : engine_(engine) {}

  /// Takes the newest contracts that the state has. Once, before the blocks come.
  void start();
  /// Listener of the engine; cheap.
  void on_block(const protocol::BlockResult& block);
  /// {"matches": [...]}, newest first.
  [[nodiscard]] Result<nlohmann::json, storage::StorageError> render(std::size_t limit) const;

 private:
  const engine::Engine& engine_;
  mutable std::mutex mutex_;
  std::deque<ContractId> newest_;
};

}  // namespace starminer::api
