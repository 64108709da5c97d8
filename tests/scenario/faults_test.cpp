// What providers do wrong: the requester pays nothing, and the job goes to somebody else where there is one.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::JobKind;
using protocol::Outcome;

std::uint64_t outcomes(const Market& market, const Provider& provider, Outcome outcome) {
  const auto counts = market.machine().reputation().counts(
      provider.node(), static_cast<std::uint8_t>(JobKind::Rendering), market.market_time());
  return counts.milli[static_cast<std::size_t>(outcome)];
}

/// Whoever has the job now, and whoever does not.
std::string holder(const Market& market, const Job& job) {
  for (const char* name : {"aurora", "borealis", "corona"}) {
    if (market.contract(job).provider == protocol::chain_test::account_of_name(name)) return name;
  }
  return {};
}

struct FaultCase {
  const char* name;
  std::function<void(Market&, const Provider&, const Job&)> happens;
  EndReason reason;
  Outcome outcome;
};

const FaultCase kFaults[] = {
    {"declined", [](Market&, const Provider& p, const Job& job) { p.declines(job); }, EndReason::ProviderRefused,
     Outcome::Failure},
    {"declined after the acknowledgement",
     [](Market&, const Provider& p, const Job& job) { p.acknowledges(job).declines(job); }, EndReason::ProviderRefused,
     Outcome::Failure},
    {"no acknowledgement", [](Market& m, const Provider&, const Job&) { m.passes(30s); }, EndReason::ProviderRefused,
     Outcome::Failure},
    {"no start",
     [](Market& m, const Provider& p, const Job& job) {
       p.acknowledges(job);
       m.passes(60s);
     },
     EndReason::ProviderLate, Outcome::Late},
    {"silence",
     [](Market& m, const Provider& p, const Job& job) {
       p.runs(job);
       m.passes(60s);
       p.reports_progress(job);
       m.passes(180s);
     },
     EndReason::ProviderLost, Outcome::Failure},
    {"own error",
     [](Market& m, const Provider& p, const Job& job) {
       p.runs(job);
       m.passes(60s);
       p.fails(job, EndReason::ProviderError);
     },
     EndReason::ProviderError, Outcome::Failure},
    {"device error while preparing",
     [](Market&, const Provider& p, const Job& job) { p.acknowledges(job).fails(job, EndReason::DeviceError); },
     EndReason::DeviceError, Outcome::Failure},
};

// REQ: REG-6, CSC-2
TEST(ProviderFault, PaysNothingAndTheJobGoesToSomebodyElse) {
  for (const FaultCase& fault : kFaults) {
    SCOPED_TRACE(fault.name);
    Market market;
    const Provider aurora = market.provider("aurora").registers(a100());
    const Provider borealis = market.provider("borealis").registers(a100());
    const Job job = market.requester("ada").submits(rendering());
    const std::string first = holder(market, job);
    const Price unit = market.contract(job).price.unit;
    const std::uint8_t before = market.reputation_of(market.provider(first), JobKind::Rendering);
    fault.happens(market, market.provider(first), job);

    const protocol::ContractRow& failed = market.contract(job, 0);
    EXPECT_EQ(failed.state, ContractState::Requeued);
    EXPECT_EQ(failed.end_reason, fault.reason);
    EXPECT_EQ(failed.party, Party::Provider);
    EXPECT_TRUE(failed.bill.pay.is_zero());
    EXPECT_EQ(outcomes(market, market.provider(first), fault.outcome), 1000U);
    EXPECT_LT(market.reputation_of(market.provider(first), JobKind::Rendering), before);

    market.expect(job).is(JobState::Active).contract_is(ContractState::Assigned).attempts(2);
    const std::string second = holder(market, job);
    EXPECT_NE(second, first);
    EXPECT_LE(market.contract(job).price.unit, unit) << "the first price is the ceiling of later attempts";
    market.provider(second).runs(job);
    market.passes(2min);
    market.provider(second).completes(job);
    market.requester("ada").accepts(job);
    market.expect(job).is(JobState::Settled).ended(EndReason::Accepted, Party::Nobody).metered(2min);
  }
}

// REQ: CSC-2
TEST(ProviderFault, WithNobodyElseReturnsTheMoneyAndNamesTheFault) {
  for (const FaultCase& fault : kFaults) {
    SCOPED_TRACE(fault.name);
    Market market;
    const Provider aurora = market.provider("aurora").registers(a100());
    const Job job = market.requester("ada").submits(rendering());
    fault.happens(market, aurora, job);
    market.expect(job).is(JobState::Refunded).contract_is(ContractState::Refunded);
    market.expect(job).ended(fault.reason, Party::Provider).paid({}).refunded(market.row(job).cap);
    EXPECT_TRUE(market.machine().market().assignments().empty());
  }
}

TEST(ProviderFault, IsForgivenOnlySoOften) {
  Market market;
  for (const char* name : {"aurora", "borealis", "corona", "vault", "mallory"}) market.provider(name).registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  const std::uint64_t again = market.machine().params().get(protocol::Parameter::AttemptsMax);
  for (std::uint64_t attempt = 1; attempt <= 1 + again; ++attempt) {
    market.expect(job).is(JobState::Active).attempts(static_cast<std::uint32_t>(attempt));
    market.passes(30s);
  }
  market.expect(job).is(JobState::Refunded).ended(EndReason::ProviderRefused, Party::Provider).paid({});
}

TEST(ProviderFault, PreparationMayTakeAsLongAsTheInputsNeed) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  // 1 GB at 1.25 MB/s are 800 s.
  const Job job = market.requester("ada").submits(rendering().input_bytes(1'000'000'000));
  aurora.acknowledges(job);
  market.passes(859s);
  market.expect(job).contract_is(ContractState::Preparing);
  aurora.starts(job);
  market.expect(job).contract_is(ContractState::Running);
}

TEST(ProviderFault, WaitsInTheQueueWhileTheOtherIsBusy) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  const Provider borealis = market.provider("borealis").registers(a100());
  const Job other = market.requester("bob").submits(rendering());
  borealis.runs(other);
  aurora.declines(job);
  market.expect(job).is(JobState::Queued).attempts(1);
  borealis.completes(other);
  market.expect(job).is(JobState::Active).runs_on("borealis").attempts(2);
}

// REQ: REG-6
TEST(Reputation, RisesWithSuccessAndCountsNothingBetweenLinkedAccounts) {
  Market market;
  const Provider aurora = market.provider("aurora").is_paid_at("vault").registers(a100());
  const std::uint8_t prior = market.reputation_of(aurora, JobKind::Rendering);
  for (const char* requester : {"aurora", "vault"}) {
    const Job own = market.requester(requester).submits(rendering());
    aurora.runs(own);
    market.passes(2min);
    aurora.completes(own);
    market.requester(requester).accepts(own);
    market.expect(own).is(JobState::Settled);
    EXPECT_EQ(market.reputation_of(aurora, JobKind::Rendering), prior) << requester;
  }
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes(2min);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  EXPECT_GT(market.reputation_of(aurora, JobKind::Rendering), prior);
  EXPECT_EQ(outcomes(market, aurora, Outcome::Success), 1000U);
}

TEST(Reputation, IsNotTouchedByWhatTheRequesterDoes) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const std::uint8_t prior = market.reputation_of(aurora, JobKind::Rendering);
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes(2min);
  market.requester("ada").cancels(job);
  EXPECT_EQ(market.reputation_of(aurora, JobKind::Rendering), prior);
}

}  // namespace
}  // namespace starminer::scenario
