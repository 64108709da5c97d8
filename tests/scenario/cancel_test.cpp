// The requester changes its mind, or its job meets the end of its time.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;

/// A node that is full, so that the next job waits.
Job occupies(Market& market, const Provider& provider) {
  const Job job = market.requester("cleo").submits(rendering().max(24h).budget("100 AGPU"));
  provider.runs(job);
  return job;
}

// REQ: CSC-2
TEST(Cancel, InTheQueueWithinATickReturnsEverything) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  occupies(market, aurora);
  const Job job = market.requester("ada").submits(rendering());
  market.expect(job).is(JobState::Queued).attempts(0);
  market.passes(59s);
  market.requester("ada").cancels(job);
  market.expect(job).is(JobState::Refunded).ended(EndReason::CancelledRequester, Party::Requester);
  market.expect(job).paid({}).burned({}).refunded(market.row(job).cap);
}

TEST(Cancel, InTheQueueAfterATickBurnsAHundredthOfTheCap) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job running = occupies(market, aurora);
  const Job job = market.requester("ada").submits(rendering().max(10min).budget("1 AGPU"));
  market.passes(1min);
  aurora.reports_progress(running);
  market.requester("ada").cancels(job);
  const Agpu cap = market.row(job).cap;
  const Agpu share{(cap.base + 99) / 100};
  market.expect(job).ended(EndReason::CancelledRequester, Party::Requester).paid({}).burned(share);
  market.expect(job).refunded({cap.base - share.base});
}

TEST(Cancel, BurnsAtMostThePriceOfAMinute) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job running = occupies(market, aurora);
  const Job job = market.requester("ada").submits(rendering().max(10h).budget("100 AGPU"));
  const Agpu minute = protocol::Pricing::cost(market.row(job).max_price, 1000, 60'000, Rounding::Ceil);
  ASSERT_LT(minute.base, market.row(job).cap.base / 100);
  market.passes(1min);
  aurora.reports_progress(running);
  market.requester("ada").cancels(job);
  market.expect(job).burned(minute);
}

TEST(Cancel, BeforeTheStartPaysNothing) {
  for (const bool acknowledged : {false, true}) {
    Market market;
    const Provider aurora = market.provider("aurora").registers(a100());
    const Job job = market.requester("ada").submits(rendering());
    if (acknowledged) aurora.acknowledges(job);
    market.passes(10s);
    market.requester("ada").cancels(job);
    market.expect(job).is(JobState::Refunded).contract_is(ContractState::Refunded);
    market.expect(job).ended(EndReason::CancelledRequester, Party::Requester).paid({}).refunded(market.row(job).cap);
    EXPECT_TRUE(market.machine().market().assignments().empty());
    aurora.refused(RefusalCode::WrongContractState).acknowledges(job);
  }
}

// REQ: CSC-2, CSC-4
TEST(Cancel, OfARunningJobPaysTheMeteredTime) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes_with_progress(10min + 5s, aurora, job);
  market.requester("ada").cancels(job);
  market.expect(job).is(JobState::Settled).ended(EndReason::CancelledRequester, Party::Requester);
  market.expect(job).metered(10min + 5s).bill_follows_formula();
  aurora.refused(RefusalCode::WrongContractState).completes(job);
}

TEST(Cancel, AfterDeliveryIsAcceptance) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes_with_progress(5min, aurora, job);
  aurora.completes(job);
  market.passes(2min);
  market.requester("ada").cancels(job);
  market.expect(job).is(JobState::Settled).ended(EndReason::Accepted, Party::Nobody).metered(5min);
}

TEST(Cancel, OfAnEndedOrForeignJobIsRefused) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  market.requester("mallory").refused(RefusalCode::NotRequester).cancels(job);
  market.requester("ada").cancels(job);
  market.requester("ada").refused(RefusalCode::JobEnded).cancels(job);
  market.requester("mallory").refused(RefusalCode::NotRequester).cancels(job);
}

// REQ: CSC-2
TEST(MaximumTime, EndsTheJobAndPaysWhatWasMetered) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(10min).expected(10min));
  aurora.runs(job);
  market.passes_with_progress(10min, aurora, job);
  market.passes(30s - 1ms);
  market.expect(job).contract_is(ContractState::Running);
  market.passes(1ms);
  market.expect(job).is(JobState::Settled).ended(EndReason::TimeoutRequester, Party::Requester);
  market.expect(job).metered(9min + 10s).bill_follows_formula();  // the last report plus its slack
}

// A provider that starts a short job and says nothing more has not earned the minimum.
TEST(MaximumTime, WithoutASingleReportIsTheProvidersFault) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(60s));
  aurora.runs(job);
  market.passes(90s);
  market.expect(job).is(JobState::Refunded).ended(EndReason::ProviderLost, Party::Provider);
  market.expect(job).paid({}).refunded(market.row(job).cap);
}

TEST(Deadline, TakesAJobOutOfTheQueueWhenItCanNoLongerBeMet) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job running = occupies(market, aurora);
  const Job job = market.requester("ada").submits(rendering().max(30min).deadline_in(45min));
  market.passes_with_progress(15min - 1ms, aurora, running);
  market.expect(job).is(JobState::Queued);
  market.passes(1ms);
  market.expect(job).is(JobState::Refunded).ended(EndReason::DeadlinePassed, Party::Network);
  const Agpu cap = market.row(job).cap;
  const Agpu share{(cap.base + 99) / 100};
  market.expect(job).paid({}).burned(share).refunded({cap.base - share.base});
}

TEST(Deadline, IsFreeForAJobThatNeverCountedAsLoad) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  occupies(market, aurora);
  const Job job = market.requester("ada").submits(rendering().max(30min).deadline_in(30min + 50s));
  market.passes(50s);
  market.expect(job).is(JobState::Refunded).ended(EndReason::DeadlinePassed, Party::Network);
  market.expect(job).paid({}).burned({}).refunded(market.row(job).cap);
}

TEST(Deadline, DoesNotTouchAJobThatRuns) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(30min).deadline_in(31min));
  aurora.runs(job);
  market.passes_with_progress(29min, aurora, job);
  aurora.completes(job);
  market.passes(1h);
  market.expect(job).is(JobState::Settled).ended(EndReason::Completed, Party::Nobody);
}

// What comes back may move on in the same block: whoever counts it has to follow the order in which that came to be.
TEST(Cancel, AndTheAccountClosedInOneBlock) {
  Market market;
  market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  market.expect(job).is(JobState::Active);
  const Agpu before = market.requester("bob").balance();
  const auto signed_by_ada = [&](std::uint64_t later, const protocol::chain_test::Chain::Fill& fill) {
    v1::TransactionBody body = market.chain().body("ada", fill);
    body.set_sequence(body.sequence() + later);
    const Bytes bytes = protocol::sign_transaction(body, protocol::chain_test::key_of("ada"));
    return *protocol::verify_transaction(bytes, protocol::chain_test::kChainId);
  };
  const AccountId bob = market.requester("bob").account();
  const auto receipts = market.chain().make_block(
      {signed_by_ada(0, [&](auto& body) { body.mutable_job_cancel()->set_job(to_text(job.id.view())); }),
       signed_by_ada(1, [&](auto& body) { body.mutable_account_close()->set_beneficiary(to_text(bob.view())); })});
  for (const auto& receipt : receipts) ASSERT_TRUE(receipt && receipt->core.code == 0);
  EXPECT_FALSE(market.machine().ledger().exists(market.requester("ada").account()));
  EXPECT_GT(market.requester("bob").balance().base, before.base + market.row(job).refunded.base);
}

}  // namespace
}  // namespace starminer::scenario
