// Parameters that change and stakes, as clients of the API see them.
#include <chrono>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using protocol::Parameter;

class GovernedTest : public ::testing::Test {
 protected:
  static WorldOptions options() {
    WorldOptions options;
    options.preset = protocol::Preset::Dev;
    options.parameters = {{Parameter::EpochMs, 300}, {Parameter::ReserveStakePerGpu, kBasePerToken}};
    options.genesis = [](protocol::Genesis& genesis) {
      genesis.governance = key_of("operator").account();
      genesis.accounts[1].amax = {100 * kBasePerToken};  // ada
    };
    return options;
  }
  GovernedTest() : anybody_(world_.anybody()), document_(get(*anybody_, "/openapi.json")) {}

  void fits(const char* schema, const json& value) { EXPECT_EQ(mismatch(document_, schema, value), ""); }
  [[nodiscard]] json row(const char* name) {
    const json document = get(*anybody_, "/v1/params");
    fits("Parameters", document);
    for (const json& each : document["parameters"]) {
      if (each["name"] == name) return each;
    }
    return {};
  }
  static v1::TransactionBody set(Parameter parameter, std::uint64_t value) {
    v1::TransactionBody body;
    body.mutable_parameter_set()->set_parameter(static_cast<std::uint32_t>(parameter));
    body.mutable_parameter_set()->set_value(value);
    return body;
  }
  static v1::TransactionBody lock(std::uint64_t amount) {
    v1::TransactionBody body;
    body.mutable_stake_lock()->set_asset(v1::AMAX);
    body.mutable_stake_lock()->set_amount(amount);
    return body;
  }
  static v1::TransactionBody unbond(std::uint64_t amount) {
    v1::TransactionBody body;
    body.mutable_stake_unbond()->set_asset(v1::AMAX);
    body.mutable_stake_unbond()->set_amount(amount);
    return body;
  }

  World world_{options()};
  std::unique_ptr<client::Api> anybody_;
  json document_;
};

// REQ: MTP-11
TEST_F(GovernedTest, AParameterChangesAtTheEndOfAnEpoch) {
  EXPECT_EQ(get(*anybody_, "/v1/params")["governance"], key_of("operator").account().text());
  const json before = row("AckMs");
  EXPECT_EQ(before["value"], "3000");
  EXPECT_EQ(before["min"], "50") << "the bounds of dev are a tenth, too";
  EXPECT_EQ(before["set_by"], "governed");
  EXPECT_EQ(row("TickMs")["set_by"], "genesis");
  const auto refused = world_.as("ada")->send(set(Parameter::AckMs, 4'000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "E7101");
  const auto governor = world_.as("operator");
  const auto out_of_bounds = governor->send(set(Parameter::AckMs, 49));
  ASSERT_FALSE(out_of_bounds);
  EXPECT_EQ(out_of_bounds.error().code, "E7104");
  EXPECT_EQ(send(*governor, set(Parameter::AckMs, 4'000)).subject, "AckMs");
  // Epochs end by themselves, a few a second here.
  while (row("AckMs")["value"] == "3000") std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(row("AckMs")["value"], "4000");
  EXPECT_TRUE(row("AckMs")["pending"].is_null());
}

TEST_F(GovernedTest, AStakeIsShownWithWhatUnbonds) {
  const std::string path = "/v1/accounts/" + key_of("ada").account().text();
  json stake = get(*anybody_, path + "/stake");
  fits("Stake", stake);
  EXPECT_EQ(stake["bonded"], "0");
  const auto ada = world_.as("ada");
  EXPECT_EQ(send(*ada, lock(40 * kBasePerToken)).subject, key_of("ada").account().text());
  const std::string part = send(*ada, unbond(15 * kBasePerToken)).subject;
  stake = get(*anybody_, path + "/stake");
  fits("Stake", stake);
  EXPECT_EQ(stake["bonded"], "25000000000");
  EXPECT_EQ(stake["unbonding"], "15000000000");
  EXPECT_EQ(stake["credits_micro_hour"], "25000000") << "one credit for each AMAX";
  EXPECT_EQ(stake["credits_micro_max"], "60000000") << "those of a tenth of a day in preset dev";
  EXPECT_EQ(stake["credit_burn"], "1000000");
  ASSERT_EQ(stake["unbondings"].size(), 1U);
  EXPECT_EQ(stake["unbondings"][0]["id"], part);
  EXPECT_GT(stake["unbondings"][0]["returns_ms"], get(*anybody_, "/v1/status")["time_ms"]);
  const json account = get(*anybody_, path);
  fits("Account", account);
  std::set<std::string> purposes;
  for (const json& each : account["locks"]) purposes.insert(each["purpose"]);
  EXPECT_EQ(purposes, (std::set<std::string>{"account_deposit", "stake", "unbonding"}));
  EXPECT_EQ(account["balances"]["AMAX"], "60000000000");
  const auto refused = ada->send(unbond(25 * kBasePerToken - 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "E6103");
  EXPECT_FALSE(anybody_->get("/v1/accounts/nonsense/stake"));
}

// REQ: STK-2. Credits come while nothing happens, and a quote says what they would do.
TEST_F(GovernedTest, AStakeBringsCreditsThatAJobMaySpend) {
  const std::string path = "/v1/accounts/" + key_of("ada").account().text();
  const auto ada = world_.as("ada");
  send(*ada, lock(90 * kBasePerToken));
  json stake = get(*anybody_, path + "/stake");
  while (stake["credits_micro"] == "0") stake = get(*anybody_, path + "/stake");
  fits("Stake", stake);
  const json earlier = stake;
  while (stake["credits_micro"] == earlier["credits_micro"]) stake = get(*anybody_, path + "/stake");
  v1::JobSpec spec = job_spec(sha256("x"));
  spec.set_credits(100);
  const auto quote =
      anybody_->post_bytes("/v1/quotes?account=" + key_of("ada").account().text(), spec.SerializeAsString());
  ASSERT_TRUE(quote);
  fits("Quote", *quote);
  EXPECT_EQ((*quote)["boost_ms"], 60'000) << "the most in preset dev";
  EXPECT_EQ((*quote)["credits"], 13) << "no more than that needs";
  EXPECT_EQ((*quote)["credits_burned"], "13000000");
  EXPECT_NE((*quote)["credits_micro"], "0");
}

// REQ: RSV-1. Capacity, draws and cover of a pool, and what its nodes are committed to, are public.
TEST_F(GovernedTest, PoolsTellWhatStandsBy) {
  json pools = get(*anybody_, "/v1/pools");
  fits("Pools", pools);
  EXPECT_TRUE(pools["pools"].empty());
  EXPECT_EQ(pools["level_amax"], "10000000000000");
  const std::string node = world_.add_node("fay");
  EXPECT_TRUE(get(*anybody_, "/v1/nodes/" + node)["reserve"].is_null());
  const auto fay = world_.as("fay");
  v1::TransactionBody body;
  body.mutable_reserve_join()->set_node(wire(*NodeId::parse(node)));
  body.mutable_reserve_join()->set_amount(3 * kBasePerToken);
  body.mutable_reserve_join()->set_window_ms(8'640'000);
  EXPECT_EQ(send(*fay, body).subject, node);
  pools = get(*anybody_, "/v1/pools");
  fits("Pools", pools);
  ASSERT_EQ(pools["pools"].size(), 1U);
  const json& pool = pools["pools"][0];
  const json shown = get(*anybody_, "/v1/nodes/" + node);
  EXPECT_EQ(pool["class"], shown["class"]);
  EXPECT_EQ(pool["region"], shown["region"]);
  EXPECT_EQ(pool["standing_by"], 1);
  EXPECT_EQ(pool["gpus"], shown["devices"]);
  EXPECT_EQ(pool["free_milli"], 1000 * shown["devices"].get<int>());
  EXPECT_EQ(pool["stake"], "3000000000");
  EXPECT_TRUE(pool["cover_ppm"].is_null()) << "nobody asks";
  fits("Node", shown);
  EXPECT_EQ(shown["reserve"]["standing"], "stands_by");
  EXPECT_EQ(shown["reserve"]["until_ms"].get<std::uint64_t>() - shown["reserve"]["joined_ms"].get<std::uint64_t>(),
            8'640'000U);
  EXPECT_EQ(get(*anybody_, "/v1/nodes?where=reserve=stands_by")["nodes"].size(), 1U);
  v1::TransactionBody leave;
  leave.mutable_reserve_leave()->set_node(wire(*NodeId::parse(node)));
  const auto refused = fay->send(leave);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "E6204");
}

}  // namespace
}  // namespace starminer::api_test
