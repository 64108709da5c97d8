// Refusals of the contract operations in their order, compute units, and what the invariants notice. The paths of a
// contract stand in tests/scenario.
#include "protocol/contracts/contracts.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/market/test_world.h"

namespace starminer::protocol {
namespace {

using market_test::JobOf;
using market_test::kAda;
using market_test::kBarn;
using market_test::kBob;
using market_test::kFarm;
using market_test::NodeOf;

constexpr ContractId kNoContract{{0xff}};

struct ContractWorld : market_test::World {
  Reserve reserve{store, params, ledger, registry};
  Contracts contracts{store, params, ledger, registry, pricing, reputation, market, reserve, timers};

  /// A job with its contract, brought to `state` by kFarm.
  ContractId contract_in(ContractState state) {
    if (registry.nodes().empty()) add_node(NodeOf().devices(8));
    const JobId job = queue(JobOf(), kAda);
    contracts.dispatch(context);
    const ContractId id = market.jobs().get(job).contract;
    if (state == ContractState::Assigned) return id;
    if (state == ContractState::Refunded) return run(ContractDecline{id}), id;
    run(ContractAcknowledge{id});
    if (state == ContractState::Preparing) return id;
    run(ContractStart{id});
    wait_s(60);
    run(ContractProgress{{{id, 60'000}}});
    if (state == ContractState::Running) return id;
    run(complete(id, 60'000));
    if (state == ContractState::Delivered) return id;
    run(ContractAccept{id}, kAda);
    return id;
  }
  static ContractComplete complete(const ContractId& id, std::uint64_t run_ms) {
    return {id, run_ms, sha256("result"), {}, sha256("proof")};
  }
  /// The refusal, or None after the operation was applied.
  template <class Op>
  RefusalCode run(const Op& op, const AccountId& sender = kFarm) {
    const auto valid = Op::validate(op);
    if (!valid) return valid.error().code;
    const auto checked = contracts.check(*valid, {sender, 0});
    if (!checked) return checked.error().code;
    contracts.apply(*checked, {sender, 0}, context);
    contracts.dispatch(context);
    EXPECT_TRUE(contracts.invariants_hold() && sound());
    return RefusalCode::None;
  }
};

/// For an operation of the provider on one contract: every state that does not allow it refuses it, strangers come
/// first, unknown contracts before them.
template <class Make>
void check_provider_operation(const std::vector<ContractState>& allowed, Make make) {
  for (const auto state : {ContractState::Assigned, ContractState::Preparing, ContractState::Running,
                           ContractState::Delivered, ContractState::Settled, ContractState::Refunded}) {
    SCOPED_TRACE(contract_state_name(state));
    ContractWorld world;
    const ContractId id = world.contract_in(state);
    ASSERT_EQ(world.contracts.table().get(id).state, state);
    const bool is_allowed = std::find(allowed.begin(), allowed.end(), state) != allowed.end();
    EXPECT_EQ(world.run(make(ContractId{}), kBarn), RefusalCode::InvalidField);
    EXPECT_EQ(world.run(make(kNoContract), kBarn), RefusalCode::UnknownContract);
    EXPECT_EQ(world.run(make(id), kBarn), RefusalCode::NotContractProvider);
    EXPECT_EQ(world.run(make(id), kAda), RefusalCode::NotContractProvider) << "the requester is no provider";
    EXPECT_EQ(world.run(make(id), kFarm), is_allowed ? RefusalCode::None : RefusalCode::WrongContractState);
  }
}

TEST(ContractRefusals, AcknowledgeDeclineAndStart) {
  check_provider_operation({ContractState::Assigned}, [](const ContractId& id) { return ContractAcknowledge{id}; });
  check_provider_operation({ContractState::Assigned, ContractState::Preparing},
                           [](const ContractId& id) { return ContractDecline{id}; });
  check_provider_operation({ContractState::Preparing}, [](const ContractId& id) { return ContractStart{id}; });
}

TEST(ContractRefusals, CompleteAndFail) {
  check_provider_operation({ContractState::Running},
                           [](const ContractId& id) { return ContractWorld::complete(id, 60'000); });
  check_provider_operation({ContractState::Preparing, ContractState::Running}, [](const ContractId& id) {
    return ContractFail{id, 60'000, EndReason::ProviderError, {}};
  });
}

TEST(ContractRefusals, AcceptIsTheRequestersAndComesAfterTheDelivery) {
  for (const auto state : {ContractState::Assigned, ContractState::Preparing, ContractState::Running,
                           ContractState::Delivered, ContractState::Settled, ContractState::Refunded}) {
    SCOPED_TRACE(contract_state_name(state));
    ContractWorld world;
    const ContractId id = world.contract_in(state);
    EXPECT_EQ(world.run(ContractAccept{{}}, kBob), RefusalCode::InvalidField);
    EXPECT_EQ(world.run(ContractAccept{kNoContract}, kBob), RefusalCode::UnknownContract);
    EXPECT_EQ(world.run(ContractAccept{id}, kBob), RefusalCode::NotContractRequester);
    EXPECT_EQ(world.run(ContractAccept{id}, kFarm), RefusalCode::NotContractRequester);
    EXPECT_EQ(world.run(ContractAccept{id}, kAda),
              state == ContractState::Delivered ? RefusalCode::None : RefusalCode::WrongContractState);
  }
}

TEST(ContractRefusals, RunTimeNeverGoesBack) {
  ContractWorld world;
  const ContractId running = world.contract_in(ContractState::Running);
  EXPECT_EQ(world.run(ContractWorld::complete(running, 59'999)), RefusalCode::ProgressGoesBack);
  EXPECT_EQ(world.run(ContractFail{running, 59'999, EndReason::DeviceError, {}}), RefusalCode::ProgressGoesBack);
  EXPECT_EQ(world.run(ContractProgress{{{running, 59'999}}}), RefusalCode::ProgressGoesBack);
  const ContractId delivered = world.contract_in(ContractState::Delivered);
  EXPECT_EQ(world.run(ContractWorld::complete(delivered, 59'999)), RefusalCode::WrongContractState);
  EXPECT_EQ(world.run(ContractWorld::complete(delivered, 59'999), kBarn), RefusalCode::NotContractProvider);
}

// A contract that is archived must not make the report of the provider's other jobs fail.
TEST(ContractRefusals, ProgressSkipsWhatIsNotThere) {
  ContractWorld world;
  const ContractId running = world.contract_in(ContractState::Running);
  EXPECT_EQ(world.run(ContractProgress{{{kNoContract, 1}}}), RefusalCode::UnknownContract);
  EXPECT_EQ(world.run(ContractProgress{{{running, 61'000}, {kNoContract, 1}}}, kBarn),
            RefusalCode::NotContractProvider);
  EXPECT_EQ(world.run(ContractProgress{{{running, 59'999}, {kNoContract, 1}}}), RefusalCode::UnknownContract);
  EXPECT_EQ(world.run(ContractProgress{{{running, 61'000}, {kNoContract, 1}}}), RefusalCode::None);
  EXPECT_EQ(world.contracts.table().get(running).progress_run_ms, 61'000U);
}

TEST(ContractRefusals, ShapeOfAResult) {
  ContractWorld world;
  const auto with = [](auto change) {
    ContractComplete op = ContractWorld::complete(kNoContract, 0);
    change(op);
    return op;
  };
  // Each row fails in what stands below it, too.
  const auto nothing = [](ContractComplete& op) {
    op.result_hash = {};
    op.proof_hash = {};
    op.outputs.resize(257);
  };
  EXPECT_EQ(world.run(with([&](auto& op) {
    nothing(op);
    op.contract = {};
  })),
            RefusalCode::InvalidField);
  EXPECT_EQ(world.run(with(nothing)), RefusalCode::ResultInvalid);
  EXPECT_EQ(world.run(with([](auto& op) { op.result_hash = {}; })), RefusalCode::ResultInvalid);
  EXPECT_EQ(world.run(with([](auto& op) { op.proof_hash = {}; })), RefusalCode::ResultInvalid);
  EXPECT_EQ(world.run(with([](auto& op) { op.outputs.resize(257); })), RefusalCode::ResultInvalid);
  EXPECT_EQ(world.run(with([](auto& op) { op.outputs.resize(256); })), RefusalCode::UnknownContract);
}

TEST(ContractRefusals, ShapeOfAProgressReport) {
  ContractWorld world;
  const ContractId a = world.contract_in(ContractState::Running);
  const ContractId b = world.contract_in(ContractState::Running);
  const auto [first, second] = std::minmax(a, b);
  EXPECT_EQ(world.run(ContractProgress{}), RefusalCode::InvalidField);
  ContractProgress many;
  many.entries.resize(1025, {kNoContract, 0});
  EXPECT_EQ(world.run(many), RefusalCode::TooManyItems) << "before the order is looked at";
  many.entries.resize(1024);
  EXPECT_EQ(world.run(many), RefusalCode::InvalidField) << "the same contract twice";
  EXPECT_EQ(world.run(ContractProgress{{{second, 60'000}, {first, 60'000}}}), RefusalCode::InvalidField);
  EXPECT_EQ(world.run(ContractProgress{{{first, 0}, {kNoContract, 1}}}), RefusalCode::UnknownContract);
  EXPECT_EQ(world.run(ContractProgress{{{first, 61'000}, {second, 61'000}}}, kBarn), RefusalCode::NotContractProvider);
  EXPECT_EQ(world.run(ContractProgress{{{first, 59'000}, {second, 59'000}}}), RefusalCode::ProgressGoesBack);
  EXPECT_EQ(world.run(ContractProgress{{{first, 60'500}, {second, 59'000}}}), RefusalCode::None);
  EXPECT_EQ(world.contracts.table().get(first).progress_run_ms, 60'500U) << "one entry's slip leaves the others alone";
  EXPECT_EQ(world.contracts.table().get(second).progress_run_ms, 60'000U);
  EXPECT_EQ(world.run(ContractProgress{{{first, 61'000}, {second, 61'000}}}), RefusalCode::None);
  EXPECT_EQ(world.contracts.table().get(second).progress_run_ms, 61'000U);
}

TEST(ContractRefusals, ReportsAboutContractsThatDoNotRunAreSkipped) {
  for (const auto state : {ContractState::Assigned, ContractState::Preparing, ContractState::Delivered,
                           ContractState::Settled, ContractState::Refunded}) {
    ContractWorld world;
    const ContractId id = world.contract_in(state);
    const ContractRow before = world.contracts.table().get(id);
    EXPECT_EQ(world.run(ContractProgress{{{id, 1}}}), RefusalCode::None) << contract_state_name(state);
    EXPECT_EQ(encode(world.contracts.table().get(id)), encode(before));
  }
}

TEST(ContractRefusals, AProviderNamesOnlyReasonsOfItsOwn) {
  ContractWorld world;
  for (std::uint8_t number = 0; number < enum_count(EndReason::None); ++number) {
    const auto reason = static_cast<EndReason>(number);
    const bool allowed = reason != EndReason::None && end_reason_info(reason).reporter == EndReporter::Provider;
    // The reason is looked at before the contract.
    EXPECT_EQ(world.run(ContractFail{kNoContract, 0, reason, {}}),
              allowed ? RefusalCode::UnknownContract : RefusalCode::ReasonNotAllowed)
        << static_cast<int>(number);
    EXPECT_EQ(world.run(ContractFail{{}, 0, reason, {}}), RefusalCode::InvalidField);
  }
}

// REQ: TOK-2
TEST(ComputeUnits, AreDeviceSecondsTimesTheRating) {
  struct Case {
    std::uint32_t devices;
    std::uint32_t share;
    std::uint64_t seconds;
    std::uint64_t units_milli;
  };
  // A reference device (1000) makes one unit a second.
  for (const Case& c : {Case{1, 0, 60, 60'000}, Case{4, 0, 61, 244'000}, Case{1, 250, 100, 25'000}}) {
    ContractWorld world;
    world.add_node(NodeOf().devices(4));
    JobOf request;
    request.gpus(c.devices).budget(100 * market_test::kAgpu);
    if (c.share != 0) request.share(c.share);
    const JobId job = world.queue(request);
    world.contracts.dispatch(world.context);
    const ContractId id = world.market.jobs().get(job).contract;
    world.run(ContractAcknowledge{id});
    world.run(ContractStart{id});
    world.wait_s(c.seconds);
    ASSERT_EQ(world.run(ContractWorld::complete(id, c.seconds * 1000)), RefusalCode::None);
    EXPECT_EQ(world.contracts.table().get(id).compute_units_milli, c.units_milli);
  }
}

TEST(ContractInvariants, NoticeALiveContractWithoutItsTimer) {
  for (const auto state :
       {ContractState::Assigned, ContractState::Preparing, ContractState::Running, ContractState::Delivered}) {
    ContractWorld world;
    const ContractId id = world.contract_in(state);
    const ContractRow& row = world.contracts.table().get(id);
    ASSERT_TRUE(world.contracts.invariants_hold());
    world.timers.cancel(row.timer_due, row.timer, id.bytes);
    EXPECT_FALSE(world.contracts.invariants_hold()) << contract_state_name(state);
  }
}

TEST(ContractInvariants, NoticeDevicesThatNobodyHolds) {
  ContractWorld world;
  const ContractId id = world.contract_in(ContractState::Running);
  world.market.release(world.contracts.table().get(id).job, world.context);
  EXPECT_FALSE(world.contracts.invariants_hold());
}

TEST(ContractInvariants, NoticeAnEndThatDoesNotAddUp) {
  const auto holds_after = [](auto change) {
    ContractWorld world;
    const ContractId id = world.contract_in(ContractState::Settled);
    ContractRow row = world.contracts.table().get(id);
    change(row);
    // A second contract of the same job with the changed row stands beside the first.
    row.attempt = 1;
    JobRow job = world.job(row.job);
    job.attempts = 2;
    world.market.archive(row.job);
    return world.store.load(state::TableId::Jobs, encode(row.job), encode(job)) &&
           world.store.load(state::TableId::Contracts, encode(contract_id_of(row.job, 1)), encode(row)) &&
           world.contracts.invariants_hold();
  };
  EXPECT_FALSE(holds_after([](ContractRow&) {})) << "two ends of one job";
  const auto as_requeued = [](ContractRow& row) {
    row.state = ContractState::Requeued;
    row.end_reason = EndReason::DeviceError;
    row.party = Party::Provider;
    row.bill = {};
    row.refund = {};
  };
  EXPECT_TRUE(holds_after(as_requeued));
  EXPECT_FALSE(holds_after([&](ContractRow& row) {
    as_requeued(row);
    row.bill.pay = {1};
  }));
  EXPECT_FALSE(holds_after([&](ContractRow& row) {
    as_requeued(row);
    row.party = Party::Requester;
  }));
  EXPECT_FALSE(holds_after([&](ContractRow& row) {
    as_requeued(row);
    row.end_reason = EndReason::None;
  }));
}

TEST(Archive, TakesAJobWithAllItsContracts) {
  ContractWorld world;
  const ContractId other = world.contract_in(ContractState::Running);
  world.add_node(NodeOf(), kBarn);
  const ContractId first = world.contract_in(ContractState::Assigned);
  const JobId job = world.contracts.table().get(first).job;
  const AccountId declined_by = world.contracts.table().get(first).provider;
  ASSERT_EQ(world.run(ContractDecline{first}, declined_by), RefusalCode::None);
  ASSERT_EQ(world.contracts.table().get(first).state, ContractState::Requeued);
  const ContractId second = world.market.jobs().get(job).contract;
  ASSERT_NE(second, first) << "another provider took it";
  ASSERT_EQ(world.cancel(job), RefusalCode::None);
  world.contracts.cancel(job, world.context);
  EXPECT_TRUE(world.contracts.table().contains(first)) << "an earlier attempt stays with its job";
  world.contracts.archive(job);
  EXPECT_FALSE(world.contracts.table().contains(first) || world.contracts.table().contains(second));
  EXPECT_FALSE(world.market.jobs().contains(job));
  EXPECT_TRUE(world.contracts.table().contains(other));
  EXPECT_TRUE(world.contracts.invariants_hold());
}

TEST(ContractQueries, TheIndexKnowsWhatLives) {
  ContractWorld world;
  const ContractId assigned = world.contract_in(ContractState::Assigned);
  const ContractId running = world.contract_in(ContractState::Running);
  const ContractId delivered = world.contract_in(ContractState::Delivered);
  world.contract_in(ContractState::Settled);
  const ContractRow& row = world.contracts.table().get(assigned);
  const std::set<ContractId> expected = {assigned, running, delivered};
  const ContractIndex& index = world.contracts.index();
  ASSERT_NE(index.live_of(row.node), nullptr);
  EXPECT_EQ(*index.live_of(row.node), expected);
  EXPECT_EQ(*index.live_of(row.provider), expected);
  EXPECT_EQ(index.live(), expected);
  EXPECT_EQ(index.live_of(row.requester), nullptr);
  EXPECT_EQ(index.counts(), (std::array<std::uint64_t, ContractIndex::kStates>{1, 0, 1, 1, 1, 0, 0}));
}

}  // namespace
}  // namespace starminer::protocol
