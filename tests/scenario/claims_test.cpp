// A provider says that the job itself is broken. One such claim proves nothing; two of strangers do.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;

std::string holder(const Market& market, const Job& job) {
  for (const char* name : {"aurora", "borealis", "corona"}) {
    if (market.contract(job).provider == protocol::chain_test::account_of_name(name)) return name;
  }
  return {};
}

/// The provider that has the job runs it for a while and claims the requester's fault.
std::string claims(Market& market, const Job& job, EndReason reason, Milliseconds after) {
  const std::string name = holder(market, job);
  market.provider(name).runs(job);
  market.passes_with_progress(after, market.provider(name), job);
  market.provider(name).fails(job, reason);
  return name;
}

// REQ: CSC-2, CSC-4
TEST(Claim, TwoEqualOnesOfStrangersMakeItTheRequestersFaultAndPayBoth) {
  Market market;
  market.provider("aurora").registers(a100());
  market.provider("borealis").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  claims(market, job, EndReason::BadPayload, 2min);
  market.expect(job).is(JobState::Active).contract_is(ContractState::Assigned).attempts(2);
  EXPECT_EQ(market.contract(job, 0).state, ContractState::Requeued);
  EXPECT_EQ(market.contract(job, 0).party, Party::Requester);
  EXPECT_TRUE(market.contract(job, 0).bill.pay.is_zero());

  claims(market, job, EndReason::BadPayload, 3min);
  market.expect(job).is(JobState::Settled).contract_is(ContractState::Settled);
  market.expect(job).ended(EndReason::BadPayload, Party::Requester).metered(3min);
  const auto& first = market.contract(job, 0);
  const auto& second = market.contract(job, 1);
  EXPECT_EQ(second.prior_claim, contract_id_of(job.id, 0));
  EXPECT_EQ(second.prior_bill.pay, protocol::Pricing::cost(first.price.unit, 1000, 120'000, Rounding::Ceil));
  EXPECT_EQ(second.bill.pay, protocol::Pricing::cost(second.price.unit, 1000, 180'000, Rounding::Ceil));
  market.expect(job).paid({second.prior_bill.pay.base + second.bill.pay.base});
  for (const char* name : {"aurora", "borealis"}) {
    const Provider provider = market.provider(name);
    const auto total = market.machine().reputation().total(provider.node(), market.market_time());
    for (const std::uint64_t count : total.milli) EXPECT_EQ(count, 0U) << "a confirmed fault of the job is no outcome";
  }
}

TEST(Claim, BothTogetherAreNeverPaidMoreThanTheCap) {
  Market market;
  market.provider("aurora").registers(a100());
  market.provider("borealis").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h).expected(30min).budget("0.6 AGPU"));
  const Agpu cap = market.row(job).cap;
  claims(market, job, EndReason::ResourceLimitRequester, 25min);
  claims(market, job, EndReason::ResourceLimitRequester, 25min);
  const auto& second = market.contract(job, 1);
  EXPECT_EQ(second.prior_bill.pay.base + second.bill.pay.base, cap.base);
  EXPECT_LT(second.bill.pay, second.prior_bill.pay);
  market.expect(job).is(JobState::Settled).paid(cap).refunded({});
}

TEST(Claim, WithNobodyElseReturnsTheMoneyAndNamesTheReason) {
  Market market;
  market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  claims(market, job, EndReason::BadPayload, 2min);
  market.expect(job).is(JobState::Refunded).ended(EndReason::BadPayload, Party::Requester);
  market.expect(job).paid({}).refunded(market.row(job).cap);
}

TEST(Claim, TwoDifferentOnesProveNothing) {
  Market market;
  market.provider("aurora").registers(a100());
  market.provider("borealis").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  claims(market, job, EndReason::BadPayload, 2min);
  claims(market, job, EndReason::ResourceLimitRequester, 2min);
  market.expect(job).is(JobState::Refunded).ended(EndReason::ResourceLimitRequester, Party::Requester).paid({});
}

TEST(Claim, FirstAndThirdMayBeTheEqualOnes) {
  Market market;
  for (const char* name : {"aurora", "borealis", "corona"}) market.provider(name).registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  claims(market, job, EndReason::BadPayload, 2min);
  claims(market, job, EndReason::ResourceLimitRequester, 2min);
  claims(market, job, EndReason::BadPayload, 2min);
  market.expect(job).is(JobState::Settled).ended(EndReason::BadPayload, Party::Requester);
  EXPECT_EQ(market.contract(job).prior_claim, contract_id_of(job.id, 0));
}

// Two names with one purse are one witness.
TEST(Claim, OfTwoProvidersPaidAtOneAccountIsOneClaim) {
  Market market;
  market.provider("aurora").is_paid_at("vault").registers(a100());
  market.provider("borealis").is_paid_at("vault").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  claims(market, job, EndReason::BadPayload, 2min);
  claims(market, job, EndReason::BadPayload, 2min);
  market.expect(job).is(JobState::Refunded).ended(EndReason::BadPayload, Party::Requester);
  market.expect(job).paid({}).refunded(market.row(job).cap);
}

TEST(Claim, ThatInputsAreMissingPaysNothingSinceNothingRan) {
  Market market;
  market.provider("aurora").registers(a100());
  market.provider("borealis").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  for (int i = 0; i < 2; ++i) {
    const Provider provider = market.provider(holder(market, job));
    provider.acknowledges(job).fails(job, EndReason::InputsMissing);
  }
  market.expect(job).is(JobState::Refunded).ended(EndReason::InputsMissing, Party::Requester);
  market.expect(job).paid({}).refunded(market.row(job).cap);
}

TEST(Claim, IsNotPaidWhenTheNextProviderSucceeds) {
  Market market;
  market.provider("aurora").registers(a100());
  market.provider("borealis").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  claims(market, job, EndReason::BadPayload, 2min);
  const Provider second = market.provider(holder(market, job));
  second.runs(job);
  market.passes(2min);
  second.completes(job);
  market.requester("ada").accepts(job);
  market.expect(job).is(JobState::Settled).ended(EndReason::Accepted, Party::Nobody).metered(2min);
  EXPECT_TRUE(market.contract(job).prior_bill.pay.is_zero());
}

TEST(Claim, OfAReasonThatProvidersMayNotNameIsRefused) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  for (const protocol::EndReasonInfo& info : protocol::end_reason_registry()) {
    if (info.reporter == protocol::EndReporter::Provider) continue;
    aurora.refused(RefusalCode::ReasonNotAllowed).fails(job, info.reason);
  }
  aurora.refused(RefusalCode::ReasonNotAllowed).fails(job, EndReason::None);
}

}  // namespace
}  // namespace starminer::scenario
