// The ledger against a book that is kept another way: a journal of postings between named purses. A purse holds the
// sum of its postings, computed anew at every comparison; nothing else is remembered about money.
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "protocol/ledger/ledger.h"

namespace starminer::protocol {
namespace {

constexpr std::uint8_t kAccounts = 5;
constexpr std::uint8_t kSubjects = 3;
constexpr Asset kAssets[] = {Asset::Agpu, Asset::Amax, Asset::Usd};

AccountId account(unsigned number) {
  AccountId id;
  id.bytes.fill(static_cast<std::uint8_t>(0x40 + number));
  return id;
}

std::array<std::uint8_t, 20> subject(unsigned number) { return {static_cast<std::uint8_t>(number + 1)}; }

std::string wallet(unsigned number) { return "wallet " + std::to_string(number); }
std::string deposit(unsigned number) { return "deposit " + std::to_string(number); }
std::string escrow(unsigned number, Asset asset) {
  return "escrow " + std::to_string(number) + " " + std::string(asset_name(asset));
}

struct Posting {
  std::string from, to;
  Asset asset{};
  std::uint64_t amount = 0;
};

struct Book {
  std::vector<Posting> postings;
  std::set<unsigned> open, ever;
  std::map<unsigned, std::uint64_t> sequence;
  std::map<unsigned, unsigned> roles;
  std::map<std::string, unsigned> escrow_owner;  // purse of a live escrow lock
  std::uint64_t fee = 100'000;
  std::uint64_t deposit_size = 10'000'000;

  [[nodiscard]] std::uint64_t held(const std::string& purse, Asset asset) const {
    i128 sum = 0;
    for (const Posting& posting : postings) {
      if (posting.asset != asset) continue;
      if (posting.to == purse) sum += posting.amount;
      if (posting.from == purse) sum -= posting.amount;
    }
    return static_cast<std::uint64_t>(sum);
  }
  // What passed into a purse, whatever left it.
  [[nodiscard]] u128 received(const std::string& from_or_to, Asset asset, bool outgoing) const {
    u128 sum = 0;
    for (const Posting& posting : postings) {
      if (posting.asset == asset && (outgoing ? posting.from : posting.to) == from_or_to) sum += posting.amount;
    }
    return sum;
  }
  void post(const std::string& from, const std::string& to, Asset asset, std::uint64_t amount) {
    postings.push_back({from, to, asset, amount});
  }
  void open_account(unsigned number) {
    open.insert(number);
    ever.insert(number);
    post(wallet(number), deposit(number), Asset::Agpu, deposit_size);
  }
  [[nodiscard]] std::uint64_t escrows_of(unsigned number) const {
    std::uint64_t count = 0;
    for (const auto& [purse, owner] : escrow_owner) count += owner == number ? 1 : 0;
    return count;
  }
};

class Driver {
 public:
  Driver() {
    params_.write_genesis(Preset::Main);
    store_.commit();
    mint(0, Asset::Agpu, 1'000 * kBasePerToken);
    mint(1, Asset::Agpu, kBasePerToken);
    mint(1, Asset::Usd, kBasePerToken);
    mint(2, Asset::Agpu, 20 * kBasePerToken);
    mint(2, Asset::Amax, 20 * kBasePerToken);
    steps_ = accepted_ = 0;
  }

  void step() {
    ++steps_;
    switch (*rc::gen::weightedElement<int>(
        {{2, 0}, {8, 1}, {3, 2}, {3, 3}, {3, 4}, {5, 5}, {3, 6}, {1, 7}, {2, 8}, {1, 9}, {2, 10}})) {
      case 0: mint(any_account(), any_asset(), any_amount(kAmountMax)); break;
      case 1: transfer(); break;
      case 2: close(); break;
      case 3: lock(); break;
      case 4: unlock(); break;
      case 5: spend(); break;
      case 6: role(); break;
      case 7: change_parameter(); break;
      case 8: saved_.emplace_back(store_.checkpoint(), book_); break;
      case 9: mint_pool(); break;
      default: rollback(); break;
    }
    compare(ledger_);
  }

  // Everything that the ledger knows comes back from the rows alone.
  void restart() {
    store_.commit();
    state::Store store;
    Params params(store);
    Ledger ledger(store, params);
    for (const state::Change& change : store_.take_changes()) {
      if (change.row) RC_ASSERT(store.load(change.table, change.key, *change.row));
    }
    RC_ASSERT(store.root() == store_.root());
    compare(ledger);
  }

  [[nodiscard]] std::string accepted_share() const {
    const unsigned tenth = steps_ == 0 ? 0 : accepted_ * 10 / steps_;
    return "accepted steps: " + std::to_string(tenth * 10) + " % and more";
  }

 private:
  static unsigned any_account() { return *rc::gen::inRange<unsigned>(0, kAccounts); }
  static Asset any_asset() { return *rc::gen::element(Asset::Agpu, Asset::Agpu, Asset::Agpu, Asset::Amax, Asset::Usd); }
  std::uint64_t any_amount(std::uint64_t around) const {
    return *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 3), rc::gen::just(book_.deposit_size),
                           rc::gen::just(book_.deposit_size - 1), rc::gen::inRange<std::uint64_t>(0, kBasePerToken),
                           rc::gen::just(around / 2), rc::gen::just(around), rc::gen::just(around + 1));
  }

  void mint(unsigned to, Asset asset, std::uint64_t amount) {
    const u128 minted = book_.received("mint", asset, true) + amount;
    const bool opens = !book_.open.contains(to);
    bool allowed = amount > 0 && minted <= (asset == Asset::Agpu ? kAgpuCap : kAmountMax);
    if (opens && (asset != Asset::Agpu || amount < book_.deposit_size)) allowed = false;
    RC_ASSERT(ledger_.mint_at_genesis(account(to), asset, amount) == allowed);
    if (!allowed) return;
    ++accepted_;
    book_.post("mint", wallet(to), asset, amount);
    if (opens) book_.open_account(to);
  }

  void mint_pool() {
    const Asset asset = any_asset();
    const std::uint64_t amount = any_amount(kBasePerToken);
    const bool allowed =
        amount > 0 && book_.received("mint", asset, true) + amount <= (asset == Asset::Agpu ? kAgpuCap : kAmountMax);
    RC_ASSERT(ledger_.mint_to_pool_at_genesis(Pool::Stakers, asset, amount) == allowed);
    if (!allowed) return;
    ++accepted_;
    book_.post("mint", "pool 1", asset, amount);
  }

  // The envelope as the engine does it: fee and sequence first, then the operation.
  bool charge(unsigned sender) {
    const bool covers = book_.held(wallet(sender), Asset::Agpu) >= book_.fee;
    RC_ASSERT(ledger_.covers_fee(account(sender)) == covers);
    if (!covers) return false;
    ledger_.charge_fee(account(sender));
    book_.post(wallet(sender), "fire", Asset::Agpu, book_.fee);
    ++book_.sequence[sender];
    return true;
  }

  template <class Op>
  bool run(const Op& op, unsigned sender, RefusalCode expected) {
    const auto valid = Op::validate(op);
    RC_ASSERT(valid.has_value());
    const auto checked = ledger_.check(*valid, {account(sender), 0});
    RC_ASSERT((checked ? RefusalCode::None : checked.error().code) == expected);
    if (!checked) return false;
    ledger_.apply(*checked, {account(sender), 0}, {});
    ++accepted_;
    return true;
  }

  void transfer() {
    const unsigned from = any_account(), to = any_account();
    const Asset asset = any_asset();
    if (!charge(from)) return;
    const std::uint64_t held = book_.held(wallet(from), asset);
    const std::uint64_t amount = any_amount(held);
    const bool opens = !book_.open.contains(to);
    if (amount == 0) {
      RC_ASSERT(Transfer::validate({account(to), asset, amount}).error().code == RefusalCode::AmountZero);
      return;
    }
    RefusalCode expected = RefusalCode::None;
    if (opens && amount < book_.deposit_size) expected = RefusalCode::DepositNotCovered;
    if (opens && asset != Asset::Agpu) expected = RefusalCode::ReceiverUnknown;
    if (amount > held) expected = RefusalCode::BalanceTooSmall;
    if (from == to) expected = RefusalCode::SelfTransfer;
    if (!run(Transfer{account(to), asset, amount}, from, expected)) return;
    book_.post(wallet(from), wallet(to), asset, amount);
    if (opens) book_.open_account(to);
  }

  void close() {
    const unsigned from = any_account(), to = any_account();
    if (!charge(from)) return;
    RefusalCode expected = RefusalCode::None;
    if (book_.roles[from] > 0 || book_.escrows_of(from) > 0) expected = RefusalCode::AccountInUse;
    if (!book_.open.contains(to)) expected = RefusalCode::ReceiverUnknown;
    if (from == to) expected = RefusalCode::SelfTransfer;
    if (!run(AccountClose{account(to)}, from, expected)) return;
    book_.post(deposit(from), wallet(to), Asset::Agpu, book_.held(deposit(from), Asset::Agpu));
    for (const Asset asset : kAssets) book_.post(wallet(from), wallet(to), asset, book_.held(wallet(from), asset));
    book_.open.erase(from);
  }

  void lock() {
    const unsigned owner = any_account(), about = *rc::gen::inRange<unsigned>(0, kSubjects);
    const Asset asset = any_asset();
    const std::uint64_t held = book_.held(wallet(owner), asset);
    const std::string purse = escrow(about, asset);
    if (!book_.open.contains(owner) || book_.escrow_owner.contains(purse)) return;
    const std::uint64_t amount = std::min(any_amount(held), held);
    ledger_.lock(LockPurpose::Escrow, subject(about), account(owner), asset, amount);
    book_.post(wallet(owner), purse, asset, amount);
    book_.escrow_owner[purse] = owner;
    ++accepted_;
  }

  void unlock() {
    const unsigned about = *rc::gen::inRange<unsigned>(0, kSubjects);
    const Asset asset = any_asset();
    const std::string purse = escrow(about, asset);
    const auto owner = book_.escrow_owner.find(purse);
    if (owner == book_.escrow_owner.end()) return;
    const std::uint64_t left = book_.held(purse, asset);
    RC_ASSERT(ledger_.unlock(LockPurpose::Escrow, subject(about), asset) == left);
    book_.post(purse, wallet(owner->second), asset, left);
    book_.escrow_owner.erase(owner);
    ++accepted_;
  }

  void spend() {
    const unsigned about = *rc::gen::inRange<unsigned>(0, kSubjects);
    const std::string purse = escrow(about, Asset::Agpu);
    if (!book_.escrow_owner.contains(purse)) return;
    const std::uint64_t left = book_.held(purse, Asset::Agpu);
    const Agpu amount{std::min(any_amount(left), left)};
    const unsigned to = any_account();
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        if (!book_.open.contains(to)) return;
        ledger_.pay_from_lock(LockPurpose::Escrow, subject(about), account(to), amount);
        book_.post(purse, wallet(to), Asset::Agpu, amount.base);
        break;
      case 1:
        ledger_.pool_from_lock(LockPurpose::Escrow, subject(about), Pool::Treasury, amount);
        book_.post(purse, "pool 0", Asset::Agpu, amount.base);
        break;
      default:
        ledger_.burn_from_lock(LockPurpose::Escrow, subject(about), amount);
        book_.post(purse, "fire", Asset::Agpu, amount.base);
        break;
    }
    ++accepted_;
  }

  void role() {
    const unsigned who = any_account();
    if (!book_.open.contains(who)) return;
    if (book_.roles[who] > 0) {
      ledger_.drop_role(account(who));
      --book_.roles[who];
    } else {
      ledger_.add_role(account(who));
      ++book_.roles[who];
    }
    ++accepted_;
  }

  void change_parameter() {
    book_.deposit_size = *rc::gen::inRange<std::uint64_t>(1'000'000, 1'000'000'000);
    book_.fee = *rc::gen::inRange<std::uint64_t>(10'000, 10'000'000);
    RC_ASSERT(params_.set(Parameter::AccountDeposit, book_.deposit_size));
    RC_ASSERT(params_.set(Parameter::TxFee, book_.fee));
    ++accepted_;
  }

  void rollback() {
    if (saved_.empty()) return;
    const auto at = *rc::gen::inRange<std::size_t>(0, saved_.size());
    store_.rollback(saved_[at].first);
    book_ = saved_[at].second;
    saved_.resize(at);
    ++accepted_;
  }

  void compare(const Ledger& ledger) {
    RC_ASSERT(ledger.invariants_hold());
    for (const Asset asset : kAssets) {
      const SupplyBreakdown sum = ledger.supply(asset);
      RC_ASSERT(sum == ledger.recount(asset));
      RC_ASSERT(sum.conserved());
      RC_ASSERT(u128{sum.minted} == book_.received("mint", asset, true));
      RC_ASSERT(u128{sum.burned} == book_.received("fire", asset, false));
      RC_ASSERT(ledger.pool(Pool::Treasury, asset) == book_.held("pool 0", asset));
      RC_ASSERT(ledger.pool(Pool::Stakers, asset) == book_.held("pool 1", asset));
      RC_ASSERT(ledger.pool(Pool::Insurance, asset) == 0U);
      for (unsigned i = 0; i < kSubjects; ++i) {
        RC_ASSERT(ledger.locked(LockPurpose::Escrow, subject(i), asset) == book_.held(escrow(i, asset), asset));
      }
    }
    for (unsigned i = 0; i < kAccounts; ++i) {
      RC_ASSERT(ledger.exists(account(i)) == book_.open.contains(i));
      RC_ASSERT(ledger.next_sequence(account(i)) ==
                (book_.ever.contains(i) ? std::optional(book_.sequence[i]) : std::nullopt));
      RC_ASSERT(ledger.deposit(account(i)) == book_.held(deposit(i), Asset::Agpu));
      for (const Asset asset : kAssets) {
        RC_ASSERT(ledger.balance(account(i), asset) == book_.held(wallet(i), asset));
      }
      const AccountRow* row = ledger.accounts().find(account(i));
      RC_ASSERT((row != nullptr ? row->roles : 0) == book_.roles[i]);
    }
  }

  state::Store store_;
  Params params_{store_};
  Ledger ledger_{store_, params_};
  Book book_;
  std::vector<std::pair<std::size_t, Book>> saved_;
  unsigned steps_ = 0;
  unsigned accepted_ = 0;
};

// REQ: TOK-3
RC_GTEST_PROP(LedgerModel, AgreesWithTheBookAfterEveryStep, ()) {
  Driver driver;
  const auto steps = *rc::gen::inRange(1, 150);
  for (int i = 0; i < steps; ++i) driver.step();
  driver.restart();
  RC_TAG(driver.accepted_share());
}

}  // namespace
}  // namespace starminer::protocol
