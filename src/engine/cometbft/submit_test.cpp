// Transactions that are submitted to a node of a network: over CometBFT's RPC into a block and back. REQ: DEC-1
#include <chrono>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/cometbft/fake_comet.h"
#include "engine/cometbft/validators.h"

namespace starminer::engine::cometbft {
namespace {

using namespace validators_test;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class SubmitTest : public Validators {
 protected:
  SubmitTest() : comet_(std::string(kChainId)) {
    options_.submissions.rpc = comet_.url();
    options_.submissions.look_every = milliseconds(20);
    options_.submissions.rpc_timeout = milliseconds(2'000);
  }
  ~SubmitTest() override {
    for (const auto& engine : engines_) engine->stop();
    comet_.stop();
  }

  void start(int count = 1) {
    open(count);
    comet_.set_engine(&engine());
    engine().start();
    await(Readiness::OrdererAway);
    static_cast<void>(info(engine()));  // over ABCI: the two have met
    await(Readiness::Ready);
  }
  void await(Readiness readiness) {
    for (int i = 0; i < 1'000 && engine().condition().readiness != readiness; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    ASSERT_EQ(engine().condition().readiness, readiness) << engine().condition().detail;
  }
  std::future<SubmitResult> submit(const Bytes& tx) {
    auto answered = std::make_shared<std::promise<SubmitResult>>();
    engine().submit(tx, [answered](SubmitResult result) { answered->set_value(std::move(result)); });
    return answered->get_future();
  }
  static bool is_open(std::future<SubmitResult>& answer) {
    return answer.wait_for(milliseconds(50)) == std::future_status::timeout;
  }
  /// One that is answered at once.
  SubmitResult submit_and_get(const Bytes& tx) {
    auto answer = submit(tx);
    EXPECT_EQ(answer.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    return answer.get();
  }
  void make_block_of_mempool() { make_block(0, comet_.take_mempool()); }

  FakeComet comet_;
};

TEST_F(SubmitTest, AnswersWithTheReceiptWhenTheBlockIsCommitted) {
  start(2);
  const Bytes tx = payment("ada", 0, 7);
  auto answer = submit(tx);
  comet_.expect_waiting(1);
  EXPECT_TRUE(is_open(answer)) << "the mempool is no block";
  EXPECT_EQ(engine().counters().waiting, 1U);
  const std::vector<Bytes> block = prepare(0, comet_.take_mempool());
  const abci::Request request = finalize_request(0, block);
  ask(engine(), request);
  EXPECT_TRUE(is_open(answer)) << "decided, executed, and not durable";
  std::uint64_t heard = 0;
  engine().add_listener([&](const protocol::BlockResult& result) {
    heard = result.height;
    EXPECT_EQ(engine().read([](const protocol::Machine& machine) { return machine.chain().height; }), result.height)
        << "readers see the block that listeners hear of";
  });
  commit(engine());
  ASSERT_EQ(answer.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  const SubmitResult result = answer.get();
  ASSERT_TRUE(result.has_value()) << result.error().detail;
  EXPECT_FALSE(result->duplicate);
  EXPECT_EQ(result->receipt.core.transaction, sha256(ByteView(tx)));
  EXPECT_EQ(result->receipt.core.code, 0U);
  EXPECT_EQ(result->receipt.core.height, 1U);
  const auto stored = engine().store().find_receipt(sha256(ByteView(tx)));
  ASSERT_TRUE(stored.has_value() && stored->has_value());
  EXPECT_EQ((*stored)->history_index, result->receipt.history_index);
  EXPECT_EQ((*stored)->time.ms, result->receipt.time.ms);
  EXPECT_EQ(heard, 1U);
  EXPECT_EQ(engine().counters().waiting, 0U);
  EXPECT_EQ(engine().counters().submitted, 1U);
}

TEST_F(SubmitTest, TheSameBytesGetTheSameReceipt) {
  start();
  const Bytes tx = payment("ada", 0);
  auto first = submit(tx);
  comet_.expect_waiting(1);
  auto second = submit(tx);
  EXPECT_TRUE(is_open(second)) << "it waits with the first";
  make_block_of_mempool();
  EXPECT_FALSE(first.get()->duplicate);
  EXPECT_FALSE(second.get()->duplicate);
  const std::size_t before = comet_.requests;
  const SubmitResult third = submit_and_get(tx);
  ASSERT_TRUE(third.has_value());
  EXPECT_TRUE(third->duplicate);
  EXPECT_EQ(engine().counters().duplicates, 1U);
  EXPECT_LE(comet_.requests - before, 2U) << "looks at its status, and nothing was handed over";
}

TEST_F(SubmitTest, OneThatCometBftHadBeforeWaitsForItsBlock) {
  start();
  const Bytes tx = payment("ada", 0);
  static_cast<void>(submit(tx));
  comet_.expect_waiting(1);
  engine().stop();
  // The process that had submitted it ended; the next one does not know of it, CometBFT does.
  reopen(0);
  comet_.set_engine(&engine());
  engine().start();
  static_cast<void>(info(engine()));
  await(Readiness::Ready);
  auto answer = submit(tx);
  EXPECT_TRUE(is_open(answer));
  make_block_of_mempool();
  EXPECT_TRUE(answer.get().has_value());
}

TEST_F(SubmitTest, RefusalsAreThoseOfTheEngineSolo) {
  start();
  const SubmitResult ahead = submit_and_get(payment("ada", 5));
  ASSERT_FALSE(ahead.has_value());
  EXPECT_EQ(ahead.error().code, RefusalCode::SequenceAhead);
  EXPECT_THAT(ahead.error().detail, HasSubstr("5")) << "with the figures";
  EXPECT_EQ(ahead.error().backpressure, Backpressure::None);
  Bytes forged = payment("ada", 0);
  forged.back() ^= 1U;
  const std::size_t before = comet_.requests;
  EXPECT_EQ(submit_and_get(forged).error().code, RefusalCode::WrongSignature);
  EXPECT_LE(comet_.requests - before, 2U) << "CometBFT is not bothered with it";
  EXPECT_EQ(engine().counters().refused, 2U);
  // A refusal that pays its fee stands in a block, with its receipt.
  auto poor = submit(payment("ada", 0, UINT64_C(1) << 62U));
  comet_.expect_waiting(1);
  make_block_of_mempool();
  const SubmitResult charged = poor.get();
  ASSERT_TRUE(charged.has_value());
  EXPECT_NE(charged->receipt.core.code, 0U);
  EXPECT_FALSE(charged->receipt.detail.empty());
}

TEST_F(SubmitTest, SaysWhoMustSlowDown) {
  options_.pending_per_account_max = 2;
  start();
  static_cast<void>(submit(payment("ada", 0)));
  static_cast<void>(submit(payment("ada", 1)));
  const SubmitResult third = submit_and_get(payment("ada", 2));
  EXPECT_EQ(third.error().code, RefusalCode::NodeBusy);
  EXPECT_EQ(third.error().backpressure, Backpressure::Account);
  comet_.full = true;
  const SubmitResult full = submit_and_get(payment("eve", 0));
  EXPECT_EQ(full.error().code, RefusalCode::NodeBusy);
  EXPECT_EQ(full.error().backpressure, Backpressure::Node);
  EXPECT_THAT(full.error().detail, HasSubstr("mempool is full"));
  comet_.full = false;
  static_cast<void>(submit(payment("eve", 0)));
  comet_.expect_waiting(3);
  make_block_of_mempool();
}

TEST_F(SubmitTest, ACometBftThatIsAwaySaysSoAndComesBack) {
  start();
  comet_.stop();
  const SubmitResult away = submit_and_get(payment("ada", 0));
  ASSERT_FALSE(away.has_value());
  EXPECT_EQ(away.error().code, RefusalCode::NodeBusy);
  EXPECT_EQ(away.error().backpressure, Backpressure::Node);
  EXPECT_THAT(away.error().detail, HasSubstr(comet_.url()));
  await(Readiness::OrdererAway);
  EXPECT_THAT(engine().condition().detail, HasSubstr(comet_.url()));
  EXPECT_EQ(engine().read([](const protocol::Machine& machine) { return machine.chain().height; }), 0U)
      << "reads go on";
  comet_.start();
  await(Readiness::Ready);
  auto answer = submit(payment("ada", 0));
  comet_.expect_waiting(1);
  make_block_of_mempool();
  EXPECT_TRUE(answer.get().has_value());
}

TEST_F(SubmitTest, ACometBftThatDoesNotComeBackIsNoOrderer) {
  start();
  engine().stop();
  reopen(0);
  engine().start();
  for (int i = 0; i < 1'000 && engine().condition().detail.find("ABCI") == std::string::npos; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_THAT(engine().condition().detail, HasSubstr("ABCI socket")) << "its RPC alone is not enough";
  static_cast<void>(info(engine()));
  await(Readiness::Ready);
}

TEST_F(SubmitTest, TakesNothingWhileItCatchesUpOrBesideAnotherChain) {
  start();
  comet_.catching_up = true;
  await(Readiness::CatchingUp);
  const SubmitResult behind = submit_and_get(payment("ada", 0));
  EXPECT_EQ(behind.error().backpressure, Backpressure::Node);
  EXPECT_THAT(behind.error().detail, HasSubstr("catching up"));
  EXPECT_EQ(comet_.waiting(), 0U);
  engine().stop();
  FakeComet other("other-1");
  options_.submissions.rpc = other.url();
  reopen(0);
  other.set_engine(&engine());
  engine().start();
  await(Readiness::OrdererAway);
  for (int i = 0; i < 1'000 && engine().condition().detail.find("other-1") == std::string::npos; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_THAT(engine().condition().detail, HasSubstr("other-1"));
  engine().stop();
}

TEST_F(SubmitTest, WhatLeavesTheMempoolIsAnswered) {
  start();
  auto lost = submit(payment("ada", 1));
  EXPECT_EQ(lost.get().error().code, RefusalCode::SequenceAhead);
  const Bytes tx = payment("ada", 0, 1);
  auto overtaken = submit(tx);
  comet_.expect_waiting(1);
  // Another node's proposal brings another transaction of the account.
  make_block(0, {payment("ada", 0, 2)});
  EXPECT_TRUE(is_open(overtaken));
  EXPECT_NE(check(engine(), tx, true).code(), 0U);
  const SubmitResult result = overtaken.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, RefusalCode::SequenceUsed);
}

TEST_F(SubmitTest, WhatABlockLeavesOutIsAnswered) {
  start();
  auto answer = submit(payment("ada", 0, 1));
  comet_.expect_waiting(1);
  std::vector<Bytes> block = prepare(0, {payment("ada", 0, 2)});
  block.push_back(comet_.take_mempool().front());
  decide(0, block);
  const SubmitResult result = answer.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().code, RefusalCode::None);
}

TEST_F(SubmitTest, PatienceForABlockEnds) {
  options_.submissions.patience = milliseconds(100);
  start();
  const Bytes tx = payment("ada", 0);
  const SubmitResult result = submit_and_get(tx);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().backpressure, Backpressure::Node);
  EXPECT_THAT(result.error().detail, HasSubstr("one still may"));
  comet_.expect_waiting(1);
  make_block_of_mempool();
  const SubmitResult again = submit_and_get(tx);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->duplicate) << "and one did";
}

TEST_F(SubmitTest, ABatchKeepsItsOrderAndItsBounds) {
  options_.submissions.items_max = 40;
  start();
  std::vector<Bytes> batch;
  for (std::uint64_t i = 0; i < 35; ++i) batch.push_back(payment("ada", i));
  batch.push_back(Bytes{1, 2, 3});
  std::promise<std::vector<SubmitResult>> answered;
  ASSERT_TRUE(
      engine()
          .submit_batch(batch, [&](std::vector<SubmitResult> results) { answered.set_value(std::move(results)); })
          .has_value());
  comet_.expect_waiting(35);
  EXPECT_FALSE(engine().submit_batch(batch, [](const std::vector<SubmitResult>&) { ADD_FAILURE(); }).has_value());
  make_block_of_mempool();
  const std::vector<SubmitResult> results = answered.get_future().get();
  ASSERT_EQ(results.size(), 36U);
  for (std::uint64_t i = 0; i < 35; ++i) {
    ASSERT_TRUE(results[i].has_value()) << results[i].error().detail;
    EXPECT_EQ(results[i]->receipt.core.sequence, i);
  }
  EXPECT_EQ(results[35].error().code, RefusalCode::MalformedTransaction);
}

TEST_F(SubmitTest, StoppingAnswersWhatWaits) {
  start();
  auto waiting = submit(payment("ada", 0));
  comet_.expect_waiting(1);
  engine().stop();
  EXPECT_EQ(waiting.get().error().backpressure, Backpressure::Node);
  EXPECT_EQ(submit_and_get(payment("ada", 1)).error().backpressure, Backpressure::Node);
}

TEST_F(SubmitTest, FiguresTellHowCometBftIs) {
  start();
  std::map<std::string, double> figures;
  for (const Figure& figure : engine().figures()) figures[figure.name] = figure.value;
  EXPECT_EQ(figures["starminer_cometbft_up"], 1);
  EXPECT_EQ(figures["starminer_cometbft_height"], 7);
  EXPECT_EQ(figures["starminer_cometbft_voting_power"], 10);
  EXPECT_EQ(figures["starminer_cometbft_catching_up"], 0);
  EXPECT_EQ(engine().kind(), "cometbft");
}

}  // namespace
}  // namespace starminer::engine::cometbft
