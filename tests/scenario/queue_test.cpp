// Who is let in, who waits, and what lets a waiting job start.
#include "protocol/market/queue_index.h"
#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;

/// Escrow that a submission of `request` would need, from one that is let in and cancelled at once.
Agpu cap_of(Market& market, const JobRequest& request) {
  const Job probe = market.requester("ada").submits(request);
  market.requester("ada").cancels(probe);
  return market.row(probe).cap;
}

// REQ: MTP-9, TOK-1
TEST(Admission, NeedsTheWholeEscrowAndSaysWhatIsMissing) {
  Market market;
  market.provider("aurora").registers(a100());
  const JobRequest request = rendering().max(1h);
  const Agpu cap = cap_of(market, request);
  const Agpu fee = market.machine().params().agpu(protocol::Parameter::TxFee);
  const std::uint64_t deposit = market.machine().params().get(protocol::Parameter::AccountDeposit);
  const AccountId poor = protocol::chain_test::account_of_name("poor");
  const auto submit = [&] {
    return market.chain().send(
        "poor", [&](v1::TransactionBody& body) { *body.mutable_job_submit() = request.message(market.chain().now()); });
  };
  // One base unit too little, with AMAX enough for ten such jobs: AMAX buys no compute (TOK-9).
  const std::uint64_t funds = deposit + cap.base + fee.base - 1;
  ASSERT_TRUE(market.chain().send("cleo", protocol::chain_test::transfer(poor, funds)));
  ASSERT_TRUE(market.chain().send("cleo", protocol::chain_test::transfer(poor, 900'000, Asset::Amax)));
  auto receipt = submit();
  ASSERT_TRUE(receipt.has_value());
  EXPECT_EQ(receipt->core.code, static_cast<std::uint16_t>(RefusalCode::EscrowNotCovered)) << receipt->detail;
  EXPECT_NE(receipt->detail.find("missing 0.000000001 AGPU"), std::string::npos) << receipt->detail;
  EXPECT_TRUE(market.machine().market().index().jobs_of(poor, ~std::uint64_t{0}, 1).empty());

  ASSERT_TRUE(market.chain().send("cleo", protocol::chain_test::transfer(poor, fee.base + 1)));
  receipt = submit();
  ASSERT_TRUE(receipt.has_value());
  EXPECT_EQ(receipt->core.code, 0U) << receipt->detail;
  EXPECT_EQ(market.machine().ledger().balance(poor, Asset::Agpu), 0U);
}

TEST(Admission, NamesTheSameJobOnceForOneClientId) {
  Market market;
  market.provider("aurora").registers(a100());
  const Requester ada = market.requester("ada");
  const Job job = ada.submits(rendering().named("frame-7"));
  const Job again = ada.submits(rendering().named("frame-7"));
  EXPECT_EQ(again.id, job.id);
  EXPECT_EQ(market.machine().market().jobs().size(), 1U);
  ada.refused(RefusalCode::ClientIdReused).submits(rendering().max(2h).named("frame-7"));
  const Job other = market.requester("bob").submits(rendering().named("frame-7"));
  EXPECT_NE(other.id, job.id);
}

// REQ: MAT-6
TEST(Matching, FollowsEveryArrivalAndEveryReleaseAtOnce) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const std::uint64_t ticks = market.machine().chain().ticks;
  const Job first = market.requester("ada").submits(rendering());
  market.expect(first).is(JobState::Active);
  aurora.runs(first);
  const Job second = market.requester("bob").submits(rendering());
  market.expect(second).is(JobState::Queued);
  aurora.completes(first);
  market.expect(second).is(JobState::Active);
  const Job third = market.requester("cleo").submits(rendering());
  market.expect(third).is(JobState::Queued);
  market.requester("bob").cancels(second);
  market.expect(third).is(JobState::Active);
  EXPECT_EQ(market.machine().chain().ticks, ticks);
}

// REQ: MAT-1, MAT-2, MAT-3
TEST(Matching, LeavesAReceiptThatSaysWhyInTheContractForEver) {
  Market market;
  market.provider("aurora").registers(a100());
  market.provider("borealis").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  const protocol::ContractRow contract = market.contract(job);
  EXPECT_EQ(contract.match.height, market.machine().chain().height);
  const protocol::TierRow& tier = market.machine().pricing().tier(contract.price.tier);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < protocol::kScoreTermCount; ++i) sum += tier.weights[i] * contract.match.parts[i];
  EXPECT_EQ(contract.match.score, sum);
  EXPECT_GT(sum, 0U);
  EXPECT_GT(contract.match.parts[static_cast<std::size_t>(protocol::ScoreTerm::Fit)], 0U);
  // What follows does not touch it.
  const Provider winner =
      market.provider(contract.provider == market.provider("aurora").account() ? "aurora" : "borealis");
  winner.runs(job).completes(job);
  market.requester("ada").accepts(job);
  EXPECT_EQ(market.contract(job).match.parts, contract.match.parts);
  EXPECT_EQ(market.contract(job).match.height, contract.match.height);
}

// REQ: MAT-6
TEST(Matching, FollowsANodeThatRegistersResumesOrIsHeardAgain) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job first = market.requester("ada").submits(rendering());
  aurora.runs(first);
  const Job second = market.requester("bob").submits(rendering());
  market.expect(second).is(JobState::Queued);
  const Provider borealis = market.provider("borealis").registers(a100());
  market.expect(second).is(JobState::Active).runs_on("borealis");
  borealis.runs(second);

  const Job third = market.requester("cleo").submits(rendering());
  const Provider corona = market.provider("corona");
  market.operator_hears_nothing_of(aurora);
  aurora.completes(first);
  market.expect(third).is(JobState::Queued);
  market.operator_hears(aurora);
  market.expect(third).is(JobState::Active).runs_on("aurora");

  aurora.drains();
  market.requester("cleo").cancels(third);
  const Job fourth = market.requester("cleo").submits(rendering());
  market.expect(fourth).is(JobState::Queued);
  const auto resumed = market.chain().send("aurora", [&](v1::TransactionBody& body) {
    body.mutable_node_set_status()->set_node(to_text(aurora.node().view()));
    body.mutable_node_set_status()->set_change(v1::NodeSetStatus::RESUME);
  });
  ASSERT_TRUE(resumed && resumed->core.code == 0);
  market.expect(fourth).is(JobState::Active).runs_on("aurora");
}

TEST(Matching, LetsALeavingNodeFinishAndGivesItNothingMore) {
  Market market;
  const Provider aurora = market.provider("aurora").registers(a100());
  const Job job = market.requester("ada").submits(rendering());
  aurora.runs(job);
  aurora.leaves();
  market.passes(1min);
  aurora.completes(job);
  EXPECT_EQ(market.machine().registry().nodes().get(aurora.node()).status, protocol::NodeStatus::Left);
  market.requester("ada").accepts(job);
  market.expect(job).is(JobState::Settled).ended(EndReason::Accepted, Party::Nobody);
  market.passes(std::chrono::hours(24 * 14));
  EXPECT_EQ(market.machine().ledger().locked(protocol::LockPurpose::NodeIdentity, aurora.node().bytes, Asset::Agpu),
            0U);
}

TEST(Matching, NeverGivesOneDeviceTwice) {
  Market market;
  market.provider("aurora").registers(a100().devices(2));
  std::vector<Job> jobs;
  for (const char* name : {"ada", "bob", "cleo"}) jobs.push_back(market.requester(name).submits(rendering()));
  market.expect(jobs[0]).is(JobState::Active);
  market.expect(jobs[1]).is(JobState::Active);
  market.expect(jobs[2]).is(JobState::Queued);
  EXPECT_NE(market.contract(jobs[0]).allocation.devices, market.contract(jobs[1]).allocation.devices);
}

}  // namespace
}  // namespace starminer::scenario
