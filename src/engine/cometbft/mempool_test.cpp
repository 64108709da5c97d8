#include "engine/cometbft/mempool.h"

#include "engine/cometbft/validators.h"

namespace starminer::engine::cometbft {
namespace {

using namespace validators_test;

class MempoolTest : public Validators {};

RefusalCode code_of(const abci::ResponseCheckTx& answer) { return static_cast<RefusalCode>(answer.code()); }

TEST_F(MempoolTest, NoSignatureIsVerifiedTwice) {
  open(2);
  std::vector<Bytes> mempool;
  for (std::uint64_t i = 0; i < 40; ++i) mempool.push_back(payment("ada", i));
  for (const auto& engine : engines_) {
    for (const Bytes& tx : mempool) EXPECT_EQ(check(*engine, tx).code(), 0U);
  }
  for (const Bytes& tx : mempool) EXPECT_EQ(check(engine(0), tx, true).code(), 0U);
  make_block(0, mempool);
  EXPECT_EQ(engine(0).verifier().checks(), 40U) << "for the mempool, again, proposal, vote, block";
  EXPECT_EQ(engine(1).verifier().checks(), 40U);
}

TEST_F(MempoolTest, CheckTxLetsInWhatCanFollowAndChangesNothing) {
  open(1);
  const Hash32 before = app_hash(engine());
  EXPECT_EQ(check(engine(), payment("ada", 0)).code(), 0U);
  EXPECT_EQ(check(engine(), payment("ada", 1)).code(), 0U) << "behind the one that waits";
  EXPECT_EQ(code_of(check(engine(), payment("ada", 1, 9))), RefusalCode::SequenceUsed);
  EXPECT_EQ(code_of(check(engine(), payment("ada", 3))), RefusalCode::SequenceAhead);
  EXPECT_EQ(code_of(check(engine(), payment("nobody", 0))), RefusalCode::UnknownAccount);
  Bytes forged = payment("eve", 0);
  forged.back() ^= 1U;
  EXPECT_EQ(code_of(check(engine(), forged)), RefusalCode::WrongSignature);
  EXPECT_EQ(code_of(check(engine(), Bytes(protocol::kTransactionBytesMax + 1))), RefusalCode::TransactionTooLarge);
  EXPECT_EQ(code_of(check(engine(), Bytes{1, 2, 3})), RefusalCode::MalformedTransaction);
  const Bytes preamble = wrap_preamble(kChainId, Bytes(96));
  EXPECT_EQ(code_of(check(engine(), preamble)), RefusalCode::ProposerOnly) << "nobody brings one from outside";
  const abci::ResponseCheckTx zero = check(engine(), sign("eve", 0, transfer(account_of_name("bob"), 0)));
  EXPECT_NE(zero.code(), 0U) << "the shape of an operation counts";
  EXPECT_EQ(zero.codespace(), kCodespace);
  EXPECT_FALSE(zero.log().empty());
  EXPECT_FALSE(zero.info().empty()) << "what to do";
  EXPECT_EQ(app_hash(engine()), before);
  EXPECT_EQ(engine().counters().not_let_in, 8U);
}

TEST_F(MempoolTest, StrangersPushNothingOutOfMemory) {
  options_.verifier.kept_max = 40;
  open(1);
  std::vector<Bytes> mempool;
  for (std::uint64_t i = 0; i < 40; ++i) mempool.push_back(payment("ada", i));
  for (const Bytes& tx : mempool) ASSERT_EQ(check(engine(), tx).code(), 0U);
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(code_of(check(engine(), payment("nobody", i))), RefusalCode::UnknownAccount);
    EXPECT_EQ(code_of(check(engine(), payment("eve", 1'000 + i))), RefusalCode::SequenceAhead);
  }
  EXPECT_EQ(engine().verifier().kept(), 40U);
  const std::uint64_t before = engine().verifier().checks();
  make_block(0, mempool);
  EXPECT_EQ(engine().verifier().checks(), before) << "what was let in is remembered";
}

TEST_F(MempoolTest, AMempoolThatIsLargerThanTheMemoryIsNotVerifiedAnewWithEachBlock) {
  options_.verifier.kept_max = 30;
  open(1);
  std::vector<Bytes> mempool;
  for (std::uint64_t i = 0; i < 40; ++i) mempool.push_back(payment("ada", i));
  for (const Bytes& tx : mempool) ASSERT_EQ(check(engine(), tx).code(), 0U);
  for (int block = 0; block < 3; ++block) {
    make_block(0, {});
    const std::uint64_t before = engine().verifier().checks();
    for (const Bytes& tx : mempool) ASSERT_EQ(check(engine(), tx, true).code(), 0U);
    EXPECT_EQ(engine().verifier().checks() - before, 10U) << "those that have no room";
  }
}

TEST_F(MempoolTest, WhatWaitsStaysWhileTheDiskIsFull) {
  storage::StoreOptions store_options;
  store_options.reserve_bytes = std::uint64_t{1} << 62U;  // more than any disk has: full from the first block on
  auto store = storage::ChainStore::open(folder_ / "0", store_options);
  ASSERT_TRUE(store.has_value());
  auto engine = Engine::open(std::move(*store), genesis_, proposer_of(0), options_);
  ASSERT_TRUE(engine.has_value());
  engines_.push_back(std::move(*engine));
  const Bytes waiting = payment("ada", 0);
  ASSERT_EQ(check(*engines_[0], waiting).code(), 0U);
  make_block(0, {});
  EXPECT_EQ(code_of(check(*engines_[0], payment("eve", 0))), RefusalCode::DiskFull);
  EXPECT_EQ(check(*engines_[0], waiting, true).code(), 0U);
}

TEST_F(MempoolTest, CheckTxKnowsWhatAnAccountCanPay) {
  open(1);
  const std::uint64_t fee =
      engine().read([](const protocol::Machine& machine) { return machine.params().get(protocol::Parameter::TxFee); });
  // Enough for the deposit of an account and three fees.
  const std::uint64_t deposit = engine().read(
      [](const protocol::Machine& machine) { return machine.params().get(protocol::Parameter::AccountDeposit); });
  make_block(0, {sign("ada", 0, transfer(account_of_name("rich"), deposit + 3 * fee))});
  ASSERT_EQ(balance(engine(), "rich"), 3 * fee);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(check(engine(), payment("rich", i)).code(), 0U);
  EXPECT_EQ(code_of(check(engine(), payment("rich", 3))), RefusalCode::FeeNotCovered);
}

TEST_F(MempoolTest, AnAccountHasOnlySoManyWaiting) {
  options_.pending_per_account_max = 3;
  open(1);
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_EQ(check(engine(), payment("ada", i)).code(), 0U);
  EXPECT_EQ(code_of(check(engine(), payment("ada", 3))), RefusalCode::NodeBusy);
  EXPECT_EQ(check(engine(), payment("eve", 0)).code(), 0U);
}

TEST_F(MempoolTest, RecheckDropsWhatABlockHasSettledAndCountsTheRestAnew) {
  open(1);
  std::vector<Bytes> txs;
  for (std::uint64_t i = 0; i < 4; ++i) txs.push_back(payment("ada", i));
  for (const Bytes& tx : txs) ASSERT_EQ(check(engine(), tx).code(), 0U);
  make_block(0, {txs[0]});
  EXPECT_EQ(code_of(check(engine(), txs[0], true)), RefusalCode::SequenceUsed);
  EXPECT_EQ(check(engine(), txs[1], true).code(), 0U);
  // The third was dropped; the fourth cannot stand without it.
  EXPECT_EQ(code_of(check(engine(), txs[3], true)), RefusalCode::SequenceAhead);
  EXPECT_EQ(check(engine(), payment("ada", 2, 7)).code(), 0U) << "another one takes the place";
}

TEST_F(MempoolTest, WhatCometBftDroppedWithoutAWordIsForgotten) {
  open(1);
  ASSERT_EQ(check(engine(), payment("ada", 0)).code(), 0U);
  int blocks = 0;
  while (check(engine(), payment("ada", 0, 2)).code() != 0 && blocks < 100) {
    make_block(0, {});
    ++blocks;
  }
  EXPECT_GT(blocks, 1);
  EXPECT_LT(blocks, 20);
}

}  // namespace
}  // namespace starminer::engine::cometbft
