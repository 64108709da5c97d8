// A job through the API from quote to settlement, with a test in the place of the agent: every figure of the bill
// against the quote, every answer against its schema, every proof checked as a stranger would.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/signature.h"
#include "protocol/audit/history.h"
#include "protocol/machine.h"
#include "signing/request.h"
#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using protocol::audit::HistoryTree;

std::uint64_t number(const json& text) { return std::stoull(text.get<std::string>()); }

/// One job that ran well, and what it left.
class MarketTest : public ::testing::Test {
 protected:
  MarketTest() : ada_(world_.as("ada")), fay_(world_.as("fay")), anybody_(world_.anybody()) {
    document_ = get(*anybody_, "/openapi.json");
  }

  void fits(const std::string& schema, const json& value) { EXPECT_EQ(mismatch(document_, schema, value), ""); }

  json quote(const v1::JobSpec& spec) {
    const auto answer = ada_->post_bytes("/v1/quotes?account=" + ada_->address(), spec.SerializeAsString());
    if (!answer) ADD_FAILURE() << client::describe(answer.error());
    return answer.value_or(json());
  }

  /// Submits and starts a job; gives its contract.
  std::string start_job(const v1::JobSpec& spec) {
    job_ = send(*ada_, job_submission(spec)).subject;
    const std::string contract = get(*anybody_, "/v1/jobs/" + job_)["contract"];
    v1::TransactionBody body;
    body.mutable_contract_acknowledge()->set_contract(wire(contract_of(contract)));
    send(*fay_, body);
    body.mutable_contract_start()->set_contract(wire(contract_of(contract)));
    send(*fay_, body);
    return contract;
  }

  Hash32 upload(client::Api& api, std::string_view text) {
    const auto hash = api.upload_text(text);
    if (!hash) ADD_FAILURE() << client::describe(hash.error());
    return hash.value_or(Hash32{});
  }

  /// Uploads output, log and manifest as the provider and completes the contract.
  void complete(const std::string& contract) {
    output_ = upload(*fay_, "weights of " + contract);
    log_ = upload(*fay_, "log of " + contract);
    const json manifest = {{"version", 1},
                           {"contract", contract},
                           {"exit_code", 0},
                           {"outputs", {{{"path", "weights.pt"}, {"sha256", output_.hex()}, {"size", 10}}}},
                           {"stdout", {{"sha256", log_.hex()}, {"size", 10}}}};
    result_ = upload(*fay_, manifest.dump());
    v1::TransactionBody body;
    v1::ContractComplete& message = *body.mutable_contract_complete();
    message.set_contract(wire(contract_of(contract)));
    message.set_run_ms(90'000);
    message.set_result_hash(wire(result_));
    message.add_outputs(wire(output_));
    message.set_proof_hash(wire(upload(*fay_, "proof of " + contract)));
    send(*fay_, body);
  }

  void accept(const std::string& contract) {
    v1::TransactionBody body;
    body.mutable_contract_accept()->set_contract(wire(contract_of(contract)));
    send(*ada_, body);
  }

  /// What a stranger with nothing but the app hash would check.
  void expect_proven(const json& proof) {
    fits("Proof", proof);
    HistoryTree::Proof path;
    for (const json& hash : proof["path"]) path.push_back(*Hash32::from_hex(hash.get<std::string>()));
    const Hash32 root = *Hash32::from_hex(proof["history_root"].get<std::string>());
    const Hash32 leaf = HistoryTree::leaf_hash(*from_hex(proof["leaf"].get<std::string>()));
    EXPECT_TRUE(HistoryTree::verify_inclusion(root, proof["tree_size"], proof["leaf_index"], leaf, path));
    const Hash32 state_root = *Hash32::from_hex(proof["state_root"].get<std::string>());
    EXPECT_EQ(protocol::make_app_hash({proof["height"], state_root, root, proof["tree_size"]}).hex(),
              proof["app_hash"]);
  }

  World world_;
  std::unique_ptr<client::Api> ada_, fay_, anybody_;
  json document_;
  std::string job_;
  Hash32 output_, log_, result_;
};

// REQ: WRK-2, CSC-1
TEST_F(MarketTest, AJobGoesFromSubmissionToPaymentThroughTheApi) {
  world_.add_node("fay");
  const Hash32 manifest = upload(*ada_, "the job");
  const Hash32 input = upload(*ada_, "the input");
  const std::string contract = start_job(job_spec(manifest, {input}));

  const json assigned = get(*fay_, "/v1/assignments");
  fits("Assignments", assigned);
  ASSERT_EQ(assigned["contracts"].size(), 1U);
  EXPECT_EQ(assigned["contracts"][0]["state"], "running");
  EXPECT_EQ(assigned["contracts"][0]["job_kind"], "training");
  EXPECT_EQ(get(*anybody_, "/v1/queues")["queues"][2]["running"], 1);
  fits("Explanation", get(*anybody_, "/v1/jobs/" + job_ + "/explain"));

  const auto read_input = fay_->get_bytes("/v1/artifacts/" + input.hex() + "?contract=" + contract);
  ASSERT_TRUE(read_input.has_value()) << client::describe(read_input.error());
  EXPECT_EQ(*read_input, "the input");

  complete(contract);
  EXPECT_EQ(get(*anybody_, "/v1/contracts/" + contract)["state"], "delivered");
  for (const Hash32& hash : {result_, output_, log_}) {
    EXPECT_TRUE(ada_->get_bytes("/v1/artifacts/" + hash.hex() + "?contract=" + contract).has_value()) << hash.hex();
  }
  accept(contract);

  const json settled = get(*anybody_, "/v1/contracts/" + contract);
  fits("Contract", settled);
  EXPECT_EQ(settled["state"], "settled");
  EXPECT_EQ(settled["end_reason"], "accepted");
  EXPECT_EQ(settled["result_hash"], result_.hex());
  EXPECT_EQ(settled["payout"], fay_->address());
  const json job = get(*anybody_, "/v1/jobs/" + job_);
  fits("Job", job);
  EXPECT_EQ(job["state"], "settled");
  EXPECT_EQ(number(job["paid"]) + number(job["refunded"]), number(job["cap"]));
  EXPECT_EQ(get(*anybody_, "/v1/contracts?job=" + job_)["contracts"].size(), 1U);
  EXPECT_TRUE(get(*anybody_, "/v1/status")["supply"]["AGPU"]["conserved"]);
}

// REQ: WRK-4
TEST_F(MarketTest, TheBillIsTheFormulaOfTheQuoteAndNothingElse) {
  world_.add_node("fay");
  const v1::JobSpec spec = job_spec(upload(*ada_, "the job"));
  const json quoted = quote(spec);
  fits("Quote", quoted);
  ASSERT_TRUE(quoted["refusal"].is_null()) << quoted["refusal"];
  ASSERT_FALSE(quoted["match"].is_null());
  EXPECT_TRUE(quoted["starts_now"]);

  const std::uint64_t fay_before = number(get(*anybody_, "/v1/accounts/" + fay_->address())["balances"]["AGPU"]);
  const std::string contract = start_job(spec);
  const json opened = get(*anybody_, "/v1/contracts/" + contract);
  EXPECT_EQ(opened["unit_price"], quoted["match"]["unit"]);
  EXPECT_EQ(opened["cap"], quoted["cap"]);
  complete(contract);
  accept(contract);

  const json settled = get(*anybody_, "/v1/contracts/" + contract);
  // The price again from its inputs: base times every factor.
  const json& price = settled["price"];
  std::uint64_t unit = number(price["base"]);
  const auto product = static_cast<std::uint64_t>(price["product_ppm"]);
  unit = std::min((unit * product + 999'999) / 1'000'000, number(price["ceiling"]));
  EXPECT_EQ(unit, number(price["unit"]));
  // The bill from price, share and metered time, and its split.
  const json& bill = settled["bill"];
  const std::uint64_t pay = number(bill["pay"]);
  const std::uint64_t metered = settled["metered_ms"];
  EXPECT_EQ(pay, protocol::Pricing::cost({unit}, settled["billing_milli"], metered, Rounding::Ceil).base);
  std::uint64_t parts = 0;
  for (const auto& [name, amount] : bill.items()) parts += name == "pay" ? 0 : number(amount);
  EXPECT_EQ(parts, pay);
  EXPECT_EQ(number(settled["refund"]), number(settled["cap"]) - pay);
  // What the provider received is its part of the bill, less the fees of its own transactions.
  const std::uint64_t fay_after = number(get(*anybody_, "/v1/accounts/" + fay_->address())["balances"]["AGPU"]);
  EXPECT_EQ(fay_after + 3 * number(quoted["tx_fee"]), fay_before + number(bill["provider"]));
}

// REQ: CSC-3. What a quote says of a lock of the price is what the job pays for it, and half goes to who serves it.
TEST_F(MarketTest, ALockedPriceCostsWhatTheQuoteSays) {
  world_.add_node("fay");
  v1::JobSpec spec = job_spec(upload(*ada_, "the job"));
  const json open = quote(spec);
  EXPECT_TRUE(open["price_lock"].is_null());
  spec.set_price_lock(5);
  const json quoted = quote(spec);
  fits("Quote", quoted);
  const std::string fee = quoted["price_lock"]["fee"];
  EXPECT_EQ(quoted["price_lock"]["ticks"], 5);
  EXPECT_EQ(quoted["lock_fees"]["5"], fee);
  const std::string contract = start_job(spec);
  const json held = get(*anybody_, "/v1/jobs/" + job_)["price_lock"];
  EXPECT_EQ(held["fee"], fee);
  EXPECT_EQ(held["held"], true);
  EXPECT_EQ(held["paid"], "0");
  complete(contract);
  accept(contract);
  const json job = get(*anybody_, "/v1/jobs/" + job_);
  fits("Job", job);
  EXPECT_EQ(job["price_lock"]["paid"], std::to_string(std::stoull(fee) / 2));
}

TEST_F(MarketTest, AQuoteIsSignedByTheNodeAndAnyChangeShows) {
  world_.add_node("fay");
  json quoted = quote(job_spec(sha256("x")));
  const json signature = quoted["node_signature"];
  quoted.erase("node_signature");
  const auto key = PublicKey::from_view(*from_hex(signature["key"].get<std::string>()));
  const auto value = Signature::from_view(*from_hex(signature["signature"].get<std::string>()));
  ASSERT_TRUE(key && value);
  EXPECT_EQ(account_of(*key), key_of("operator").account());
  EXPECT_EQ(verify(*key, signing::kQuoteDomain, as_bytes(quoted.dump()), *value), SignatureFault::None);
  quoted["cap"] = "1";
  EXPECT_EQ(verify(*key, signing::kQuoteDomain, as_bytes(quoted.dump()), *value), SignatureFault::Mismatch);
}

// REQ: AUD-1, DEC-2
TEST_F(MarketTest, ReceiptsAndSettlementsAreProvenAgainstTheAppHash) {
  world_.add_node("fay");
  const std::string contract = start_job(job_spec(upload(*ada_, "the job")));
  const auto early = anybody_->get("/v1/contracts/" + contract + "/proof");
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, "not_settled");
  complete(contract);
  accept(contract);
  expect_proven(get(*anybody_, "/v1/contracts/" + contract + "/proof"));
  const client::Receipt receipt = send(*ada_, transfer(fay_->key()->account(), 5));
  const json proof = get(*anybody_, "/v1/transactions/" + receipt.transaction + "/proof");
  expect_proven(proof);
  const json block = get(*anybody_, "/v1/blocks/" + std::to_string(receipt.height));
  fits("Block", block);
  EXPECT_THAT(block["transactions"].get<std::vector<std::string>>(), ::testing::Contains(receipt.transaction));
  fits("Receipt", get(*anybody_, "/v1/transactions/" + receipt.transaction));
}

// REQ: REG-1, REG-4
TEST_F(MarketTest, NodesAreFoundByEveryAttributeAndShowWhatIsFreeNow) {
  const std::string mine = world_.add_node("fay");
  world_.add_node("gus");
  for (const char* query : {"class=A100", "region=eu-central", "status=active", "kind=training", "free_min=1000"}) {
    EXPECT_EQ(get(*anybody_, std::string("/v1/nodes?") + query)["nodes"].size(), 2U) << query;
  }
  for (const char* query : {"class=H100", "region=us-east", "status=left", "kind=inference", "free_min=1001"}) {
    EXPECT_EQ(get(*anybody_, std::string("/v1/nodes?") + query)["nodes"].size(), 0U) << query;
  }
  const json own = get(*anybody_, "/v1/nodes?provider=" + fay_->address());
  fits("Nodes", own);
  ASSERT_EQ(own["nodes"].size(), 1U);
  EXPECT_EQ(own["nodes"][0]["id"], mine);
  const json first = get(*anybody_, "/v1/nodes?limit=1");
  const json second = get(*anybody_, "/v1/nodes?limit=1&after=" + first["next"].get<std::string>());
  EXPECT_NE(first["nodes"][0]["id"], second["nodes"][0]["id"]);
  EXPECT_TRUE(second["next"].is_null());

  v1::JobSpec spec = job_spec(sha256("x"));
  const std::string job = send(*ada_, job_submission(spec)).subject;
  const std::string node = get(*anybody_, "/v1/contracts?job=" + job)["contracts"][0]["node"];
  const json busy = get(*anybody_, "/v1/nodes/" + node);
  fits("Node", busy);
  EXPECT_EQ(busy["free"]["devices_milli"], json::array({0}));
  EXPECT_EQ(busy["free"]["jobs"], 1);
  EXPECT_EQ(get(*anybody_, "/v1/nodes?free_min=1000")["nodes"].size(), 1U);

  v1::TransactionBody body;
  body.mutable_node_set_status()->set_node(wire(*NodeId::parse(mine)));
  body.mutable_node_set_status()->set_change(v1::NodeSetStatus::DRAIN);
  send(*fay_, body);
  EXPECT_EQ(get(*anybody_, "/v1/nodes/" + mine)["status"], "draining");
}

TEST_F(MarketTest, TablesFitTheirSchemas) {
  world_.add_node("fay");
  fits("Health", get(*anybody_, "/healthz"));
  const auto status = get(*anybody_, "/v1/status");
  fits("Status", status);
  EXPECT_EQ(status["engine"], "solo");
  EXPECT_EQ(status["order_rule"], "arrival");
  EXPECT_EQ(status["readiness"], "ready");
  fits("Parameters", get(*anybody_, "/v1/params"));
  fits("Codes", get(*anybody_, "/v1/codes"));
  fits("Classes", get(*anybody_, "/v1/classes"));
  fits("Regions", get(*anybody_, "/v1/regions"));
  fits("Tiers", get(*anybody_, "/v1/tiers"));
  fits("Prices", get(*anybody_, "/v1/prices"));
  fits("PriceHistory", get(*anybody_, "/v1/prices/history?class=A100&tier=Economy"));
  fits("Queues", get(*anybody_, "/v1/queues"));
  fits("Account", get(*anybody_, "/v1/accounts/" + fay_->address()));
  fits("Provider", get(*anybody_, "/v1/providers/" + fay_->address()));
  fits("Block", get(*anybody_, "/v1/blocks/0"));
}

TEST_F(MarketTest, AQuoteSaysWhatASubmissionWouldBeRefusedFor) {
  world_.add_node("fay");
  v1::JobSpec spec = job_spec(sha256("x"));
  spec.set_budget(1);
  const json quoted = quote(spec);
  ASSERT_FALSE(quoted["refusal"].is_null());
  const auto sent = ada_->send(job_submission(spec));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, quoted["refusal"]["code"]);
  EXPECT_EQ(sent.error().status, 422);

  v1::JobSpec strange = job_spec(sha256("x"));
  strange.set_runtime("debian/unheard-of");
  EXPECT_TRUE(quote(strange)["missing_runtime"]);
}

TEST_F(MarketTest, JobsOfARequesterAreListedNewestFirst) {
  world_.add_node("fay");
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i) jobs.push_back(send(*ada_, job_submission(job_spec(sha256("x")))).subject);
  const std::string target = "/v1/jobs?limit=2&requester=" + ada_->address();
  const json page = get(*anybody_, target);
  fits("Jobs", page);
  EXPECT_EQ(page["jobs"][0]["id"], jobs[2]);
  EXPECT_EQ(page["jobs"][1]["id"], jobs[1]);
  const json rest = get(*anybody_, target + "&after=" + page["next"].get<std::string>());
  ASSERT_EQ(rest["jobs"].size(), 1U);
  EXPECT_EQ(rest["jobs"][0]["id"], jobs[0]);
  EXPECT_TRUE(rest["next"].is_null());
  EXPECT_EQ(get(*anybody_, "/v1/jobs?state=active")["jobs"].size(), 1U);
  EXPECT_EQ(get(*anybody_, "/v1/jobs?state=queued")["jobs"].size(), 2U);
}

}  // namespace
}  // namespace starminer::api_test
