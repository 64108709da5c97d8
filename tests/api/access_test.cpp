// The authorization matrix: every route of the table for nobody, a stranger, the requester, the provider and another
// provider. A route without a row fails the test.
#include <array>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signing/request.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using api::http::Method;
using nlohmann::json;

enum class Role { Nobody, Stranger, Requester, Provider, OtherProvider };
constexpr std::array kRoles = {Role::Nobody, Role::Stranger, Role::Requester, Role::Provider, Role::OtherProvider};
constexpr std::array<const char*, 5> kRoleNames = {"nobody", "stranger", "requester", "provider", "other provider"};
constexpr std::array<const char*, 5> kRoleKeys = {"", "ben", "ada", "fay", "gus"};

// What each role gets: Y let in (whatever the answer is), U 401 unsigned, F 403 forbidden.
struct Row {
  std::string_view route;
  std::string_view expected;  // one letter per role, in the order above
};

constexpr std::array kMatrix = {
    Row{"GET /healthz", "YYYYY"}, Row{"GET /metrics", "YYYYY"}, Row{"GET /openapi.json", "YYYYY"},
    Row{"GET /v1/status", "YYYYY"}, Row{"GET /v1/params", "YYYYY"}, Row{"GET /v1/codes", "YYYYY"},
    Row{"GET /v1/blocks/{height}", "YYYYY"}, Row{"GET /v1/transactions/{hash}", "YYYYY"},
    Row{"GET /v1/transactions/{hash}/proof", "YYYYY"}, Row{"GET /v1/contracts/{id}/proof", "YYYYY"},
    Row{"GET /v1/genesis", "YYYYY"}, Row{"GET /v1/log", "YYYYY"}, Row{"GET /v1/history/consistency", "YYYYY"},
    Row{"POST /v1/proofs", "YYYYY"}, Row{"POST /v1/checkpoints", "UFFFF"}, Row{"GET /v1/accounts/{address}", "YYYYY"},
    Row{"GET /v1/accounts/{address}/stake", "YYYYY"}, Row{"POST /v1/faucet", "YYYYY"},
    // A transaction is signed itself; its own checks say who may do what.
    Row{"POST /v1/transactions", "YYYYY"}, Row{"POST /v1/transactions/batch", "YYYYY"}, Row{"GET /v1/classes", "YYYYY"},
    Row{"GET /v1/regions", "YYYYY"}, Row{"GET /v1/tiers", "YYYYY"}, Row{"GET /v1/prices", "YYYYY"},
    Row{"GET /v1/prices/history", "YYYYY"}, Row{"GET /v1/queues", "YYYYY"}, Row{"GET /v1/nodes", "YYYYY"},
    Row{"GET /v1/nodes/{id}", "YYYYY"}, Row{"GET /v1/providers/{address}", "YYYYY"}, Row{"POST /v1/quotes", "YYYYY"},
    Row{"GET /v1/jobs", "YYYYY"}, Row{"GET /v1/jobs/{id}", "YYYYY"}, Row{"GET /v1/jobs/{id}/explain", "YYYYY"},
    Row{"GET /v1/jobs/{id}/proof", "YYYYY"}, Row{"GET /v1/jobs/{id}/stream", "YYYYY"},
    Row{"GET /v1/contracts", "YYYYY"}, Row{"GET /v1/contracts/{id}", "YYYYY"}, Row{"GET /v1/streams/blocks", "YYYYY"},
    Row{"GET /v1/streams/prices", "YYYYY"}, Row{"GET /v1/streams/nodes", "YYYYY"}, Row{"GET /v1/matches", "YYYYY"},
    Row{"GET /v1/telemetry", "YYYYY"}, Row{"GET /v1/telemetry/{epoch}/beats", "YYYYY"},
    Row{"GET /v1/attestors", "YYYYY"}, Row{"GET /v1/pools", "YYYYY"}, Row{"GET /v1/predictions", "YYYYY"},
    Row{"GET /v1/streams/market", "YYYYY"}, Row{"GET /v1/matches/{id}/explain", "YYYYY"},
    // Private
    Row{"GET /v1/contracts/{id}/progress", "UFYYF"}, Row{"GET /v1/contracts/{id}/logs", "UFYYF"},
    Row{"GET /v1/contracts/{id}/logs/stream", "UFYYF"}, Row{"POST /v1/contracts/{id}/progress", "UFFYF"},
    Row{"POST /v1/contracts/{id}/logs", "UFFYF"}, Row{"GET /v1/assignments", "UFFYY"},
    Row{"GET /v1/assignments/stream", "UFFYY"}, Row{"POST /v1/beats", "UFFYF"},          // for the provider's node
    Row{"PUT /v1/artifacts/{hash}", "UYYYY"}, Row{"GET /v1/artifacts/{hash}", "UFYYF"},  // the job's manifest
};

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    node_ = world_.add_node("fay");
    // The other provider's node takes nothing: it is drained before the job comes.
    const std::string other = world_.add_node("gus");
    v1::TransactionBody drain;
    drain.mutable_node_set_status()->set_node(wire(*NodeId::parse(other)));
    const auto gus = world_.as("gus");
    send(*gus, drain);
    const auto ada = world_.as("ada");
    manifest_ = ada->upload_text("the manifest").value_or(Hash32{});
    const client::Receipt receipt = send(*ada, job_submission(job_spec(manifest_)));
    transaction_ = receipt.transaction;
    job_ = receipt.subject;
    contract_ = get(*ada, "/v1/jobs/" + job_)["contract"];
    const auto fay = world_.as("fay");
    v1::TransactionBody body;
    body.mutable_contract_acknowledge()->set_contract(wire(contract_of(contract_)));
    send(*fay, body);
    body.mutable_contract_start()->set_contract(wire(contract_of(contract_)));
    send(*fay, body);
    EXPECT_TRUE(fay->post("/v1/contracts/" + contract_ + "/progress", {{"run_ms", 1}}).has_value());
  }

  /// A target of the route that stands for real things of this market.
  std::string target_of(const std::string& pattern) {
    std::string target = pattern;
    const auto fill = [&](const std::string& name, const std::string& value) {
      const std::size_t at = target.find(name);
      if (at != std::string::npos) target.replace(at, name.size(), value);
    };
    fill("{height}", "0");
    fill("{epoch}", "0");
    fill("{address}", key_of("fay").account().text());
    fill("{hash}", pattern.find("artifacts") != std::string::npos ? manifest_.hex() : transaction_);
    fill("{id}", pattern.find("/nodes/") != std::string::npos  ? node_
                 : pattern.find("/jobs/") != std::string::npos ? job_
                                                               : contract_);
    if (pattern == "/v1/artifacts/{hash}") target += "?contract=" + contract_;
    if (pattern == "/v1/contracts/{id}/logs") target += "?stream=stdout&offset=0";
    return target;
  }

  int status_for(Role role, const api::http::Route& route) {
    const char* const key = kRoleKeys[static_cast<std::size_t>(role)];
    const auto api = role == Role::Nobody ? world_.anybody() : world_.as(key);
    std::string target = target_of(route.pattern);
    if (route.method == Method::Put) {
      return upload(role, key);
    }
    if (std::holds_alternative<api::http::EventHandler>(route.handler)) return status_of_stream(role, key, target);
    if (route.method == Method::Get) {
      const auto answer = api->get_bytes(target);
      return answer ? 200 : answer.error().status;
    }
    if (route.options.content_types.front() == "application/json") {
      const json body = route.pattern == "/v1/beats"                     ? json{{"nodes", {node_}}}
                        : route.pattern == "/v1/contracts/{id}/progress" ? json{{"run_ms", 2}}
                        : route.pattern == "/v1/proofs"                  ? json{{"leaves", {0}}}
                                                        : json{{"address", key_of("ben").account().text()}};
      const auto answer = api->post(target, body);
      return answer ? 200 : answer.error().status;
    }
    const auto answer = api->post_bytes(target, route.pattern == "/v1/contracts/{id}/logs" ? "" : "garbage");
    return answer ? 200 : answer.error().status;
  }

  int upload(Role role, const char* key) {
    const auto api = role == Role::Nobody ? world_.anybody() : world_.as(key);
    const auto answer = api->upload_text(std::string("text of ") + key);
    return answer ? 201 : answer.error().status;
  }

  /// HEAD of a stream runs its handler and tells the status alone.
  int status_of_stream(Role role, const char* key, const std::string& target) {
    api::http::CallOptions call;
    if (role != Role::Nobody) {
      const Hash32 nonce = sha256(key + target);
      call.headers.emplace_back(
          "Authorization",
          signing::make_authorization(key_of(key), "HEAD", target, sha256(std::string_view()),
                                      engine::solo::Engine::wall_clock(), to_hex(nonce.view().first(16))));
    }
    const auto answer = (*api::http::HttpClient::make(world_.url()))->head(target, call);
    return answer ? answer->status : answer.error().status;
  }

  World world_;
  std::string node_, transaction_, job_, contract_;
  Hash32 manifest_;
};

TEST_F(AccessTest, EveryRouteLetsInExactlyWhoItShould) {
  std::map<std::string, std::string> rows;
  for (const Row& row : kMatrix) rows.emplace(row.route, row.expected);
  for (const auto& route : world_.router().routes()) {
    const std::string name = std::string(api::http::method_name(route->method)) + " " + route->pattern;
    const auto row = rows.find(name);
    ASSERT_NE(row, rows.end()) << name << " has no row in the matrix: who may call it?";
    for (const Role role : kRoles) {
      const auto index = static_cast<std::size_t>(role);
      const int status = status_for(role, *route);
      const char got = status == 401 ? 'U' : status == 403 ? 'F' : 'Y';
      EXPECT_EQ(got, row->second[index]) << name << " for " << kRoleNames[index] << " answers " << status;
      EXPECT_LT(status, 500) << name << " for " << kRoleNames[index];
    }
    rows.erase(row);
  }
  EXPECT_THAT(rows, ::testing::IsEmpty()) << "rows without a route";
}

TEST_F(AccessTest, TheWordsOfTheTableAgreeWithTheMatrix) {
  std::map<std::string, std::string> rows;
  for (const Row& row : kMatrix) rows.emplace(row.route, row.expected);
  for (const auto& route : world_.router().routes()) {
    const std::string name = std::string(api::http::method_name(route->method)) + " " + route->pattern;
    EXPECT_EQ(route->options.auth == "public", rows[name] == "YYYYY") << name;
  }
}

}  // namespace
}  // namespace starminer::api_test
