// The side of a node that faces its CometBFT: the engine behind the socket of ABCI, and the RPC that transactions go
// to.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "engine/cometbft/engine.h"
#include "engine/cometbft/server.h"
#include "node/settings.h"
#include "protocol/machine.h"
#include "storage/chain_store.h"

namespace starminer::node {

/// The error is a sentence for the operator.
[[nodiscard]] Result<std::unique_ptr<engine::cometbft::Engine>, std::string> open_network_engine(
    std::unique_ptr<storage::ChainStore> store, const protocol::Genesis& genesis, const Settings& settings,
    const std::string& version);
/// Listens where CometBFT expects the chain. The error is a sentence.
[[nodiscard]] Result<std::unique_ptr<engine::cometbft::Server>, std::string> serve_abci(
    engine::cometbft::Engine& engine, const Settings& settings);

}  // namespace starminer::node
