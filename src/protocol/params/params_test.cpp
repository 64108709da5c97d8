#include "protocol/params/params.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace starminer::protocol {
namespace {

constexpr Preset kPresets[] = {Preset::Main, Preset::Test, Preset::Dev};

TEST(ParameterRegistry, NumbersRiseAndNamesAreUnique) {
  std::uint16_t previous = 0;
  std::set<std::string_view> names;
  for (const ParameterInfo& info : parameter_registry()) {
    EXPECT_GT(static_cast<std::uint16_t>(info.id), previous) << info.name;
    previous = static_cast<std::uint16_t>(info.id);
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
  }
  EXPECT_LT(previous, 256);
}

TEST(ParameterRegistry, TextsAndBounds) {
  for (const ParameterInfo& info : parameter_registry()) {
    EXPECT_LE(info.min, info.default_value) << info.name;
    EXPECT_LE(info.default_value, info.max) << info.name;
    EXPECT_GE(info.description.size(), 10U) << info.name;
    EXPECT_NE(info.description.back(), '.') << info.name;
    EXPECT_TRUE(std::islower(static_cast<unsigned char>(info.description.front()))) << info.name;
    EXPECT_FALSE(unit_name(info.unit).empty()) << info.name;
    // Only durations are divided by the presets, and every unit of time says so in its name.
    const bool is_ms = info.unit == ParameterUnit::Milliseconds;
    EXPECT_EQ(info.name.substr(info.name.size() - 2) == "Ms", is_ms) << info.name;
    EXPECT_TRUE(info.scale == ParameterScale::Fixed || is_ms) << info.name;
  }
}

TEST(Presets, EveryValueLiesWithinItsBounds) {
  for (const Preset preset : kPresets) {
    state::Store store;
    Params params(store);
    params.write_genesis(preset);
    EXPECT_EQ(params.table().size(), parameter_registry().size());
    EXPECT_EQ(Params::find_conflict(params.values()), nullptr) << preset_name(preset);
    for (const ParameterInfo& info : parameter_registry()) {
      const std::uint64_t value = params.get(info.id);
      EXPECT_TRUE(params.bounds(info.id).contain(value)) << preset_name(preset) << " " << info.name;
      EXPECT_EQ(value, params.table().get(static_cast<std::uint16_t>(info.id)).value) << info.name;
    }
  }
}

TEST(Presets, DivideDurationsAndNothingElse) {
  for (const Preset preset : kPresets) {
    state::Store store;
    Params params(store);
    params.write_genesis(preset);
    for (const ParameterInfo& info : parameter_registry()) {
      if (info.id == Parameter::PriceScale || info.id == Parameter::TimeDivisor) continue;
      const std::uint64_t divisor = info.scale == ParameterScale::Time ? preset_time_divisor(preset) : 1;
      EXPECT_EQ(params.get(info.id), info.default_value / divisor) << preset_name(preset) << " " << info.name;
      EXPECT_EQ(info.default_value % divisor, 0U) << preset_name(preset) << " " << info.name;
    }
    EXPECT_EQ(params.get(Parameter::TimeDivisor), preset_time_divisor(preset));
    EXPECT_EQ(params.get(Parameter::PriceScale), preset == Preset::Dev ? 1'000U : 1U);
    EXPECT_EQ(find_preset(preset_name(preset)), preset);
  }
  EXPECT_FALSE(find_preset("MAIN"));
  EXPECT_FALSE(find_preset(""));
}

// Design "economics" section 2.6: a settled job pays 10 % in total.
TEST(Presets, SharesOfAPaymentAddUpToTenPercent) {
  state::Store store;
  Params params(store);
  params.write_genesis(Preset::Main);
  EXPECT_EQ(params.get(Parameter::FeeBurnPpm) + params.get(Parameter::FeeStakersPpm) +
                params.get(Parameter::FeeTreasuryPpm) + params.get(Parameter::FeeInsurancePpm) +
                params.get(Parameter::FeeReferrerPpm),
            kPpm / 10);
}

RC_GTEST_PROP(Params, SetKeepsToTheBounds, ()) {
  state::Store store;
  Params params(store);
  params.write_genesis(Preset::Main);
  const auto registry = parameter_registry();
  const ParameterInfo& info = registry[*rc::gen::inRange<std::size_t>(0, registry.size())];
  const auto value = *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(), rc::gen::just(info.min),
                                     rc::gen::just(info.max), rc::gen::just(info.max + 1), rc::gen::just(info.min - 1),
                                     rc::gen::just((info.min + info.max) / 2));
  const std::uint64_t before = params.get(info.id);
  const bool inside = value >= info.min && value <= info.max;
  RC_CLASSIFY(inside, "accepted");
  RC_ASSERT(params.set(info.id, value) == inside);
  RC_ASSERT(params.get(info.id) == (inside ? value : before));
}

TEST(Params, FastValuesFollowRollbackAndLoad) {
  state::Store store;
  Params params(store);
  params.write_genesis(Preset::Main);
  store.commit();
  const std::size_t start = store.checkpoint();
  ASSERT_TRUE(params.set(Parameter::TxFee, 20'000));
  EXPECT_EQ(params.agpu(Parameter::TxFee), Agpu{20'000});
  store.rollback(start);
  EXPECT_EQ(params.agpu(Parameter::TxFee), Agpu{100'000});

  ASSERT_TRUE(params.set(Parameter::AckMs, 12'345));
  store.commit();
  state::Store restarted;
  Params loaded(restarted);
  for (const state::Change& change : store.take_changes()) {
    ASSERT_TRUE(restarted.load(change.table, change.key, *change.row));
  }
  for (const ParameterInfo& info : parameter_registry()) EXPECT_EQ(loaded.get(info.id), params.get(info.id));
  EXPECT_EQ(loaded.duration(Parameter::AckMs), DurationMs{12'345});
  EXPECT_EQ(restarted.root(), store.root());
}

}  // namespace
}  // namespace starminer::protocol
