// A whole node inside the test: engine, artifacts, API and HTTP server over a temporary folder, reached by the real
// client over loopback. Accounts: the operator, two requesters, two providers, all funded at genesis.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <prometheus/registry.h>

#include "api/http/server.h"
#include "api/service.h"
#include "artifacts/store.h"
#include "base/signature.h"
#include "client/api.h"
#include "engine/solo/engine.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::api_test {

inline constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kFunds = 100'000 * kBasePerToken;

/// A folder that goes with the object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// The key that a name stands for; the same in every run.
[[nodiscard]] SigningKey key_of(std::string_view name);
/// Who makes the blocks.
[[nodiscard]] protocol::Proposer proposer();

struct WorldOptions {
  protocol::Preset preset = protocol::Preset::Main;
  std::function<void(api::ServiceOptions&)> service = [](api::ServiceOptions&) {};
  std::function<void(api::http::ServerOptions&)> server = [](api::http::ServerOptions&) {};
  std::function<void(artifacts::StoreLimits&)> artifacts = [](artifacts::StoreLimits&) {};
  std::vector<protocol::GenesisParameter> parameters{};
  std::function<void(protocol::Genesis&)> genesis = [](protocol::Genesis&) {};
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Ends everything and starts again over the same folder and port.
  void restart();
  void stop();

  [[nodiscard]] std::string url() const;
  [[nodiscard]] engine::solo::Engine& engine() { return *engine_; }
  [[nodiscard]] artifacts::Store& artifacts() { return *artifacts_; }
  [[nodiscard]] const api::http::Router& router() const { return server_->router(); }
  [[nodiscard]] std::filesystem::path folder() const { return folder_.path(); }
  [[nodiscard]] const std::string& chain_id() const { return genesis_.chain_id; }
  [[nodiscard]] const protocol::Genesis& genesis() const { return genesis_; }

  /// A client that signs with the key of this name, or with none.
  [[nodiscard]] std::unique_ptr<client::Api> as(std::string_view name) const;
  [[nodiscard]] std::unique_ptr<client::Api> anybody() const;
  /// Signed bytes of an operation with the account's next sequence; `change` may spoil the body first.
  [[nodiscard]] Bytes sign(std::string_view name, v1::TransactionBody body,
                           const std::function<void(v1::TransactionBody&)>& change = {}) const;

  /// Registers provider and node of this name; gives the node's id.
  std::string add_node(std::string_view provider);

 private:
  void start();

  WorldOptions options_;
  TemporaryFolder folder_;
  protocol::Genesis genesis_;
  std::uint16_t port_ = 0;
  std::unique_ptr<prometheus::Registry> metrics_;
  std::unique_ptr<engine::solo::Engine> engine_;
  std::unique_ptr<artifacts::Store> artifacts_;
  std::unique_ptr<api::Service> service_;
  std::unique_ptr<api::http::Server> server_;
};

/// One A100 in eu-central with two runtimes.
[[nodiscard]] v1::TransactionBody node_registration();
/// One whole A100 for up to an hour.
[[nodiscard]] v1::JobSpec job_spec(const Hash32& manifest, const std::vector<Hash32>& inputs = {});
[[nodiscard]] v1::TransactionBody job_submission(const v1::JobSpec& spec, std::string client_id = {});
[[nodiscard]] v1::TransactionBody transfer(const AccountId& to, std::uint64_t amount);

/// Bytes of an id for a message.
template <class AnyId>
[[nodiscard]] std::string wire(const AnyId& id) {
  return std::string(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}
[[nodiscard]] ContractId contract_of(const std::string& text);

/// Sends an operation; a failure of it fails the test with its text.
client::Receipt send(client::Api& api, const v1::TransactionBody& body);
/// GET that must succeed.
[[nodiscard]] nlohmann::json get(client::Api& api, const std::string& target);

}  // namespace starminer::api_test
