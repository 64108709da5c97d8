// Contracts of gangs: begun by the last host, alive while all are, complete when every other host is done.
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/contracts/contracts.h"
#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using market_test::JobOf;
using market_test::kAda;
using market_test::kAgpu;
using market_test::kBarn;
using market_test::kFarm;
using market_test::NodeOf;

struct GangWorld : market_test::World {
  Reserve reserve{store, params, ledger, registry};
  Contracts contracts{store, params, ledger, registry, pricing, reputation, market, reserve, timers};
  ContractId id;
  std::vector<NodeId> hosts;  // the lead first

  /// A job of 6 GPUs on three hosts, acknowledged.
  GangWorld() {
    for (int i = 0; i < 3; ++i) {
      add_node(NodeOf().devices(2).set([](NodeRegister& op) { op.offer.offer.site = "hall"; }));
    }
    const JobId job =
        queue(JobOf().gpus(6).budget(100 * kAgpu).set([](JobSpec& s) { s.placement = Placement::OneSite; }), kAda);
    contracts.dispatch(context);
    id = market.jobs().get(job).contract;
    for (const GangHost& host : row().gang) hosts.push_back(host.node);
    EXPECT_EQ(run(ContractAcknowledge{id}), RefusalCode::None);
  }

  [[nodiscard]] const ContractRow& row() const { return contracts.table().get(id); }
  [[nodiscard]] std::uint64_t outcomes_of(const NodeId& node) const {
    const ReputationRow* found = reputation.table().find({node, static_cast<std::uint8_t>(JobKind::Training)});
    return found != nullptr ? 1 : 0;
  }

  template <class Op>
  RefusalCode run(const Op& op, const AccountId& sender = kFarm) {
    const auto valid = Op::validate(op);
    if (!valid) return valid.error().code;
    const auto checked = contracts.check(*valid, {sender, 0});
    if (!checked) {
      detail = checked.error().detail;
      return checked.error().code;
    }
    contracts.apply(*checked, {sender, 0}, context);
    contracts.dispatch(context);
    EXPECT_TRUE(contracts.invariants_hold() && sound());
    return RefusalCode::None;
  }
  void start_all() {
    for (const NodeId& host : hosts) EXPECT_EQ(run(ContractStart{id, host}), RefusalCode::None) << detail;
  }
  RefusalCode progress(const NodeId& host, std::uint64_t run_ms) { return run(ContractProgress{{{id, run_ms, host}}}); }
  RefusalCode done(const NodeId& host) { return run(ContractHostDone{id, host, sha256("report")}); }
  RefusalCode complete(std::uint64_t run_ms) {
    return run(ContractComplete{id, run_ms, sha256("result"), {}, sha256("proof")});
  }
  /// Serves the timers of contracts that are due.
  void serve_timers() {
    while (const auto timer = timers.pop_due(context.time)) {
      if (timer->kind == TimerKind::JobArchive) continue;
      contracts.on_timer(*timer, context);
      contracts.dispatch(context);
    }
    EXPECT_TRUE(contracts.invariants_hold() && sound());
  }
};

TEST(GangContract, RunsWhenTheLastHostIsReady) {
  GangWorld world;
  ASSERT_EQ(world.hosts.size(), 3U);
  EXPECT_EQ(world.run(ContractStart{world.id, world.hosts[2]}), RefusalCode::None);
  EXPECT_EQ(world.run(ContractStart{world.id, world.hosts[2]}), RefusalCode::WrongContractState) << "twice";
  EXPECT_EQ(world.row().state, ContractState::Preparing);
  EXPECT_EQ(world.run(ContractStart{world.id, {}}), RefusalCode::None) << "no name is the contract's own node";
  EXPECT_EQ(world.row().state, ContractState::Preparing);
  EXPECT_EQ(world.row().started.ms, 0U);
  EXPECT_EQ(world.progress(world.hosts[2], 10), RefusalCode::None) << "skipped: it does not run yet";
  world.wait_s(5);
  EXPECT_EQ(world.run(ContractStart{world.id, NodeId{{0x77}}}), RefusalCode::NotContractHost);
  EXPECT_EQ(world.run(ContractStart{world.id, world.hosts[1]}), RefusalCode::None);
  EXPECT_EQ(world.row().state, ContractState::Running);
  EXPECT_EQ(world.row().started, world.context.time);
}

TEST(GangContract, AReportThatNamesTheLeadTwiceDoesNotGoBack) {
  GangWorld world;
  world.start_all();
  world.wait_s(60);
  EXPECT_EQ(world.run(ContractProgress{{{world.id, 60'000, {}}, {world.id, 50'000, world.hosts[0]}}}),
            RefusalCode::None);
  EXPECT_EQ(world.row().progress_run_ms, 60'000U);
}

TEST(GangContract, AHostThatIsNotReadyInTimeIsLateForAll) {
  GangWorld world;
  EXPECT_EQ(world.run(ContractStart{world.id, world.hosts[0]}), RefusalCode::None);
  EXPECT_EQ(world.run(ContractStart{world.id, world.hosts[1]}), RefusalCode::None);
  world.context.time = world.row().timer_due;
  world.serve_timers();
  EXPECT_EQ(world.row().end_reason, EndReason::ProviderLate);
  for (const NodeId& host : world.hosts) {
    EXPECT_EQ(world.registry.capacity().get(host).jobs, 0U);
    EXPECT_EQ(world.outcomes_of(host), 1U) << "the site served it, so all of its hosts bear it";
  }
}

// One silent host is silence of the job, however loud the others are.
TEST(GangContract, LivesWhileEveryHostIsHeard) {
  GangWorld world;
  world.start_all();
  const TimeMs began = world.context.time;
  world.wait_s(60);
  EXPECT_EQ(world.progress(world.hosts[0], 60'000), RefusalCode::None);
  EXPECT_EQ(world.progress(world.hosts[1], 60'000), RefusalCode::None);
  EXPECT_EQ(world.row().last_progress, began);
  EXPECT_EQ(world.progress(world.hosts[2], 1), RefusalCode::None) << "only the lead's run time counts";
  EXPECT_EQ(world.row().last_progress, world.context.time);
  EXPECT_EQ(world.row().progress_run_ms, 60'000U);
  EXPECT_EQ(world.progress(NodeId{{0x77}}, 1), RefusalCode::NotContractHost);
  EXPECT_EQ(world.progress(world.hosts[0], 1), RefusalCode::ProgressGoesBack);
  const TimeMs due = world.row().timer_due;
  world.wait_s(30);
  EXPECT_EQ(world.progress(world.hosts[0], 90'000), RefusalCode::None);
  EXPECT_EQ(world.progress(world.hosts[2], 90'000), RefusalCode::None);
  EXPECT_EQ(world.row().timer_due, due);
  world.context.time = due;
  world.serve_timers();
  EXPECT_EQ(world.row().end_reason, EndReason::ProviderLost);
}

// REQ: CSC-1
TEST(GangContract, CompletesWhenAllOthersAreDoneAndBillsAllGpus) {
  GangWorld world;
  world.start_all();
  world.wait_s(100);
  EXPECT_EQ(world.complete(100'000), RefusalCode::HostsStillRun);
  EXPECT_EQ(world.done(world.hosts[0]), RefusalCode::NotContractHost) << "the lead completes";
  EXPECT_EQ(world.run(ContractHostDone{world.id, world.hosts[1], {}}), RefusalCode::ResultInvalid);
  EXPECT_EQ(world.run(ContractHostDone{world.id, world.hosts[1], sha256("x")}, kBarn),
            RefusalCode::NotContractProvider);
  EXPECT_EQ(world.done(world.hosts[1]), RefusalCode::None);
  EXPECT_EQ(world.done(world.hosts[1]), RefusalCode::WrongContractState) << "twice";
  EXPECT_EQ(world.complete(100'000), RefusalCode::HostsStillRun);
  // Who is done is not missed any more.
  world.wait_s(60);
  EXPECT_EQ(world.progress(world.hosts[0], 160'000), RefusalCode::None);
  EXPECT_EQ(world.progress(world.hosts[2], 160'000), RefusalCode::None);
  EXPECT_EQ(world.row().last_progress, world.context.time);
  EXPECT_EQ(world.done(world.hosts[2]), RefusalCode::None);
  EXPECT_EQ(world.complete(160'000), RefusalCode::None) << world.detail;
  EXPECT_EQ(world.row().metered_ms, 160'000U);
  EXPECT_EQ(world.row().compute_units_milli, 160U * 6'000U) << "6 A100, 1000 units a second each";
  EXPECT_EQ(world.run(ContractAccept{world.id}, kAda), RefusalCode::None);
  EXPECT_EQ(world.row().bill.pay, Pricing::cost(world.row().price.unit, 6'000, 160'000, Rounding::Ceil));
  EXPECT_EQ(world.row().gang[1].report, sha256("report"));
  for (const NodeId& host : world.hosts) EXPECT_EQ(world.outcomes_of(host), 1U);
}

TEST(GangContract, AnyHostMayEndItBadly) {
  GangWorld world;
  world.start_all();
  world.wait_s(10);
  EXPECT_EQ(world.run(ContractFail{world.id, 10'000, EndReason::BadPayload, sha256("why")}), RefusalCode::None);
  EXPECT_TRUE(is_final(world.row().state));
  for (const NodeId& host : world.hosts) EXPECT_EQ(world.registry.capacity().get(host).jobs, 0U);
}

TEST(GangContract, AContractOfOneNodeHasNoHosts) {
  GangWorld world;
  const JobId job = [&] {
    world.add_node(NodeOf());
    return world.queue(JobOf());
  }();
  world.contracts.dispatch(world.context);
  const ContractId id = world.market.jobs().get(job).contract;
  EXPECT_EQ(world.run(ContractAcknowledge{id}), RefusalCode::None);
  EXPECT_EQ(world.run(ContractStart{id, world.hosts[0]}), RefusalCode::NotContractHost);
  EXPECT_EQ(world.run(ContractStart{id, world.contracts.table().get(id).node}), RefusalCode::None);
  EXPECT_EQ(world.run(ContractHostDone{id, world.contracts.table().get(id).node, sha256("x")}),
            RefusalCode::NotContractHost);
}

}  // namespace
}  // namespace starminer::protocol
