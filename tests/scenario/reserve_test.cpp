// Reserve pools from joining to leaving, with real transactions: REQ: RSV-1.
#include <gtest/gtest.h>

#include "scenario/market.h"

namespace starminer::scenario {
namespace {

using namespace std::chrono_literals;
using protocol::Parameter;
using protocol::ReserveStanding;

constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kToken = kBasePerToken;

/// Ada may draw: her stake is worth the level. A class with half of its GPUs taken is short of them.
protocol::Genesis genesis() {
  protocol::Genesis made =
      protocol::chain_test::genesis_of(protocol::Preset::Main, {"ada", "bob", "aurora", "borealis", "operator"});
  made.accounts[0].amax = {50 * kToken};
  made.parameters.push_back({Parameter::ReserveLevelU, 50});
  made.parameters.push_back({Parameter::ReserveLoadPpm, 500'000});
  return made;
}

class ReserveScenario : public ::testing::Test {
 protected:
  protocol::ReceiptCore join(const Provider& owner, std::uint64_t amount, std::uint64_t window_ms = kDayMs) {
    return sent(owner, [&](v1::TransactionBody& body) {
      body.mutable_reserve_join()->set_node(to_text(owner.node().view()));
      body.mutable_reserve_join()->set_amount(amount);
      body.mutable_reserve_join()->set_window_ms(window_ms);
    });
  }
  protocol::ReceiptCore leave(const Provider& owner) {
    return sent(owner, [&](v1::TransactionBody& body) {
      body.mutable_reserve_leave()->set_node(to_text(owner.node().view()));
    });
  }
  protocol::ReceiptCore sent(const Provider& owner, const protocol::chain_test::Chain::Fill& fill) {
    const auto answer = market.chain().send(owner.name(), fill);
    EXPECT_TRUE(answer.has_value());
    return answer ? answer->core : protocol::ReceiptCore{};
  }
  void stake_of_ada() {
    const auto answer = market.chain().send("ada", protocol::chain_test::lock_stake(50 * kToken));
    ASSERT_TRUE(answer && answer->core.code == 0);
  }
  [[nodiscard]] const protocol::ReserveNodeRow& row(const Provider& owner) {
    return *market.machine().reserve().find(owner.node());
  }
  [[nodiscard]] std::uint16_t drawn(const Job& job) {
    const protocol::JobRow& queued = market.machine().market().jobs().get(job.id);
    return market.machine().contracts().table().get(queued.contract).match.reserve;
  }

  Market market{genesis()};
  Provider aurora = market.provider("aurora");
  Provider borealis = market.provider("borealis");
};

// From the tick on that finds the class short of GPUs, and for those alone who have the stake for it.
TEST_F(ReserveScenario, AJobIsDrawnInASurge) {
  stake_of_ada();
  aurora.registers(a100().devices(4));
  borealis.registers(a100().devices(4).rating(900));
  ASSERT_EQ(join(borealis, 200 * kToken).code, 0);
  const Requester ada = market.requester("ada");
  const Requester bob = market.requester("bob");
  const Job first = ada.submits(rendering().gpus(4).budget("20 AGPU"));
  EXPECT_EQ(drawn(first), 0U) << "no surge yet";
  market.expect(first).runs_on("aurora");
  aurora.runs(first);
  market.passes_with_progress(60s, aurora, first);  // a tick finds half of the class taken: not above the limit
  const Job second = ada.submits(rendering().gpus(1));
  EXPECT_EQ(drawn(second), 0U);
  borealis.runs(second);
  market.passes_with_progress(60s, borealis, second);
  const Job third = ada.submits(rendering().gpus(1));
  EXPECT_EQ(drawn(third), 240U);
  market.expect(third).runs_on("borealis");
  const Job other = bob.submits(rendering().gpus(1));
  EXPECT_EQ(drawn(other), 0U) << "bob has no stake";
  EXPECT_EQ(row(borealis).draws, 1U);
  EXPECT_EQ(market.machine().reserve().pools().begin()->second.draws, 1U);
}

// Silence at the acknowledgement and a decline cost the same; the bill of later work does not know of it.
TEST_F(ReserveScenario, DecliningCostsPartOfTheStake) {
  borealis.registers(a100());
  ASSERT_EQ(join(borealis, 50 * kToken).code, 0);
  const Requester bob = market.requester("bob");
  const Agpu before = bob.balance();
  const Job silent = bob.submits(rendering().max(1h));
  market.passes(31s);
  market.expect(silent).is(JobState::Refunded).ended(EndReason::ProviderRefused, Party::Provider);
  const protocol::JobRow& ended = market.machine().market().jobs().get(silent.id);
  const auto& contract = market.machine().contracts().table().get(ended.contract);
  ASSERT_TRUE(contract.decline.has_value());
  const std::uint64_t fee = market.machine().params().get(Parameter::TxFee);
  EXPECT_EQ(bob.balance().base, before.base + contract.decline->compensated.base - fee);
  EXPECT_EQ(contract.decline->burned.base, contract.decline->compensated.base + row(borealis).charged.base % 2);
  EXPECT_EQ(row(borealis).stake.base + row(borealis).charged.base, 50 * kToken);
  EXPECT_EQ(market.machine().registry().nodes().get(borealis.node()).reserve, ReserveStanding::Lapsed);

  const Job declined = bob.submits(rendering());
  borealis.declines(declined);
  EXPECT_EQ(row(borealis).declines, 2U);
  const Job begun = bob.submits(rendering());
  borealis.runs(begun);
  market.passes(60s);
  borealis.fails(begun, EndReason::ProviderError);
  EXPECT_EQ(row(borealis).declines, 2U) << "it began that one";
  const Job late = bob.submits(rendering());
  borealis.acknowledges(late);
  market.passes(91s);
  EXPECT_EQ(row(borealis).declines, 3U) << "acknowledged and never started";
  borealis.declines(bob.submits(rendering()));
  EXPECT_EQ(row(borealis).declines, 3U) << "three in an epoch";
  market.passes(1h);
  borealis.declines(bob.submits(rendering()));
  EXPECT_EQ(row(borealis).declines, 4U);
}

TEST_F(ReserveScenario, ANodeStaysForItsWindow) {
  borealis.registers(a100());
  const std::uint64_t before = market.machine().ledger().balance(borealis.account(), Asset::Agpu);
  ASSERT_EQ(join(borealis, 50 * kToken).code, 0);
  borealis.refused(RefusalCode::NodeInReserve).drains();
  borealis.refused(RefusalCode::NodeInReserve).leaves();
  EXPECT_EQ(leave(borealis).code, static_cast<std::uint16_t>(RefusalCode::WindowStands));
  market.passes(24h);
  EXPECT_EQ(leave(borealis).code, 0);
  const std::uint64_t fees = 5 * market.machine().params().get(Parameter::TxFee);
  EXPECT_EQ(market.machine().ledger().balance(borealis.account(), Asset::Agpu), before - fees);
  borealis.leaves();
}

}  // namespace
}  // namespace starminer::scenario
