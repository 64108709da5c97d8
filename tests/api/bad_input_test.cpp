// Everything that a client can send wrong, as a table: each row is answered with its status and code, changes nothing,
// and tells nobody a path or another's data.
#include <array>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include "protocol/transaction.h"
#include "signing/request.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using api::http::HttpClient;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kOctets = "application/octet-stream";

class BadInputTest : public ::testing::Test {
 protected:
  BadInputTest() : http_(*HttpClient::make(world_.url())) {}

  std::string code_of(const Result<api::http::ClientResponse, client::ApiError>& answer) {
    if (answer) return "(accepted)";
    expect_clear(answer.error());
    return answer.error().code;
  }
  std::string submit(const Bytes& bytes) {
    return code_of(http_->post("/v1/transactions", as_text(bytes), std::string(kOctets)));
  }
  /// Every refusal says what happened, and nothing of this machine.
  void expect_clear(const client::ApiError& error) {
    EXPECT_NE(error.status, 0) << error.detail;
    EXPECT_LT(error.status, 500) << error.code;
    EXPECT_FALSE(error.title.empty());
    const std::string text = error.title + error.detail + error.advice;
    for (const std::string& leak : {world_.folder().string(), std::string("/src/"), std::string("terminate")}) {
      EXPECT_THAT(text, Not(HasSubstr(leak)));
    }
  }

  Bytes signed_transfer(const std::function<void(v1::TransactionBody&)>& change = {}) {
    return world_.sign("ada", transfer(key_of("ben").account(), 5), change);
  }
  /// A signed transaction with another key or signature put in.
  Bytes forged(const std::function<void(v1::SignedTransaction&)>& change) {
    v1::SignedTransaction message;
    EXPECT_TRUE(message.ParseFromString(to_text(signed_transfer())));
    change(message);
    const std::string text = message.SerializeAsString();
    const ByteView view = as_bytes(text);
    return {view.begin(), view.end()};
  }
  std::uint64_t balance(std::string_view name) {
    return world_.engine().read([&](const protocol::Machine& machine) {
      return machine.ledger().balance(key_of(name).account(), Asset::Agpu);
    });
  }

  World world_;
  std::unique_ptr<HttpClient> http_;
};

TEST_F(BadInputTest, TransactionsThatNoBlockTakes) {
  struct Row {
    const char* what;
    std::string code;
    Bytes bytes;
  };
  const std::string small_order(32, '\0');
  std::string not_canonical(32, static_cast<char>(0xff));
  not_canonical[0] = static_cast<char>(0xee);
  not_canonical[31] = 0x7f;
  Bytes truncated = signed_transfer();
  truncated.resize(truncated.size() / 2);
  Bytes trailing = signed_transfer();
  trailing.insert(trailing.end(), {0xaa, 0x06, 0x01, 0x00});  // an unknown field
  const std::vector<Row> rows = {
      {"nothing, which names no chain", "E1006", {}},
      {"text", "E1001", {'h', 'e', 'l', 'l', 'o'}},
      {"half of a transaction", "E1001", truncated},
      {"an unknown field", "E1001", trailing},
      {"more than a transaction may have", "E1002", Bytes(protocol::kTransactionBytesMax + 1, 0)},
      {"a key of small order", "E1003", forged([&](v1::SignedTransaction& m) { m.set_public_key(small_order); })},
      {"a key that is not canonical", "E1003",
       forged([&](v1::SignedTransaction& m) { m.set_public_key(not_canonical); })},
      {"a scalar above the group order", "E1004",
       forged([](v1::SignedTransaction& m) { m.mutable_signature()->back() = static_cast<char>(0xff); })},
      {"a point of small order in the signature", "E1004",
       forged([&](v1::SignedTransaction& m) { m.mutable_signature()->replace(0, 32, small_order); })},
      {"another's signature", "E1005", forged([&](v1::SignedTransaction& m) {
         v1::SignedTransaction other;
         (void)other.ParseFromString(to_text(world_.sign("ben", transfer(key_of("ada").account(), 5))));
         m.set_signature(other.signature());
       })},
      {"another's key", "E1005",
       forged([&](v1::SignedTransaction& m) { m.set_public_key(to_text(key_of("ben").public_key().view())); })},
      {"another chain", "E1006", signed_transfer([](v1::TransactionBody& b) { b.set_chain_id("another"); })},
      {"no operation", "E1007", signed_transfer([](v1::TransactionBody& b) { b.clear_operation(); })},
      {"an address of three bytes", "E1008",
       signed_transfer([](v1::TransactionBody& b) { b.mutable_transfer()->set_to("abc"); })},
      {"no amount", "E2101", signed_transfer([](v1::TransactionBody& b) { b.mutable_transfer()->set_amount(0); })},
      {"an amount of 2^63", "E2102",
       signed_transfer([](v1::TransactionBody& b) { b.mutable_transfer()->set_amount(kAmountMax + 1); })},
      {"expired", "E1101", signed_transfer([](v1::TransactionBody& b) { b.set_expires_at_ms(1'000); })},
      {"an expiry in a hundred years", "E1102",
       signed_transfer([](v1::TransactionBody& b) { b.set_expires_at_ms(4'900'000'000'000); })},
      {"a sequence ahead", "E1104", signed_transfer([](v1::TransactionBody& b) { b.set_sequence(7); })},
      {"an account that does not exist", "E1105", world_.sign("stranger", transfer(key_of("ben").account(), 5))},
  };
  const std::uint64_t before = balance("ada");
  for (const Row& row : rows) EXPECT_EQ(submit(row.bytes), row.code) << row.what;
  EXPECT_EQ(balance("ada"), before) << "a refusal outside of a block costs nothing";
  EXPECT_EQ(submit(Bytes(200 * 1024, 0)), "body_too_large");
  EXPECT_EQ(code_of(http_->post("/v1/transactions", "{}", "application/json")), "unsupported_media_type");
}

TEST_F(BadInputTest, TheSameBytesAgainGiveTheFirstReceipt) {
  const Bytes bytes = signed_transfer();
  const auto first = http_->post("/v1/transactions", as_text(bytes), std::string(kOctets));
  ASSERT_TRUE(first.has_value());
  const std::uint64_t after = balance("ada");
  const auto second = http_->post("/v1/transactions", as_text(bytes), std::string(kOctets));
  ASSERT_TRUE(second.has_value());
  json one = json::parse(first->body), two = json::parse(second->body);
  EXPECT_EQ(one, get(*world_.anybody(), "/v1/transactions/" + sha256(bytes).hex()));
  EXPECT_EQ(one["duplicate"], false);
  EXPECT_EQ(two["duplicate"], true);
  two["duplicate"] = false;
  EXPECT_EQ(one, two);
  EXPECT_EQ(balance("ada"), after);
  EXPECT_EQ(submit(signed_transfer([](v1::TransactionBody& b) { b.set_sequence(0); })), "E1103")
      << "the same sequence with another body";
  world_.restart();
  http_ = *HttpClient::make(world_.url());
  const auto third = http_->post("/v1/transactions", as_text(bytes), std::string(kOctets));
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(json::parse(third->body)["duplicate"], true);
  EXPECT_EQ(balance("ada"), after);
}

TEST_F(BadInputTest, AChargedRefusalCarriesItsReceipt) {
  const Bytes bytes = signed_transfer([](v1::TransactionBody& b) { b.mutable_transfer()->set_amount(kFunds * 2); });
  for (const bool again : {false, true}) {
    const auto answer = http_->post("/v1/transactions", as_text(bytes), std::string(kOctets));
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().status, 422);
    EXPECT_EQ(answer.error().code, "E2104");
    EXPECT_EQ(answer.error().title, "the balance is too small");
    EXPECT_THAT(answer.error().detail, HasSubstr("AGPU")) << "the figures";
    // The client keeps the text members alone; the receipt is read from the chain.
    const json receipt = json::parse((*http_->get("/v1/transactions/" + sha256(bytes).hex())).body);
    EXPECT_EQ(receipt["status"], "refused");
    EXPECT_EQ(receipt["code"], "E2104");
    (void)again;
  }
}

TEST_F(BadInputTest, ABatchAnswersEachInOrder) {
  const auto framed = [](const Bytes& bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(size >> shift & 0xffU));
    return text + to_text(bytes);
  };
  const Bytes good = signed_transfer();
  const Bytes next = signed_transfer([](v1::TransactionBody& b) { b.set_sequence(1); });
  const auto api = world_.anybody();
  const auto answer =
      api->post_bytes("/v1/transactions/batch", framed(good) + framed({'x'}) + framed(next) + framed(good));
  ASSERT_TRUE(answer.has_value()) << client::describe(answer.error());
  const json& results = (*answer)["results"];
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0]["status"], "applied");
  EXPECT_EQ(results[1]["code"], "E1001");
  EXPECT_EQ(results[2]["status"], "applied");
  EXPECT_EQ(results[3]["duplicate"], true);
  for (const std::string& body : {std::string(), std::string("\0\0\0\5abc", 7), std::string("ab")}) {
    EXPECT_EQ(code_of(http_->post("/v1/transactions/batch", body, std::string(kOctets))), "bad_batch");
  }
}

TEST_F(BadInputTest, ReadsOfWhatIsNotThereOrNotAnId) {
  struct Row {
    std::string target;
    int status;
    std::string code;
  };
  const std::string job = job_id_of(key_of("ada").account(), 9).text();
  const std::string contract = contract_id_of(*JobId::parse(job), 0).text();
  const std::string node = node_id_of(key_of("fay").account(), 9).text();
  const std::string account = key_of("stranger").account().text();
  std::string typing_error = job;
  typing_error.back() = typing_error.back() == 'q' ? 'p' : 'q';
  const std::vector<Row> rows = {
      {"/v1/jobs/" + job, 404, "not_found"},
      {"/v1/jobs/" + job + "/explain", 404, "not_found"},
      {"/v1/jobs/" + job + "/stream", 404, "not_found"},
      {"/v1/jobs/" + typing_error, 400, "bad_id"},
      {"/v1/jobs/" + contract, 400, "bad_id"},
      {"/v1/contracts/" + contract, 404, "not_found"},
      {"/v1/contracts/" + contract + "/proof", 404, "not_found"},
      {"/v1/contracts/" + job, 400, "bad_id"},
      {"/v1/nodes/" + node, 404, "not_found"},
      {"/v1/providers/" + account, 404, "not_found"},
      {"/v1/accounts/somebody", 400, "bad_id"},
      {"/v1/transactions/" + sha256("x").hex(), 404, "not_found"},
      {"/v1/transactions/" + sha256("x").hex() + "/proof", 404, "not_found"},
      {"/v1/transactions/xyz", 400, "bad_hash"},
      {"/v1/blocks/999999", 404, "not_found"},
      {"/v1/blocks/-1", 400, "bad_height"},
      {"/v1/blocks/99999999999999999999999", 400, "bad_height"},
      {"/v1/nodes?class=GTX", 400, "bad_parameter"},
      {"/v1/nodes?region=moon", 400, "bad_parameter"},
      {"/v1/nodes?status=asleep", 400, "bad_parameter"},
      {"/v1/nodes?kind=cooking", 400, "bad_parameter"},
      {"/v1/nodes?provider=me", 400, "bad_id"},
      {"/v1/nodes?limit=1000000000", 400, "bad_query"},
      {"/v1/nodes?limit=0", 400, "bad_query"},
      {"/v1/jobs?state=done", 400, "bad_parameter"},
      {"/v1/jobs?after=x", 400, "bad_id"},
      {"/v1/contracts?state=done", 400, "bad_parameter"},
      {"/v1/unheard/of", 404, "no_such_path"},
      {"/v1/jobs/../status", 400, "bad_path"},
  };
  for (const Row& row : rows) {
    const auto answer = http_->get(row.target);
    EXPECT_EQ(code_of(answer), row.code) << row.target;
    EXPECT_EQ(answer ? answer->status : answer.error().status, row.status) << row.target;
  }
}

TEST_F(BadInputTest, BodiesThatAreNotWhatThePathTakes) {
  world_.add_node("fay");
  const auto fay = world_.as("fay");
  const auto code = [&](const Result<json, client::ApiError>& answer) {
    if (answer) return std::string("(accepted)");
    expect_clear(answer.error());
    return answer.error().code;
  };
  EXPECT_EQ(code(fay->post("/v1/beats", json::array())), "bad_body");
  EXPECT_EQ(code(fay->post("/v1/beats", {{"nodes", "all"}})), "bad_body");
  EXPECT_EQ(code(fay->post("/v1/beats", {{"nodes", {1}}})), "bad_body");
  EXPECT_EQ(code(fay->post("/v1/beats", {{"nodes", {"n1"}}})), "bad_id");
  EXPECT_EQ(code(fay->post("/v1/beats", {{"nodes", {node_id_of(key_of("x").account(), 0).text()}}})), "not_found");
  for (const char* text : {"", "{", "{\"a\":1,\"a\":2}", "\xff", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
    EXPECT_EQ(code_of(http_->post("/v1/faucet", text)), "no_faucet") << "this world has none";
  }
  EXPECT_EQ(code(fay->post_bytes("/v1/quotes", "garbage")), "bad_body");
  v1::JobSpec spec = job_spec(sha256("x"));
  spec.set_max_s(0);
  EXPECT_EQ(code(fay->post_bytes("/v1/quotes", spec.SerializeAsString())), "E1008");
  EXPECT_EQ(code(fay->post_bytes("/v1/quotes?account=me", job_spec(sha256("x")).SerializeAsString())), "bad_id");
}

TEST_F(BadInputTest, SignedRequestsThatProveNothing) {
  const std::string target = "/v1/assignments";
  const SigningKey key = key_of("fay");
  world_.add_node("fay");
  const TimeMs now = engine::solo::Engine::wall_clock();
  const Hash32 empty = sha256(std::string_view());
  int number = 0;
  const auto nonce = [&] { return to_hex(ByteView(sha256(std::to_string(++number)).bytes).first(16)); };
  const auto call = [&](const std::string& header) {
    api::http::CallOptions options;
    if (!header.empty()) options.headers.emplace_back("Authorization", header);
    return code_of(http_->get(target, options));
  };
  const auto header = [&](std::string_view method, std::string_view path, const signing::BodyHash& body, TimeMs time) {
    return signing::make_authorization(key, method, path, body, time, nonce());
  };
  const std::string good = header("GET", target, empty, now);
  EXPECT_EQ(call(good), "(accepted)");
  EXPECT_EQ(call(good), "replayed_request");
  EXPECT_EQ(call(""), "unsigned");
  EXPECT_EQ(call("Bearer abc"), "bad_signature");
  EXPECT_EQ(call(header("POST", target, empty, now)), "bad_signature") << "another method";
  EXPECT_EQ(call(header("GET", "/v1/assignments?x=1", empty, now)), "bad_signature") << "another target";
  EXPECT_EQ(call(header("GET", target, sha256("x"), now)), "bad_signature") << "another body";
  EXPECT_EQ(call(header("GET", target, {}, now)), "bad_signature") << "body=stream on a read";
  EXPECT_EQ(call(header("GET", target, empty, {now.ms - 60'000})), "stale_request");
  EXPECT_EQ(call(header("GET", target, empty, {now.ms + 60'000})), "stale_request");
  std::string zero_key = header("GET", target, empty, now);
  zero_key.replace(zero_key.find("key=") + 4, 64, std::string(64, '0'));
  EXPECT_EQ(call(zero_key), "bad_signature") << "a key of small order";
  std::string flipped = header("GET", target, empty, now);
  flipped.back() = flipped.back() == '0' ? '1' : '0';
  EXPECT_EQ(call(flipped), "bad_signature");
}

// A key has its own rate behind a shared address, and what is signed by nobody does not use it up.
TEST(RatesTest, AKeyThatAsksTooOftenIsToldWhenToComeBack) {
  WorldOptions options;
  options.server = [](api::http::ServerOptions& server) { server.rates["signed"] = {{}, {0.01, 3}}; };
  World world(options);
  world.add_node("fay");
  world.add_node("gus");
  const auto fay = world.as("fay");
  std::vector<std::string> codes;
  for (int i = 0; i < 5; ++i) {
    const auto answer = fay->get("/v1/assignments");
    codes.push_back(answer ? "ok" : answer.error().code);
    if (!answer) {
      EXPECT_GT(answer.error().retry_after_s, 0);
    }
  }
  EXPECT_EQ(codes, (std::vector<std::string>{"ok", "ok", "ok", "rate_limited", "rate_limited"}));
  EXPECT_TRUE(world.as("gus")->get("/v1/assignments").has_value());
  EXPECT_EQ(world.anybody()->get("/v1/assignments").error().code, "unsigned");
}

class FaucetTest : public ::testing::Test {
 protected:
  static WorldOptions with_faucet() {
    WorldOptions options;
    options.service = [](api::ServiceOptions& service) {
      service.faucet = api::FaucetOptions{key_of("faucet"), {7 * kBasePerToken}, 3'600, 10};
    };
    return options;
  }
  FaucetTest() : world_(with_faucet()) {}
  World world_;
};

TEST_F(FaucetTest, GivesOncePerAddressAndRefusesWhatIsNoAddress) {
  const auto api = world_.anybody();
  const std::string address = key_of("new").account().text();
  const auto gift = api->post("/v1/faucet", {{"address", address}});
  ASSERT_TRUE(gift.has_value()) << client::describe(gift.error());
  EXPECT_EQ((*gift)["amount"], "7000000000");
  EXPECT_TRUE(get(*api, "/v1/accounts/" + address)["exists"]);
  const auto again = api->post("/v1/faucet", {{"address", address}});
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, "rate_limited");
  EXPECT_GT(again.error().retry_after_s, 0);
  const auto http = *HttpClient::make(world_.url());
  for (const char* body : {"", "{", "[]", R"({"address":1})", R"({"address":"sm1"})", R"({"address":"x","more":1})"}) {
    const auto answer = http->post("/v1/faucet", body);
    ASSERT_FALSE(answer.has_value()) << body;
    EXPECT_EQ(answer.error().status, 400) << body;
  }
  std::string last;
  for (int i = 0; i < 10; ++i) {
    const auto more = api->post("/v1/faucet", {{"address", key_of(std::to_string(i)).account().text()}});
    last = more ? "(given)" : more.error().code;
  }
  EXPECT_EQ(last, "rate_limited") << "one peer may not empty it by many addresses";
}

}  // namespace
}  // namespace starminer::api_test
