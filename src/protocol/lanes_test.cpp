// Blocks of validators: time that passes at their pace, and fees that all pay before the first operation runs.
#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/check.h"
#include "protocol/block_admission.h"
#include "protocol/block_order.h"
#include "protocol/replay.h"
#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::account_of_name;
using chain_test::Chain;
using chain_test::kAgpu;
using chain_test::kChainId;
using chain_test::key_of;
using chain_test::register_provider;
using chain_test::transfer;

Chain::Fill close_to(std::string_view name) {
  return [to = account_of_name(name)](v1::TransactionBody& body) {
    body.mutable_account_close()->set_beneficiary(chain_test::text_of(to.view()));
  };
}

/// A machine and what replays its log.
class Lanes {
 public:
  explicit Lanes(Preset preset) : genesis_(chain_test::genesis_of(preset, {"ada", "bob", "eve", "operator"})) {
    STARMINER_CHECK(machine_.start(genesis_).has_value());
    now_ = genesis_.time;
  }

  [[nodiscard]] const Machine& machine() const { return machine_; }
  [[nodiscard]] std::uint64_t balance(std::string_view name) const {
    return machine_.ledger().balance(account_of_name(name), Asset::Agpu);
  }
  [[nodiscard]] std::uint64_t fee() const { return machine_.params().get(Parameter::TxFee); }

  /// `later`: behind those of the account in the same block.
  [[nodiscard]] VerifiedTransaction sign(std::string_view name, std::uint64_t later, const Chain::Fill& fill) const {
    v1::TransactionBody body;
    body.set_chain_id(std::string(kChainId));
    body.set_sequence(machine_.ledger().next_sequence(account_of_name(name)).value_or(0) + later);
    body.set_expires_at_ms((now_ + chain_test::kExpiry).ms);
    fill(body);
    return *verify_transaction(sign_transaction(body, key_of(name)), kChainId);
  }
  [[nodiscard]] SeedStep next_step() const {
    return chain_test::proposer().prove(machine_.randomness().last().seed, machine_.chain().height + 1);
  }
  /// A block so much later, of these in the order of its seed: which of them it took, and the receipts of those.
  struct Made {
    std::vector<RefusalCode> charged;  // None: it stands in the block
    std::vector<Receipt> receipts;
  };
  Made make_block(DurationMs later, const std::vector<VerifiedTransaction>& offered = {}) {
    now_ = now_ + later;
    const SeedStep step = next_step();
    std::vector<VerifiedTransaction> standing;
    machine_.begin_block({step.height(), now_, machine_.app_hash(), OrderRule::Lanes}, step);
    Made made;
    for (const std::size_t i : order_transactions(step.seed(), offered)) {
      const auto charged = machine_.charge(offered[i]);
      made.charged.push_back(charged ? RefusalCode::None : charged.error().code);
      if (charged) standing.push_back(offered[i]);
    }
    LoggedBlock block;
    for (const VerifiedTransaction& transaction : standing) {
      made.receipts.push_back(machine_.execute(transaction).value());
      block.transactions.push_back(transaction.bytes());
    }
    block.previous_app_hash = last_app_hash_.value_or(Hash32{});
    const BlockResult result = machine_.finish_block();
    block.height = result.height;
    block.time = now_;
    block.order_rule = OrderRule::Lanes;
    block.proposer = step.proposer();
    block.preamble = step.preamble_bytes();
    block.seed = step.seed();
    block.state_root = result.state_root;
    block.history_root = result.history_root;
    block.history_size = result.history_size;
    block.app_hash = result.app_hash;
    last_app_hash_ = result.app_hash;
    log_.push_back(std::move(block));
    const auto sound = machine_.check_invariants();
    EXPECT_TRUE(sound.has_value()) << sound.error();
    return made;
  }
  void expect_replay() {
    auto replay = Replay::start(genesis_);
    ASSERT_TRUE(replay.has_value());
    log_.front().previous_app_hash = replay->machine().app_hash();
    for (const LoggedBlock& block : log_) {
      const auto same = replay->apply(block);
      ASSERT_TRUE(same.has_value()) << describe(same.error());
    }
  }

 private:
  Genesis genesis_;
  Machine machine_;
  TimeMs now_;
  std::optional<Hash32> last_app_hash_;
  std::vector<LoggedBlock> log_;
};

// REQ: DEC-1
TEST(LanesTime, EveryTickComesWhateverThePaceOfBlocks) {
  for (const Preset preset : {Preset::Main, Preset::Test, Preset::Dev}) {
    const Lanes fresh(preset);
    const std::uint64_t tick = fresh.machine().params().get(Parameter::TickMs);
    const std::uint64_t ack = fresh.machine().params().get(Parameter::AckMs);
    for (const std::uint64_t gap :
         {tick / 60, ack / 6, ack / 6 + 1, tick / 7, ack, tick, 2 * tick, 2 * tick + 1, 5 * tick}) {
      Lanes chain(preset);
      const std::uint64_t blocks = std::max<std::uint64_t>(gap > 2 * tick ? 12 : 1, tick / gap + 1);
      for (std::uint64_t ticks = 1; ticks <= 3; ++ticks) {
        for (std::uint64_t i = 0; i < blocks && chain.machine().chain().ticks < ticks; ++i) {
          chain.make_block({gap});
        }
        EXPECT_EQ(chain.machine().chain().ticks, ticks) << preset_name(preset) << ", a block each " << gap << " ms";
      }
      EXPECT_EQ(chain.machine().chain().halted.ms > 0, gap > 2 * tick);
      chain.expect_replay();
    }
  }
}

TEST(LanesTime, AGapOfMoreThanTwoTicksIsAHalt) {
  Lanes chain(Preset::Main);
  const std::uint64_t tick = chain.machine().params().get(Parameter::TickMs);
  chain.make_block({2 * tick});
  EXPECT_EQ(chain.machine().chain().halted.ms, 0U);
  const TimeMs before = chain.machine().query_context({}).time;
  chain.make_block({7 * 60 * tick});
  EXPECT_EQ(chain.machine().chain().halted.ms, 7 * 60 * tick - tick / 12);
  EXPECT_EQ(chain.machine().query_context({}).time.ms, before.ms + tick / 12) << "no deadline is missed by a halt";
  chain.expect_replay();
}

// REQ: MAT-7
TEST(LanesFees, AllOfABlockPayBeforeTheFirstRuns) {
  Lanes chain(Preset::Main);
  chain.make_block({1'000}, {chain.sign("ada", 0, transfer(account_of_name("rich"), kAgpu))});
  const std::uint64_t before = chain.balance("rich");
  const std::uint64_t burned = chain.machine().ledger().supply(Asset::Agpu).burned;
  std::vector<VerifiedTransaction> offered = {
      chain.sign("rich", 0, transfer(account_of_name("bob"), before - chain.fee()))};
  for (std::uint64_t i = 1; i <= 20; ++i) offered.push_back(chain.sign("rich", i, transfer(account_of_name("bob"), 1)));
  const auto made = chain.make_block({1'000}, offered);
  ASSERT_EQ(made.receipts.size(), 21U) << "all stand in the block";
  EXPECT_EQ(made.receipts[0].core.code, static_cast<std::uint16_t>(RefusalCode::BalanceTooSmall))
      << "the fees of the others are not there to be spent";
  for (std::size_t i = 1; i < 21; ++i) EXPECT_EQ(made.receipts[i].core.code, 0U);
  EXPECT_EQ(chain.balance("rich"), before - 21 * chain.fee() - 20);
  EXPECT_EQ(chain.machine().ledger().supply(Asset::Agpu).burned, burned + 21 * chain.fee());
  chain.expect_replay();
}

TEST(LanesFees, WhatTheBalanceDoesNotCoverIsNotInTheBlock) {
  Lanes chain(Preset::Main);
  const std::uint64_t deposit = chain.machine().params().get(Parameter::AccountDeposit);
  chain.make_block({1'000}, {chain.sign("ada", 0, transfer(account_of_name("rich"), deposit + 3 * chain.fee()))});
  std::vector<VerifiedTransaction> offered;
  for (std::uint64_t i = 0; i < 5; ++i) offered.push_back(chain.sign("rich", i, register_provider("rich")));
  // What another pays in the same block comes too late for the fee, wherever the seed puts it.
  offered.push_back(chain.sign("ada", 0, transfer(account_of_name("rich"), kAgpu)));
  const auto made = chain.make_block({1'000}, offered);
  EXPECT_EQ(made.receipts.size(), 4U);
  EXPECT_EQ(std::count(made.charged.begin(), made.charged.end(), RefusalCode::FeeNotCovered), 1);
  EXPECT_EQ(std::count(made.charged.begin(), made.charged.end(), RefusalCode::SequenceAhead), 1);
  EXPECT_EQ(chain.balance("rich"), kAgpu);
  chain.expect_replay();
}

TEST(LanesFees, NothingStandsBehindTheCloseOfItsAccount) {
  Lanes chain(Preset::Main);
  const std::vector<VerifiedTransaction> offered = {chain.sign("eve", 0, close_to("bob")),
                                                    chain.sign("eve", 1, register_provider("eve"))};
  BlockAdmission admission(chain.machine(), chain.machine().chain().block_time);
  ASSERT_TRUE(admission.admit(offered[0]).has_value());
  admission.take(offered[0]);
  const auto behind = admission.admit(offered[1]);
  ASSERT_FALSE(behind.has_value());
  EXPECT_EQ(behind.error().code, RefusalCode::UnknownAccount);
  const auto made = chain.make_block({1'000}, offered);
  EXPECT_EQ(made.charged, (std::vector{RefusalCode::None, RefusalCode::UnknownAccount}));
  EXPECT_FALSE(chain.machine().ledger().exists(account_of_name("eve")));
  chain.expect_replay();
}

TEST(LanesFees, ATransactionThatHasNotPaidIsNotExecuted) {
  Lanes chain(Preset::Main);
  Machine machine;
  ASSERT_TRUE(machine.start(chain_test::genesis_of(Preset::Main, {"ada", "operator"})).has_value());
  const auto payment = chain.sign("ada", 0, transfer(account_of_name("operator"), 1));
  machine.begin_block({1, chain_test::kGenesisTime, machine.app_hash(), OrderRule::Lanes},
                      chain_test::proposer().prove(machine.randomness().last().seed, 1));
  EXPECT_DEATH(static_cast<void>(machine.execute(payment)), "assertion failed");
  ASSERT_TRUE(machine.charge(payment).has_value());
  EXPECT_DEATH(static_cast<void>(machine.finish_block()), "assertion failed") << "nor paid for nothing";
}

/// What the admission takes, the block executes: nothing is left out and everything has paid.
void check_admission(std::vector<std::vector<std::uint16_t>> blocks) {
  blocks.resize(std::min<std::size_t>(blocks.size(), 4));
  const std::array<const char*, 3> names = {"ada", "bob", "eve"};
  Lanes chain(Preset::Main);
  for (auto& drawn : blocks) {
    drawn.resize(std::min<std::size_t>(drawn.size(), 12));
    std::array<std::uint64_t, 3> later{};
    BlockAdmission admission(chain.machine(), chain.machine().chain().block_time);
    std::vector<VerifiedTransaction> taken;
    for (const std::uint16_t word : drawn) {
      const std::size_t who = word % 3;
      const std::uint64_t amount = word / 3 % 2 == 0 ? 1 : chain.balance(names[who]) / (1 + word % 5);
      const Chain::Fill fills[] = {transfer(account_of_name(names[(who + 1) % 3]), amount),
                                   close_to(names[(who + 2) % 3]), register_provider(names[who])};
      const auto transaction = chain.sign(names[who], later[who] + (word % 17 == 0 ? 1 : 0), fills[word / 6 % 3]);
      if (!admission.admit(transaction)) continue;
      admission.take(transaction);
      taken.push_back(transaction);
      ++later[who];
    }
    const std::uint64_t burned = chain.machine().ledger().supply(Asset::Agpu).burned;
    const auto made = chain.make_block({1'000}, taken);
    RC_ASSERT(made.receipts.size() == taken.size());
    RC_ASSERT(chain.machine().ledger().supply(Asset::Agpu).burned == burned + taken.size() * chain.fee());
  }
  if (!blocks.empty()) chain.expect_replay();
}

TEST(LanesFees, WhatTheAdmissionTakesTheBlockExecutes) { EXPECT_TRUE(rc::check(check_admission)); }

}  // namespace
}  // namespace starminer::protocol
