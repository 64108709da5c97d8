#include "tests/api/world.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/check.h"
#include "client/genesis_file.h"
#include "protocol/transaction.h"

namespace starminer::api_test {

using engine::solo::Engine;

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "starminer-api-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SigningKey key_of(std::string_view name) { return SigningKey::from_seed(sha256(name).bytes); }

protocol::Proposer proposer() {
  return {key_of("operator").account(), attestation::vrf::SecretKey::from_seed(sha256("operator").bytes)};
}

World::World(WorldOptions options) : options_(std::move(options)) {
  genesis_.chain_id = "starminer-test-1";
  genesis_.preset = options_.preset;
  genesis_.parameters = options_.parameters;
  genesis_.time = Engine::wall_clock();
  genesis_.operators = {key_of("operator").account()};
  genesis_.proposers = {{proposer().account(), proposer().public_key()}};
  for (const char* name : {"operator", "ada", "ben", "fay", "gus", "faucet"}) {
    genesis_.accounts.push_back({key_of(name).account(), {kFunds}, {}, {}});
  }
  options_.genesis(genesis_);
  start();
}

World::~World() { stop(); }

void World::start() {
  metrics_ = std::make_unique<prometheus::Registry>();
  auto chain = storage::ChainStore::open(folder() / "chain");
  STARMINER_CHECK(chain.has_value());
  auto engine = Engine::open(std::move(*chain), genesis_, proposer(), {});
  STARMINER_CHECK(engine.has_value());
  engine_ = std::move(*engine);
  artifacts::StoreLimits limits;
  limits.disk_reserve_bytes = 0;
  if (options_.artifacts) options_.artifacts(limits);
  auto store = artifacts::Store::open(folder() / "artifacts", limits);
  STARMINER_CHECK(store.has_value());
  artifacts_ = std::move(*store);
  api::ServiceOptions service;
  service.version = "0.0.0-test";
  service.genesis = client::format_genesis(genesis_);
  service.relay_folder = folder() / "relay";
  service.operator_key = key_of("operator");
  if (options_.service) options_.service(service);
  auto made = api::Service::make(*engine_, *artifacts_, *metrics_, std::move(service));
  STARMINER_CHECK(made.has_value());
  service_ = std::move(*made);
  api::http::ServerOptions server;
  server.port = port_;
  server.worker_threads = 2;
  server.metrics = metrics_.get();
  server.rate_key = [this](const api::http::Request& request) { return service_->rate_key(request); };
  if (options_.server) options_.server(server);
  api::http::Router router;
  service_->add_routes(router);
  server_ = std::make_unique<api::http::Server>(std::move(server), std::move(router));
  service_->start();
  engine_->start();
  const auto started = server_->start();
  STARMINER_CHECK(started.has_value());
  port_ = server_->port();
  service_->use_workers([this](std::function<void()> task) { return server_->try_post(std::move(task)); });
}

void World::stop() {
  if (!server_) return;
  server_->stop();
  service_->stop();
  engine_->stop();
  server_.reset();
  service_.reset();
  artifacts_.reset();
  engine_.reset();
}

void World::restart() {
  stop();
  start();
}

std::string World::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::unique_ptr<client::Api> World::as(std::string_view name) const {
  auto api = client::Api::connect(url(), key_of(name));
  STARMINER_CHECK(api.has_value());
  return std::move(*api);
}

std::unique_ptr<client::Api> World::anybody() const {
  auto api = client::Api::connect(url(), std::nullopt);
  STARMINER_CHECK(api.has_value());
  return std::move(*api);
}

Bytes World::sign(std::string_view name, v1::TransactionBody body,
                  const std::function<void(v1::TransactionBody&)>& change) const {
  const SigningKey key = key_of(name);
  body.set_chain_id(chain_id());
  body.set_sequence(engine_->read(
      [&](const protocol::Machine& machine) { return machine.ledger().next_sequence(key.account()).value_or(0); }));
  body.set_expires_at_ms(Engine::wall_clock().ms + 600'000);
  if (change) change(body);
  return protocol::sign_transaction(body, key);
}

std::string World::add_node(std::string_view provider) {
  const auto api = as(provider);
  v1::TransactionBody body;
  body.mutable_provider_register()->set_display_name(std::string(provider));
  send(*api, body);
  return send(*api, node_registration()).subject;
}

v1::TransactionBody node_registration() {
  v1::TransactionBody body;
  v1::NodeRegister& node = *body.mutable_node_register();
  v1::Hardware& hardware = *node.mutable_hardware();
  hardware.set_hardware_class("A100");
  hardware.set_model("test device");
  hardware.set_devices(1);
  hardware.set_device_memory_bytes(80 * kGiB);
  hardware.set_cpu_threads(32);
  hardware.set_ram_bytes(128 * kGiB);
  hardware.set_disk_bytes(500 * kGiB);
  hardware.set_network_up_mbps(1'000);
  hardware.set_network_down_mbps(1'000);
  v1::Offer& offer = *node.mutable_offer();
  offer.set_region("eu-central");
  offer.set_country("DE");
  offer.set_site_tier(2);
  offer.set_sandbox_tier(1);
  offer.add_runtimes("debian/blender-3.4");
  offer.add_runtimes("debian/pytorch-1.13");
  v1::Rating& rating = *node.add_ratings();
  rating.set_kind(0);
  rating.set_cu_per_device_x1000(1'000);
  rating.set_benchmark_digest(wire(sha256("report")));
  node.set_name("rack-1");
  return body;
}

v1::JobSpec job_spec(const Hash32& manifest, const std::vector<Hash32>& inputs) {
  v1::JobSpec spec;
  spec.set_runtime("debian/pytorch-1.13");
  spec.set_manifest_hash(wire(manifest));
  for (const Hash32& input : inputs) spec.add_inputs(wire(input));
  spec.mutable_resources()->add_classes("A100");
  spec.mutable_resources()->set_gpus(1);
  spec.mutable_resources()->set_cpu_milli(2'000);
  spec.mutable_resources()->set_ram_bytes(4 * kGiB);
  spec.mutable_resources()->set_disk_bytes(kGiB);
  spec.set_expected_s(1'800);
  spec.set_max_s(3'600);
  spec.set_tier(v1::STANDARD);
  spec.set_budget(10 * kBasePerToken);
  return spec;
}

v1::TransactionBody job_submission(const v1::JobSpec& spec, std::string client_id) {
  v1::TransactionBody body;
  *body.mutable_job_submit()->mutable_spec() = spec;
  body.mutable_job_submit()->set_client_id(std::move(client_id));
  return body;
}

v1::TransactionBody transfer(const AccountId& to, std::uint64_t amount) {
  v1::TransactionBody body;
  body.mutable_transfer()->set_to(wire(to));
  body.mutable_transfer()->set_amount(amount);
  return body;
}

ContractId contract_of(const std::string& text) {
  const auto id = ContractId::parse(text);
  STARMINER_CHECK(id.has_value());
  return *id;
}

client::Receipt send(client::Api& api, const v1::TransactionBody& body) {
  auto receipt = api.send(body);
  if (receipt) return *receipt;
  ADD_FAILURE() << client::describe(receipt.error());
  return {};
}

nlohmann::json get(client::Api& api, const std::string& target) {
  auto answer = api.get(target);
  if (answer) return *answer;
  ADD_FAILURE() << target << ": " << client::describe(answer.error());
  return nullptr;
}

}  // namespace starminer::api_test
