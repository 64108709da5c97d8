#include "protocol/governance/governance.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

AccountId account(std::uint8_t fill) {
  AccountId id;
  id.bytes.fill(fill);
  return id;
}

const AccountId kGovernor = account(1);
const AccountId kSomebody = account(2);

struct World {
  explicit World(Preset preset = Preset::Main, const std::optional<AccountId>& governor = kGovernor) {
    params.write_genesis(preset);
    governance.write_genesis(governor);
    store.commit();
    context.events = &events;
  }

  Result<void, Refusal> set(std::uint16_t number, std::uint64_t value, const AccountId& sender = kGovernor) {
    const auto valid = ParameterSet::validate({number, value});
    const auto checked = governance.check(*valid, {sender, 0});
    if (!checked) return fail(checked.error());
    name = governance.apply(*checked, {sender, 0}, context).text();
    return {};
  }
  Result<void, Refusal> set(Parameter parameter, std::uint64_t value, const AccountId& sender = kGovernor) {
    return set(static_cast<std::uint16_t>(parameter), value, sender);
  }
  RefusalCode code(Parameter parameter, std::uint64_t value) {
    const auto done = set(parameter, value);
    return done ? RefusalCode::None : done.error().code;
  }

  state::Store store;
  Params params{store};
  Governance governance{store, params};
  std::vector<Event> events;
  BlockContext context;
  std::string name;
};

// REQ: MTP-11
TEST(Governance, SetsAParameterAtTheEndOfTheEpochAndNotBefore) {
  World world;
  ASSERT_TRUE(world.set(Parameter::TxFee, 200'000));
  EXPECT_EQ(world.name, "TxFee");
  EXPECT_EQ(world.params.get(Parameter::TxFee), 100'000U);
  EXPECT_EQ(world.governance.pending(Parameter::TxFee), 200'000U);
  EXPECT_FALSE(world.governance.pending(Parameter::AckMs));
  ASSERT_TRUE(world.set(Parameter::TxFee, 300'000)) << "a later change takes its place";
  world.governance.on_epoch(world.context);
  EXPECT_EQ(world.params.get(Parameter::TxFee), 300'000U);
  EXPECT_TRUE(world.governance.changes().empty());
  ASSERT_EQ(world.events.size(), 3U);
  EXPECT_EQ(world.events[1].kind, EventKind::ParameterScheduled);
  EXPECT_EQ(world.events[2].kind, EventKind::ParameterChanged);
  EXPECT_EQ(world.events[2].state, static_cast<std::uint8_t>(Parameter::TxFee));
  EXPECT_EQ(world.events[2].amount, 300'000U);
  world.governance.on_epoch(world.context);
  EXPECT_EQ(world.params.get(Parameter::TxFee), 300'000U);
  EXPECT_EQ(world.events.size(), 3U) << "it happens once";
}

TEST(Governance, TakesAPendingChangeBack) {
  World world;
  ASSERT_TRUE(world.set(Parameter::TxFee, 200'000));
  ASSERT_TRUE(world.set(Parameter::TxFee, 100'000));
  EXPECT_TRUE(world.governance.changes().empty());
  world.governance.on_epoch(world.context);
  EXPECT_EQ(world.params.get(Parameter::TxFee), 100'000U);
}

// Each row also fails in all that stands below it.
TEST(Governance, RefusesInOrder) {
  World world;
  const auto code = [&](std::uint16_t number, std::uint64_t value, const AccountId& sender) {
    const auto done = world.set(number, value, sender);
    return done ? RefusalCode::None : done.error().code;
  };
  EXPECT_EQ(code(0, 0, kSomebody), RefusalCode::NotGovernance);
  EXPECT_EQ(code(0, 0, kGovernor), RefusalCode::UnknownParameter);
  EXPECT_EQ(code(999, 0, kGovernor), RefusalCode::UnknownParameter);
  EXPECT_EQ(world.code(Parameter::TickMs, 0), RefusalCode::ParameterFixed);
  EXPECT_EQ(world.code(Parameter::TimeDivisor, 0), RefusalCode::ParameterFixed);
  EXPECT_EQ(world.code(Parameter::TxFee, 9'999), RefusalCode::ParameterOutOfBounds);
  EXPECT_EQ(world.code(Parameter::TxFee, 10'000'001), RefusalCode::ParameterOutOfBounds);
  EXPECT_EQ(world.code(Parameter::TxFee, 100'000), RefusalCode::ParameterUnchanged);
  EXPECT_EQ(world.code(Parameter::AcceptMinMs, 86'400'000), RefusalCode::None);
  EXPECT_EQ(world.code(Parameter::AcceptMinMs, 86'400'000), RefusalCode::ParameterUnchanged);
  const auto conflict = world.set(Parameter::AcceptMaxMs, 80'000'000);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code, RefusalCode::ParameterConflict);
  EXPECT_NE(conflict.error().detail.find("AcceptMinMs <= AcceptMaxMs"), std::string::npos) << conflict.error().detail;
  EXPECT_TRUE(world.governance.invariants_hold());
}

TEST(Governance, CountsAllFeesTogetherWithWhatIsPending) {
  World world;
  EXPECT_EQ(world.code(Parameter::FeeBurnPpm, 200'000), RefusalCode::None);
  EXPECT_EQ(world.code(Parameter::FeeStakersPpm, 70'000), RefusalCode::None);
  EXPECT_EQ(world.code(Parameter::FeeStakersPpm, 70'001), RefusalCode::ParameterConflict);
  EXPECT_EQ(world.code(Parameter::FeeTreasuryPpm, 14'999), RefusalCode::None);
  EXPECT_EQ(world.code(Parameter::FeeStakersPpm, 70'001), RefusalCode::None);
}

TEST(Governance, DividesTheBoundsOfDurationsWithTheDurations) {
  World main(Preset::Main);
  World dev(Preset::Dev);
  EXPECT_EQ(main.code(Parameter::UnbondAmaxMs, 604'799'999), RefusalCode::ParameterOutOfBounds);
  EXPECT_EQ(main.code(Parameter::UnbondAmaxMs, 604'800'000), RefusalCode::None);
  EXPECT_EQ(dev.code(Parameter::UnbondAmaxMs, 60'479'999), RefusalCode::ParameterOutOfBounds);
  EXPECT_EQ(dev.code(Parameter::UnbondAmaxMs, 60'480'000), RefusalCode::None);
  EXPECT_EQ(dev.code(Parameter::UnbondAmaxMs, 518'400'001), RefusalCode::ParameterOutOfBounds);
}

TEST(Governance, BelongsToNobodyWhereTheGenesisNamesNone) {
  World world(Preset::Main, std::nullopt);
  EXPECT_EQ(world.code(Parameter::TxFee, 200'000), RefusalCode::NotGovernance);
  EXPECT_EQ(world.set(Parameter::TxFee, 200'000, AccountId{}).error().code, RefusalCode::NotGovernance);
  EXPECT_FALSE(world.governance.account());
}

// Whatever is asked for: no value ever leaves its bounds, no rule is ever broken, and what was accepted last is what
// the next epoch brings.
RC_GTEST_PROP(Governance, KeepsBoundsAndRules, ()) {
  const auto preset = *rc::gen::element(Preset::Main, Preset::Test, Preset::Dev);
  World world(preset);
  std::map<Parameter, std::uint64_t> wanted;
  for (const ParameterInfo& info : parameter_registry()) wanted[info.id] = world.params.get(info.id);
  const auto steps = *rc::gen::inRange(1, 60);
  int accepted = 0;
  for (int i = 0; i < steps; ++i) {
    if (*rc::gen::inRange(0, 10) == 0) {
      world.governance.on_epoch(world.context);
      for (const auto& [parameter, value] : wanted) RC_ASSERT(world.params.get(parameter) == value);
      continue;
    }
    const auto registry = parameter_registry();
    const ParameterInfo& info = registry[*rc::gen::inRange<std::size_t>(0, registry.size())];
    const ParameterBounds bounds = world.params.bounds(info.id);
    const auto value = *rc::gen::oneOf(rc::gen::just(bounds.min), rc::gen::just(bounds.max),
                                       rc::gen::just(bounds.min + (bounds.max - bounds.min) / 3),
                                       rc::gen::just(world.params.get(info.id)), rc::gen::arbitrary<std::uint64_t>());
    if (world.set(info.id, value)) {
      wanted[info.id] = value;
      ++accepted;
      RC_ASSERT(bounds.contain(value));
    }
    RC_ASSERT(world.governance.invariants_hold());
    for (const ParameterInfo& each : registry) {
      RC_ASSERT(world.governance.pending(each.id).value_or(world.params.get(each.id)) == wanted[each.id]);
    }
    RC_ASSERT(wanted[Parameter::FeeBurnPpm] + wanted[Parameter::FeeStakersPpm] + wanted[Parameter::FeeTreasuryPpm] +
                  wanted[Parameter::FeeInsurancePpm] + wanted[Parameter::FeeReferrerPpm] <=
              300'000);
    RC_ASSERT(wanted[Parameter::AcceptMinMs] <= wanted[Parameter::AcceptMaxMs]);
  }
  RC_CLASSIFY(accepted > steps / 4, "a quarter accepted");
}

TEST(Governance, FindsPendingRowsThatNoChainWrites) {
  const auto sound_with = [](std::uint16_t number, std::uint64_t value) {
    World world;
    EXPECT_TRUE(
        world.store.load_row(state::TableId::ParameterChanges, encode(number), encode(ParameterChangeRow{value})));
    return world.governance.invariants_hold();
  };
  constexpr auto kTxFee = static_cast<std::uint16_t>(Parameter::TxFee);
  EXPECT_TRUE(sound_with(kTxFee, 200'000));
  EXPECT_FALSE(sound_with(kTxFee, 1)) << "out of bounds";
  EXPECT_FALSE(sound_with(kTxFee, 100'000)) << "the value in force";
  EXPECT_FALSE(sound_with(static_cast<std::uint16_t>(Parameter::TickMs), 50'000)) << "fixed";
  EXPECT_FALSE(sound_with(255, 1)) << "no parameter";
}

}  // namespace
}  // namespace starminer::protocol
