#include "protocol/ledger/ledger.h"

#include <type_traits>

#include <gtest/gtest.h>

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kToken = kBasePerToken;
constexpr std::uint64_t kDeposit = 10'000'000;
constexpr std::uint64_t kFee = 100'000;

AccountId account(std::uint8_t fill) {
  AccountId id;
  id.bytes.fill(fill);
  return id;
}

const AccountId kAlice = account(1);
const AccountId kBob = account(2);
const AccountId kNobody = account(9);
const std::array<std::uint8_t, 20> kJob = {7};

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    params_.write_genesis(Preset::Main);
    EXPECT_TRUE(ledger_.mint_at_genesis(kAlice, Asset::Agpu, 100 * kToken));
    EXPECT_TRUE(ledger_.mint_at_genesis(kAlice, Asset::Amax, 50 * kToken));
    EXPECT_TRUE(ledger_.mint_at_genesis(kBob, Asset::Agpu, kToken));
  }

  void TearDown() override {
    EXPECT_TRUE(ledger_.invariants_hold());
    for (const Asset asset : {Asset::Agpu, Asset::Amax, Asset::Usd}) {
      EXPECT_EQ(ledger_.supply(asset), ledger_.recount(asset));
    }
  }

  template <class Op>
  Refusal refusal_of(Op op, const AccountId& sender) {
    const auto valid = Op::validate(op);
    if (!valid) return valid.error();
    const auto checked = ledger_.check(*valid, {sender, 0});
    return checked ? Refusal{} : checked.error();
  }

  template <class Op>
  void run(Op op, const AccountId& sender) {
    const auto valid = Op::validate(op);
    ASSERT_TRUE(valid) << valid.error().detail;
    const auto checked = ledger_.check(*valid, {sender, 0});
    ASSERT_TRUE(checked) << checked.error().detail;
    BlockContext context;
    context.events = &events_;
    ledger_.apply(*checked, {sender, 0}, context);
  }

  [[nodiscard]] std::uint64_t agpu(const AccountId& id) const { return ledger_.balance(id, Asset::Agpu); }
  [[nodiscard]] std::uint64_t deposit_of(const AccountId& id) const { return ledger_.deposit(id); }

  state::Store store_;
  Params params_{store_};
  Ledger ledger_{store_, params_};
  std::vector<Event> events_;
};

TEST_F(LedgerTest, GenesisTakesTheDepositOutOfTheFirstAmount) {
  EXPECT_EQ(agpu(kAlice), 100 * kToken - kDeposit);
  EXPECT_EQ(deposit_of(kAlice), kDeposit);
  EXPECT_EQ(ledger_.next_sequence(kAlice), 0U);
  EXPECT_TRUE(ledger_.mint_at_genesis(kAlice, Asset::Agpu, 1));
  EXPECT_EQ(agpu(kAlice), 100 * kToken - kDeposit + 1);
  EXPECT_TRUE(ledger_.mint_at_genesis(kNobody, Asset::Agpu, kDeposit));
  EXPECT_TRUE(ledger_.exists(kNobody));
  EXPECT_EQ(agpu(kNobody), 0U);
}

TEST_F(LedgerTest, GenesisRefusesWithoutChangingAnything) {
  const SupplyBreakdown before = ledger_.supply(Asset::Agpu);
  EXPECT_FALSE(ledger_.mint_at_genesis(kNobody, Asset::Agpu, kDeposit - 1));
  EXPECT_FALSE(ledger_.mint_at_genesis(kNobody, Asset::Amax, kToken)) << "only AGPU opens an account";
  EXPECT_FALSE(ledger_.mint_at_genesis(kNobody, Asset::Usd, kToken));
  EXPECT_FALSE(ledger_.mint_at_genesis(kAlice, Asset::Agpu, 0));
  EXPECT_FALSE(ledger_.mint_to_pool_at_genesis(Pool::Treasury, Asset::Agpu, 0));
  EXPECT_FALSE(ledger_.exists(kNobody));
  EXPECT_FALSE(ledger_.next_sequence(kNobody));
  EXPECT_EQ(ledger_.supply(Asset::Agpu), before);
}

// REQ: TOK-3
TEST_F(LedgerTest, NothingIsMintedAboveTheCap) {
  const std::uint64_t left = kAgpuCap - 101 * kToken;
  EXPECT_FALSE(ledger_.mint_at_genesis(kAlice, Asset::Agpu, left + 1));
  EXPECT_FALSE(ledger_.mint_to_pool_at_genesis(Pool::Treasury, Asset::Agpu, left + 1));
  EXPECT_TRUE(ledger_.mint_to_pool_at_genesis(Pool::Treasury, Asset::Agpu, left));
  EXPECT_EQ(ledger_.supply(Asset::Agpu).minted, kAgpuCap);
  EXPECT_FALSE(ledger_.mint_at_genesis(kAlice, Asset::Agpu, 1));
  // Burning makes no room: the cap is on all that was ever minted.
  ledger_.charge_fee(kAlice);
  EXPECT_FALSE(ledger_.mint_at_genesis(kAlice, Asset::Agpu, 1));
  EXPECT_TRUE(ledger_.mint_at_genesis(kAlice, Asset::Usd, kAmountMax));
  EXPECT_FALSE(ledger_.mint_at_genesis(kAlice, Asset::Usd, 1));
  EXPECT_FALSE(ledger_.mint_at_genesis(kAlice, Asset::Amax, ~std::uint64_t{0}));
}

struct ShapeRow {
  Transfer op;
  RefusalCode code{};
};

TEST_F(LedgerTest, TransferShapeInOrderOfPrecedence) {
  const auto unknown = static_cast<Asset>(kAssetCount);
  const ShapeRow rows[] = {
      {{kBob, unknown, 0}, RefusalCode::InvalidField},
      {{kBob, unknown, kAmountMax + 1}, RefusalCode::InvalidField},
      {{kBob, Asset::Agpu, 0}, RefusalCode::AmountZero},
      {{kBob, Asset::Usd, kAmountMax + 1}, RefusalCode::AmountTooLarge},
      {{kBob, Asset::Agpu, ~std::uint64_t{0}}, RefusalCode::AmountTooLarge},
  };
  for (const ShapeRow& row : rows) {
    const auto valid = Transfer::validate(row.op);
    ASSERT_FALSE(valid);
    EXPECT_EQ(valid.error().code, row.code);
    EXPECT_FALSE(valid.error().detail.empty());
    EXPECT_EQ(valid.error().info().refusal_class, RefusalClass::Malformed);
  }
  EXPECT_TRUE(Transfer::validate({kBob, Asset::Usd, kAmountMax}));
}

struct CheckRow {
  std::string_view what;
  AccountId sender;
  Transfer op;
  RefusalCode code{};
  std::string_view detail;
};

// In every row all later checks fail too, as far as they can fail together.
TEST_F(LedgerTest, TransferChecksInOrderOfPrecedence) {
  const std::string opened = "account " + kNobody.text() + ", opened by a first transfer of at least 0.01 AGPU";
  const std::string self = "account " + kNobody.text();
  const CheckRow rows[] = {
      {"to itself, without a balance or an account",
       kNobody,
       {kNobody, Asset::Amax, 1},
       RefusalCode::SelfTransfer,
       self},
      {"more than there is, to nobody",
       kBob,
       {kNobody, Asset::Amax, kToken},
       RefusalCode::BalanceTooSmall,
       "available 0.00 AMAX, needed 1.00 AMAX, missing 1.00 AMAX"},
      {"less than a deposit, but more than there is",
       account(8),
       {kNobody, Asset::Agpu, 1},
       RefusalCode::BalanceTooSmall,
       "available 0.00 AGPU, needed 0.000000001 AGPU, missing 0.000000001 AGPU"},
      {"another asset to nobody", kAlice, {kNobody, Asset::Amax, 1}, RefusalCode::ReceiverUnknown, opened},
      {"one unit below the deposit",
       kAlice,
       {kNobody, Asset::Agpu, kDeposit - 1},
       RefusalCode::DepositNotCovered,
       "amount 0.009999999 AGPU, needed 0.01 AGPU, missing 0.000000001 AGPU"},
      {"one unit more than there is",
       kAlice,
       {kBob, Asset::Agpu, 100 * kToken - kDeposit + 1},
       RefusalCode::BalanceTooSmall,
       "available 99.99 AGPU, needed 99.990000001 AGPU, missing 0.000000001 AGPU"},
      {"all there is", kAlice, {kBob, Asset::Agpu, 100 * kToken - kDeposit}, RefusalCode::None, ""},
      {"exactly the deposit", kAlice, {kNobody, Asset::Agpu, kDeposit}, RefusalCode::None, ""},
      {"another asset to somebody", kAlice, {kBob, Asset::Amax, 1}, RefusalCode::None, ""},
  };
  for (const CheckRow& row : rows) {
    const Refusal refusal = refusal_of(row.op, row.sender);
    EXPECT_EQ(refusal.code, row.code) << row.what;
    EXPECT_EQ(refusal.detail, row.detail) << row.what;
    EXPECT_TRUE(refusal.code == RefusalCode::None || refusal.info().refusal_class == RefusalClass::Charged);
  }
}

TEST_F(LedgerTest, TransferMovesAndOpens) {
  run(Transfer{kBob, Asset::Amax, 20 * kToken}, kAlice);
  EXPECT_EQ(ledger_.balance(kBob, Asset::Amax), 20 * kToken);
  EXPECT_EQ(ledger_.balance(kAlice, Asset::Amax), 30 * kToken);
  run(Transfer{kNobody, Asset::Agpu, kToken}, kAlice);
  EXPECT_TRUE(ledger_.exists(kNobody));
  EXPECT_EQ(agpu(kNobody), kToken - kDeposit);
  EXPECT_EQ(deposit_of(kNobody), kDeposit);
  run(Transfer{kNobody, Asset::Agpu, kToken}, kAlice);
  EXPECT_EQ(agpu(kNobody), 2 * kToken - kDeposit) << "the deposit is taken once";
  ASSERT_EQ(events_.size(), 4U);
  EXPECT_EQ(events_[0].kind, EventKind::Transferred);
  EXPECT_EQ(events_[0].account, kBob);
  EXPECT_EQ(events_[0].state, static_cast<std::uint8_t>(Asset::Amax));
  EXPECT_EQ(events_[0].amount, 20 * kToken);
  EXPECT_EQ(events_[1].kind, EventKind::AccountCreated);
  EXPECT_EQ(events_[1].account, kNobody);
  EXPECT_EQ(events_[3].kind, EventKind::Transferred);
}

TEST_F(LedgerTest, CloseChecksInOrderOfPrecedence) {
  ledger_.add_role(kBob);
  ledger_.lock(LockPurpose::Escrow, kJob, kBob, Asset::Agpu, kToken / 2);
  EXPECT_EQ(refusal_of(AccountClose{kBob}, kBob).code, RefusalCode::SelfTransfer) << "in use as well";
  EXPECT_EQ(refusal_of(AccountClose{kNobody}, kNobody).code, RefusalCode::SelfTransfer) << "unknown as well";
  EXPECT_EQ(refusal_of(AccountClose{kNobody}, kBob).code, RefusalCode::ReceiverUnknown) << "in use as well";
  const Refusal both = refusal_of(AccountClose{kAlice}, kBob);
  EXPECT_EQ(both.code, RefusalCode::AccountInUse);
  EXPECT_EQ(both.detail, "locks 1 with 0.50 AGPU, roles 1");
  ledger_.drop_role(kBob);
  EXPECT_EQ(refusal_of(AccountClose{kAlice}, kBob).code, RefusalCode::AccountInUse) << "the lock alone";
  // An empty lock still promises something.
  ledger_.burn_from_lock(LockPurpose::Escrow, kJob, Agpu{kToken / 2});
  EXPECT_EQ(refusal_of(AccountClose{kAlice}, kBob).code, RefusalCode::AccountInUse);
  static_cast<void>(ledger_.unlock(LockPurpose::Escrow, kJob, Asset::Agpu));
  ledger_.add_role(kBob);
  EXPECT_EQ(refusal_of(AccountClose{kAlice}, kBob).code, RefusalCode::AccountInUse) << "the role alone";
  ledger_.drop_role(kBob);
  EXPECT_EQ(refusal_of(AccountClose{kAlice}, kBob).code, RefusalCode::None);
}

TEST_F(LedgerTest, AClosedAccountKeepsItsSequenceAndOpensAgain) {
  run(Transfer{kBob, Asset::Amax, kToken}, kAlice);
  ledger_.charge_fee(kBob);
  ledger_.charge_fee(kBob);
  const std::uint64_t alice_before = agpu(kAlice);
  run(AccountClose{kAlice}, kBob);
  EXPECT_EQ(agpu(kAlice), alice_before + kToken - 2 * kFee) << "balance and deposit";
  EXPECT_EQ(ledger_.balance(kAlice, Asset::Amax), 50 * kToken);
  EXPECT_FALSE(ledger_.exists(kBob));
  EXPECT_EQ(agpu(kBob), 0U);
  EXPECT_FALSE(ledger_.covers_fee(kBob));
  EXPECT_EQ(ledger_.next_sequence(kBob), 2U) << "no old transaction runs again";
  EXPECT_EQ(refusal_of(Transfer{kBob, Asset::Amax, 1}, kAlice).code, RefusalCode::ReceiverUnknown);
  EXPECT_EQ(refusal_of(Transfer{kBob, Asset::Agpu, kDeposit - 1}, kAlice).code, RefusalCode::DepositNotCovered);
  EXPECT_EQ(refusal_of(AccountClose{kBob}, kAlice).code, RefusalCode::ReceiverUnknown);
  EXPECT_FALSE(ledger_.mint_at_genesis(kBob, Asset::Usd, 1));
  run(Transfer{kBob, Asset::Agpu, kToken}, kAlice);
  EXPECT_TRUE(ledger_.exists(kBob));
  EXPECT_EQ(agpu(kBob), kToken - kDeposit);
  EXPECT_EQ(ledger_.next_sequence(kBob), 2U);
}

TEST_F(LedgerTest, ADepositComesBackAsItWasTaken) {
  ASSERT_TRUE(params_.set(Parameter::AccountDeposit, 5 * kDeposit));
  const std::uint64_t alice_before = agpu(kAlice);
  run(AccountClose{kAlice}, kBob);
  EXPECT_EQ(agpu(kAlice), alice_before + kToken);
}

TEST_F(LedgerTest, TheFeeIsBurnedAndUsesTheSequence) {
  const std::uint64_t before = agpu(kBob);
  ledger_.charge_fee(kBob);
  EXPECT_EQ(agpu(kBob), before - kFee);
  EXPECT_EQ(ledger_.next_sequence(kBob), 1U);
  EXPECT_EQ(ledger_.supply(Asset::Agpu).burned, kFee);
  run(Transfer{kAlice, Asset::Agpu, agpu(kBob) - kFee}, kBob);
  EXPECT_TRUE(ledger_.covers_fee(kBob));
  run(Transfer{kAlice, Asset::Agpu, 1}, kBob);
  EXPECT_FALSE(ledger_.covers_fee(kBob));
  EXPECT_FALSE(ledger_.covers_fee(kNobody));
}

template <class Amount>
concept PaysFromLock = requires(Ledger& ledger, Amount amount) {
  ledger.pay_from_lock(LockPurpose::Escrow, std::array<std::uint8_t, 20>{}, AccountId{}, amount);
};

// REQ: TOK-9
TEST_F(LedgerTest, AmaxPaysNeitherFeeNorCompute) {
  static_assert(PaysFromLock<Agpu> && !PaysFromLock<Amax> && !PaysFromLock<Usd>);
  run(Transfer{kBob, Asset::Amax, 50 * kToken}, kAlice);
  run(Transfer{kAlice, Asset::Agpu, agpu(kBob)}, kBob);
  EXPECT_EQ(ledger_.balance(kBob, Asset::Amax), 50 * kToken);
  EXPECT_FALSE(ledger_.covers_fee(kBob));
}

TEST_F(LedgerTest, LocksPayPoolBurnAndReturn) {
  const std::uint64_t before = agpu(kAlice);
  ledger_.lock(LockPurpose::Escrow, kJob, kAlice, Asset::Agpu, 10 * kToken);
  EXPECT_EQ(agpu(kAlice), before - 10 * kToken);
  ledger_.pay_from_lock(LockPurpose::Escrow, kJob, kBob, Agpu{4 * kToken});
  ledger_.pool_from_lock(LockPurpose::Escrow, kJob, Pool::Treasury, Agpu{kToken});
  ledger_.pool_from_lock(LockPurpose::Escrow, kJob, Pool::Insurance, Agpu{0});
  ledger_.burn_from_lock(LockPurpose::Escrow, kJob, Agpu{2 * kToken});
  EXPECT_EQ(ledger_.locked(LockPurpose::Escrow, kJob, Asset::Agpu), 3 * kToken);
  EXPECT_EQ(agpu(kBob), 5 * kToken - kDeposit);
  EXPECT_EQ(ledger_.pool(Pool::Treasury, Asset::Agpu), kToken);
  EXPECT_EQ(ledger_.pool(Pool::Insurance, Asset::Agpu), 0U);
  EXPECT_EQ(ledger_.supply(Asset::Agpu).burned, 2 * kToken);
  EXPECT_EQ(ledger_.unlock(LockPurpose::Escrow, kJob, Asset::Agpu), 3 * kToken);
  EXPECT_EQ(agpu(kAlice), before - 7 * kToken);
  EXPECT_EQ(ledger_.locked(LockPurpose::Escrow, kJob, Asset::Agpu), 0U);
}

TEST_F(LedgerTest, APoolPaysWhatItHolds) {
  ledger_.lock(LockPurpose::Escrow, kJob, kAlice, Asset::Agpu, 10 * kToken);
  ledger_.pool_from_lock(LockPurpose::Escrow, kJob, Pool::Insurance, Agpu{3 * kToken});
  const std::uint64_t before = agpu(kAlice);
  ledger_.pay_from_pool(Pool::Insurance, kAlice, Agpu{2 * kToken});
  ledger_.pay_from_pool(Pool::Insurance, kAlice, Agpu{0});
  EXPECT_EQ(agpu(kAlice), before + 2 * kToken);
  EXPECT_EQ(ledger_.pool(Pool::Insurance, Asset::Agpu), kToken);
  EXPECT_TRUE(ledger_.invariants_hold());
  EXPECT_TRUE(ledger_.recount(Asset::Agpu).conserved());
  EXPECT_DEATH(ledger_.pay_from_pool(Pool::Insurance, kAlice, Agpu{kToken + 1}), "assertion failed");
}

TEST_F(LedgerTest, PurposesAndSubjectsKeepLocksApart) {
  const std::array<std::uint8_t, 20> other = {8};
  ledger_.lock(LockPurpose::Escrow, kJob, kAlice, Asset::Agpu, 1);
  ledger_.lock(LockPurpose::Escrow, other, kAlice, Asset::Agpu, 2);
  ledger_.lock(LockPurpose::NodeIdentity, kJob, kAlice, Asset::Agpu, 3);
  ledger_.lock(LockPurpose::Escrow, kJob, kAlice, Asset::Amax, 4);
  ledger_.lock(LockPurpose::NodeIdentity, other, kAlice, Asset::Agpu, 0);
  EXPECT_EQ(ledger_.unlock(LockPurpose::NodeIdentity, kJob, Asset::Agpu), 3U);
  EXPECT_EQ(ledger_.unlock(LockPurpose::NodeIdentity, other, Asset::Agpu), 0U);
  EXPECT_EQ(ledger_.unlock(LockPurpose::Escrow, kJob, Asset::Agpu), 1U);
  EXPECT_EQ(ledger_.locked(LockPurpose::Escrow, other, Asset::Agpu), 2U);
  EXPECT_EQ(ledger_.locked(LockPurpose::Escrow, kJob, Asset::Amax), 4U);
}

TEST_F(LedgerTest, OurBugsStopTheProcess) {
  ledger_.lock(LockPurpose::Escrow, kJob, kAlice, Asset::Agpu, 5);
  EXPECT_DEATH(ledger_.lock(LockPurpose::Escrow, kJob, kAlice, Asset::Agpu, 5), "assertion failed");
  EXPECT_DEATH(ledger_.lock(LockPurpose::NodeIdentity, kJob, kBob, Asset::Agpu, 2 * kToken), "assertion failed");
  EXPECT_DEATH(ledger_.lock(LockPurpose::NodeIdentity, kJob, kNobody, Asset::Agpu, 0), "assertion failed");
  EXPECT_DEATH(ledger_.burn_from_lock(LockPurpose::Escrow, kJob, Agpu{6}), "assertion failed");
  EXPECT_DEATH(ledger_.pay_from_lock(LockPurpose::Escrow, kJob, kNobody, Agpu{1}), "assertion failed");
  EXPECT_DEATH(static_cast<void>(ledger_.unlock(LockPurpose::NodeIdentity, kJob, Asset::Agpu)), "assertion failed");
  EXPECT_DEATH(ledger_.drop_role(kAlice), "assertion failed");
  EXPECT_DEATH(ledger_.add_role(kNobody), "assertion failed");
  EXPECT_DEATH(ledger_.charge_fee(kNobody), "assertion failed");
}

// A row that was changed behind the ledger's back, as a corrupt disk would: the sums notice.
TEST_F(LedgerTest, InvariantsNoticeARowThatDoesNotBelong) {
  store_.commit();
  const auto changes = store_.take_changes();
  for (const bool corrupt : {false, true}) {
    state::Store store;
    Params params(store);
    Ledger ledger(store, params);
    for (const state::Change& change : changes) {
      Bytes row(change.row->begin(), change.row->end());
      if (corrupt && change.table == state::TableId::Accounts && decode<AccountId>(change.key) == kBob) row[7] ^= 1U;
      ASSERT_TRUE(store.load(change.table, change.key, row));
    }
    EXPECT_EQ(ledger.invariants_hold(), !corrupt);
    EXPECT_EQ(ledger.recount(Asset::Agpu).conserved(), !corrupt);
  }
}

TEST(PoolNames, AreUnique) {
  EXPECT_EQ(pool_name(Pool::Treasury), "treasury");
  EXPECT_EQ(pool_name(Pool::Stakers), "stakers");
  EXPECT_EQ(pool_name(Pool::Insurance), "insurance");
}

}  // namespace
}  // namespace starminer::protocol
