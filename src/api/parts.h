// What the routes are made of: references to the parts of a running node, handed to each group of routes. The parts
// outlive the server. `reply.h` has the small functions that all routes share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/router.h"
#include "base/amount.h"
#include "base/signature.h"

namespace prometheus {
class Registry;
}
namespace starminer::artifacts {
class Store;
}
namespace starminer::engine {
class Engine;
}

namespace starminer::api {

class ArtifactAccess;
class Authorizer;
class BeatArchive;
class Faucet;
class Predictions;
class Relay;
class RecentMatches;
class Streams;
class Views;

struct FaucetOptions {
  SigningKey key;
  Agpu amount;
  /// An address gets one gift in this time.
  std::uint64_t interval_s = 60;
  /// Gifts per hour that one peer may ask for.
  std::uint64_t per_peer_hour = 120;
};

struct ServiceOptions {
  std::string version;
  /// The genesis as JSON, for whoever replays the chain; empty: not served.
  std::string genesis{};
  /// Where POST /v1/checkpoints puts a copy of the chain; empty: refused.
  std::filesystem::path checkpoint_folder{};
  /// Signs quotes and reports of telemetry.
  std::optional<SigningKey> operator_key;
  /// The account of that key is an operator of the network, so this node reports silent nodes.
  bool watches_beats = false;
  std::optional<FaucetOptions> faucet;
  /// Folder of the relay's files.
  std::filesystem::path relay_folder;
  /// Folder of the raw beats that an operator keeps; empty: beside the relay's.
  std::filesystem::path beats_folder{};
  std::uint64_t beats_epochs_kept = 168;
  std::uint64_t log_bytes_max = 16ULL << 20U;         // of one stream of one contract
  std::uint64_t relay_bytes_max = 4ULL << 30U;        // of all logs
  std::uint64_t logs_kept_ms = 7ULL * 86'400'000;     // after the contract ended
  std::uint64_t results_kept_ms = 7ULL * 86'400'000;  // artifacts of a job after it ended
  std::uint64_t upkeep_every_ms = 60'000;
  std::uint64_t artifact_bytes_max = 64ULL << 30U;
  std::uint64_t account_bytes_max = 256ULL << 30U;  // artifacts of one account
};

struct Parts {
  engine::Engine& engine;
  artifacts::Store& artifacts;
  Authorizer& authorizer;
  Relay& relay;
  Streams& streams;
  Views& views;
  RecentMatches& matches;
  Predictions& predictions;
  ArtifactAccess& access;
  Faucet* faucet;      // null where the network has none
  BeatArchive* beats;  // null where this node is no operator of the network
  prometheus::Registry& metrics;
  const ServiceOptions& options;
  /// Runs work that is too long for the thread it arises on; runs it at once where the queue is full.
  std::function<void(std::function<void()>)> post;
};

void add_chain_routes(http::Router& router, const Parts& parts);
void add_history_routes(http::Router& router, const Parts& parts);
void add_checkpoint_routes(http::Router& router, const Parts& parts);
void add_transaction_routes(http::Router& router, const Parts& parts);
void add_node_routes(http::Router& router, const Parts& parts);
void add_market_routes(http::Router& router, const Parts& parts);
void add_contract_routes(http::Router& router, const Parts& parts);
void add_artifact_routes(http::Router& router, const Parts& parts);
void add_provider_routes(http::Router& router, const Parts& parts);
void add_telemetry_routes(http::Router& router, const Parts& parts);
void add_pool_routes(http::Router& router, const Parts& parts);
void add_stream_routes(http::Router& router, const Parts& parts);
/// /openapi.json. Requires: all other routes were added.
void add_document_route(http::Router& router, const Parts& parts);

}  // namespace starminer::api
