// CometBFT's RPC (JSON over HTTP), as far as a node needs it of the CometBFT on its own machine: handing transactions
// over and asking how it is. What it answers is read strictly and never trusted to be whole. Blocking calls with a
// deadline; one call at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::api::http {
class HttpClient;
}

namespace starminer::engine::cometbft {

/// What became of a transaction that was handed over.
enum class Fate : std::uint8_t {
  Taken,    // it waits in the mempool
  Known,    // the same bytes were handed over before: they wait, or stand in a block
  Refused,  // CheckTx said no: `code` and `codespace` say why
  Full,     // the mempool has no room
  Failed,   // another error of CometBFT
};

struct Handover {
  Fate fate = Fate::Failed;
  std::uint32_t code = 0;
  std::string codespace{};
  std::string detail{};  // of a refusal, or CometBFT's words
};

/// As CometBFT says of itself.
struct CometStatus {
  std::string network;  // chain id
  std::string version;
  std::uint64_t height = 0;
  bool catching_up = false;
  std::uint64_t voting_power = 0;  // 0: a follower
};

/// A sentence: no answer, or one that cannot be read.
using RpcFault = std::string;

/// Most transactions of one request, and most bytes of them: below the limits of CometBFT's RPC (a body of 1 MB) when
/// they are written as base64.
inline constexpr std::size_t kHandoverMax = 10;
inline constexpr std::size_t kHandoverBytesMax = 600'000;

// Pure functions on the bytes of CometBFT.
[[nodiscard]] std::string format_handover(std::span<const ByteView> transactions);
/// Of as many transactions, in their order. Fails where the answer has not one for each.
[[nodiscard]] Result<std::vector<Handover>, RpcFault> parse_handover(std::string_view answer, std::size_t count);
[[nodiscard]] Result<CometStatus, RpcFault> parse_status(std::string_view answer);
/// "tcp://host:port", as CometBFT writes it, or "http://host:port", as an address for HTTP; empty where it is neither.
[[nodiscard]] std::string rpc_url(std::string_view address);

class CometRpc {
 public:
  /// `url` of rpc_url.
  CometRpc(const std::string& url, std::chrono::milliseconds timeout);
  ~CometRpc();
  CometRpc(const CometRpc&) = delete;
  CometRpc& operator=(const CometRpc&) = delete;

  /// Hands up to kHandoverMax over, in order. After a fault any of them may have been taken.
  [[nodiscard]] Result<std::vector<Handover>, RpcFault> hand_over(std::span<const ByteView> transactions);
  [[nodiscard]] Result<CometStatus, RpcFault> status();

 private:
  [[nodiscard]] Result<std::string, RpcFault> post(const std::string& body);

  std::unique_ptr<api::http::HttpClient> http_;
};

}  // namespace starminer::engine::cometbft
