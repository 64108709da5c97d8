#include "engine/cometbft/proposal.h"

#include <algorithm>
#include <array>

#include <rapidcheck.h>

#include "engine/cometbft/validators.h"
#include "protocol/block_order.h"

namespace starminer::engine::cometbft {
namespace {

using namespace validators_test;

class ProposalTest : public Validators {};

// REQ: MAT-7
TEST_F(ProposalTest, TheOrderOfABlockFollowsFromItsSeed) {
  open(2);
  std::vector<Bytes> mempool;
  for (const char* name : {"ada", "bob", "eve", "kim", "operator"}) {
    for (std::uint64_t i = 0; i < 2; ++i) mempool.push_back(payment(name, i));
  }
  mempool.push_back(sign("kim", 2, register_provider("kim")));
  const std::vector<Bytes> block = prepare(0, mempool);
  ASSERT_EQ(block.size(), mempool.size() + 1);
  ASSERT_TRUE(unwrap_preamble(kChainId, block.front()).has_value());
  EXPECT_TRUE(accepts(engine(1), 0, block));
  std::vector<Bytes> swapped = block;
  for (std::size_t i = 1; i + 1 < block.size(); ++i) {
    std::swap(swapped[i], swapped[i + 1]);
    EXPECT_FALSE(accepts(engine(1), 0, swapped)) << "two that changed places at " << i;
    std::swap(swapped[i], swapped[i + 1]);
  }
  std::reverse(mempool.begin(), mempool.end());
  std::stable_sort(mempool.begin(), mempool.end(), [](const Bytes& a, const Bytes& b) {
    return protocol::verify_transaction(a, kChainId)->body().sequence() <
           protocol::verify_transaction(b, kChainId)->body().sequence();
  });
  time_ms_ -= 100;
  EXPECT_EQ(prepare(0, mempool), block) << "whatever order they came in";
  decide(0, block);
}

TEST_F(ProposalTest, AProposalNeedsTheProofOfItsProposer) {
  open(2);
  const std::vector<Bytes> block = prepare(0, {payment("ada", 0)});
  EXPECT_TRUE(accepts(engine(1), 0, block));
  EXPECT_FALSE(accepts(engine(1), 1, block)) << "the preamble of another validator";
  EXPECT_FALSE(accepts(engine(1), 0, {}));
  EXPECT_FALSE(accepts(engine(1), 0, {block[1]})) << "no preamble";
  EXPECT_FALSE(accepts(engine(1), 0, {block[1], block[0]})) << "behind a transaction";
  EXPECT_FALSE(accepts(engine(1), 0, {block[0], block[0], block[1]})) << "twice";
  EXPECT_FALSE(accepts(engine(1), 0, {block[0], Bytes{1, 2, 3}})) << "something that is no transaction";
  EXPECT_FALSE(accepts(engine(1), 0, {block[0], block[1], block[1]})) << "a transaction twice";
  for (std::size_t i = 0; i < block[0].size(); ++i) {
    std::vector<Bytes> altered = block;
    altered[0][i] ^= 1U;
    ASSERT_FALSE(accepts(engine(1), 0, altered)) << "byte " << i;
  }
  decide(0, block);
  EXPECT_FALSE(accepts(engine(1), 0, block)) << "the proof of an earlier height";
  EXPECT_EQ(prepare(1, {}).size(), 1U);
  // A node whose key the genesis does not name has nothing to propose.
  abci::Request foreign;
  foreign.mutable_prepare_proposal()->set_max_tx_bytes(kMaxBytes);
  foreign.mutable_prepare_proposal()->set_proposer_address(address_of(3));
  EXPECT_EQ(ask(engine(0), foreign).prepare_proposal().txs_size(), 0);
}

TEST_F(ProposalTest, AProposalKeepsToTheBytesThatCometBftGrants) {
  open(1);
  std::vector<Bytes> mempool;
  for (std::uint64_t i = 0; i < 30; ++i) mempool.push_back(payment("ada", i));
  for (const std::int64_t most : {0, 50, 200, 700, 1'500, 4'000, 100'000}) {
    const std::vector<Bytes> block = prepare(0, mempool, most);
    std::uint64_t bytes = 0;
    for (const Bytes& tx : block) bytes += encoded_bytes(tx.size());
    EXPECT_LE(bytes, static_cast<std::uint64_t>(most)) << "CometBFT ends on a longer one";
    if (block.empty()) {
      EXPECT_LT(most, 200) << "not even the preamble";
    } else {
      EXPECT_TRUE(accepts(engine(), 0, block));
      const bool all = block.size() == mempool.size() + 1;
      EXPECT_TRUE(all || bytes + encoded_bytes(mempool.back().size()) > static_cast<std::uint64_t>(most))
          << "another one would have had room";
    }
  }
  EXPECT_EQ(prepare(0, mempool, 100'000).size(), 31U);
  EXPECT_EQ(encoded_bytes(127), 129U);
  EXPECT_EQ(encoded_bytes(128), 131U);
  EXPECT_EQ(encoded_bytes(16'384), 16'388U);
}

// A proposer that puts in what cannot run voids the transactions of others, or fills blocks for nothing.
TEST_F(ProposalTest, NobodyVotesForWhatCannotStandInTheBlock) {
  open(2);
  const std::uint64_t fee =
      engine().read([](const protocol::Machine& machine) { return machine.params().get(protocol::Parameter::TxFee); });
  const std::uint64_t deposit = engine().read(
      [](const protocol::Machine& machine) { return machine.params().get(protocol::Parameter::AccountDeposit); });
  const Bytes executed = sign("ada", 0, transfer(account_of_name("rich"), deposit + 3 * fee));
  make_block(0, {executed});
  const Bytes preamble = prepare(0, {}).front();
  const auto close = [](v1::TransactionBody& body) {
    body.mutable_account_close()->set_beneficiary(to_text(account_of_name("bob").view()));
  };
  const std::pair<std::vector<Bytes>, const char*> rows[] = {
      {{payment("ada", 2)}, "a gap in the sequence: the one before would be void"},
      {{payment("eve", 0), payment("eve", 2)}, "a gap in the block"},
      {{executed}, "one of an earlier block"},
      {{payment("nobody", 0)}, "no account"},
      {{sign("eve", 0,
             [&](v1::TransactionBody& body) {
               transfer(account_of_name("bob"), 1)(body);
               body.set_expires_at_ms(time_ms_ - 1);
             })},
       "expired"},
      {{sign("eve", 0, transfer(account_of_name("bob"), 0))}, "no shape of an operation"},
      {{payment("rich", 0), payment("rich", 1), payment("rich", 2), payment("rich", 3)}, "fees that are not covered"},
      {{sign("kim", 0, close), payment("kim", 1)}, "behind the end of its account"},
  };
  for (const auto& [transactions, what] : rows) {
    std::vector<Bytes> block = {preamble};
    block.insert(block.end(), transactions.begin(), transactions.end());
    EXPECT_FALSE(accepts(engine(1), 0, block)) << what;
  }
  const std::vector<std::vector<Bytes>> sound = {{payment("ada", 1)},
                                                 {payment("rich", 0), payment("rich", 1), payment("rich", 2)},
                                                 {payment("kim", 0), sign("kim", 1, close)}};
  for (const auto& good : sound) {
    std::vector<Bytes> block = {preamble};
    block.insert(block.end(), good.begin(), good.end());
    EXPECT_TRUE(accepts(engine(1), 0, block));
  }
}

TEST_F(ProposalTest, AProposalLeavesOutWhatCannotStandInIt) {
  open(1);
  Bytes forged = payment("eve", 0);
  forged.back() ^= 1U;
  const std::vector<Bytes> block =
      prepare(0, {payment("ada", 0), payment("ada", 2), forged, payment("nobody", 0), payment("kim", 5), {}});
  ASSERT_EQ(block.size(), 2U);
  EXPECT_EQ(protocol::verify_transaction(block.back(), kChainId)->account(), account_of_name("ada"));
  const auto decided = make_block(0, {payment("ada", 0)});
  for (const auto& result : decided.tx_results()) EXPECT_EQ(result.code(), 0U);
}

TEST_F(ProposalTest, WhateverAProposerIsOfferedAllVoteForItsBlockAndItsTransactionsStandInIt) {
  open(2);
  const std::array<std::string, 4> names = {"ada", "bob", "eve", "kim"};
  const bool held = rc::check([&](const std::vector<std::uint16_t>& drawn, bool second) {
    std::vector<Bytes> mempool;
    for (const std::uint16_t word : drawn) {
      const std::string& name = names[word % 4];
      const std::uint64_t next = engine().read([&](const protocol::Machine& machine) {
        return machine.ledger().next_sequence(account_of_name(name)).value_or(0);
      });
      const std::uint64_t sequence = next + word / 4 % 4;
      switch (word / 16 % 4) {
        case 0: mempool.push_back(sign(name, sequence, register_provider(name))); break;
        case 1: mempool.push_back(sign(name, sequence, lock_stake(1))); break;
        // Some send all that they have.
        case 2:
          mempool.push_back(
              payment(name, sequence, word % 3 == 0 ? balance(engine(), name) - word % 1'000 * 1'000 : 1 + word % 3));
          break;
        default: mempool.push_back(Bytes(word % 64, 0x0a)); break;
      }
    }
    const int proposer = second ? 1 : 0;
    const std::vector<Bytes> block = prepare(proposer, mempool);
    for (const auto& engine : engines_) RC_ASSERT(accepts(*engine, proposer, block));
    const auto decided = decide(proposer, block);
    for (int i = 1; i < decided.tx_results_size(); ++i) RC_ASSERT(!decided.tx_results(i).data().empty());
    RC_ASSERT(app_hash(engine(0)) == app_hash(engine(1)));
  });
  EXPECT_TRUE(held);
  expect_replay();
}

TEST(Preamble, HasOneForm) {
  const Bytes preamble(96, 7);
  const Bytes wrapped = wrap_preamble("chain", preamble);
  EXPECT_EQ(unwrap_preamble("chain", wrapped), preamble);
  EXPECT_EQ(unwrap_preamble("other", wrapped), std::nullopt);
  Bytes longer = wrapped;
  longer.push_back(0);
  EXPECT_EQ(unwrap_preamble("chain", longer), std::nullopt);
  EXPECT_EQ(unwrap_preamble("chain", {}), std::nullopt);
  EXPECT_EQ(unwrap_preamble("chain", Bytes(1'000)), std::nullopt);
  EXPECT_TRUE(proposer_account("short").is_zero());
}

}  // namespace
}  // namespace starminer::engine::cometbft
