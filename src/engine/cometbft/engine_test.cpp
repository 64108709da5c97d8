#include "engine/cometbft/engine.h"

#include <atomic>
#include <thread>

#include "base/codec.h"
#include "engine/cometbft/validators.h"

namespace starminer::engine::cometbft {
namespace {

using namespace validators_test;

class EngineTest : public Validators {};

// REQ: DEC-1
TEST_F(EngineTest, TheHandshakeOfANewChain) {
  open(1);
  const abci::ResponseInfo before = info(engine());
  EXPECT_EQ(before.last_block_height(), 0);
  EXPECT_TRUE(before.last_block_app_hash().empty()) << "CometBFT then asks for InitChain";
  EXPECT_EQ(before.app_version(), kAppVersion);
  for (int i = 0; i < 2; ++i) {
    const abci::Response response = ask(engine(), init_request());
    EXPECT_EQ(response.init_chain().app_hash(), to_text(app_hash(engine()).view())) << "again after a crash: the same";
    EXPECT_EQ(response.init_chain().validators_size(), 0) << "CometBFT's genesis names the validators";
    EXPECT_FALSE(response.init_chain().has_consensus_params());
  }
  EXPECT_EQ(info(engine()).last_block_height(), 0);
}

TEST_F(EngineTest, InitChainSaysWhichOfTheTwoGenesisFilesIsWrong) {
  open(1);
  const std::pair<std::function<void(abci::RequestInitChain&)>, const char*> rows[] = {
      {[](auto& init) { init.set_chain_id("other-1"); }, "CometBFT's genesis is of chain other-1"},
      {[](auto& init) { init.set_initial_height(5); }, "initial_height"},
      {[](auto& init) { init.mutable_time()->set_seconds(1'000); }, "lies before the time of genesis.json"},
      {[](auto& init) { init.mutable_time()->set_seconds(-1); }, "lies before the time of genesis.json"},
      {[](auto& init) { init.mutable_validators(2)->mutable_pub_key()->set_ed25519(consensus_key(9)); },
       "has no VRF key in genesis.json"},
      {[](auto& init) { init.mutable_validators(0)->mutable_pub_key()->set_secp256k1("x"); },
       "has no VRF key in genesis.json"},
      {[](auto& init) { init.mutable_consensus_params()->mutable_block()->set_max_bytes(-1); },
       "max_bytes of CometBFT's genesis is -1: set it to 262144 to 33554432"},
      {[](auto& init) { init.mutable_consensus_params()->mutable_block()->set_max_bytes(200); }, "max_bytes"},
      {[](auto& init) { init.mutable_consensus_params()->mutable_block()->set_max_bytes(100 << 20); }, "max_bytes"},
      {[](auto& init) { init.clear_consensus_params(); }, "max_bytes"},
      {[](auto& init) { init.mutable_consensus_params()->mutable_version()->set_app(2); }, "version.app"},
  };
  for (const auto& [spoil, text] : rows) {
    abci::Request request = init_request();
    spoil(*request.mutable_init_chain());
    const auto response = engine().answer(request);
    ASSERT_FALSE(response.has_value()) << text;
    EXPECT_NE(response.error().find(text), std::string::npos) << response.error();
  }
  abci::Request other;
  other.mutable_info()->set_abci_version("1.0.0");
  EXPECT_FALSE(engine().answer(other).has_value());
}

// REQ: DEC-2
TEST_F(EngineTest, FourValidatorsComeToOneStateAndTheirLogsReplay) {
  open(4);
  for (int height = 0; height < 12; ++height) {
    std::vector<Bytes> mempool;
    for (const char* name : {"ada", "eve", "kim"}) {
      for (std::uint64_t i = 0; i < 3; ++i) {
        const std::uint64_t sequence = static_cast<std::uint64_t>(height) * 3 + i;
        mempool.push_back(i == 1 && height == 4 ? sign(name, sequence, register_provider(name))
                                                : payment(name, sequence, 1 + i));
        for (const auto& engine : engines_) EXPECT_EQ(check(*engine, mempool.back()).code(), 0U);
      }
    }
    const auto decided = make_block(height % 4, mempool);
    for (const auto& result : decided.tx_results()) EXPECT_EQ(result.code(), 0U) << result.log();
    for (const auto& engine : engines_) {
      EXPECT_EQ(to_text(app_hash(*engine).view()), decided.app_hash());
      const abci::ResponseInfo after = info(*engine);
      EXPECT_EQ(after.last_block_height(), height + 1);
      EXPECT_EQ(after.last_block_app_hash(), decided.app_hash());
    }
  }
  EXPECT_EQ(engine(0).counters().applied, 108U);
  for (int i = 0; i < 4; ++i) expect_replay(i);
  EXPECT_EQ(engine(2).store().find_block(3).value()->order_rule, protocol::OrderRule::Lanes);
  EXPECT_EQ(engine(2).store().find_block(3).value()->proposer, proposer_of(2).account());
}

TEST_F(EngineTest, NothingOfABlockIsSeenOrStoredBeforeItsCommit) {
  open(1);
  const std::uint64_t before = balance(engine(), "bob");
  const Hash32 hash = app_hash(engine());
  const std::vector<Bytes> block = prepare(0, {payment("ada", 0, 500)});
  const abci::Request finalize = finalize_request(0, block);
  const abci::Response decided = ask(engine(), finalize);
  EXPECT_EQ(balance(engine(), "bob"), before);
  EXPECT_EQ(app_hash(engine()), hash);
  EXPECT_EQ(info(engine()).last_block_height(), 0);
  EXPECT_EQ(ask(engine(), finalize).SerializeAsString(), decided.SerializeAsString()) << "after CometBFT's restart";
  // The process ends here, at the worst moment.
  reopen(0);
  EXPECT_EQ(info(engine()).last_block_height(), 0);
  EXPECT_EQ(ask(engine(), finalize).SerializeAsString(), decided.SerializeAsString())
      << "the same block, the same hash";
  commit(engine());
  EXPECT_EQ(balance(engine(), "bob"), before + 500);
  reopen(0);
  EXPECT_EQ(info(engine()).last_block_height(), 1);
  EXPECT_EQ(info(engine()).last_block_app_hash(), decided.finalize_block().app_hash());
  expect_replay();
}

TEST_F(EngineTest, AnotherBlockOfTheHeightReplacesOneThatWasNotCommitted) {
  open(2);
  const std::vector<Bytes> first = prepare(0, {payment("ada", 0, 500)});
  const abci::Response given_up = ask(engine(0), finalize_request(0, first, "first"));
  const std::vector<Bytes> second = prepare(1, {payment("eve", 0, 7)});
  const auto decided = decide(1, second);
  EXPECT_NE(given_up.finalize_block().app_hash(), decided.app_hash());
  EXPECT_EQ(balance(engine(0), "bob"), balance(engine(1), "bob"));
  make_block(0, {payment("ada", 0)});
  expect_replay();
}

TEST_F(EngineTest, HeightsThatDoNotFollowAreRefused) {
  open(1);
  const std::vector<Bytes> block = prepare(0, {});
  for (const std::int64_t height : {-1, 0, 2, 100}) {
    abci::Request request = finalize_request(0, block);
    request.mutable_finalize_block()->set_height(height);
    const auto response = engine().answer(request);
    ASSERT_FALSE(response.has_value());
    EXPECT_NE(response.error().find("block 1 is next here"), std::string::npos);
  }
  abci::Request request;
  request.mutable_commit();
  EXPECT_FALSE(engine().answer(request).has_value()) << "a commit of nothing";
}

// A block that honest validators would never vote for comes to one and the same state on all of them.
TEST_F(EngineTest, WhateverIsDecidedHasOneOutcome) {
  open(2);
  std::vector<Bytes> good = prepare(0, {payment("ada", 0), payment("eve", 0), payment("kim", 0)});
  std::swap(good[1], good[3]);
  good.push_back({1, 2, 3});
  good.push_back(payment("nobody", 0));
  const auto decided = decide(0, good);
  EXPECT_EQ(decided.tx_results(0).code(), 0U);
  std::size_t out_of_order = 0;
  for (const auto& result : decided.tx_results()) {
    if (result.code() == kOutOfOrder && result.codespace() == kEngineCodespace) ++out_of_order;
  }
  EXPECT_GE(out_of_order, 1U);
  EXPECT_EQ(decided.tx_results(4).code(), static_cast<std::uint32_t>(RefusalCode::MalformedTransaction));
  expect_replay();
  // Without a preamble, and with one of somebody else: the seed follows the skip rule.
  const Hash32 seed = engine().read([](const protocol::Machine& machine) { return machine.randomness().last().seed; });
  time_ms_ += 100;
  decide(1, {payment("bob", 0)});
  EXPECT_EQ(engine().read([](const protocol::Machine& machine) { return machine.randomness().last().seed; }),
            protocol::skipped_seed(seed, 2));
  const auto foreign = decide(1, prepare(0, {}));
  EXPECT_EQ(foreign.tx_results(0).code(), kBadPreamble);
  decide(1, {});
  EXPECT_EQ(engine().read([](const protocol::Machine& machine) { return machine.randomness().last().skipped; }), 3U);
  make_block(1, {payment("bob", 1)});
  expect_replay();
}

// The fees of all are taken before the first runs: a block costs what stands in it.
TEST_F(EngineTest, AnAccountThatSpendsAllInABlockHasPaidForAllItHasThere) {
  open(2);
  const std::uint64_t fee =
      engine().read([](const protocol::Machine& machine) { return machine.params().get(protocol::Parameter::TxFee); });
  make_block(0, {sign("ada", 0, transfer(account_of_name("rich"), protocol::chain_test::kAgpu))});
  const std::uint64_t before = balance(engine(), "rich");
  std::vector<Bytes> mempool = {payment("rich", 0, before - fee)};
  for (std::uint64_t i = 1; i <= 20; ++i) mempool.push_back(payment("rich", i));
  for (const Bytes& tx : mempool) ASSERT_EQ(check(engine(), tx).code(), 0U);
  const auto decided = make_block(1, mempool);
  ASSERT_EQ(decided.tx_results_size(), 22);
  EXPECT_EQ(decided.tx_results(1).code(), static_cast<std::uint32_t>(RefusalCode::BalanceTooSmall));
  for (int i = 1; i < 22; ++i) EXPECT_FALSE(decided.tx_results(i).data().empty()) << "a receipt, so a fee: " << i;
  EXPECT_EQ(balance(engine(), "rich"), before - 21 * fee - 20);
  for (int i = 0; i < 2; ++i) expect_replay(i);
}

TEST_F(EngineTest, ABlockWithAStrangeTimeOrProposerIsExecuted) {
  open(2);
  const std::vector<Bytes> block = prepare(0, {payment("ada", 0)});
  for (const auto& [seconds, nanos] :
       {std::pair<std::int64_t, int>{-5, 0}, {INT64_MAX, 0}, {0, -1}, {1, 2'000'000'000}}) {
    abci::Request request = finalize_request(0, {}, std::to_string(seconds));
    request.mutable_finalize_block()->mutable_time()->set_seconds(seconds);
    request.mutable_finalize_block()->mutable_time()->set_nanos(nanos);
    request.mutable_finalize_block()->set_proposer_address("short");
    const abci::Response first = ask(engine(0), request);
    EXPECT_EQ(first.SerializeAsString(), ask(engine(1), request).SerializeAsString());
    for (const auto& engine : engines_) commit(*engine);
  }
  make_block(0, {payment("ada", 0)});
  expect_replay();
}

TEST_F(EngineTest, SnapshotsAndExtensionsAreNotOffered) {
  open(1);
  abci::Request request;
  request.mutable_list_snapshots();
  EXPECT_EQ(ask(engine(), request).list_snapshots().snapshots_size(), 0);
  request.mutable_offer_snapshot();
  EXPECT_EQ(ask(engine(), request).offer_snapshot().result(), abci::ResponseOfferSnapshot::REJECT_FORMAT);
  request.mutable_apply_snapshot_chunk();
  EXPECT_EQ(ask(engine(), request).apply_snapshot_chunk().result(), abci::ResponseApplySnapshotChunk::REJECT_SNAPSHOT);
  request.mutable_load_snapshot_chunk();
  EXPECT_TRUE(ask(engine(), request).has_load_snapshot_chunk());
  request.mutable_extend_vote();
  EXPECT_TRUE(ask(engine(), request).extend_vote().vote_extension().empty());
  request.mutable_verify_vote_extension();
  EXPECT_EQ(ask(engine(), request).verify_vote_extension().status(), abci::ResponseVerifyVoteExtension::ACCEPT);
  request.mutable_verify_vote_extension()->set_vote_extension("garbage");
  EXPECT_EQ(ask(engine(), request).verify_vote_extension().status(), abci::ResponseVerifyVoteExtension::REJECT);
}

TEST_F(EngineTest, ADiskThatFailsEndsTheNodeAndLosesNothing) {
  std::string why;
  {
    storage::StoreOptions store_options;
    bool broken = false;
    store_options.log.fault = [&](storage::LogStep step) { return broken && step == storage::LogStep::Sync ? EIO : 0; };
    auto store = storage::ChainStore::open(folder_ / "0", store_options);
    ASSERT_TRUE(store.has_value());
    auto engine = Engine::open(std::move(*store), genesis_, proposer_of(0), options_);
    ASSERT_TRUE(engine.has_value());
    engines_.push_back(std::move(*engine));
    engines_[0]->on_failure([&](const std::string& text) { why = text; });
    make_block(0, {payment("ada", 0)});
    broken = true;
    const abci::Request finalize = finalize_request(0, prepare(0, {payment("ada", 1)}));
    ask(*engines_[0], finalize);
    abci::Request request;
    request.mutable_commit();
    EXPECT_FALSE(engines_[0]->answer(request).has_value());
    EXPECT_FALSE(why.empty());
    EXPECT_EQ(info(*engines_[0]).last_block_height(), 1) << "what was not written is not said to be";
  }
  reopen(0);
  EXPECT_GE(info(engine()).last_block_height(), 1);
  expect_replay();
}

TEST_F(EngineTest, OpensNoChainOfAnotherGenesisOrOfTheEngineSolo) {
  open(1);
  make_block(0, {});
  engines_.clear();
  const protocol::Genesis own = genesis_;
  genesis_.treasury = {1};
  const auto other = try_open(0);
  ASSERT_FALSE(other.has_value());
  EXPECT_NE(other.error().find("another chain"), std::string::npos);
  genesis_ = own;
  // A block as solo writes it.
  {
    auto store = storage::ChainStore::open(folder_ / "1");
    ASSERT_TRUE(store.has_value());
    protocol::Machine machine;
    auto first = machine.start(genesis_);
    storage::StoredBlock block;
    block.time = genesis_.time;
    block.app_hash = first->app_hash;
    ASSERT_TRUE((*store)->write(block, *first).has_value());
    const auto step = proposer_of(0).prove(machine.randomness().last().seed, 1);
    machine.begin_block({1, genesis_.time, machine.app_hash(), protocol::OrderRule::Arrival}, step);
    const auto result = machine.finish_block();
    block.height = 1;
    block.app_hash = result.app_hash;
    block.history_size = result.history_size;
    ASSERT_TRUE((*store)->write(block, result).has_value());
  }
  const auto solo = try_open(1);
  ASSERT_FALSE(solo.has_value());
  EXPECT_NE(solo.error().find("engine solo"), std::string::npos);
}

TEST_F(EngineTest, AnswersFromAllLanesWhileBlocksAreMade) {
  open(1);
  std::atomic<bool> running{true};
  std::atomic<std::uint64_t> reads{0};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    std::uint64_t last = 0;
    while (running) {
      const auto height = static_cast<std::uint64_t>(info(engine()).last_block_height());
      EXPECT_GE(height, last);
      last = height;
      abci::Request request;
      request.mutable_query()->set_path("/row");
      request.mutable_query()->set_data(std::string(1, '\0') + '\0');
      request.mutable_query()->set_prove(true);
      const abci::ResponseQuery answer = ask(engine(), request).query();
      const auto commitment = decode<protocol::Commitment>(as_bytes(answer.proof_ops().ops(1).data()));
      EXPECT_EQ(commitment->height, static_cast<std::uint64_t>(answer.height())) << "row and proof are of one block";
      ++reads;
    }
  });
  threads.emplace_back([&] {
    for (std::uint64_t i = 0; running; ++i) static_cast<void>(check(engine(), payment("eve", i)));
  });
  for (std::uint64_t i = 0; i < 60; ++i) make_block(0, {payment("ada", i)});
  running = false;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(reads, 0U);
  expect_replay();
}

}  // namespace
}  // namespace starminer::engine::cometbft
