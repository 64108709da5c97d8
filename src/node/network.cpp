// starminerd run with the engine cometbft: the chain behind the socket of ABCI. Blocks, transactions and peers are
// CometBFT's; this process holds the market.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "client/genesis_file.h"
#include "client/vrf_key_file.h"
#include "engine/cometbft/engine.h"
#include "engine/cometbft/server.h"
#include "node/commands.h"
#include "node/process.h"
#include "storage/snapshot.h"

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

Result<std::unique_ptr<cometbft::Engine>, std::string> open_engine(const Settings& settings,
                                                                   const std::string& version) {
  const DataFolder folder{settings.data_folder};
  const auto genesis = client::load_genesis(folder.genesis());
  if (!genesis) return fail(genesis.error());
  if (const auto restoring = storage::restoring_folder(folder.chain()); std::filesystem::exists(restoring)) {
    return fail(
        fmt::format("{} stands: a snapshot is being restored, or that broke off. Restore it again, or remove the "
                    "folder where there is nothing to restore",
                    restoring.string()));
  }
  auto store = storage::ChainStore::open(folder.chain());
  if (!store) return fail(store.error().text);
  const storage::Recovery recovery = (*store)->recovery();
  if (recovery.blocks > 0) spdlog::info("{} blocks came from the log", recovery.blocks);
  if (!recovery.dropped.empty()) spdlog::warn("{}", recovery.dropped);
  const auto proposer = find_proposer(folder, *genesis);
  if (!proposer) return fail(proposer.error());
  cometbft::EngineOptions options;
  options.version = version;
  options.verifier.threads = settings.verify_threads;
  options.pending_per_account_max = settings.queue_max_per_account;
  return cometbft::Engine::open(std::move(*store), *genesis, *proposer, options);
}

}  // namespace

ExitCode serve_validator(const config::Invocation& call, const Settings& settings, const std::string& version) {
  start_logging(settings.log_level);
  const StopSignals signals;
  auto engine = open_engine(settings, version);
  if (!engine) return call.fail(ExitCode::Failure, {"the node cannot start", "", engine.error(), {}});
  std::string failure;
  (*engine)->on_failure([&failure](const std::string& text) {
    failure = text;
    ::kill(::getpid(), SIGTERM);
  });
  cometbft::ServerOptions options;
  options.address = settings.abci_listen.empty()
                        ? "unix://" + std::filesystem::absolute(settings.data_folder / "abci.sock").string()
                        : settings.abci_listen;
  cometbft::Server server(options, **engine);
  if (const auto started = server.start(); !started) {
    return call.fail(ExitCode::Failure, {"the node cannot serve",
                                         "",
                                         started.error(),
                                         {"name another address: --abci-listen unix:///run/starminer/abci.sock"}});
  }
  (*engine)->read([](const protocol::Machine& machine) {
    spdlog::info("chain {} (preset {}) at height {}, app hash {}", machine.chain().chain_id,
                 preset_name(machine.chain().preset), machine.chain().height, machine.app_hash().hex());
  });
  spdlog::info("ABCI at {}", server.address());
  signals.wait();
  server.stop();
  if (failure.empty()) {
    spdlog::info("stopped");
    return ExitCode::Ok;
  }
  return call.fail(ExitCode::Failure,
                   {"the disk failed",
                    "",
                    failure,
                    {"nothing that was decided is lost; free or repair the disk and start both processes again"}});
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
