// Parameters that change and stakes that return, through whole blocks: epochs, halts, restarts.
#include <gtest/gtest.h>

#include "protocol/test_chain.h"

namespace starminer::protocol {
namespace {

using chain_test::account_of_name;
using chain_test::Block;
using chain_test::Chain;
using chain_test::genesis_of;
using chain_test::kAgpu;
using chain_test::kGenesisTime;
using chain_test::lock_stake;
using chain_test::set_parameter;
using chain_test::transfer;
using chain_test::unbond_stake;

constexpr DurationMs kEpoch{3'600'000};
constexpr std::uint64_t kDay = 86'400'000;

RefusalCode code_of(const Result<Receipt, Refusal>& answer) {
  return answer ? static_cast<RefusalCode>(answer->core.code) : answer.error().code;
}

Genesis staked_genesis() {
  Genesis genesis = genesis_of(Preset::Main, {"ada", "bob", "operator"});
  for (GenesisAccount& account : genesis.accounts) account.amax = {100 * kBasePerToken};
  return genesis;
}

// REQ: MTP-11
TEST(ParameterChange, TakesEffectLastAtTheEndOfTheEpoch) {
  Chain chain({"ada", "bob", "operator"});
  EXPECT_EQ(code_of(chain.send("ada", set_parameter(Parameter::TxFee, 200'000))), RefusalCode::NotGovernance);
  const auto receipt = chain.send("operator", set_parameter(Parameter::TxFee, 200'000));
  ASSERT_EQ(code_of(receipt), RefusalCode::None);
  EXPECT_EQ(receipt->core.subject, "TxFee");
  EXPECT_EQ(receipt->core.fee, Agpu{100'000});

  chain.pass({kEpoch.ms - 1});
  EXPECT_EQ(chain.send("ada", transfer(account_of_name("bob"), 1))->core.fee, Agpu{100'000});
  EXPECT_EQ(chain.machine().governance().pending(Parameter::TxFee), 200'000U);
  std::vector<Event> events;
  chain.on_block([&](const Block& block) { events = block.result.events; });
  chain.pass({1});
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().kind, EventKind::ParameterChanged);
  EXPECT_EQ(chain.machine().chain().epochs, 1U);
  EXPECT_EQ(chain.machine().params().get(Parameter::TxFee), 200'000U);
  EXPECT_FALSE(chain.machine().governance().pending(Parameter::TxFee));
  EXPECT_EQ(chain.send("ada", transfer(account_of_name("bob"), 1))->core.fee, Agpu{200'000});
}

TEST(ParameterChange, SurvivesARestartAndAHalt) {
  Chain chain({"ada", "bob", "operator"});
  ASSERT_EQ(code_of(chain.send("operator", set_parameter(Parameter::AckMs, 60'000))), RefusalCode::None);
  chain.reload();
  EXPECT_EQ(chain.machine().governance().pending(Parameter::AckMs), 60'000U);
  chain.pass({600'000});
  chain.stand_still({10 * kEpoch.ms});
  ASSERT_EQ(code_of(chain.send("ada", transfer(account_of_name("bob"), 1))), RefusalCode::None);
  EXPECT_EQ(chain.machine().chain().epochs, 0U) << "a halt moves the end of the epoch";
  EXPECT_EQ(chain.machine().params().get(Parameter::AckMs), 30'000U);
  chain.pass({kEpoch.ms - 600'000});
  EXPECT_EQ(chain.machine().params().get(Parameter::AckMs), 60'000U);
  chain.reload();
  EXPECT_EQ(chain.machine().params().get(Parameter::AckMs), 60'000U);
}

TEST(ParameterChange, LeavesDepositsAsTheyWereTaken) {
  Chain chain({"ada", "bob", "operator"});
  ASSERT_EQ(code_of(chain.send("operator", set_parameter(Parameter::AccountDeposit, 30'000'000))), RefusalCode::None);
  chain.pass(kEpoch);
  EXPECT_EQ(code_of(chain.send("ada", transfer(account_of_name("newcomer"), 29'999'999))),
            RefusalCode::DepositNotCovered);
  ASSERT_EQ(code_of(chain.send("ada", transfer(account_of_name("newcomer"), 40'000'000))), RefusalCode::None);
  EXPECT_EQ(chain.machine().ledger().deposit(account_of_name("newcomer")), 30'000'000U);
  EXPECT_EQ(chain.machine().ledger().deposit(account_of_name("bob")), 10'000'000U);
  const std::uint64_t before = chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu);
  const std::uint64_t of_bob = chain.machine().ledger().balance(account_of_name("bob"), Asset::Agpu);
  ASSERT_EQ(code_of(chain.send("bob",
                               [](auto& body) {
                                 body.mutable_account_close()->set_beneficiary(to_text(account_of_name("ada").view()));
                               })),
            RefusalCode::None);
  EXPECT_EQ(chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu),
            before + of_bob + 10'000'000 - 100'000);
}

TEST(ParameterChange, IsForNobodyWhereTheGenesisNamesNone) {
  Genesis genesis = genesis_of(Preset::Main, {"ada", "operator"});
  genesis.governance = std::nullopt;
  Chain chain(genesis);
  EXPECT_EQ(code_of(chain.send("operator", set_parameter(Parameter::TxFee, 200'000))), RefusalCode::NotGovernance);
}

TEST(ParameterChange, AGenesisKeepsToBoundsRulesAndThePreset) {
  const auto error = [](Preset preset, Parameter parameter, std::uint64_t value) {
    Genesis genesis = genesis_of(preset, {"ada"});
    genesis.parameters = {{parameter, value}};
    Machine machine;
    const auto started = machine.start(genesis);
    return started ? std::string() : started.error();
  };
  EXPECT_EQ(error(Preset::Main, Parameter::TickMs, 30'000), "");
  EXPECT_EQ(error(Preset::Dev, Parameter::UnbondAmaxMs, 60'480'000), "");
  EXPECT_NE(error(Preset::Dev, Parameter::UnbondAmaxMs, 60'479'999).find("60480000 to 518400000"), std::string::npos);
  EXPECT_NE(error(Preset::Dev, Parameter::TimeDivisor, 1).find("preset"), std::string::npos);
  EXPECT_NE(error(Preset::Main, Parameter::SilenceMs, 50'000).find("ProgressEveryMs <= SilenceMs"), std::string::npos);
}

// REQ: TOK-3
TEST(Stake, LivesThroughBlocksRestartsAndHalts) {
  Chain chain(staked_genesis());
  const AccountId ada = account_of_name("ada");
  const auto amax = [&] { return chain.machine().ledger().balance(ada, Asset::Amax); };
  EXPECT_EQ(code_of(chain.send("ada", unbond_stake(1))), RefusalCode::StakeNotCovered);
  EXPECT_EQ(chain.send("ada", lock_stake(40 * kBasePerToken))->core.subject, ada.text());
  EXPECT_EQ(amax(), 60 * kBasePerToken);
  const auto unbond = chain.send("ada", unbond_stake(10 * kBasePerToken));
  ASSERT_EQ(code_of(unbond), RefusalCode::None);
  ASSERT_TRUE(UnbondingId::parse(unbond->core.subject));
  EXPECT_EQ(code_of(chain.send("ada", transfer(account_of_name("bob"), 61 * kBasePerToken, Asset::Amax))),
            RefusalCode::BalanceTooSmall)
      << "what is staked or unbonds cannot be spent";
  chain.reload();
  chain.pass({7 * kDay});
  chain.stand_still({30 * kDay});
  chain.pass({14 * kDay - 1});
  EXPECT_EQ(amax(), 60 * kBasePerToken) << "a halt moves its return";
  chain.pass({1});
  EXPECT_EQ(amax(), 70 * kBasePerToken);
  EXPECT_EQ(chain.machine().staking().stake(ada, Asset::Amax).bonded, 30 * kBasePerToken);
  EXPECT_EQ(chain.machine().ledger().supply(Asset::Amax).locks, u128{30 * kBasePerToken});
}

}  // namespace
}  // namespace starminer::protocol
