// starminerd run: opens the chain, serves the API, and stops in order.
#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include "api/http/server.h"
#include "api/service.h"
#include "artifacts/store.h"
#include "client/genesis_file.h"
#include "client/key_file.h"
#include "client/vrf_key_file.h"
#include "engine/solo/engine.h"
#include "node/commands.h"
#include "node/network.h"
#include "node/process.h"
#include "storage/snapshot.h"

namespace starminer::node {
namespace {

using config::ExitCode;
using engine::Engine;

constexpr double kBurstSeconds = 2.0;
constexpr std::uint32_t kFaucetRate = 5;
constexpr std::uint32_t kStreamRate = 20;

api::http::Rate rate(std::uint32_t per_second) {
  return {static_cast<double>(per_second), static_cast<double>(per_second) * kBurstSeconds};
}

api::http::ServerOptions server_options(const Settings& settings) {
  api::http::ServerOptions options;
  options.address = settings.listen.host;
  options.port = settings.listen.port;
  options.io_threads =
      settings.io_threads > 0 ? settings.io_threads : std::max(1U, std::thread::hardware_concurrency());
  options.worker_threads = std::max(1U, settings.worker_threads);
  options.connections_max = settings.connections_max;
  options.connections_per_address_max = settings.connections_per_address_max;
  options.event_streams_max = settings.event_streams_max;
  options.rates["default"] = {rate(settings.read_rate), {}};
  options.rates["read"] = {rate(settings.read_rate), {}};
  options.rates["quotes"] = {rate(settings.quote_rate), {}};
  options.rates["transactions"] = {rate(settings.transaction_rate), {}};
  // Several keys may work behind one address; the address pays for signatures that do not verify.
  options.rates["signed"] = {rate(settings.signed_rate * 4), rate(settings.signed_rate)};
  options.rates["artifacts"] = {rate(settings.artifact_rate), {}};
  options.rates["faucet"] = {rate(kFaucetRate), {}};
  options.rates["streams"] = {rate(kStreamRate), {}};
  return options;
}

engine::solo::EngineOptions engine_options(const Settings& settings) {
  engine::solo::EngineOptions options;
  options.verify_threads = settings.verify_threads;
  options.queue.items_max = settings.queue_max;
  options.queue.items_per_account_max = settings.queue_max_per_account;
  options.unverified_max = settings.queue_max;
  options.block_transactions = settings.block_transactions;
  return options;
}

artifacts::StoreLimits store_limits(const Settings& settings) {
  artifacts::StoreLimits limits;
  limits.artifact_bytes_max = settings.artifact_max.bytes;
  limits.total_bytes_max = settings.artifacts_total.bytes;
  limits.disk_reserve_bytes = settings.disk_reserve.bytes;
  limits.partial_ttl = std::chrono::duration_cast<std::chrono::seconds>(settings.upload_ttl);
  return limits;
}

/// A host to connect to where the API listens on all addresses.
std::string reachable_host(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

std::uint64_t milliseconds(std::chrono::milliseconds duration) { return static_cast<std::uint64_t>(duration.count()); }

Result<api::ServiceOptions, std::string> service_options(const Settings& settings, const DataFolder& folder,
                                                         const protocol::Genesis& genesis, const std::string& version) {
  api::ServiceOptions options;
  options.version = version;
  options.genesis = client::format_genesis(genesis);
  options.checkpoint_folder = folder.checkpoint();
  options.relay_folder = folder.relay();
  options.log_bytes_max = settings.log_stream_max.bytes;
  options.relay_bytes_max = settings.logs_total.bytes;
  options.logs_kept_ms = milliseconds(settings.logs_kept);
  options.results_kept_ms = milliseconds(settings.results_kept);
  options.artifact_bytes_max = settings.artifact_max.bytes;
  options.account_bytes_max = settings.artifacts_per_account.bytes;
  if (std::filesystem::exists(folder.operator_key())) {
    auto key = client::load_key_file(folder.operator_key(), std::nullopt);
    if (!key) return fail(key.error());
    const auto& operators = genesis.operators;
    options.watches_beats = std::find(operators.begin(), operators.end(), key->account()) != operators.end();
    options.operator_key = std::move(*key);
  }
  if (settings.faucet_enabled && std::filesystem::exists(folder.faucet_key())) {
    auto key = client::load_key_file(folder.faucet_key(), std::nullopt);
    if (!key) return fail(key.error());
    options.faucet = api::FaucetOptions{std::move(*key), settings.faucet_amount,
                                        milliseconds(settings.faucet_interval) / 1000, settings.faucet_per_peer_hour};
  }
  return options;
}

/// Whether validators are to order this chain: the genesis names them by their consensus keys, and the only proposer of
/// another chain by its operator.
bool is_network(const protocol::Genesis& genesis) {
  const auto& operators = genesis.operators;
  return genesis.proposers.size() > 1 ||
         std::find(operators.begin(), operators.end(), genesis.proposers.front().account) == operators.end();
}

/// Who makes the blocks of this folder: the proposer that the genesis names with the folder's VRF key.
Result<protocol::Proposer, std::string> proposer_of(const DataFolder& folder, const protocol::Genesis& genesis) {
  if (is_network(genesis)) {
    // Blocks that it made alone would be another chain of the same name, with which the network's clients are deceived.
    return fail("validators order this chain: start this node with --engine-kind cometbft");
  }
  const auto key = client::load_vrf_key_file(folder.vrf_key());
  if (!key) return fail(key.error());
  for (const protocol::GenesisProposer& proposer : genesis.proposers) {
    if (proposer.vrf_key == key->public_key()) return protocol::Proposer(proposer.account, *key);
  }
  return fail(fmt::format("the genesis names no proposer with the VRF key of {}; restore the key of this chain",
                          folder.vrf_key().string()));
}

/// The chain's store, where no restore is under way.
Result<std::unique_ptr<storage::ChainStore>, std::string> open_store(const DataFolder& folder) {
  if (const auto restoring = storage::restoring_folder(folder.chain()); std::filesystem::exists(restoring)) {
    return fail(
        fmt::format("{} stands: a snapshot is being restored, or that broke off. Restore it again, or remove "
                    "the folder where there is nothing to restore",
                    restoring.string()));
  }
  auto chain = storage::ChainStore::open(folder.chain());
  if (!chain) return fail(chain.error().text);
  const storage::Recovery recovery = (*chain)->recovery();
  if (recovery.blocks > 0) spdlog::info("{} blocks came from the log", recovery.blocks);
  if (!recovery.dropped.empty()) spdlog::warn("{}", recovery.dropped);
  return std::move(*chain);
}

/// Everything that runs, in the order in which it is made; the order of its end is in `stop`.
class Node {
 public:
  Result<void, std::string> open(const Settings& settings, const std::string& version) {
    folder_ = {settings.data_folder};
    const auto genesis = client::load_genesis(folder_.genesis());
    if (!genesis) return fail(genesis.error());
    auto chain = open_store(folder_);
    if (!chain) return fail(std::move(chain.error()));
    if (auto opened = open_engine(std::move(*chain), *genesis, settings, version); !opened) return opened;
    auto artifacts = artifacts::Store::open(folder_.artifacts(), store_limits(settings));
    if (!artifacts) {
      return fail(fmt::format("{}: {}", folder_.artifacts().string(), artifacts::describe(artifacts.error())));
    }
    artifacts_ = std::move(*artifacts);
    auto service_settings = service_options(settings, folder_, *genesis, version);
    if (!service_settings) return fail(service_settings.error());
    if (!service_settings->watches_beats) {
      spdlog::warn("this folder has no key of an operator: silent nodes are not reported by this node");
    }
    auto service = api::Service::make(*engine_, *artifacts_, metrics_, std::move(*service_settings));
    if (!service) return fail(service.error());
    service_ = std::move(*service);
    return {};
  }

  Result<void, std::string> start(const Settings& settings) {
    api::http::ServerOptions options = server_options(settings);
    options.metrics = &metrics_;
    options.rate_key = [this](const api::http::Request& request) { return service_->rate_key(request); };
    api::http::Router router;
    service_->add_routes(router);
    server_ = std::make_unique<api::http::Server>(std::move(options), std::move(router));
    engine_->on_failure([this](const std::string& text) {
      failure_ = text;
      ::kill(::getpid(), SIGTERM);
    });
    service_->start();
    engine_->start();
    if (auto started = server_->start(); !started) return started;
    service_->use_workers([this](std::function<void()> task) { return server_->try_post(std::move(task)); });
    url_ = fmt::format("http://{}", config::format_host_port({reachable_host(settings.listen.host), server_->port()}));
    if (!write_atomically(folder_.api_url(), url_ + "\n")) {
      return fail(fmt::format("{} cannot be written", folder_.api_url().string()));
    }
    if (network_ != nullptr) {
      auto abci = serve_abci(*network_, settings);
      if (!abci) return fail(std::move(abci.error()));
      abci_ = std::move(*abci);
      spdlog::info("transactions go to CometBFT at {}", settings.comet_rpc);
      spdlog::info("ABCI at {}", abci_->address());
    }
    return {};
  }

  void stop() {
    std::error_code ignored;
    if (!url_.empty()) std::filesystem::remove(folder_.api_url(), ignored);
    // Whoever waits for a block of the network is told now to ask elsewhere; blocks go on being made until the socket
    // is closed.
    if (network_ != nullptr) network_->stop();
    if (server_) server_->stop();
    if (service_) service_->stop();
    if (abci_) abci_->stop();
    if (engine_) engine_->stop();
  }

  [[nodiscard]] const std::string& url() const { return url_; }
  /// Why the disk made it end; empty where it did not.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] const Engine& engine() const { return *engine_; }

 private:
  Result<void, std::string> open_engine(std::unique_ptr<storage::ChainStore> chain, const protocol::Genesis& genesis,
                                        const Settings& settings, const std::string& version) {
    if (settings.engine == EngineKind::CometBft) {
      auto engine = open_network_engine(std::move(chain), genesis, settings, version);
      if (!engine) return fail(std::move(engine.error()));
      network_ = engine->get();
      engine_ = std::move(*engine);
      return {};
    }
    const auto proposer = proposer_of(folder_, genesis);
    if (!proposer) return fail(proposer.error());
    auto engine = engine::solo::Engine::open(std::move(chain), genesis, *proposer, engine_options(settings));
    if (!engine) return fail(std::move(engine.error()));
    engine_ = std::move(*engine);
    return {};
  }

  DataFolder folder_;
  prometheus::Registry metrics_;
  std::unique_ptr<Engine> engine_;
  engine::cometbft::Engine* network_ = nullptr;  // the same, where CometBFT orders
  std::unique_ptr<engine::cometbft::Server> abci_;
  std::unique_ptr<artifacts::Store> artifacts_;
  std::unique_ptr<api::Service> service_;
  std::unique_ptr<api::http::Server> server_;
  std::string url_;
  std::string failure_;
};

}  // namespace

ExitCode serve(const config::Invocation& call, const Settings& settings, const std::string& version) {
  const DataFolder folder{settings.data_folder};
  if (!std::filesystem::exists(folder.genesis())) {
    return call.fail(ExitCode::NotFound, {"there is no chain here",
                                          "",
                                          folder.genesis().string() + " does not exist",
                                          {"make one: starminerd init --data-dir " + folder.root.string()}});
  }
  start_logging(settings.log_level);
  const StopSignals signals;
  Node node;
  const auto opened = node.open(settings, version);
  if (!opened) return call.fail(ExitCode::Failure, {"the node cannot start", "", opened.error(), {}});
  if (const auto started = node.start(settings); !started) {
    node.stop();
    return call.fail(ExitCode::Failure, {"the node cannot serve", "", started.error(), {}});
  }
  node.engine().read([&](const protocol::Machine& machine) {
    spdlog::info("chain {} (preset {}) at height {}, app hash {}", machine.chain().chain_id,
                 preset_name(machine.chain().preset), machine.chain().height, machine.app_hash().hex());
  });
  spdlog::info("API at {}", node.url());
  signals.wait();
  node.stop();
  if (node.failure().empty()) {
    spdlog::info("stopped");
    return ExitCode::Ok;
  }
  return call.fail(ExitCode::Failure, {"the disk failed",
                                       "",
                                       node.failure(),
                                       {"nothing that was answered is lost; free or repair the disk and start again, "
                                        "CometBFT too where there is one"}});
}

}  // namespace starminer::node
