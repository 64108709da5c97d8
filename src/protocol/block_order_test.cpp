#include "protocol/block_order.h"

#include <memory>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/operation_registry.h"
#include "protocol/replay.h"
#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::account_of_name;
using chain_test::kChainId;
using chain_test::key_of;

/// A transaction of this lane.
VerifiedTransaction in_lane(const std::string& name, std::uint64_t sequence, unsigned lane) {
  v1::TransactionBody body;
  body.set_chain_id(std::string(kChainId));
  body.set_sequence(sequence);
  switch (lane) {
    case 1: body.mutable_contract_accept(); break;
    case 2: body.mutable_node_update(); break;
    case 3: body.mutable_job_cancel(); break;
    default: body.mutable_transfer(); break;
  }
  return *verify_transaction(sign_transaction(body, key_of(name)), kChainId);
}

Hash32 seed(std::string_view text) { return sha256(text); }

bool takes_all(const Hash32& block_seed, const std::vector<VerifiedTransaction>& transactions) {
  BlockOrder order(block_seed);
  for (const VerifiedTransaction& transaction : transactions) {
    if (!order.admits(transaction)) return false;
    order.take(transaction);
  }
  return true;
}

std::vector<VerifiedTransaction> ordered(const Hash32& block_seed, const std::vector<VerifiedTransaction>& offered) {
  std::vector<VerifiedTransaction> out;
  for (const std::size_t i : order_transactions(block_seed, offered)) out.push_back(offered[i]);
  return out;
}

TEST(BlockOrder, EveryOperationHasItsLane) {
  const std::pair<std::uint16_t, std::uint8_t> rows[] = {{5, 0},  {10, 4}, {12, 4}, {20, 2},   {24, 2},
                                                         {26, 2}, {27, 2}, {30, 3}, {31, 3},   {40, 1},
                                                         {44, 1}, {50, 2}, {60, 4}, {9'999, 4}};
  for (const auto& [operation, lane] : rows) EXPECT_EQ(lane_of(operation), lane) << operation;
  for (const OperationInfo& info : operation_registry()) {
    EXPECT_TRUE(lane_of(info.number) <= 4 && (lane_of(info.number) == 0) == info.proposer_only) << info.name;
  }
  EXPECT_EQ(order_rule_name(OrderRule::Arrival), "arrival");
  EXPECT_EQ(order_rule_name(OrderRule::Lanes), "lanes");
}

// REQ: MAT-7
TEST(BlockOrder, LanesFirstThenTheDrawOfTheSeed) {
  std::vector<VerifiedTransaction> offered;
  for (const char* name : {"ada", "bob", "eve", "kim"}) {
    for (unsigned lane : {4U, 1U, 3U, 2U}) offered.push_back(in_lane(name + std::to_string(lane), 0, lane));
  }
  std::set<std::vector<AccountId>> orders;
  for (const char* text : {"a", "b", "c", "d", "e", "f"}) {
    const auto block = ordered(seed(text), offered);
    ASSERT_EQ(block.size(), offered.size());
    std::vector<AccountId> accounts;
    for (std::size_t i = 0; i < block.size(); ++i) {
      accounts.push_back(block[i].account());
      EXPECT_EQ(lane_of(static_cast<std::uint16_t>(block[i].body().operation_case())), i / 4 + 1);
    }
    EXPECT_TRUE(takes_all(seed(text), block));
    orders.insert(accounts);
  }
  EXPECT_EQ(orders.size(), 6U) << "another seed, another order";
}

TEST(BlockOrder, AnAccountKeepsItsSequenceAndWhatFollowsWaitsInItsLane) {
  const std::vector<VerifiedTransaction> offered = {in_lane("ada", 2, 1), in_lane("ada", 1, 4), in_lane("ada", 0, 1),
                                                    in_lane("bob", 0, 3), in_lane("ada", 3, 2)};
  const auto block = ordered(seed("x"), offered);
  ASSERT_EQ(block.size(), 5U);
  EXPECT_EQ(block[0].hash(), offered[2].hash());
  EXPECT_EQ(block[1].hash(), offered[3].hash()) << "a submission before what stands behind a transfer";
  EXPECT_EQ(block[2].hash(), offered[1].hash());
  EXPECT_EQ(block[3].hash(), offered[0].hash());
  EXPECT_EQ(block[4].hash(), offered[4].hash());
}

TEST(BlockOrder, ASequenceStandsOnce) {
  const std::vector<VerifiedTransaction> offered = {in_lane("ada", 0, 4), in_lane("ada", 0, 1), in_lane("ada", 1, 4)};
  const auto block = ordered(seed("x"), offered);
  ASSERT_EQ(block.size(), 2U);
  EXPECT_EQ(block[0].hash(), offered[0].hash());
  BlockOrder order(seed("x"));
  order.take(offered[0]);
  EXPECT_FALSE(order.admits(offered[0]));
  EXPECT_FALSE(order.admits(offered[1]));
  EXPECT_TRUE(order.admits(offered[2]));
}

RC_GTEST_PROP(BlockOrder, WhatIsOrderedIsTakenAndNothingElseIs,
              (const std::vector<std::uint8_t>& drawn, std::uint8_t first, std::uint8_t second)) {
  static const std::vector<VerifiedTransaction> pool = [] {
    std::vector<VerifiedTransaction> all;
    for (const char* name : {"ada", "bob", "eve"}) {
      for (std::uint64_t sequence = 0; sequence < 4; ++sequence) {
        for (unsigned lane = 1; lane <= 4; ++lane) all.push_back(in_lane(name, sequence, lane));
      }
    }
    return all;
  }();
  std::vector<VerifiedTransaction> offered;
  for (const std::uint8_t i : drawn) offered.push_back(pool[i % pool.size()]);
  const Hash32 block_seed = seed(std::to_string(drawn.size()));
  auto block = ordered(block_seed, offered);
  RC_ASSERT(takes_all(block_seed, block));
  std::set<std::pair<AccountId, std::uint64_t>> places;
  for (const auto& transaction : offered) places.insert({transaction.account(), transaction.body().sequence()});
  RC_ASSERT(block.size() == places.size());
  // The order of the same transactions is one: no other arrangement passes, and none is needed.
  RC_ASSERT(ordered(block_seed, block).size() == block.size());
  if (block.size() >= 2 && first % block.size() != second % block.size()) {
    std::swap(block[first % block.size()], block[second % block.size()]);
    RC_ASSERT(!takes_all(block_seed, block));
  }
}

/// A machine whose blocks are logged as an engine logs them.
class LaneLog : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.start(genesis_).has_value());
    auto replay = Replay::start(genesis_);
    ASSERT_TRUE(replay.has_value());
    replay_ = std::make_unique<Replay>(std::move(*replay));
  }

  [[nodiscard]] SeedStep next_step() const {
    return chain_test::proposer().prove(machine_.randomness().last().seed, machine_.chain().height + 1);
  }
  LoggedBlock make(const SeedStep& step, const std::vector<VerifiedTransaction>& transactions, OrderRule rule) {
    const BlockHeader header{step.height(), {genesis_.time.ms + step.height()}, machine_.app_hash(), rule};
    LoggedBlock block;
    block.height = header.height;
    block.time = header.time;
    block.previous_app_hash = header.previous_app_hash;
    block.order_rule = rule;
    block.proposer = step.proposer();
    block.preamble = step.preamble_bytes();
    block.seed = step.seed();
    machine_.begin_block(header, step);
    for (const auto& transaction : transactions) {
      if (rule == OrderRule::Lanes) {
        EXPECT_TRUE(machine_.charge(transaction).has_value());
      }
    }
    for (const auto& transaction : transactions) {
      EXPECT_TRUE(machine_.execute(transaction).has_value());
      block.transactions.push_back(transaction.bytes());
    }
    const BlockResult result = machine_.finish_block();
    block.state_root = result.state_root;
    block.history_root = result.history_root;
    block.history_size = result.history_size;
    block.app_hash = result.app_hash;
    return block;
  }
  static VerifiedTransaction payment(const char* name) {
    v1::TransactionBody body;
    body.set_chain_id(std::string(kChainId));
    body.set_expires_at_ms((chain_test::kGenesisTime + chain_test::kExpiry).ms);
    chain_test::transfer(account_of_name("bob"), 1)(body);
    return *verify_transaction(sign_transaction(body, key_of(name)), kChainId);
  }
  /// Why the replay refuses the block; empty where it does not.
  std::string fault_of(const LoggedBlock& block) {
    const auto replayed = replay_->apply(block);
    return replayed ? "" : replayed.error().what;
  }

  Genesis genesis_ = chain_test::genesis_of(Preset::Main, {"ada", "bob", "eve", "operator"});
  Machine machine_;
  std::unique_ptr<Replay> replay_;
};

TEST_F(LaneLog, ReplaysInTheOrderOfTheSeed) {
  const SeedStep step = next_step();
  EXPECT_EQ(fault_of(make(step, ordered(step.seed(), {payment("ada"), payment("eve")}), OrderRule::Lanes)), "");
}

TEST_F(LaneLog, ReplaysInNoOtherOrder) {
  const SeedStep step = next_step();
  auto transactions = ordered(step.seed(), {payment("ada"), payment("eve")});
  std::swap(transactions[0], transactions[1]);
  EXPECT_NE(fault_of(make(step, transactions, OrderRule::Lanes)).find("does not stand where"), std::string::npos);
}

TEST_F(LaneLog, ReplaysASkippedSeedOnlyWhereOthersDecideBlocks) {
  const SeedStep skipped = machine_.randomness().skip(1, chain_test::proposer().account());
  EXPECT_EQ(fault_of(make(skipped, {}, OrderRule::Lanes)), "");
  EXPECT_EQ(fault_of(make(next_step(), {}, OrderRule::Lanes)), "");
}

TEST_F(LaneLog, AProposerThatOrdersAloneSkipsNothing) {
  const SeedStep skipped = machine_.randomness().skip(1, chain_test::proposer().account());
  EXPECT_NE(fault_of(make(skipped, {}, OrderRule::Arrival)).find("randomness"), std::string::npos);
}

TEST_F(LaneLog, AChainHasOneRule) {
  EXPECT_EQ(fault_of(make(next_step(), {}, OrderRule::Arrival)), "");
  EXPECT_NE(fault_of(make(next_step(), {}, OrderRule::Lanes)).find("ordered by lanes, those before it by arrival"),
            std::string::npos);
}

}  // namespace
}  // namespace starminer::protocol
