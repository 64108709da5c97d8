// Validators in one process for tests: engines with a disk each, asked in the order in which CometBFT asks.
// Transactions are real. One thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/cometbft/engine.h"
#include "engine/cometbft/preamble.h"
#include "protocol/test_chain.h"
#include "storage/replay.h"

namespace starminer::engine::cometbft::validators_test {

using protocol::Preset;
using protocol::RefusalCode;
using protocol::chain_test::account_of_name;
using protocol::chain_test::kChainId;
using protocol::chain_test::key_of;
using protocol::chain_test::kGenesisTime;
using protocol::chain_test::lock_stake;
using protocol::chain_test::register_provider;
using protocol::chain_test::transfer;

inline constexpr std::int64_t kMaxBytes = 4 << 20;

inline std::uint64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

/// A validator of CometBFT by number: its consensus key, address and VRF key.
inline std::string consensus_key(int i) { return to_text(sha256("consensus" + std::to_string(i)).view()); }
inline std::string address_of(int i) { return to_text(sha256(consensus_key(i)).view().first(20)); }
inline protocol::Proposer proposer_of(int i) {
  return {proposer_account(address_of(i)),
          attestation::vrf::SecretKey::from_seed(sha256("vrf" + std::to_string(i)).bytes)};
}

inline Bytes sign(std::string_view from, std::uint64_t sequence, const protocol::chain_test::Chain::Fill& fill) {
  v1::TransactionBody body;
  body.set_chain_id(std::string(kChainId));
  body.set_sequence(sequence);
  body.set_expires_at_ms(now_ms() + 300'000);
  fill(body);
  return protocol::sign_transaction(body, key_of(from));
}
inline Bytes payment(std::string_view from, std::uint64_t sequence, std::uint64_t amount = 1) {
  return sign(from, sequence, transfer(account_of_name("bob"), amount));
}

/// Up to four of them.
class Validators : public ::testing::Test {
 protected:
  Validators() {
    std::filesystem::remove_all(folder_);
    genesis_ = protocol::chain_test::genesis_of(Preset::Main, {"ada", "bob", "eve", "kim", "operator"});
    genesis_.time = {now_ms() - 1'000};
    genesis_.proposers.clear();
    for (int i = 0; i < 4; ++i) genesis_.proposers.push_back({proposer_of(i).account(), proposer_of(i).public_key()});
    time_ms_ = genesis_.time.ms;
  }
  ~Validators() override {
    engines_.clear();
    std::filesystem::remove_all(folder_);
  }

  Result<std::unique_ptr<Engine>, std::string> try_open(int i) {
    auto store = storage::ChainStore::open(folder_ / std::to_string(i));
    if (!store) return fail(store.error().text);
    return Engine::open(std::move(*store), genesis_, proposer_of(i), options_);
  }
  void open(int count) {
    for (int i = 0; i < count; ++i) {
      auto engine = try_open(i);
      ASSERT_TRUE(engine.has_value()) << engine.error();
      engines_.push_back(std::move(*engine));
    }
  }
  void reopen(int i) {
    engines_[static_cast<std::size_t>(i)].reset();
    auto engine = try_open(i);
    ASSERT_TRUE(engine.has_value()) << engine.error();
    engines_[static_cast<std::size_t>(i)] = std::move(*engine);
  }
  [[nodiscard]] Engine& engine(int i = 0) const { return *engines_[static_cast<std::size_t>(i)]; }

  static abci::Response ask(Engine& engine, const abci::Request& request) {
    auto response = engine.answer(request);
    EXPECT_TRUE(response.has_value()) << response.error();
    return response.value_or(abci::Response{});
  }
  static abci::ResponseInfo info(Engine& engine) {
    abci::Request request;
    request.mutable_info()->set_abci_version("2.0.0");
    return ask(engine, request).info();
  }
  [[nodiscard]] abci::Request init_request() const {
    abci::Request request;
    auto& init = *request.mutable_init_chain();
    init.set_chain_id(std::string(kChainId));
    init.set_initial_height(1);
    init.mutable_time()->set_seconds(static_cast<std::int64_t>(genesis_.time.ms / 1'000 + 1));
    init.mutable_consensus_params()->mutable_block()->set_max_bytes(kMaxBytes);
    init.mutable_consensus_params()->mutable_version()->set_app(kAppVersion);
    for (int i = 0; i < 4; ++i) {
      auto& validator = *init.add_validators();
      validator.set_power(1);
      validator.mutable_pub_key()->set_ed25519(consensus_key(i));
    }
    return request;
  }
  static abci::ResponseCheckTx check(Engine& engine, const Bytes& tx, bool again = false) {
    abci::RequestCheckTx request;
    request.set_tx(to_text(tx));
    request.set_type(again ? abci::RECHECK : abci::NEW);
    return engine.check({&request}).front();
  }

  template <class Message>
  void set_time(Message& message) const {
    message.mutable_time()->set_seconds(static_cast<std::int64_t>(time_ms_ / 1'000));
    message.mutable_time()->set_nanos(static_cast<std::int32_t>(time_ms_ % 1'000 * 1'000'000));
  }
  [[nodiscard]] std::int64_t next_height() const {
    return static_cast<std::int64_t>(engine().store().tip()->height) + 1;
  }
  std::vector<Bytes> prepare(int proposer, const std::vector<Bytes>& mempool, std::int64_t max_bytes = kMaxBytes) {
    time_ms_ += 100;
    abci::Request request;
    auto& prepare = *request.mutable_prepare_proposal();
    prepare.set_max_tx_bytes(max_bytes);
    prepare.set_height(next_height());
    prepare.set_proposer_address(address_of(proposer));
    set_time(prepare);
    for (const Bytes& tx : mempool) prepare.add_txs(to_text(tx));
    std::vector<Bytes> block;
    const abci::Response response = ask(engine(proposer), request);
    for (const std::string& tx : response.prepare_proposal().txs()) block.emplace_back(tx.begin(), tx.end());
    return block;
  }
  bool accepts(Engine& engine, int proposer, const std::vector<Bytes>& block) const {
    abci::Request request;
    auto& process = *request.mutable_process_proposal();
    process.set_height(next_height());
    process.set_proposer_address(address_of(proposer));
    set_time(process);
    for (const Bytes& tx : block) process.add_txs(to_text(tx));
    const auto status = ask(engine, request).process_proposal().status();
    EXPECT_NE(status, abci::ResponseProcessProposal::UNKNOWN) << "CometBFT ends on it";
    return status == abci::ResponseProcessProposal::ACCEPT;
  }
  [[nodiscard]] abci::Request finalize_request(int proposer, const std::vector<Bytes>& block,
                                               const std::string& hash = "") const {
    abci::Request request;
    auto& finalize = *request.mutable_finalize_block();
    finalize.set_height(next_height());
    finalize.set_proposer_address(address_of(proposer));
    set_time(finalize);
    for (const Bytes& tx : block) finalize.add_txs(to_text(tx));
    std::string content = std::to_string(finalize.height()) + hash;
    for (const Bytes& tx : block) content += to_text(tx);
    finalize.set_hash(to_text(sha256(content).view()));
    return request;
  }
  static void commit(Engine& engine) {
    abci::Request request;
    request.mutable_commit();
    EXPECT_TRUE(ask(engine, request).has_commit());
  }
  /// Decides the block on all engines. All come to one hash and the same results.
  abci::ResponseFinalizeBlock decide(int proposer, const std::vector<Bytes>& block) {
    const abci::Request request = finalize_request(proposer, block);
    abci::ResponseFinalizeBlock first;
    for (const auto& engine : engines_) {
      const abci::Response response = ask(*engine, request);
      if (engine == engines_.front()) first = response.finalize_block();
      EXPECT_EQ(response.finalize_block().SerializeAsString(), first.SerializeAsString());
      EXPECT_EQ(response.finalize_block().tx_results_size(), static_cast<int>(block.size()));
    }
    for (const auto& engine : engines_) commit(*engine);
    return first;
  }
  /// A block by one of them for which all vote.
  abci::ResponseFinalizeBlock make_block(int proposer, const std::vector<Bytes>& mempool) {
    const std::vector<Bytes> block = prepare(proposer, mempool);
    for (const auto& engine : engines_) EXPECT_TRUE(accepts(*engine, proposer, block));
    return decide(proposer, block);
  }
  static Hash32 app_hash(const Engine& engine) {
    return engine.read([](const protocol::Machine& machine) { return machine.app_hash(); });
  }
  static std::uint64_t balance(const Engine& engine, std::string_view name) {
    return engine.read([&](const protocol::Machine& machine) {
      return machine.ledger().accounts().find(account_of_name(name))->balance[0];
    });
  }
  void expect_replay(int i = 0) {
    const auto report = storage::replay(engine(i).store(), genesis_, {});
    ASSERT_TRUE(report.has_value()) << report.error();
    EXPECT_EQ(report->app_hash, app_hash(engine(i)));
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("cometbft-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  protocol::Genesis genesis_;
  EngineOptions options_{"test", {}, 1'024};
  std::uint64_t time_ms_ = 0;
  std::vector<std::unique_ptr<Engine>> engines_;
};

}  // namespace starminer::engine::cometbft::validators_test
