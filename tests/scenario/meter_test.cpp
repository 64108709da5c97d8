// The meter: what is counted, what is not, and what a standstill of the chain does.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;

// REQ: CSC-4
TEST(Meter, CountsAtLeastAMinuteOnceAJobRan) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes(2s);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  market.expect(job).metered(60s).bill_follows_formula();
}

TEST(Meter, StopsTenSecondsAfterTheLastReport) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes_with_progress(5min, aurora, job);
  aurora.reports_progress(job);
  market.passes(2min);
  market.requester("ada").cancels(job);
  market.expect(job).metered(5min + 10s);
}

TEST(Meter, BelievesNoReportOfMoreTimeThanHasPassed) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes(90s);
  aurora.reports_progress(job, std::chrono::hours(1'000'000));
  market.passes(2min);
  market.requester("ada").cancels(job);
  market.expect(job).metered(90s + 10s);
}

TEST(Meter, CountsOnlyWhatTheReportsSayWasRun) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  for (int i = 0; i < 5; ++i) {
    market.passes(1min);
    aurora.reports_progress(job, 70s);
  }
  market.requester("ada").cancels(job);
  market.expect(job).metered(80s);
}

TEST(Meter, CountsAtMostOneAndAHalfOfTheExpectedTime) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h).expected(10min));
  aurora.runs(job);
  market.passes_with_progress(40min, aurora, job);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  market.expect(job).metered(15min).bill_follows_formula();
}

TEST(Progress, MayNotGoBackAndComesFromTheProviderOnly) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Provider borealis = market.provider("borealis");
  const Job job = market.requester("ada").submits(rendering());
  aurora.reports_progress(job, 0s);  // not running yet: skipped, not refused
  aurora.runs(job);
  market.passes(1min);
  aurora.reports_progress(job, 60s).reports_progress(job, 60s);
  aurora.refused(RefusalCode::ProgressGoesBack).reports_progress(job, 59s);
  borealis.refused(RefusalCode::NotContractProvider).reports_progress(job, 90s);
  EXPECT_EQ(market.contract(job).progress_run_ms, 60'000U);
}

TEST(Progress, KeepsTheJobFromBeingLost) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h));
  aurora.runs(job);
  for (int i = 0; i < 10; ++i) {
    market.passes(3min - 1ms);
    aurora.reports_progress(job);
  }
  market.expect(job).contract_is(ContractState::Running);
  market.passes(3min);
  market.expect(job).ended(EndReason::ProviderLost, Party::Provider);
}

// REQ: CSC-3
TEST(Halt, MovesEveryDeadlineAndStopsEveryMeter) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h).deadline_in(3h));
  aurora.runs(job);
  market.passes_with_progress(10min, aurora, job);
  const auto before = market.contract(job);
  const Price price = market.machine().pricing().price(before.price.tier, before.price.hardware_class);
  const std::uint64_t ticks = market.machine().chain().ticks;
  const TimeMs at = market.market_time();

  market.halts(7h);
  aurora.reports_progress(job, 10min);
  const auto& chain = market.machine().chain();
  EXPECT_EQ(chain.halted.ms, static_cast<std::uint64_t>(Milliseconds(7h).count()));
  EXPECT_EQ(market.market_time(), at) << "no market time has passed";
  EXPECT_EQ(chain.ticks, ticks) << "ticks of the standstill are skipped";
  EXPECT_EQ(market.machine().pricing().price(before.price.tier, before.price.hardware_class), price);
  EXPECT_EQ(market.contract(job).run_end_due, before.run_end_due) << "in market time";
  market.expect(job).contract_is(ContractState::Running);

  market.passes(1min);
  aurora.completes(job);
  market.expect(job).metered(11min);
  market.halts(30h);
  market.requester("ada").accepts(job);
  market.expect(job).is(JobState::Settled).metered(11min).bill_follows_formula();
}

// A node that is away for less than two ticks still keeps a provider from acknowledging in time.
TEST(Halt, AShortStandstillBlamesNobody) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h));
  market.passes(10s);
  market.halts(50s);
  (void)market.requester("cleo").submits(rendering());  // the first block after the standstill
  market.expect(job).contract_is(ContractState::Assigned);
  EXPECT_EQ(market.machine().chain().halted.ms, 60'000U) << "the whole gap: when in it the node went away is unknown";
  market.passes(30s);
  market.expect(job).ended(EndReason::ProviderRefused, Party::Provider);
}

TEST(Halt, DoesNotEndWhatWaits) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job running = market.requester("cleo").submits(rendering().max(24h).budget("100 AGPU"));
  aurora.runs(running);
  const Job waiting = market.requester("ada").submits(rendering().max(30min).deadline_in(2h));
  market.halts(48h);
  market.passes(1s);
  market.expect(running).contract_is(ContractState::Running);
  market.expect(waiting).is(JobState::Queued);
}

TEST(Halt, AGapInWhichNothingWasDueIsNone) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes(1min);
  market.halts(64s);  // the next tick is four seconds late: a slow machine, not one that was away
  aurora.reports_progress(job, 124s);
  EXPECT_EQ(market.machine().chain().halted.ms, 0U);
  market.halts(66s);
  aurora.reports_progress(job, 124s);
  EXPECT_EQ(market.machine().chain().halted.ms, 66'000U);
}

TEST(Halt, AGenesisOlderThanTheFirstBlockIsOne) {
  Market market;
  market.halts(std::chrono::hours(24 * 365));
  market.provider("aurora").registers(a100());
  EXPECT_EQ(market.market_time(), protocol::chain_test::kGenesisTime);
  EXPECT_EQ(market.machine().chain().epochs, 0U);
}

}  // namespace
}  // namespace starminer::scenario
