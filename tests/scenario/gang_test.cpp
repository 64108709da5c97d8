// Jobs whose GPUs lie on several hosts of one site, from submission to payment.
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::JobKind;
using protocol::Outcome;

/// Three hosts with two GPUs each in one hall of aurora's, and a job that no single one of them could take.
struct Hall {
  Market market;
  Provider aurora = market.provider("aurora");
  Requester ada = market.requester("ada");
  Job job;

  Hall() {
    for (int host = 0; host < 3; ++host) aurora.registers(a100().devices(2).site("hall"));
    job = ada.submits(rendering().gpus(6).on_one_site().max(1h).budget("100 AGPU"));
  }
  [[nodiscard]] std::uint64_t outcomes(const NodeId& node, Outcome outcome) const {
    const auto counts =
        market.machine().reputation().counts(node, static_cast<std::uint8_t>(JobKind::Rendering), market.market_time());
    return counts.milli[static_cast<std::size_t>(outcome)];
  }
  /// On each of them; none where the hosts differ in that.
  [[nodiscard]] std::optional<std::uint64_t> outcomes_of_each(const std::vector<NodeId>& nodes, Outcome outcome) const {
    for (const NodeId& node : nodes) {
      if (outcomes(node, outcome) != outcomes(nodes.front(), outcome)) return std::nullopt;
    }
    return outcomes(nodes.front(), outcome);
  }
  [[nodiscard]] bool are_idle(const std::vector<NodeId>& nodes) const {
    return std::all_of(nodes.begin(), nodes.end(), [this](const NodeId& node) {
      return market.machine().registry().capacity().get(node).jobs == 0;
    });
  }
};

// REQ: CSC-1, CSC-4
TEST(GangScenario, RunsOnAllHostsAndIsPaidForAllOfTheirGpus) {
  Hall hall;
  Market& market = hall.market;
  market.expect(hall.job).is(JobState::Active).runs_on("aurora").runs_on_hosts(3);
  const Agpu ada = hall.ada.balance();
  const Agpu aurora = market.requester("aurora").balance();
  hall.aurora.acknowledges(hall.job).starts(hall.job, 2).starts(hall.job, 0);
  market.expect(hall.job).contract_is(ContractState::Preparing);
  hall.aurora.refused(RefusalCode::WrongContractState).starts(hall.job, 2);
  market.passes(20s);
  hall.aurora.starts(hall.job, 1);
  market.expect(hall.job).contract_is(ContractState::Running);
  market.passes_with_progress(10min, hall.aurora, hall.job);
  hall.aurora.finishes(hall.job, 2);
  hall.aurora.refused(RefusalCode::HostsStillRun).completes(hall.job);
  hall.aurora.refused(RefusalCode::NotContractHost).finishes(hall.job, 0);
  hall.aurora.finishes(hall.job, 1);
  hall.aurora.completes(hall.job);
  const std::vector<NodeId> hosts = market.hosts(hall.job);
  EXPECT_TRUE(hall.are_idle(hosts));
  hall.ada.accepts(hall.job);

  market.expect(hall.job).is(JobState::Settled).ended(EndReason::Accepted, Party::Nobody).metered(10min);
  market.expect(hall.job).bill_follows_formula();
  const protocol::ContractRow& row = market.contract(hall.job);
  const u128 exact = u128{row.price.unit.nagpu_per_gpu_hour} * 6 * 600;
  EXPECT_EQ(row.bill.pay.base, static_cast<std::uint64_t>((exact + 3'599) / 3'600));
  EXPECT_EQ(row.price.factors.ppm[static_cast<std::size_t>(protocol::Factor::Gang)], 1'070'000U)
      << "two doublings of 2 %, and 3 % for going over hosts";
  // 6 GPUs for 600 s at a rating of 1.
  EXPECT_EQ(row.compute_units_milli, 6U * 600U * 1'000U);
  EXPECT_EQ(hall.outcomes_of_each(hosts, Outcome::Success), 1'000U);
  // One account pays and one is paid, whatever the number of hosts.
  const std::uint64_t fee = market.machine().params().get(protocol::Parameter::TxFee);
  constexpr std::uint64_t kOfAurora =
      1 + 4 + 9 + 4 + 1;  // acknowledgement, starts, reports, three of four ends, completion
  EXPECT_EQ(hall.ada.balance().base, ada.base + market.row(hall.job).cap.base - row.bill.pay.base - fee);
  EXPECT_EQ(market.requester("aurora").balance().base, aurora.base + row.bill.provider.base - kOfAurora * fee);
}

TEST(GangScenario, OneHostThatIsLateMakesTheJobLate) {
  Hall hall;
  hall.aurora.acknowledges(hall.job).starts(hall.job, 0).starts(hall.job, 2);
  const std::vector<NodeId> hosts = hall.market.hosts(hall.job);
  hall.market.passes(59s);
  hall.market.expect(hall.job).contract_is(ContractState::Preparing);
  hall.market.passes(1s);
  hall.market.expect(hall.job).is(JobState::Refunded).ended(EndReason::ProviderLate, Party::Provider).paid({});
  EXPECT_EQ(hall.outcomes_of_each(hosts, Outcome::Late), 1'000U);
  EXPECT_TRUE(hall.are_idle(hosts));
}

TEST(GangScenario, OneSilentHostIsSilence) {
  Hall hall;
  hall.aurora.runs(hall.job);
  const std::vector<NodeId> hosts = hall.market.hosts(hall.job);
  hall.market.passes(60s);
  hall.aurora.reports_progress(hall.job);
  for (int minute = 0; minute < 2; ++minute) {
    hall.market.passes(60s);
    hall.aurora.reports_progress_of(hall.job, {0, 1});
  }
  hall.market.expect(hall.job).contract_is(ContractState::Running);
  hall.market.passes(60s);
  hall.market.expect(hall.job).is(JobState::Refunded).ended(EndReason::ProviderLost, Party::Provider).paid({});
  EXPECT_EQ(hall.outcomes_of_each(hosts, Outcome::Failure), 1'000U);
}

TEST(GangScenario, WhoHasEndedItsPartIsNotMissed) {
  Hall hall;
  hall.aurora.runs(hall.job);
  hall.market.passes(60s);
  hall.aurora.finishes(hall.job, 2);
  for (int minute = 0; minute < 10; ++minute) {
    hall.market.passes(60s);
    hall.aurora.reports_progress_of(hall.job, {0, 1});
  }
  hall.market.expect(hall.job).contract_is(ContractState::Running);
  hall.aurora.finishes(hall.job, 1);
  hall.aurora.completes(hall.job);
  hall.market.expect(hall.job).metered(11min);
}

// REQ: CSC-2
TEST(GangScenario, CancelledItIsPaidForWhatAllHostsRan) {
  Hall hall;
  Market& market = hall.market;
  hall.aurora.runs(hall.job);
  const std::vector<NodeId> hosts = market.hosts(hall.job);
  market.passes_with_progress(5min, hall.aurora, hall.job);
  hall.aurora.reports_progress(hall.job);
  hall.ada.cancels(hall.job);
  market.expect(hall.job).is(JobState::Settled).ended(EndReason::CancelledRequester, Party::Requester).metered(5min);
  market.expect(hall.job).bill_follows_formula();
  const protocol::ContractRow& row = market.contract(hall.job);
  EXPECT_EQ(row.bill.pay, protocol::Pricing::cost(row.price.unit, 6'000, 300'000, Rounding::Ceil));
  EXPECT_TRUE(hall.are_idle(hosts));
}

TEST(GangScenario, AfterAFaultAnotherProvidersSiteTakesIt) {
  Hall hall;
  Market& market = hall.market;
  const Provider borealis = market.provider("borealis");
  for (int host = 0; host < 2; ++host) borealis.registers(a100().devices(3).site("barn"));
  const Price unit = market.contract(hall.job).price.unit;
  const std::vector<NodeId> first = market.hosts(hall.job);
  hall.aurora.runs(hall.job);
  market.passes(60s);
  hall.aurora.fails(hall.job, EndReason::DeviceError);
  EXPECT_TRUE(hall.are_idle(first));
  EXPECT_EQ(hall.outcomes_of_each(first, Outcome::Failure), 1'000U);
  market.expect(hall.job).is(JobState::Active).attempts(2).runs_on("borealis").runs_on_hosts(2);
  EXPECT_LE(market.contract(hall.job).price.unit, unit);
  borealis.runs(hall.job);
  market.passes(2min);
  borealis.finishes(hall.job, 1);
  borealis.completes(hall.job);
  hall.ada.accepts(hall.job);
  market.expect(hall.job).is(JobState::Settled).ended(EndReason::Accepted, Party::Nobody).metered(2min);
  const protocol::ContractRow& row = market.contract(hall.job);
  EXPECT_EQ(row.bill.pay, protocol::Pricing::cost(row.price.unit, 6'000, 120'000, Rounding::Ceil));
}

TEST(GangScenario, LiesOnOneNodeWhereThatCanTakeIt) {
  Hall hall;
  hall.ada.cancels(hall.job);
  hall.aurora.registers(a100().devices(8).site("hall"));
  const Job job = hall.ada.submits(rendering().gpus(6).on_one_site().budget("100 AGPU"));
  hall.market.expect(job).runs_on_hosts(1);
  hall.aurora.runs(job).refused(RefusalCode::NotContractHost).finishes(job, 0);
}

TEST(GangScenario, AsksForNoMoreHostsThanItMay) {
  Hall hall;
  hall.ada.cancels(hall.job);
  hall.ada.refused(RefusalCode::NeverRunnable).submits(rendering().gpus(6).on_one_site(2).budget("100 AGPU"));
  const Job job = hall.ada.submits(rendering().gpus(4).on_one_site(2).budget("100 AGPU"));
  hall.market.expect(job).runs_on_hosts(2);
}

// REQ: MTP-6. One node of it is wanted, and all of it goes.
TEST(GangScenario, GivesWayAsAWhole) {
  Market market;
  const Provider aurora = market.provider("aurora");
  for (int host = 0; host < 2; ++host) aurora.registers(a100().devices(2).site("hall"));
  const Job gang =
      market.requester("ada").submits(rendering().gpus(4).on_one_site().max(2h).preemptible().budget("100 AGPU"));
  aurora.runs(gang);
  market.passes_with_progress(5min, aurora, gang);
  aurora.reports_progress(gang);
  const Job premium = market.requester("bob").submits(rendering().premium());
  ASSERT_TRUE(market.row(premium).notice.has_value());
  const protocol::ContractRow& row = market.contract(gang);
  EXPECT_EQ(row.notice->unsaved, protocol::Pricing::cost(row.price.unit, 4'000, 300'000, Rounding::Ceil))
      << "the time of all four GPUs is lost";
  market.passes(30s);
  EXPECT_EQ(market.contract(gang, 0).end_reason, EndReason::Preempted);
  market.expect(premium).is(JobState::Active).runs_on_hosts(1);
  market.expect(gang).is(JobState::Queued);
  aurora.runs(premium);
  market.passes(1min);
  aurora.completes(premium);
  market.expect(gang).is(JobState::Active).attempts(2).runs_on_hosts(2);
}

}  // namespace
}  // namespace starminer::scenario
