// The ledger without network: durable batches of transfers whose signatures were checked before, and one durable
// transfer at a time through the engine from several threads. For bench/run; prints one JSON object.
#include <atomic>
#include <chrono>
#include <future>
#include <iostream>
#include <random>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <sodium.h>

#include "base/check.h"
#include "engine/solo/engine.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::bench {
namespace {

using engine::SubmitResult;
using engine::solo::Engine;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kChainId = "bench-1";
constexpr std::uint64_t kExpiryMs = 3'600'000;
constexpr std::size_t kPreparedBatches = 24;

struct Options {
  std::string folder;
  std::size_t accounts = 100'000;
  std::size_t clients = 4;
  std::size_t batch = 8'192;
  double seconds = 5;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

class Setup {
 public:
  explicit Setup(const Options& options) : sequences_(options.accounts) {
    genesis_.chain_id = kChainId;
    genesis_.time = Engine::wall_clock();
    for (std::size_t i = 0; i < options.accounts; ++i) {
      keys_.push_back(SigningKey::from_seed(sha256("account " + std::to_string(i)).bytes));
      genesis_.accounts.push_back({keys_.back().account(), {1'000 * kBasePerToken}, {}, {}});
    }
    genesis_.operators = {keys_.front().account()};
    genesis_.proposers = {{proposer_.account(), proposer_.public_key()}};
    genesis_.treasury = {kBasePerToken};
  }

  [[nodiscard]] Bytes transfer(std::size_t from, std::mt19937_64& random) {
    v1::TransactionBody body;
    body.set_chain_id(std::string(kChainId));
    body.set_sequence(sequences_[from]++);
    body.set_expires_at_ms(genesis_.time.ms + kExpiryMs);
    const std::size_t to = (from + 1 + random() % (keys_.size() - 1)) % keys_.size();
    body.mutable_transfer()->set_to(to_text(keys_[to].account().view()));
    body.mutable_transfer()->set_amount(1 + random() % 1'000);
    return protocol::sign_transaction(body, keys_[from]);
  }
  [[nodiscard]] const protocol::Genesis& genesis() const { return genesis_; }
  [[nodiscard]] const protocol::Proposer& proposer() const { return proposer_; }
  [[nodiscard]] std::size_t accounts() const { return keys_.size(); }

 private:
  protocol::Proposer proposer_{AccountId{}, attestation::vrf::SecretKey::from_seed(sha256("proposer").bytes)};
  protocol::Genesis genesis_;
  std::vector<SigningKey> keys_;
  std::vector<std::uint64_t> sequences_;
};

std::vector<protocol::VerifiedTransaction> make_batch(Setup& setup, std::size_t count, std::mt19937_64& random) {
  std::vector<protocol::VerifiedTransaction> batch;
  batch.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto verified = protocol::verify_transaction(setup.transfer(random() % setup.accounts(), random), kChainId);
    STARMINER_CHECK(verified.has_value());
    batch.push_back(std::move(*verified));
  }
  return batch;
}

storage::StoredBlock block_of(const protocol::BlockHeader& header, const protocol::SeedStep& step,
                              const std::vector<protocol::VerifiedTransaction>& batch,
                              const protocol::BlockResult& result) {
  storage::StoredBlock block{header.height,
                             header.time,
                             header.previous_app_hash,
                             header.order_rule,
                             step.proposer(),
                             step.preamble_bytes(),
                             step.seed(),
                             {},
                             result.state_root,
                             result.history_root,
                             result.history_size,
                             result.app_hash};
  block.transactions.reserve(batch.size());
  for (const auto& transaction : batch) block.transactions.push_back(transaction.bytes());
  return block;
}

/// Batches as the engine's writer makes them durable, with proofs of seeds and signatures before the clock.
double measure_batches(const Options& options) {
  Setup setup(options);
  auto store = storage::ChainStore::open(options.folder);
  STARMINER_CHECK(store.has_value());
  protocol::Machine machine;
  const auto genesis = machine.start(setup.genesis());
  STARMINER_CHECK(genesis.has_value());
  storage::StoredBlock first;
  first.time = genesis->time;
  first.app_hash = genesis->app_hash;
  STARMINER_CHECK((*store)->write(std::move(first), *genesis).has_value());
  std::mt19937_64 random(1);
  std::size_t done = 0;
  double spent = 0;
  while (spent < options.seconds) {
    std::vector<std::vector<protocol::VerifiedTransaction>> batches;
    for (std::size_t i = 0; i < kPreparedBatches; ++i) batches.push_back(make_batch(setup, options.batch, random));
    for (const auto& batch : batches) {
      const protocol::BlockHeader header{machine.chain().height + 1, Engine::wall_clock(), machine.app_hash(),
                                         protocol::OrderRule::Arrival};
      const auto step = setup.proposer().prove(machine.randomness().last().seed, header.height);
      const auto start = Clock::now();
      machine.begin_block(header, step);
      for (const auto& transaction : batch) STARMINER_CHECK(machine.execute(transaction).has_value());
      const protocol::BlockResult result = machine.finish_block();
      STARMINER_CHECK((*store)->write(block_of(header, step, batch, result), result).has_value());
      spent += seconds_since(start);
      done += batch.size();
    }
  }
  return static_cast<double>(done) / spent;
}

/// Each client has accounts of its own, waits for its answer and sends the next.
double measure_singles(const Options& options) {
  Setup setup(options);
  auto store = storage::ChainStore::open(options.folder);
  STARMINER_CHECK(store.has_value());
  auto engine = Engine::open(std::move(*store), setup.genesis(), setup.proposer(), {});
  STARMINER_CHECK(engine.has_value());
  (*engine)->start();
  std::vector<std::vector<Bytes>> plans(options.clients);
  const std::size_t share = options.accounts / options.clients;
  for (std::size_t client = 0; client < options.clients; ++client) {
    std::mt19937_64 random(client);
    for (std::size_t i = 0; i < share; ++i) plans[client].push_back(setup.transfer(client * share + i, random));
  }
  std::atomic<std::size_t> done = 0;
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  for (const auto& plan : plans) {
    threads.emplace_back([&] {
      for (const Bytes& transaction : plan) {
        if (seconds_since(start) >= options.seconds) return;
        std::promise<SubmitResult> answered;
        auto answer = answered.get_future();
        (*engine)->submit(transaction, [&answered](SubmitResult result) { answered.set_value(std::move(result)); });
        const SubmitResult result = answer.get();
        STARMINER_CHECK(result.has_value() && result->receipt.core.code == 0);
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(done) / seconds_since(start);
}

int run(int argc, char** argv) {
  CLI::App app{"Durable transfers without network; see bench/README.md"};
  app.require_subcommand(1);
  Options options;
  const auto add = [&](const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    command->add_option("--folder", options.folder, "An empty folder for the chain")->required();
    command->add_option("--accounts", options.accounts)->check(CLI::Range(2, 10'000'000));
    command->add_option("--clients", options.clients)->check(CLI::Range(1, 64));
    command->add_option("--batch", options.batch)->check(CLI::PositiveNumber);
    command->add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
    return command;
  };
  const CLI::App* batch = add("batch", "Blocks of many transfers, one after the other");
  add("single", "One transfer at a time from several threads");
  CLI11_PARSE(app, argc, argv);
  const double rate = batch->parsed() ? measure_batches(options) : measure_singles(options);
  std::cout << nlohmann::json{{"transfers_per_s", rate}}.dump() << '\n';
  return 0;
}

}  // namespace
}  // namespace starminer::bench

int main(int argc, char** argv) { return sodium_init() < 0 ? 1 : starminer::bench::run(argc, argv); }
