#include "engine/solo/engine.h"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

#include "protocol/test_chain.h"
#include "storage/replay.h"

namespace starminer::engine::solo {
namespace {

using protocol::Preset;
using protocol::RefusalCode;
using protocol::chain_test::account_of_name;
using protocol::chain_test::genesis_of;
using protocol::chain_test::kChainId;
using protocol::chain_test::key_of;
using protocol::chain_test::transfer;

protocol::Genesis genesis_now(const std::vector<std::string>& names) {
  protocol::Genesis genesis = genesis_of(Preset::Main, names);
  genesis.time = Engine::wall_clock();
  return genesis;
}

Bytes payment(std::string_view from, std::uint64_t sequence, std::uint64_t amount = 1,
              std::string_view chain = kChainId) {
  v1::TransactionBody body;
  body.set_chain_id(std::string(chain));
  body.set_sequence(sequence);
  body.set_expires_at_ms(Engine::wall_clock().ms + 600'000);
  transfer(account_of_name("bob"), amount)(body);
  return protocol::sign_transaction(body, key_of(from));
}

/// Answers that come in on other threads.
class Answers {
 public:
  [[nodiscard]] Answer one() {
    return [this](SubmitResult result) {
      const std::lock_guard lock(mutex_);
      results_.push_back(std::move(result));
      come_.notify_all();
    };
  }
  [[nodiscard]] BatchAnswer many() {
    return [this](std::vector<SubmitResult> results) {
      const std::lock_guard lock(mutex_);
      for (SubmitResult& result : results) results_.push_back(std::move(result));
      come_.notify_all();
    };
  }
  [[nodiscard]] std::vector<SubmitResult> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    come_.wait(lock, [&] { return results_.size() >= count; });
    return results_;
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex_);
    return results_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable come_;
  std::vector<SubmitResult> results_;
};

RefusalCode code_of(const SubmitResult& result) {
  return result ? static_cast<RefusalCode>(result->receipt.core.code) : result.error().code;
}

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { std::filesystem::remove_all(folder_); }
  ~EngineTest() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  Result<std::unique_ptr<Engine>, std::string> try_open(const protocol::Genesis& genesis) {
    auto store = storage::ChainStore::open(folder_, store_options_);
    if (!store) return fail(store.error().text);
    return Engine::open(std::move(*store), genesis, protocol::chain_test::proposer(), options_);
  }
  Engine& open(bool start = true) {
    auto engine = try_open(genesis_);
    EXPECT_TRUE(engine.has_value()) << engine.error();
    engine_ = std::move(*engine);
    if (start) engine_->start();
    return *engine_;
  }
  [[nodiscard]] Hash32 app_hash() const {
    return engine_->read([](const protocol::Machine& machine) { return machine.app_hash(); });
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("engine-" + std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
  protocol::Genesis genesis_ = genesis_now({"ada", "bob", "eve", "operator"});
  EngineOptions options_;
  storage::StoreOptions store_options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, GoesOnWithNoChainThatValidatorsOrdered) {
  open().stop();
  engine_.reset();
  {
    auto store = storage::ChainStore::open(folder_, store_options_);
    ASSERT_TRUE(store.has_value());
    protocol::Machine machine;
    ASSERT_TRUE((*store)->load(machine).has_value());
    storage::StoredBlock block;
    block.height = machine.chain().height + 1;
    block.order_rule = protocol::OrderRule::Lanes;
    const auto step = protocol::chain_test::proposer().prove(machine.randomness().last().seed, block.height);
    machine.begin_block({block.height, machine.chain().block_time, machine.app_hash(), block.order_rule}, step);
    const auto result = machine.finish_block();
    block.app_hash = result.app_hash;
    block.history_size = result.history_size;
    ASSERT_TRUE((*store)->write(block, result).has_value());
  }
  const auto engine = try_open(genesis_);
  ASSERT_FALSE(engine.has_value());
  EXPECT_NE(engine.error().find("--engine-kind cometbft"), std::string::npos) << engine.error();
}

TEST_F(EngineTest, AnswersWithTheDurableReceiptAndTheSameBytesTwiceWithTheFirst) {
  Engine& engine = open();
  Answers answers;
  const Bytes bytes = payment("ada", 0);
  engine.submit(bytes, answers.one());
  const SubmitResult first = answers.wait(1).at(0);
  ASSERT_TRUE(first.has_value()) << first.error().detail;
  EXPECT_FALSE(first->duplicate);
  EXPECT_EQ(first->receipt.core.transaction, sha256(bytes));
  ASSERT_TRUE(engine.store().find_receipt(sha256(bytes)).value()) << "an answer is given when it is stored";
  engine.submit(bytes, answers.one());
  const SubmitResult second = answers.wait(2).at(1);
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->duplicate);
  EXPECT_EQ(encode(second->receipt), encode(first->receipt));
  EXPECT_EQ(engine.counters().blocks, 1U) << "a duplicate makes no block";
}

TEST_F(EngineTest, WhatWaitsTogetherIsOneBlockAndTheSameBytesInItAreOneTransaction) {
  Engine& engine = open(false);
  Answers answers;
  for (std::uint64_t sequence = 0; sequence < 50; ++sequence) engine.submit(payment("ada", sequence), answers.one());
  const Bytes again = payment("eve", 0);
  engine.submit(again, answers.one());
  engine.submit(again, answers.one());
  EXPECT_EQ(answers.count(), 0U);
  engine.start();
  std::size_t duplicates = 0;
  for (const SubmitResult& result : answers.wait(52)) {
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result->receipt.core.height, 1U);
    duplicates += result->duplicate ? 1 : 0;
  }
  EXPECT_EQ(duplicates, 1U);
  EXPECT_EQ(engine.counters().applied, 51U);
}

TEST_F(EngineTest, ABatchKeepsItsOrderOverManyVerifiers) {
  options_.verify_threads = 4;
  Engine& engine = open();
  Answers answers;
  std::vector<Bytes> batch;
  for (std::uint64_t sequence = 0; sequence < 300; ++sequence) batch.push_back(payment("ada", sequence));
  ASSERT_TRUE(engine.submit_batch(batch, answers.many()).has_value());
  const auto results = answers.wait(300);
  for (std::size_t i = 0; i < results.size(); ++i) {
    ASSERT_TRUE(results[i].has_value()) << i << ": " << results[i].error().detail;
    EXPECT_EQ(results[i]->receipt.core.sequence, i);
  }
}

TEST_F(EngineTest, ABatchIsAnsweredOnceWithAResultForEach) {
  Engine& engine = open();
  Answers answers;
  Bytes forged = payment("ada", 1);
  forged.back() ^= 1U;
  ASSERT_TRUE(engine.submit_batch({payment("ada", 0), forged, payment("ada", 5), Bytes{0xff}, payment("eve", 0)},
                                  answers.many()));
  const auto results = answers.wait(5);
  ASSERT_EQ(results.size(), 5U);
  EXPECT_EQ(code_of(results[0]), RefusalCode::None);
  EXPECT_EQ(code_of(results[1]), RefusalCode::WrongSignature);
  EXPECT_EQ(code_of(results[2]), RefusalCode::SequenceAhead);
  EXPECT_EQ(code_of(results[3]), RefusalCode::MalformedTransaction);
  EXPECT_EQ(code_of(results[4]), RefusalCode::None);
}

TEST_F(EngineTest, WhatCannotStandInABlockMakesNone) {
  Engine& engine = open();
  Answers answers;
  engine.submit(payment("stranger", 0), answers.one());
  engine.submit(payment("ada", 7), answers.one());
  engine.submit(payment("ada", 0, 1, "another-chain"), answers.one());
  const auto results = answers.wait(3);
  EXPECT_EQ(engine.counters().blocks, 0U);
  EXPECT_EQ(engine.counters().refused, 3U);
  for (const SubmitResult& result : results) EXPECT_FALSE(result.has_value());
}

TEST_F(EngineTest, RefusesWhatItHasNoRoomForAndSaysWhoMustSlowDown) {
  options_.queue.items_per_account_max = 3;
  options_.queue.items_max = 4;
  options_.unverified_max = 10;
  Engine& engine = open(false);
  Answers answers;
  for (std::uint64_t sequence = 0; sequence < 4; ++sequence) engine.submit(payment("ada", sequence), answers.one());
  SubmitResult refused = answers.wait(1).at(0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, RefusalCode::NodeBusy);
  EXPECT_EQ(refused.error().backpressure, Backpressure::Account);
  engine.submit(payment("bob", 0), answers.one());
  engine.submit(payment("eve", 0), answers.one());
  refused = answers.wait(2).at(1);
  ASSERT_FALSE(refused.has_value()) << "the account with the most waiting gave way";
  EXPECT_EQ(refused.error().backpressure, Backpressure::Account);
  const auto batch = engine.submit_batch(std::vector<Bytes>(11, payment("eve", 1)), answers.many());
  ASSERT_FALSE(batch.has_value());
  EXPECT_EQ(batch.error().backpressure, Backpressure::Node);
  EXPECT_EQ(engine.counters().waiting, 4U);
  engine.start();
  EXPECT_EQ(answers.wait(6).size(), 6U);
  EXPECT_EQ(engine.counters().applied, 4U);
}

TEST_F(EngineTest, StoppingAnswersEverybody) {
  Engine& engine = open(false);
  Answers answers;
  engine.submit(payment("ada", 0), answers.one());
  ASSERT_TRUE(engine.submit_batch(std::vector<Bytes>(100, payment("eve", 0)), answers.many()));
  engine.stop();
  for (const SubmitResult& result : answers.wait(101)) EXPECT_EQ(code_of(result), RefusalCode::NodeBusy);
  engine.submit(payment("ada", 0), answers.one());
  EXPECT_EQ(code_of(answers.wait(102).back()), RefusalCode::NodeBusy);
  EXPECT_FALSE(engine.submit_batch({payment("ada", 0)}, answers.many()).has_value());
}

// REQ: DEC-2
TEST_F(EngineTest, RestartsWhereItStoodAndReplaysToTheSameHash) {
  Engine* engine = &open();
  Answers answers;
  for (std::uint64_t sequence = 0; sequence < 20; ++sequence) {
    engine->submit(payment("ada", sequence, 1 + sequence), answers.one());
    static_cast<void>(answers.wait(sequence + 1));
  }
  const Hash32 before = app_hash();
  engine_.reset();
  engine = &open();
  EXPECT_EQ(app_hash(), before);
  engine->submit(payment("ada", 3, 4), answers.one());
  EXPECT_EQ(code_of(answers.wait(21).back()), RefusalCode::SequenceUsed) << "another expiry, another transaction";
  engine->submit(payment("ada", 20), answers.one());
  EXPECT_EQ(code_of(answers.wait(22).back()), RefusalCode::None);
  const auto report = storage::replay(engine->store(), genesis_, {});
  ASSERT_TRUE(report.has_value()) << report.error();
  EXPECT_EQ(report->app_hash, app_hash());
  EXPECT_EQ(report->transactions, 21U);
}

// B8: what was not synced is not acknowledged, and neither is anything after it.
TEST_F(EngineTest, AfterAFailedSyncNothingIsAcknowledgedAndTheNodeEnds) {
  std::atomic<bool> fails = false;
  store_options_.log.fault = [&fails](storage::LogStep step) {
    return fails && step == storage::LogStep::Sync ? EIO : 0;
  };
  Engine* engine = &open(false);
  std::atomic<int> failures = 0;
  engine->on_failure([&failures](const std::string&) { ++failures; });
  engine->start();
  Answers answers;
  engine->submit(payment("ada", 0), answers.one());
  ASSERT_EQ(code_of(answers.wait(1).at(0)), RefusalCode::None);
  fails = true;
  engine->submit(payment("ada", 1), answers.one());
  EXPECT_EQ(code_of(answers.wait(2).at(1)), RefusalCode::NodeBusy);
  fails = false;
  engine->submit(payment("eve", 0), answers.one());
  EXPECT_EQ(code_of(answers.wait(3).at(2)), RefusalCode::NodeBusy);
  EXPECT_EQ(engine->condition().readiness, Readiness::DiskFailed);
  engine_.reset();
  EXPECT_EQ(failures, 1);
  engine = &open();
  engine->submit(payment("eve", 0), answers.one());
  EXPECT_EQ(code_of(answers.wait(4).at(3)), RefusalCode::None) << "it was not applied before";
}

// B9: a full disk refuses what is new, answers what is old, and takes transactions again when there is space.
TEST_F(EngineTest, AFullDiskRefusesUntilThereIsSpace) {
  std::atomic<bool> full = false;
  store_options_.log.segment_bytes = 64U << 10;
  store_options_.log.fault = [&full](storage::LogStep step) {
    return full && step == storage::LogStep::Create ? ENOSPC : 0;
  };
  Engine& engine = open();
  Answers answers;
  const Bytes first = payment("ada", 0);
  engine.submit(first, answers.one());
  ASSERT_EQ(code_of(answers.wait(1).at(0)), RefusalCode::None);
  full = true;
  std::size_t count = 1;
  std::uint64_t sequence = 1;
  RefusalCode code = RefusalCode::None;
  while (code == RefusalCode::None && count < 400) {
    engine.submit(payment("ada", sequence), answers.one());
    code = code_of(answers.wait(++count).back());
    if (code == RefusalCode::None) ++sequence;
  }
  ASSERT_EQ(code, RefusalCode::DiskFull);
  EXPECT_EQ(engine.condition().readiness, Readiness::DiskFull);
  const Hash32 before = app_hash();
  engine.submit(first, answers.one());
  const SubmitResult again = answers.wait(++count).back();
  ASSERT_TRUE(again.has_value()) << "what was applied is still told";
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(app_hash(), before) << "nothing is applied that cannot be stored";
  full = false;
  do {
    engine.submit(payment("ada", sequence), answers.one());
    code = code_of(answers.wait(++count).back());
  } while (code == RefusalCode::DiskFull);
  EXPECT_EQ(code, RefusalCode::None);
  EXPECT_EQ(engine.condition().readiness, Readiness::Ready);
  const Hash32 last = app_hash();
  engine_.reset();
  store_options_.log.fault = {};
  open(false);
  EXPECT_EQ(app_hash(), last);
}

// B9: a disk that gave room in advance and refuses the block all the same. Nobody sees what is not durable, and the
// same process goes on.
TEST_F(EngineTest, ABlockThatFindsNoRoomIsTakenBack) {
  std::atomic<int> error = 0;
  store_options_.log.fault = [&error](storage::LogStep step) {
    return step == storage::LogStep::Write ? error.load() : 0;
  };
  Engine* engine = &open(false);
  std::atomic<int> failures = 0;
  std::atomic<std::uint64_t> told = 0;  // height of the last block that listeners heard of
  engine->on_failure([&failures](const std::string&) { ++failures; });
  engine->add_listener([&told](const protocol::BlockResult& result) { told = result.height; });
  engine->start();
  Answers answers;
  std::size_t count = 0;
  std::uint64_t sequence = 0;
  const auto send = [&] {
    engine->submit(payment("ada", sequence), answers.one());
    return code_of(answers.wait(++count).back());
  };
  const auto height = [&] {
    return engine->read([](const protocol::Machine& machine) { return machine.chain().height; });
  };
  for (const int kind : {ENOSPC, EDQUOT, EFBIG}) {
    for (int i = 0; i < 3; ++i, ++sequence) ASSERT_EQ(send(), RefusalCode::None);
    const Hash32 before = app_hash();
    const std::uint64_t stands = height();
    error = kind;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(send(), RefusalCode::DiskFull);
    EXPECT_EQ(engine->condition().readiness, Readiness::DiskFull);
    EXPECT_EQ(app_hash(), before);
    EXPECT_EQ(height(), stands);
    EXPECT_EQ(told, stands);
    EXPECT_EQ(engine->store().tip()->app_hash, before);
    error = 0;
    while (send() == RefusalCode::DiskFull) continue;
    ++sequence;
    EXPECT_EQ(engine->condition().readiness, Readiness::Ready);
  }
  EXPECT_EQ(failures, 0);
  const auto report = storage::replay(engine->store(), genesis_, {});
  ASSERT_TRUE(report.has_value()) << report.error();
  EXPECT_EQ(report->transactions, sequence);
  const Hash32 last = app_hash();
  engine_.reset();
  store_options_.log.fault = {};
  open(false);
  EXPECT_EQ(app_hash(), last);
}

TEST_F(EngineTest, AFolderOfAnotherChainIsRefusedWithASentence) {
  open();
  engine_.reset();
  protocol::Genesis other = genesis_;
  other.accounts.pop_back();
  const auto opened = try_open(other);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().find("genesis"), std::string::npos) << opened.error();
}

}  // namespace
}  // namespace starminer::engine::solo
