// Premium work that finds no free node: others get notice, are paid, and come back.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;

std::uint64_t price_of(Price unit, Milliseconds time) {
  return protocol::Pricing::cost(unit, 1'000, static_cast<std::uint64_t>(time.count()), Rounding::Ceil).base;
}

/// A node on which a job in Economy has run for a time, and a Premium job that wants it.
struct Contested {
  Market market;
  Provider aurora = market.provider("aurora").registers(a100());
  Job economy;
  Job premium;

  explicit Contested(Milliseconds ran) {
    economy = market.requester("ada").submits(rendering().max(2h).preemptible());
    aurora.runs(economy);
    market.passes_with_progress(ran, aurora, economy);
    aurora.reports_progress(economy);
    premium = market.requester("bob").submits(rendering().premium());
  }
  [[nodiscard]] const protocol::Notice& notice(std::uint32_t attempt = 0) const {
    return *market.contract(economy, attempt).notice;
  }
  [[nodiscard]] Agpu balance(const char* name) { return market.requester(name).balance(); }
};

// REQ: MTP-6, CSC-3. The notice ends by itself: the Premium job starts on the node at that moment.
TEST(Preemption, AtTheEndOfTheNoticeTheOtherIsGone) {
  Contested scene(5min);
  Market& market = scene.market;
  const std::uint8_t reputation = market.reputation_of(scene.aurora, protocol::JobKind::Rendering);
  market.expect(scene.premium).is(JobState::Queued);
  market.expect(scene.economy).is(JobState::Active).contract_is(ContractState::Running);
  ASSERT_TRUE(market.row(scene.premium).notice.has_value());
  const Price unit = market.contract(scene.economy).price.unit;
  EXPECT_EQ(scene.notice().unsaved.base, price_of(unit, 5min));
  EXPECT_EQ(market.row(scene.premium).compensation.base, scene.notice().share.base + scene.notice().unsaved.base);
  market.passes(29s);
  market.expect(scene.premium).is(JobState::Queued);
  market.passes(1s);
  market.expect(scene.premium).is(JobState::Active).runs_on("aurora");
  market.expect(scene.economy).is(JobState::Queued).attempts(1);
  EXPECT_EQ(market.contract(scene.economy).state, ContractState::Requeued);
  EXPECT_EQ(market.contract(scene.economy).end_reason, EndReason::Preempted);
  // A minute of the Premium price for the requester, the lost time for the provider, whose node did nothing wrong.
  EXPECT_EQ(scene.notice().provider, scene.notice().unsaved);
  EXPECT_EQ(market.contract(scene.economy).bill.pay, Agpu{});
  EXPECT_EQ(market.reputation_of(scene.aurora, protocol::JobKind::Rendering), reputation);
  // And the victim runs again, at its old price.
  scene.aurora.runs(scene.premium);
  market.passes(1min);
  scene.aurora.completes(scene.premium);
  market.expect(scene.economy).is(JobState::Active).attempts(2).runs_on("aurora");
  EXPECT_LE(market.contract(scene.economy).price.unit, unit);
  scene.aurora.runs(scene.economy);
  market.passes(1min);
  scene.aurora.completes(scene.economy);
  market.requester("ada").accepts(scene.economy);
  market.expect(scene.economy).is(JobState::Settled).metered(1min);
}

TEST(Preemption, WhoGivesThePlaceBackEarlyLetsTheOtherStart) {
  Contested scene(20min);
  EXPECT_EQ(scene.notice().unsaved.base, price_of(scene.market.contract(scene.economy).price.unit, 10min));
  const Agpu aurora = scene.market.requester("aurora").balance();
  const Agpu ada = scene.balance("ada");
  scene.market.passes(3s);
  scene.aurora.fails(scene.economy, EndReason::Preempted);
  scene.market.expect(scene.premium).is(JobState::Active);
  const std::uint64_t fee = scene.market.machine().params().get(protocol::Parameter::TxFee);
  EXPECT_EQ(scene.market.requester("aurora").balance().base, aurora.base - fee + scene.notice().unsaved.base);
  EXPECT_EQ(scene.balance("ada").base, ada.base + scene.notice().share.base);
}

TEST(Preemption, NobodyGivesWayWithoutANotice) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().preemptible());
  aurora.runs(job);
  aurora.refused(RefusalCode::ReasonNotAllowed).fails(job, EndReason::Preempted);
}

// REQ: CSC-3. Paid whatever follows.
TEST(Preemption, CancellingWithinTheNoticeTakesNothingBack) {
  Contested scene(5min);
  Market& market = scene.market;
  const Agpu ada = scene.balance("ada");
  const std::uint64_t paid = market.row(scene.premium).compensation.base;
  market.requester("bob").cancels(scene.premium);
  market.expect(scene.premium).is(JobState::Refunded).refunded(market.row(scene.premium).cap);
  market.passes(30s);
  EXPECT_EQ(market.contract(scene.economy, 0).end_reason, EndReason::Preempted);
  EXPECT_EQ(scene.balance("ada").base + scene.notice().provider.base, ada.base + paid);
  market.expect(scene.economy).is(JobState::Active).attempts(2);
}

TEST(Preemption, WorkThatIsDoneInTimeIsPaidTwice) {
  Contested scene(5min);
  Market& market = scene.market;
  const Agpu ada = scene.balance("ada");
  const std::uint64_t paid = market.row(scene.premium).compensation.base;
  market.passes(10s);
  scene.aurora.completes(scene.economy);
  market.expect(scene.economy).contract_is(ContractState::Delivered);
  EXPECT_EQ(scene.balance("ada").base, ada.base + paid) << "the provider is paid by the bill";
  market.expect(scene.premium).is(JobState::Active);
  market.requester("ada").accepts(scene.economy);
  market.expect(scene.economy).is(JobState::Settled).bill_follows_formula();
}

TEST(Preemption, WhatDoesNotRunYetGoesAtOnce) {
  for (const bool acknowledged : {false, true}) {
    Market market;
    const Provider aurora = market.provider("aurora").registers(a100());
    const Job economy = market.requester("ada").submits(rendering().preemptible());
    if (acknowledged) aurora.acknowledges(economy);
    const Job premium = market.requester("bob").submits(rendering().premium());
    market.expect(premium).is(JobState::Active);
    market.expect(economy).is(JobState::Queued);
    EXPECT_EQ(market.contract(economy).notice->unsaved, Agpu{});
    EXPECT_GT(market.contract(economy).notice->share, Agpu{});
    // It is left alone until it has run for ten minutes.
    aurora.runs(premium);
    market.passes(1min);
    aurora.completes(premium);
    market.expect(economy).is(JobState::Active);
    const Job next = market.requester("bob").submits(rendering().premium());
    market.expect(next).is(JobState::Queued);
    EXPECT_FALSE(market.row(next).notice.has_value());
  }
}

// The node fails meanwhile: the fault is the provider's, the compensation the requester's.
TEST(Preemption, AFaultWithinTheNoticeIsAFault) {
  Contested scene(5min);
  Market& market = scene.market;
  const Agpu ada = scene.balance("ada");
  const std::uint64_t paid = market.row(scene.premium).compensation.base;
  market.passes(5s);
  scene.aurora.fails(scene.economy, EndReason::DeviceError);
  EXPECT_EQ(scene.balance("ada").base, ada.base + paid + market.row(scene.economy).refunded.base);
  market.expect(scene.premium).is(JobState::Active);
}

// The node leaves the market while the others go: what was paid is spent, and the job waits like any other.
TEST(Preemption, ANodeThatLeavesIsLost) {
  Contested scene(5min);
  Market& market = scene.market;
  scene.aurora.drains();
  market.passes(30s);
  market.expect(scene.premium).is(JobState::Queued);
  EXPECT_FALSE(market.row(scene.premium).notice.has_value());
  const Provider borealis = market.provider("borealis").registers(a100());
  market.expect(scene.premium).is(JobState::Active).runs_on("borealis");
}

}  // namespace
}  // namespace starminer::scenario
