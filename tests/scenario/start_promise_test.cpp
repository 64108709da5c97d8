// What the tiers promise of the start of a job, and who pays where it came too late.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::Parameter;
using protocol::StartState;

/// A market in which a single wait is enough to publish what nine of ten have, and a minute the least that is promised.
protocol::Genesis quick_to_promise() {
  protocol::Genesis genesis = protocol::chain_test::genesis_of(protocol::Preset::Main, {"aurora", "ada", "bob"});
  genesis.parameters.push_back({Parameter::StartSamplesMin, 1});
  genesis.parameters.push_back({Parameter::StartPromiseMinMs, 60'000});
  return genesis;
}

std::uint64_t price_of(const protocol::ContractRow& row) {
  const std::uint64_t ms = row.metered_ms / 1000 * 1000;
  return protocol::Pricing::cost(row.price.unit, row.billing_milli, ms, Rounding::Ceil).base;
}

/// A requester of Premium, and a node that serves it.
struct Premium {
  Market market;
  Provider aurora = market.provider("aurora").registers(a100());
  Requester bob = market.requester("bob");

  Job starts_after(Milliseconds acknowledging, Milliseconds preparing) {
    const Job job = bob.submits(rendering().premium());
    market.passes(acknowledging);
    aurora.acknowledges(job);
    market.passes(preparing);
    aurora.starts(job);
    return job;
  }
  void runs_to_the_end(const Provider& provider, const Job& job) {
    market.passes_with_progress(10min, provider, job);
    provider.completes(job);
    bob.accepts(job);
  }
};

// REQ: MTP-6, CSC-3. Ten seconds beyond the acknowledgement, and a tenth of the bill is the late node's loss.
TEST(StartPromise, APremiumJobThatItsNodeStartsLateCostsATenthLess) {
  Premium scene;
  const Job in_time = scene.starts_after(29s, 11s);
  scene.runs_to_the_end(scene.aurora, in_time);
  EXPECT_EQ(scene.market.row(in_time).start_promise->state, StartState::Kept);
  EXPECT_EQ(scene.market.contract(in_time).returned, Agpu{});
  scene.market.expect(in_time).bill_follows_formula();

  const Job late = scene.starts_after(29s, 12s);
  scene.runs_to_the_end(scene.aurora, late);
  EXPECT_EQ(scene.market.row(late).start_promise->state, StartState::Missed);
  const protocol::ContractRow& row = scene.market.contract(late);
  EXPECT_EQ(row.returned.base, price_of(row) / 10);
  EXPECT_EQ(row.insured, Agpu{});
  EXPECT_EQ(row.bill.pay.base, price_of(row) - row.returned.base);
  scene.market.expect(late).is(JobState::Settled).bill_follows_formula();
}

// Who was not late itself does not pay for those before it: the insurance fund does, within its bounds.
TEST(StartPromise, TheInsuranceFundPaysWhereTheNodeWasNotLate) {
  Premium scene;
  for (int i = 0; i < 3; ++i) scene.runs_to_the_end(scene.aurora, scene.starts_after(1s, 1s));
  const Provider borealis = scene.market.provider("borealis").registers(a100());
  const Job job = scene.bob.submits(rendering().premium());
  scene.market.passes(25s);
  const Provider first = scene.market.contract(job).provider == scene.aurora.account() ? scene.aurora : borealis;
  const Provider second = first.name() == "aurora" ? borealis : scene.aurora;
  first.declines(job);
  scene.market.passes(20s);
  second.runs(job);
  EXPECT_EQ(scene.market.row(job).start_promise->state, StartState::Missed);
  const protocol::PremiumFeesRow before = scene.market.machine().contracts().premium_fees().get(scene.bob.account());
  scene.runs_to_the_end(second, job);
  const protocol::ContractRow& row = scene.market.contract(job);
  EXPECT_EQ(row.returned, Agpu{});
  EXPECT_EQ(row.bill.pay.base, price_of(row));
  EXPECT_GT(row.insured.base, 0U);
  EXPECT_LE(row.insured.base, (before.settled.base + row.bill.pay.base) / 100);
  const protocol::PremiumFeesRow after = scene.market.machine().contracts().premium_fees().get(scene.bob.account());
  EXPECT_EQ(after.settled.base, before.settled.base + row.bill.pay.base);
  EXPECT_EQ(after.insured, row.insured);
}

// Nobody insures what a requester sells itself.
TEST(StartPromise, WorkForOneselfIsOwedNothing) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Requester itself = market.requester("aurora");
  const Job job = itself.submits(rendering().premium());
  market.passes(29s);
  aurora.acknowledges(job);
  market.passes(40s);
  aurora.starts(job);
  market.passes(1min);
  aurora.completes(job);
  itself.accepts(job);
  EXPECT_EQ(market.row(job).start_promise->state, StartState::Missed);
  EXPECT_EQ(market.contract(job).returned, Agpu{});
  EXPECT_EQ(market.contract(job).insured, Agpu{});
}

/// A Standard job behind another for some time; both run to their end.
struct Standard {
  Market market{quick_to_promise()};
  Provider aurora = market.provider("aurora").registers(a100());
  Requester ada = market.requester("ada");
  Requester bob = market.requester("bob");

  Job waits(Milliseconds time) {
    const Job before = ada.submits(rendering());
    aurora.runs(before);
    const Job job = bob.submits(rendering());
    market.passes_with_progress(time, aurora, before);
    aurora.completes(before);
    aurora.runs(job);
    market.passes(1min);
    aurora.completes(job);
    bob.accepts(job);
    return job;
  }
};

// REQ: MTP-6, CSC-3. The provider is paid as ever; burn and pools get nothing.
TEST(StartPromise, AStandardJobThatWaitedTooLongPaysNoFee) {
  Standard scene;
  const Job unpromised = scene.waits(2min);
  EXPECT_FALSE(scene.market.row(unpromised).start_promise.has_value()) << "nothing is published yet";
  scene.market.passes(1h);
  const protocol::ClassId a100 = scene.market.contract(unpromised).price.hardware_class;
  const std::uint64_t p90 = scene.market.machine().market().start_p90(protocol::kStandard, a100).ms;
  ASSERT_GT(p90, 0U);
  const Milliseconds promised{std::max<std::uint64_t>(4 * p90, 60'000)};

  const Job kept = scene.waits(promised);
  EXPECT_EQ(scene.market.row(kept).start_promise->state, StartState::Kept);
  const protocol::ContractRow paid = scene.market.contract(kept);
  EXPECT_GT(paid.bill.burn.base, 0U);

  const Job missed = scene.waits(promised + 1s);
  EXPECT_EQ(scene.market.row(missed).start_promise->state, StartState::Missed);
  const protocol::ContractRow& row = scene.market.contract(missed);
  EXPECT_EQ(row.returned.base + row.bill.pay.base, price_of(row));
  EXPECT_EQ(row.bill.pay.base, row.bill.provider.base + row.bill.surge_burn.base);
  const std::uint64_t base = price_of(row) - row.bill.surge_burn.base;
  EXPECT_NEAR(static_cast<double>(row.returned.base), static_cast<double>(base) / 10, 4.0);
  scene.market.expect(missed).is(JobState::Settled).bill_follows_formula();
}

TEST(StartPromise, ACancelledRunThatStartedLateIsChargedTheSameWay) {
  Premium scene;
  const Job late = scene.starts_after(29s, 30s);
  scene.market.passes_with_progress(5min, scene.aurora, late);
  scene.aurora.reports_progress(late);
  scene.bob.cancels(late);
  const protocol::ContractRow& row = scene.market.contract(late);
  EXPECT_EQ(row.end_reason, EndReason::CancelledRequester);
  EXPECT_EQ(row.returned.base, price_of(row) / 10);
}

}  // namespace
}  // namespace starminer::scenario
