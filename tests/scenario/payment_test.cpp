// The way of a job that goes well: registered, submitted, matched, run, delivered, paid.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::Pool;

// REQ: WRK-1, CSC-1, CSC-2, TOK-1
TEST(Payment, GoesFromTheEscrowToTheProviderWhenTheRequesterAccepts) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Requester ada = market.requester("ada");
  const Agpu before = ada.balance();

  const Job job = ada.submits(rendering().max(1h).budget("5 AGPU"));
  market.expect(job).is(JobState::Active).contract_is(ContractState::Assigned).runs_on("aurora").attempts(1);
  const Agpu cap = market.row(job).cap;
  const Agpu fee = market.machine().params().agpu(protocol::Parameter::TxFee);
  EXPECT_EQ(ada.balance().base, before.base - cap.base - fee.base) << "the cap is in escrow before anything runs";

  aurora.acknowledges(job);
  market.expect(job).contract_is(ContractState::Preparing);
  market.passes(20s);
  aurora.starts(job);
  market.expect(job).contract_is(ContractState::Running);
  market.passes_with_progress(10min, aurora, job);
  aurora.completes(job);
  market.expect(job).is(JobState::Active).contract_is(ContractState::Delivered).metered(10min);
  EXPECT_TRUE(market.machine().market().assignments().empty()) << "the devices are free once the result is there";

  market.passes(1min);
  ada.accepts(job);
  market.expect(job).is(JobState::Settled).contract_is(ContractState::Settled);
  market.expect(job).ended(EndReason::Accepted, Party::Nobody).metered(10min).bill_follows_formula();
  const Agpu paid = market.row(job).paid;
  EXPECT_GT(paid.base, 0U);
  EXPECT_EQ(market.row(job).refunded.base, cap.base - paid.base);
  EXPECT_EQ(ada.balance().base, before.base - paid.base - 2 * fee.base);
}

// REQ: CSC-2
TEST(Payment, ComesByItselfWhenTheWindowCloses) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h));
  aurora.runs(job);
  market.passes_with_progress(5min, aurora, job);
  aurora.completes(job);
  market.passes(15min - 1ms);
  market.expect(job).is(JobState::Active).contract_is(ContractState::Delivered);
  market.passes(1ms);
  market.expect(job).is(JobState::Settled).ended(EndReason::Completed, Party::Nobody).bill_follows_formula();
  market.requester("ada").refused(RefusalCode::WrongContractState).accepts(job);
}

TEST(Payment, WindowIsAQuarterOfTheLongestTimeWithinItsBounds) {
  for (const auto& [max, window] : {std::pair{600s, 600s}, std::pair{3600s, 900s}, std::pair{86'400s, 21'600s}}) {
    Market market;
    const Provider aurora = market.provider("aurora").registers(a100());
    const Job job = market.requester("ada").submits(rendering().max(max).budget("100 AGPU"));
    aurora.runs(job);
    market.passes(1min);
    aurora.completes(job);
    EXPECT_EQ(elapsed(market.contract(job).timer_due, market.market_time()),
              seconds(static_cast<std::uint64_t>(window.count())));
  }
}

// REQ: CSC-4, WRK-4
TEST(Payment, IsForWholeMeteredSecondsOfTheDevicesHeld) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100().devices(4));
  const Job job = market.requester("ada").submits(rendering().gpus(3).max(1h).budget("100 AGPU"));
  aurora.runs(job);
  market.passes_with_progress(10min + 999ms, aurora, job);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  market.expect(job).metered(10min + 999ms).bill_follows_formula();
  const auto& row = market.contract(job);
  const u128 exact = u128{row.price.unit.nagpu_per_gpu_hour} * 3 * 600;
  EXPECT_EQ(row.bill.pay.base, static_cast<std::uint64_t>((exact + 3599) / 3600));
}

// REQ: CSC-4
TEST(Payment, IsNeverAboveTheCap) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  // Half an hour is expected and paid for; the job then runs for the whole hour.
  const Job job = market.requester("ada").submits(rendering().max(1h).expected(30min).budget("0.6 AGPU"));
  const Agpu cap = market.row(job).cap;
  aurora.runs(job);
  market.passes_with_progress(59min, aurora, job);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  const auto& row = market.contract(job);
  const Agpu uncapped = protocol::Pricing::cost(row.price.unit, 1000, row.metered_ms, Rounding::Ceil);
  ASSERT_GT(uncapped, cap) << "the test must reach the cap";
  market.expect(job).paid(cap).refunded({}).bill_follows_formula();
}

// REQ: CSC-3
TEST(Payment, KeepsThePriceOfTheMatchWhateverThePriceDoesLater) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().max(1h));
  const protocol::PriceInputs locked = market.contract(job).price;
  aurora.runs(job);
  const auto set_price = [&](std::uint64_t factor_percent) {
    // All tiers, as their order must stand after each: upwards from the dearest, downwards from the cheapest.
    for (protocol::TierId step = 0; step < 3; ++step) {
      const auto tier = static_cast<protocol::TierId>(factor_percent > 100 ? 2 - step : step);
      market.chain().edit_row<protocol::PriceKey, protocol::PriceRow>(
          protocol::state::TableId::Prices, {tier, locked.hardware_class}, [&](protocol::PriceRow& row) {
            row.price.nagpu_per_gpu_hour = row.price.nagpu_per_gpu_hour * factor_percent / 100;
            row.log_price += 1U << 20U;
          });
    }
  };
  set_price(700);
  market.passes_with_progress(10min, aurora, job);
  aurora.completes(job);
  set_price(10);
  market.requester("ada").accepts(job);
  const auto& row = market.contract(job);
  EXPECT_EQ(row.price.unit, locked.unit);
  EXPECT_EQ(row.price.base, locked.base);
  EXPECT_EQ(row.bill.pay, protocol::Pricing::cost(locked.unit, 1000, 600'000, Rounding::Ceil));
  EXPECT_TRUE(row.bill.surge_burn.is_zero()) << "the surge part, too, is that of the match";
  market.expect(job).bill_follows_formula();
}

// The second count of the money must not have shares of its own.
TEST(Payment, IsSplitByTheSharesThatGovernanceSet) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const auto is_shared = [&](std::uint64_t stakers_ppm) {
    const Job job = market.requester("ada").submits(rendering());
    aurora.runs(job);
    market.passes(1min);
    aurora.completes(job);
    market.requester("ada").accepts(job);
    const protocol::FeeSplit& bill = market.contract(job).bill;
    EXPECT_EQ(bill.stakers.base, bill.pay.base * stakers_ppm / kPpm);
  };
  is_shared(20'000);
  const auto set =
      market.chain().send("operator", protocol::chain_test::set_parameter(protocol::Parameter::FeeStakersPpm, 50'000));
  ASSERT_TRUE(set && set->core.code == 0);
  market.passes(1h);  // to the end of the epoch
  is_shared(50'000);
}

// REQ: TOK-2
TEST(Payment, ReportsComputeUnitsByTheRatingOfTheMatch) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100().devices(2).rating(1'250));
  const Job job = market.requester("ada").submits(rendering().gpus(2).max(1h));
  aurora.runs(job);
  market.passes(10min - 9min);
  // The owner's change counts for new matches only.
  const auto updated = market.chain().send("aurora", [&](v1::TransactionBody& body) {
    auto& update = *body.mutable_node_update();
    update.set_node(to_text(aurora.node().view()));
    const v1::NodeRegister offer = a100().rating(900).message();
    *update.mutable_offer() = offer.offer();
    *update.mutable_ratings() = offer.ratings();
  });
  ASSERT_TRUE(updated && updated->core.code == 0);
  aurora.reports_progress(job);
  market.passes(40s);
  aurora.completes(job);
  EXPECT_EQ(market.contract(job).compute_units_milli, 2U * 100 * 1'250);
}

// REQ: TOK-2
TEST(Payment, JobWithoutDeviceIsPricedByItsProcessorsAndUsesNoComputeUnits) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering().without_gpu(8).max(1h));
  aurora.runs(job);
  market.passes_with_progress(30min, aurora, job);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  EXPECT_EQ(market.contract(job).compute_units_milli, 0U);
  EXPECT_EQ(market.contract(job).price.base.nagpu_per_gpu_hour, 8U * 2'000'000);
  market.expect(job).bill_follows_formula();
}

TEST(Payment, GoesToTheAccountThatTheProviderNamed) {
  Market market;
  const Provider aurora = market.provider("aurora").is_paid_at("vault").registers(a100());
  const Requester vault = market.requester("vault");
  const Agpu before = vault.balance();
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes_with_progress(10min, aurora, job);
  aurora.completes(job);
  market.requester("ada").accepts(job);
  EXPECT_EQ(vault.balance().base - before.base, market.contract(job).bill.provider.base);
}

// REQ: TOK-5
TEST(Payment, FeesAreTenPercentAndHalfOfThemIsBurned) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  market.passes_with_progress(30min, aurora, job);
  aurora.completes(job);
  const std::uint64_t burned_before = market.machine().ledger().supply(Asset::Agpu).burned;
  const std::uint64_t stakers_before = market.machine().ledger().pool(Pool::Stakers, Asset::Agpu);
  market.requester("ada").accepts(job);
  const protocol::FeeSplit& bill = market.contract(job).bill;
  const Agpu fee = market.machine().params().agpu(protocol::Parameter::TxFee);
  EXPECT_NEAR(static_cast<double>(bill.pay.base - bill.provider.base), static_cast<double>(bill.pay.base) / 10, 5);
  EXPECT_EQ(market.machine().ledger().supply(Asset::Agpu).burned - burned_before, bill.burn.base + fee.base);
  EXPECT_EQ(market.machine().ledger().pool(Pool::Stakers, Asset::Agpu) - stakers_before, bill.stakers.base);
}

// REQ: QUE-1
TEST(Payment, AllFourKindsOfJobsAreServed) {
  for (const auto kind : {v1::TRAINING, v1::INFERENCE, v1::RENDERING, v1::SIMULATION}) {
    Market market;
    const Provider aurora = market.provider("aurora").registers(a100());
    const Job job = market.requester("ada").submits(JobRequest(kind));
    aurora.runs(job);
    market.passes(2min);
    aurora.completes(job);
    market.requester("ada").accepts(job);
    market.expect(job).is(JobState::Settled);
    EXPECT_EQ(market.contract(job).kind, static_cast<protocol::JobKind>(kind));
    const auto counted =
        market.machine().reputation().counts(aurora.node(), static_cast<std::uint8_t>(kind), market.market_time());
    EXPECT_EQ(counted.milli[static_cast<std::size_t>(protocol::Outcome::Success)], 1000U);
  }
}

}  // namespace
}  // namespace starminer::scenario
