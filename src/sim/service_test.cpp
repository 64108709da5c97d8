// Providers at work: whoever behaves well is paid, whoever does not is left by the protocol's own timers.
#include "sim/service.h"

#include <gtest/gtest.h>

#include "sim/attack_world.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr Agpu kMoney{1'000 * kBasePerToken};
constexpr std::uint64_t kMinuteMs = 60'000;

/// Three nodes of two GPUs of three providers, or of one; a requester of jobs of ten minutes.
struct ServedMarket {
  explicit ServedMarket(ConductOf conduct, bool one_site = false)
      : market({"T4"}, {false, 42, {}, std::move(conduct)}), crowd(market, {6, 2, 600, 600, 1, 42, false}) {
    for (int i = 0; i < 3; ++i) {
      const AccountId provider = account_of("provider " + std::to_string(one_site ? 0 : i));
      if (i == 0 || !one_site) market.fund(provider, kMoney);
      EXPECT_TRUE(market.add_node(provider, registration_of({"n" + std::to_string(i), 64, 1 << 20, 2, "T4"})));
    }
    market.fund(requester, kMoney);
    crowd.set_demand(0);
  }

  JobId add(std::uint32_t gpus, Placement placement = Placement::OneNode) {
    JobSpec spec = crowd.spec_for(kStandard, gpus, 10 * kMinuteMs, 2);
    spec.placement = placement;
    const auto job = crowd.add(requester, spec, 10 * kMinuteMs);
    EXPECT_TRUE(job.has_value());
    crowd.start();
    return *job;
  }
  [[nodiscard]] const JobRow& row(const JobId& job) { return market.chain().market.jobs().get(job); }
  [[nodiscard]] const ContractRow& contract(const JobId& job) {
    return market.chain().contracts.table().get(row(job).contract);
  }
  void pass_minutes(std::uint64_t minutes) {
    for (std::uint64_t i = 0; i < minutes; ++i) crowd.pass_tick();
    EXPECT_TRUE(market.chain().contracts.invariants_hold() && market.chain().market.invariants_hold());
  }

  LiveMarket market;
  Crowd crowd;
  AccountId requester = account_of("somebody");
};

Conduct serve(const ContractRow& /*contract*/) { return {}; }

TEST(Service, RunsPromptlyAndIsPaidForTheTime) {
  ServedMarket world(serve);
  const JobId job = world.add(2);
  EXPECT_EQ(world.contract(job).state, ContractState::Assigned);
  world.pass_minutes(5);
  EXPECT_EQ(world.contract(job).state, ContractState::Running);
  EXPECT_EQ(elapsed(world.contract(job).started, world.contract(job).matched), kPromptStart);
  world.pass_minutes(6);
  EXPECT_EQ(world.row(job).state, JobState::Settled);
  EXPECT_EQ(world.contract(job).metered_ms, 10 * kMinuteMs) << "heard every minute";
  EXPECT_NEAR(world.crowd.requester(world.requester).gpu_minutes, 20.0, 1e-9);
  EXPECT_GT(world.crowd.requester(world.requester).agpu, 0.0);
}

TEST(Service, WhoDeclinesOrNeverAnswersLosesTheJobToAnother) {
  for (const Conduct::Answer answer : {Conduct::Answer::Declines, Conduct::Answer::Ignores}) {
    std::optional<AccountId> bad;
    ServedMarket world([&](const ContractRow& contract) {
      if (!bad) bad = contract.provider;
      return contract.provider == *bad ? Conduct{answer, {}, {}, {}} : Conduct{};
    });
    const JobId job = world.add(2);
    world.pass_minutes(2);
    EXPECT_EQ(world.contract(job).state, ContractState::Running);
    EXPECT_EQ(world.contract(job).attempt, 1U);
    EXPECT_NE(world.contract(job).provider, *bad);
    EXPECT_DOUBLE_EQ(world.crowd.lost_minutes(), 0.0) << "nothing had run";
    world.pass_minutes(10);
    EXPECT_EQ(world.row(job).state, JobState::Settled);
  }
}

TEST(Service, WhoBeginsTooLateLosesTheJob) {
  const auto late = [](std::uint64_t seconds) {
    return [seconds](const ContractRow& contract) {
      return contract.attempt == 0 ? Conduct{Conduct::Answer::Serves, {29'000}, {seconds * 1000}, {}} : Conduct{};
    };
  };
  ServedMarket in_time(late(88));
  const JobId kept = in_time.add(2);
  in_time.pass_minutes(3);
  EXPECT_EQ(in_time.contract(kept).attempt, 0U);
  ServedMarket too_late(late(90));
  const JobId lost = too_late.add(2);
  too_late.pass_minutes(3);
  EXPECT_EQ(too_late.contract(lost).attempt, 1U);
}

TEST(Service, AFailureLosesWhatRan) {
  ServedMarket world([](const ContractRow& contract) {
    return Conduct{Conduct::Answer::Serves,
                   {},
                   kPromptStart,
                   contract.attempt == 0 ? std::optional(DurationMs{5 * kMinuteMs}) : std::nullopt};
  });
  const JobId job = world.add(2);
  world.pass_minutes(20);
  EXPECT_EQ(world.row(job).state, JobState::Settled);
  EXPECT_EQ(world.row(job).attempts, 2U);
  EXPECT_NEAR(world.crowd.lost_minutes(), 10.0, 1e-9) << "two GPUs for five minutes";
  EXPECT_NEAR(world.crowd.requester(world.requester).gpu_minutes, 20.0, 1e-9) << "paid work alone";
}

TEST(Service, AGangBeginsAndEndsOnAllItsHosts) {
  ServedMarket world(serve, true);
  const JobId job = world.add(6, Placement::OneSite);
  world.pass_minutes(1);
  EXPECT_EQ(world.contract(job).gang.size(), 3U);
  EXPECT_EQ(world.contract(job).state, ContractState::Running);
  world.pass_minutes(11);
  EXPECT_EQ(world.row(job).state, JobState::Settled);
  EXPECT_NEAR(world.crowd.requester(world.requester).gpu_minutes, 60.0, 1e-9);
}

TEST(Service, WhatIsWithdrawnBeforeItRunsCostsNothing) {
  ServedMarket world(serve);
  const JobId job = world.add(2);
  EXPECT_TRUE(world.crowd.cancel(job));
  EXPECT_EQ(world.row(job).state, JobState::Refunded);
  const JobId running = world.add(2);
  world.pass_minutes(5);
  EXPECT_TRUE(world.crowd.cancel(running));
  EXPECT_EQ(world.row(running).state, JobState::Settled);
  EXPECT_NEAR(world.crowd.requester(world.requester).gpu_minutes, 2.0 * (5 - 2.0 / 60), 1e-9);
  EXPECT_GT(world.crowd.requester(world.requester).agpu, 0.0);
}

}  // namespace
}  // namespace starminer::sim
