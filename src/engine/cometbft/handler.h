// What answers the requests of the ABCI socket. The server knows nothing of the chain, and the chain nothing of
// sockets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "starminer/abci/abci.pb.h"

namespace starminer::engine::cometbft {

/// Requests of one lane are answered one after the other, those of different lanes at the same time. CometBFT sends
/// each lane over a connection of its own; nothing on the wire says so, so a request's lane follows from its type.
enum class Lane : std::uint8_t { Consensus = 0, Mempool = 1, Query = 2, Snapshot = 3 };
inline constexpr std::size_t kLaneCount = 4;

class Handler {
 public:
  virtual ~Handler() = default;

  /// Answers a request of any lane but the mempool's, on the thread of its lane. The error is a sentence for the
  /// operator of the node, which ends with it: there are no errors of single calls in ABCI.
  [[nodiscard]] virtual Result<abci::Response, std::string> answer(const abci::Request& request) = 0;

  /// Answers CheckTx requests in their order, on the mempool's thread: all that came since the last call, so that their
  /// signatures can be checked side by side. Requires of it: one answer for each.
  [[nodiscard]] virtual std::vector<abci::ResponseCheckTx> check(
      const std::vector<const abci::RequestCheckTx*>& requests) = 0;
};

}  // namespace starminer::engine::cometbft
