#include "node/network.h"

#include <filesystem>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "client/vrf_key_file.h"
#include "node/commands.h"

namespace starminer::node {
namespace {

using config::ExitCode;
namespace cometbft = engine::cometbft;

/// This node as a proposer; nothing where it has no VRF key, or one that the genesis does not name: then it follows.
Result<std::optional<protocol::Proposer>, std::string> find_proposer(const DataFolder& folder,
                                                                     const protocol::Genesis& genesis) {
  std::error_code error;
  if (!std::filesystem::exists(folder.vrf_key(), error)) {
    spdlog::warn("{} does not exist: this node proposes no blocks", folder.vrf_key().string());
    return std::optional<protocol::Proposer>();
  }
  const auto key = client::load_vrf_key_file(folder.vrf_key());
  if (!key) return fail(key.error());
  for (const protocol::GenesisProposer& proposer : genesis.proposers) {
    if (proposer.vrf_key != key->public_key()) continue;
    spdlog::info("this node proposes the blocks of validator {}", to_hex(proposer.account.view()));
    return std::optional(protocol::Proposer(proposer.account, *key));
  }
  spdlog::warn("the genesis names no validator with the VRF key of {}: this node proposes no blocks",
               folder.vrf_key().string());
  return std::optional<protocol::Proposer>();
}

}  // namespace

Result<std::unique_ptr<cometbft::Engine>, std::string> open_network_engine(std::unique_ptr<storage::ChainStore> store,
                                                                           const protocol::Genesis& genesis,
                                                                           const Settings& settings,
                                                                           const std::string& version) {
  const auto proposer = find_proposer(DataFolder{settings.data_folder}, genesis);
  if (!proposer) return fail(proposer.error());
  cometbft::EngineOptions options;
  options.version = version;
  options.verifier.threads = settings.verify_threads;
  options.pending_per_account_max = settings.queue_max_per_account;
  options.submissions.items_max = settings.queue_max;
  options.submissions.rpc = cometbft::rpc_url(settings.comet_rpc);
  if (options.submissions.rpc.empty()) {
    return fail(fmt::format("cometbft.rpc is {}: expected tcp://HOST:PORT, as rpc.laddr in CometBFT's config.toml",
                            settings.comet_rpc));
  }
  return cometbft::Engine::open(std::move(store), genesis, *proposer, options);
}

Result<std::unique_ptr<cometbft::Server>, std::string> serve_abci(cometbft::Engine& engine, const Settings& settings) {
  cometbft::ServerOptions options;
  options.address = settings.abci_listen.empty()
                        ? "unix://" + std::filesystem::absolute(settings.data_folder / "abci.sock").string()
                        : settings.abci_listen;
  auto server = std::make_unique<cometbft::Server>(options, engine);
  if (const auto started = server->start(); !started) {
    return fail(
        fmt::format("{}. Name another address: --abci-listen unix:///run/starminer/abci.sock", started.error()));
  }
  return server;
}

ExitCode show_vrf_key(const config::Invocation& call, const Settings& settings) {
  const DataFolder folder{settings.data_folder};
  std::error_code error;
  const bool exists = std::filesystem::exists(folder.vrf_key(), error);
  if (!exists) std::filesystem::create_directories(folder.root, error);
  const auto key = exists ? client::load_vrf_key_file(folder.vrf_key()) : client::create_vrf_key_file(folder.vrf_key());
  if (!key) return call.fail(ExitCode::Failure, {"no VRF key", "", key.error(), {}});
  const std::string text = to_hex(key->public_key().view());
  if (call.json) {
    call.out.line(fmt::format(R"({{"vrf_key":"{}","made":{}}})", text, !exists));
  } else {
    call.out.line(text);
  }
  return ExitCode::Ok;
}

}  // namespace starminer::node
