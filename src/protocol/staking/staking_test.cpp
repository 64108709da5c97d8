#include "protocol/staking/staking.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kToken = kBasePerToken;
constexpr std::uint64_t kUnbondMs = 21ULL * 86'400'000;

AccountId account(std::uint8_t fill) {
  AccountId id;
  id.bytes.fill(fill);
  return id;
}

const AccountId kAda = account(1);
const AccountId kBob = account(2);

struct World {
  World() {
    params.write_genesis(Preset::Main);
    for (const AccountId& id : {kAda, kBob}) {
      EXPECT_TRUE(ledger.mint_at_genesis(id, Asset::Agpu, 10 * kToken));
      EXPECT_TRUE(ledger.mint_at_genesis(id, Asset::Amax, 100 * kToken));
    }
    context.events = &events;
    context.time = {1'000};
  }

  template <class Op>
  RefusalCode run(Op op, const AccountId& sender) {
    const auto valid = Op::validate(op);
    if (!valid) return valid.error().code;
    const auto checked = staking.check(*valid, {sender, sequence});
    if (!checked) return checked.error().code;
    subject = staking.apply(*checked, {sender, sequence}, context).text();
    ++sequence;
    return RefusalCode::None;
  }
  RefusalCode lock(std::uint64_t amount, const AccountId& sender = kAda, Asset asset = Asset::Amax) {
    return run(StakeLock{asset, amount}, sender);
  }
  RefusalCode unbond(std::uint64_t amount, const AccountId& sender = kAda, Asset asset = Asset::Amax) {
    return run(StakeUnbond{asset, amount}, sender);
  }
  void pass_to(TimeMs time) {
    context.time = time;
    while (const auto timer = timers.pop_due(time)) {
      ASSERT_EQ(timer->kind, TimerKind::Unbonded);
      UnbondingId id;
      id.bytes = timer->subject;
      staking.on_unbonded(id, context);
    }
  }
  [[nodiscard]] std::uint64_t balance(const AccountId& id = kAda) const { return ledger.balance(id, Asset::Amax); }
  [[nodiscard]] bool sound() const {
    return staking.invariants_hold() && ledger.invariants_hold() && ledger.recount(Asset::Amax).conserved();
  }

  state::Store store;
  Params params{store};
  Timers timers{store};
  Ledger ledger{store, params};
  Staking staking{store, params, ledger, timers};
  std::vector<Event> events;
  BlockContext context;
  std::uint64_t sequence = 0;
  std::string subject;
};

TEST(Staking, LocksUnbondsAndReturnsAfterItsTime) {
  World world;
  ASSERT_EQ(world.lock(30 * kToken), RefusalCode::None);
  EXPECT_EQ(world.subject, kAda.text());
  ASSERT_EQ(world.lock(5 * kToken), RefusalCode::None);
  EXPECT_EQ(world.staking.stake(kAda, Asset::Amax).bonded, 35 * kToken);
  EXPECT_EQ(world.ledger.locked(LockPurpose::Stake, kAda.bytes, Asset::Amax), 35 * kToken);
  EXPECT_EQ(world.balance(), 65 * kToken);

  ASSERT_EQ(world.unbond(15 * kToken), RefusalCode::None);
  const auto first = UnbondingId::parse(world.subject);
  ASSERT_TRUE(first);
  EXPECT_EQ(world.staking.unbondings().get(*first).due, TimeMs{1'000 + kUnbondMs});
  EXPECT_EQ(world.ledger.locked(LockPurpose::Unbonding, first->bytes, Asset::Amax), 15 * kToken);
  world.context.time = {2'000};
  ASSERT_EQ(world.unbond(20 * kToken), RefusalCode::None) << "all that is left";
  EXPECT_EQ(world.ledger.locked(LockPurpose::Stake, kAda.bytes, Asset::Amax), 0U);
  EXPECT_EQ(world.balance(), 65 * kToken) << "nothing returns before its time";
  EXPECT_TRUE(world.sound());

  world.pass_to({1'000 + kUnbondMs - 1});
  EXPECT_EQ(world.balance(), 65 * kToken);
  world.pass_to({1'000 + kUnbondMs});
  EXPECT_EQ(world.balance(), 80 * kToken);
  EXPECT_EQ(world.staking.stake(kAda, Asset::Amax).unbonding, 20 * kToken);
  world.pass_to({2'000 + kUnbondMs});
  EXPECT_EQ(world.balance(), 100 * kToken);
  EXPECT_TRUE(world.staking.stakes().empty() && world.staking.unbondings().empty());
  EXPECT_TRUE(world.sound());
  ASSERT_EQ(world.events.size(), 6U);
  EXPECT_EQ(world.events[0].kind, EventKind::StakeLocked);
  EXPECT_EQ(world.events[2].kind, EventKind::StakeUnbonding);
  EXPECT_EQ(world.events[5].kind, EventKind::StakeReturned);
  EXPECT_EQ(world.events[5].amount, 20 * kToken);
  EXPECT_EQ(world.events[5].account, kAda);
}

// Each row also fails in what stands below it, where the figures allow it.
TEST(Staking, RefusesInOrder) {
  World world;
  EXPECT_EQ(world.lock(0, kAda, static_cast<Asset>(9)), RefusalCode::InvalidField);
  EXPECT_EQ(world.lock(0, kAda, Asset::Agpu), RefusalCode::AmountZero);
  EXPECT_EQ(world.lock(kAmountMax + 1, kAda, Asset::Agpu), RefusalCode::AmountTooLarge);
  EXPECT_EQ(world.lock(kAmountMax, kAda, Asset::Agpu), RefusalCode::AssetNotStaked);
  EXPECT_EQ(world.lock(kToken, kAda, Asset::Usd), RefusalCode::AssetNotStaked);
  EXPECT_EQ(world.lock(100 * kToken + 1), RefusalCode::BalanceTooSmall);
  EXPECT_EQ(world.lock(1, account(9)), RefusalCode::BalanceTooSmall);
  EXPECT_EQ(world.lock(kToken - 1), RefusalCode::StakeTooSmall);
  EXPECT_EQ(world.unbond(0, kAda, static_cast<Asset>(3)), RefusalCode::InvalidField);
  EXPECT_EQ(world.unbond(0), RefusalCode::AmountZero);
  EXPECT_EQ(world.unbond(kAmountMax + 1), RefusalCode::AmountTooLarge);
  EXPECT_EQ(world.unbond(kAmountMax, kAda, Asset::Agpu), RefusalCode::AssetNotStaked);
  EXPECT_EQ(world.unbond(1), RefusalCode::StakeNotCovered);

  ASSERT_EQ(world.lock(2 * kToken), RefusalCode::None);
  EXPECT_EQ(world.unbond(2 * kToken + 1), RefusalCode::StakeNotCovered);
  EXPECT_EQ(world.unbond(kToken + 1), RefusalCode::StakeTooSmall);
  ASSERT_TRUE(world.params.set(Parameter::UnbondingsMax, 2));
  ASSERT_EQ(world.unbond(1), RefusalCode::None);
  ASSERT_EQ(world.unbond(1), RefusalCode::None);
  EXPECT_EQ(world.unbond(kToken), RefusalCode::StakeTooSmall);
  EXPECT_EQ(world.unbond(2 * kToken - 2), RefusalCode::TooManyUnbondings);
  world.pass_to({1'000 + kUnbondMs});
  EXPECT_EQ(world.unbond(2 * kToken - 2), RefusalCode::None);
  EXPECT_TRUE(world.sound());
}

TEST(Staking, AHigherMinimumCountsForTheNextStep) {
  World world;
  ASSERT_EQ(world.lock(2 * kToken), RefusalCode::None);
  ASSERT_TRUE(world.params.set(Parameter::StakeMinimum, 10 * kToken));
  EXPECT_EQ(world.lock(7 * kToken), RefusalCode::StakeTooSmall);
  EXPECT_EQ(world.unbond(kToken), RefusalCode::StakeTooSmall);
  EXPECT_EQ(world.unbond(2 * kToken), RefusalCode::None) << "all of it may always leave";
}

TEST(Staking, AShorterTimeDoesNotMoveWhatUnbondsAlready) {
  World world;
  ASSERT_EQ(world.lock(10 * kToken), RefusalCode::None);
  ASSERT_EQ(world.unbond(10 * kToken), RefusalCode::None);
  ASSERT_TRUE(world.params.set(Parameter::UnbondAmaxMs, 604'800'000));
  world.pass_to({1'000 + kUnbondMs - 1});
  EXPECT_EQ(world.balance(), 90 * kToken);
  world.pass_to({1'000 + kUnbondMs});
  EXPECT_EQ(world.balance(), 100 * kToken);
}

TEST(Staking, KeepsAnAccountOpen) {
  World world;
  const auto close = [&] {
    const auto checked = world.ledger.check(*AccountClose::validate({kBob}), {kAda, 0});
    return checked ? RefusalCode::None : checked.error().code;
  };
  EXPECT_EQ(close(), RefusalCode::None);
  ASSERT_EQ(world.lock(kToken), RefusalCode::None);
  EXPECT_EQ(close(), RefusalCode::AccountInUse);
  ASSERT_EQ(world.unbond(kToken), RefusalCode::None);
  EXPECT_EQ(close(), RefusalCode::AccountInUse);
  world.pass_to({1'000 + kUnbondMs});
  EXPECT_EQ(close(), RefusalCode::None);
}

// REQ: STK-2, QUE-3
TEST(Credits, ComeWithStakeAndTimeUpToADay) {
  World world;
  constexpr std::uint64_t kHour = 3'600'000;
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time), 0U);
  ASSERT_EQ(world.lock(10 * kToken), RefusalCode::None);
  const auto after = [&](std::uint64_t ms) {
    return world.staking.credits_micro(kAda, world.context.time + DurationMs{ms});
  };
  EXPECT_EQ(after(0), 0U);
  EXPECT_EQ(after(360), 1'000U) << "ten AMAX bring ten credits in an hour";
  EXPECT_EQ(after(kHour), 10'000'000U);
  EXPECT_EQ(after(24 * kHour), 240'000'000U);
  EXPECT_EQ(after(1'000 * kHour), 240'000'000U) << "no more than those of a day";
  EXPECT_EQ(world.staking.credits_micro(kBob, world.context.time + DurationMs{kHour}), 0U);

  world.context.time = world.context.time + DurationMs{2 * kHour};
  world.staking.spend_credits(kAda, 15'000'000, world.context.time);
  EXPECT_EQ(after(0), 5'000'000U);
  EXPECT_EQ(after(kHour), 15'000'000U);
  ASSERT_EQ(world.lock(10 * kToken), RefusalCode::None);
  EXPECT_EQ(after(0), 5'000'000U) << "more stake brings nothing for the time before";
  EXPECT_EQ(after(kHour), 25'000'000U);
  EXPECT_TRUE(world.sound());
}

TEST(Credits, UnbondingStakeBringsNone) {
  World world;
  constexpr std::uint64_t kDay = 86'400'000;
  ASSERT_EQ(world.lock(10 * kToken), RefusalCode::None);
  world.context.time = world.context.time + DurationMs{kDay};
  ASSERT_EQ(world.unbond(9 * kToken), RefusalCode::None);
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time), 24'000'000U) << "what the rest can hold stays";
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time + DurationMs{kDay}), 24'000'000U);
  ASSERT_EQ(world.unbond(kToken), RefusalCode::None);
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time), 0U);
  ASSERT_EQ(world.lock(kToken), RefusalCode::None);
  EXPECT_EQ(world.staking.credits_micro(kAda, world.context.time), 0U) << "nor do they come back";
  EXPECT_TRUE(world.sound());
}

TEST(Credits, AreWorthWhatTheParametersSay) {
  World world;
  ASSERT_EQ(world.lock(kToken), RefusalCode::None);
  const TimeMs later = world.context.time + DurationMs{3'600'000};
  ASSERT_TRUE(world.params.set(Parameter::AmaxValueMicro, 2'500'000));
  EXPECT_EQ(world.staking.credits_micro(kAda, later), 2'500'000U);
  ASSERT_TRUE(world.params.set(Parameter::CreditRateMicro, 100'000'000));
  EXPECT_EQ(world.staking.credits_micro(kAda, later), 250'000'000U);
  ASSERT_TRUE(world.params.set(Parameter::CreditRateMicro, 0));
  EXPECT_EQ(world.staking.credits_micro(kAda, later), 0U);
}

TEST(Credits, OfTheLargestStakeDoNotOverflow) {
  World world;
  world.params.write_genesis(Preset::Main);
  ASSERT_TRUE(world.ledger.mint_at_genesis(kAda, Asset::Amax, kAmountMax - 200 * kToken));
  ASSERT_TRUE(world.params.set(Parameter::AmaxValueMicro, 1'000'000'000));
  ASSERT_TRUE(world.params.set(Parameter::CreditRateMicro, 100'000'000));
  ASSERT_EQ(world.lock(kAmountMax - 200 * kToken), RefusalCode::None);
  EXPECT_EQ(world.staking.credits_micro(kAda, {~std::uint64_t{0}}), kAmountMax);
}

// REQ: QUE-3. Q4: never negative, never more than stake x time; each touch loses less than a millionth of a credit.
RC_GTEST_PROP(Credits, AgreeWithASumOfStakeAndTime, ()) {
  constexpr std::uint64_t kDay = 86'400'000;
  constexpr u128 kMicroOfStakeMs = u128{kToken} * 3'600'000 / 1'000'000;  // stake x ms that bring a millionth
  World world;
  u128 exact = 0;
  std::uint64_t bonded = 0;
  std::uint64_t touches = 0;
  const auto hold = [&] { exact = std::min(exact, u128{bonded} * kDay); };
  const auto steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    const auto pass = *rc::gen::inRange<std::uint64_t>(0, *rc::gen::element<std::uint64_t>(2, 1'000, kDay, 3 * kDay));
    world.pass_to(world.context.time + DurationMs{pass});
    exact += u128{bonded} * pass;
    hold();
    const auto amount = *rc::gen::inRange<std::uint64_t>(kToken, 30 * kToken);
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        if (world.lock(amount) == RefusalCode::None) bonded += amount, ++touches;
        break;
      case 1:
        if (world.unbond(amount) == RefusalCode::None) bonded -= amount, ++touches;
        hold();
        break;
      default: {
        const std::uint64_t there = world.staking.credits_micro(kAda, world.context.time);
        if (there == 0) break;
        const auto spent = *rc::gen::inRange<std::uint64_t>(0, there + 1);
        world.staking.spend_credits(kAda, spent, world.context.time);
        RC_ASSERT(exact >= spent * kMicroOfStakeMs);
        exact -= spent * kMicroOfStakeMs;
        ++touches;
      }
    }
    const u128 there = world.staking.credits_micro(kAda, world.context.time);
    RC_ASSERT(there * kMicroOfStakeMs <= exact);
    RC_ASSERT((there + 2 * touches + 1) * kMicroOfStakeMs > exact);
    RC_ASSERT(world.sound());
  }
}

TEST(Staking, FindsRowsThatDisagreeWithTheirLocks) {
  const auto sound_after = [](auto change) {
    World world;
    EXPECT_EQ(world.lock(10 * kToken), RefusalCode::None);
    EXPECT_EQ(world.unbond(4 * kToken), RefusalCode::None);
    EXPECT_TRUE(world.sound());
    change(world);
    return world.staking.invariants_hold();
  };
  EXPECT_TRUE(sound_after([](World&) {}));
  EXPECT_FALSE(sound_after([](World& world) {
    world.ledger.add_to_lock({LockPurpose::Stake, kAda.bytes, Asset::Amax}, 1);
  }));
  EXPECT_FALSE(sound_after([](World& world) {
    world.timers.cancel({1'000 + kUnbondMs}, TimerKind::Unbonded, world.staking.unbondings().begin()->first.bytes);
  }));
  EXPECT_FALSE(sound_after([](World& world) {
    EXPECT_TRUE(world.store.load_row(state::TableId::Stakes, encode(StakeKey{kBob, Asset::Amax}),
                                     encode(StakeRow{kToken, 0, 0, 0, {}})));
  }));
}

/// The same told with sums and a list, nothing else.
struct Book {
  struct Part {
    std::uint64_t amount;
    std::uint64_t due;
  };
  std::uint64_t balance = 100 * kToken;
  std::uint64_t bonded = 0;
  std::vector<Part> parts;

  bool lock(std::uint64_t amount) {
    if (amount == 0 || amount > balance || bonded + amount < kToken) return false;
    balance -= amount;
    bonded += amount;
    return true;
  }
  bool unbond(std::uint64_t amount, std::uint64_t now) {
    if (amount == 0 || amount > bonded || parts.size() >= 32) return false;
    if (amount != bonded && bonded - amount < kToken) return false;
    bonded -= amount;
    parts.push_back({amount, now + kUnbondMs});
    return true;
  }
  void pass_to(std::uint64_t now) {
    for (const Part& part : parts) balance += part.due <= now ? part.amount : 0;
    std::erase_if(parts, [now](const Part& part) { return part.due <= now; });
  }
};

// REQ: TOK-3
RC_GTEST_PROP(Staking, AgreesWithABookOfSums, ()) {
  World world;
  std::map<AccountId, Book> books = {{kAda, {}}, {kBob, {}}};
  const auto steps = *rc::gen::inRange(1, 80);
  int accepted = 0;
  for (int i = 0; i < steps; ++i) {
    const AccountId sender = *rc::gen::element(kAda, kBob);
    Book& book = books.at(sender);
    const int what = *rc::gen::inRange(0, 10);
    const auto amount = *rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 40 * kToken), rc::gen::just(kToken),
                                        rc::gen::just(book.bonded), rc::gen::just(book.balance + 1));
    const std::size_t before = world.store.checkpoint();
    bool done = false;
    if (what < 4) {
      done = book.lock(amount);
      RC_ASSERT((world.lock(amount, sender) == RefusalCode::None) == done);
    } else if (what < 8) {
      done = book.unbond(amount, world.context.time.ms);
      RC_ASSERT((world.unbond(amount, sender) == RefusalCode::None) == done);
    } else if (what == 8) {
      static_cast<void>(world.lock(5 * kToken, sender));
      world.store.rollback(before);
    } else {
      const std::uint64_t now = world.context.time.ms + *rc::gen::inRange<std::uint64_t>(0, kUnbondMs);
      world.pass_to({now});
      for (auto& [id, each] : books) each.pass_to(now);
    }
    accepted += done ? 1 : 0;
    for (const auto& [id, each] : books) {
      const StakeRow row = world.staking.stake(id, Asset::Amax);
      RC_ASSERT(world.balance(id) == each.balance);
      RC_ASSERT(row.bonded == each.bonded);
      RC_ASSERT(row.unbondings == each.parts.size());
    }
    RC_ASSERT(world.sound());
  }
  RC_CLASSIFY(accepted > steps / 5, "a fifth accepted");
}

}  // namespace
}  // namespace starminer::protocol
