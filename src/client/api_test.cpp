// Lists of nodes: what is asked goes on at the next one, and a transaction is never signed anew while its first bytes
// may still come into a block. The nodes are HTTP servers that answer from a script. REQ: DEC-1
#include "client/api.h"

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/http/server.h"
#include "base/check.h"
#include "protocol/transaction.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::client {
namespace {

using api::http::Method;
using api::http::Problem;
using api::http::Request;
using api::http::Response;
using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr const char* kNobody = "http://127.0.0.1:1";

Problem problem(int status, std::string code) {
  Problem one;
  one.status = status;
  one.code = std::move(code);
  one.title = "scripted";
  return one;
}

Response receipt(std::uint64_t height, bool duplicate = false) {
  return Response::json(
      json{{"transaction", "aa"}, {"height", height}, {"subject", ""}, {"duplicate", duplicate}}.dump());
}

class FakeNode {
 public:
  FakeNode() {
    api::http::Router router;
    router.add(Method::Get, "/v1/status", [this](const Request&) {
      const std::lock_guard lock(mutex_);
      ++asked_height_;
      return Response::json(json{{"chain_id", "list-1"}, {"height", next_height++}}.dump());
    });
    router.add(Method::Get, "/v1/accounts/{address}", [this](const Request&) {
      const std::lock_guard lock(mutex_);
      if (sequences.size() > 1) sequences.pop_front();
      return Response::json(json{{"next_sequence", sequences.front()}}.dump());
    });
    api::http::RouteOptions octets;
    octets.content_types = {"application/octet-stream"};
    router.add(
        Method::Post, "/v1/transactions",
        [this](const Request& request) {
          const std::lock_guard lock(mutex_);
          received_.push_back(request.body);
          STARMINER_CHECK(!answers.empty());
          Response answer = answers.front();
          if (answers.size() > 1) answers.pop_front();
          return answer;
        },
        octets);
    router.add(Method::Get, "/v1/artifacts/{hash}", [this](const Request&) -> Response {
      if (artifact.empty()) return problem(404, "not_found");
      return Response::bytes(artifact, "application/octet-stream");
    });
    router.add(Method::Get, "/v1/log",
               [this](const Request&) { return Response::bytes(log, "application/octet-stream"); });
    router.add_events("/v1/stream",
                      [this](const Request& request, api::http::SseStream stream) -> std::optional<Response> {
                        const std::lock_guard lock(mutex_);
                        last_ids_.emplace_back(request.header("last-event-id"));
                        stream.push({std::to_string(event_id), "block", "{}"});
                        stream.close();
                        return std::nullopt;
                      });
    server_ = std::make_unique<api::http::Server>(api::http::ServerOptions{}, std::move(router));
    STARMINER_CHECK(server_->start().has_value());
    port_ = server_->port();
  }
  ~FakeNode() { stop(); }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void stop() { server_.reset(); }
  [[nodiscard]] std::vector<std::string> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  [[nodiscard]] std::vector<std::string> last_ids() const {
    const std::lock_guard lock(mutex_);
    return last_ids_;
  }
  [[nodiscard]] int asked_height() const {
    const std::lock_guard lock(mutex_);
    return asked_height_;
  }

  std::deque<Response> answers{receipt(1)};   // of transactions; the last one again and again
  std::deque<std::uint64_t> sequences{0, 0};  // the first is never told
  std::uint64_t next_height = 1;              // one more each time that it is asked for
  std::uint64_t event_id = 1;
  std::string artifact;
  std::string log;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  std::vector<std::string> last_ids_;
  int asked_height_ = 0;
  std::unique_ptr<api::http::Server> server_;
  std::uint16_t port_ = 0;
};

std::unique_ptr<Api> connect(const std::string& urls, milliseconds patience = std::chrono::seconds(30)) {
  auto api = Api::connect(urls, SigningKey::from_seed(sha256("list").bytes), {milliseconds(5'000), patience});
  STARMINER_CHECK(api.has_value());
  return std::move(*api);
}

v1::TransactionBody operation() {
  v1::TransactionBody body;
  body.mutable_provider_register()->set_display_name("list");
  return body;
}

std::uint64_t sequence_of(const std::string& bytes) {
  const auto verified = protocol::verify_transaction(as_bytes(bytes), "list-1");
  STARMINER_CHECK(verified.has_value());
  return verified->body().sequence();
}

TEST(ApiList, ReadsAddresses) {
  EXPECT_THAT(split_urls("http://a:1, http://b:2,,"), ElementsAre("http://a:1", "http://b:2"));
  EXPECT_THAT(split_urls(""), SizeIs(0));
  for (const char* const bad : {"", ",", "ftp://x", "http://127.0.0.1:1,x"}) {
    const auto api = Api::connect(bad, std::nullopt);
    ASSERT_FALSE(api.has_value()) << bad;
    EXPECT_EQ(api.error().code, "bad_url");
  }
}

TEST(ApiList, GoesOnAtTheNextNodeAndStaysThere) {
  FakeNode first;
  FakeNode second;
  const auto api = connect(first.url() + "," + second.url());
  EXPECT_TRUE(api->get("/v1/status").has_value());
  EXPECT_EQ(api->url(), first.url());
  first.stop();
  EXPECT_TRUE(api->get("/v1/status").has_value());
  EXPECT_EQ(api->url(), second.url());
  second.stop();
  const auto nobody = api->get("/v1/status");
  ASSERT_FALSE(nobody.has_value());
  EXPECT_TRUE(nobody.error().is_transient());
}

TEST(ApiList, ARefusalIsAnAnswer) {
  FakeNode first;
  FakeNode second;
  first.answers = {problem(422, "E2104")};
  const auto api = connect(first.url() + "," + second.url());
  const auto sent = api->send(operation());
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, "E2104");
  EXPECT_THAT(second.received(), SizeIs(0));
}

TEST(ApiList, FindsAnArtifactWhereverItIs) {
  FakeNode first;
  FakeNode second;
  second.artifact = "bytes";
  const std::string target = "/v1/artifacts/" + sha256("bytes").hex();
  const auto found = connect(first.url() + "," + second.url())->get_bytes(target);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, "bytes");
  const auto none = connect(first.url())->get_bytes(target);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().status, 404);
  const auto unknown = connect(first.url() + "," + kNobody)->get_bytes(target);
  ASSERT_FALSE(unknown.has_value());
  EXPECT_TRUE(unknown.error().is_transient()) << "the node that is away may have it";
}

TEST(ApiList, ReadsALogWhereItHasBytes) {
  FakeNode first;
  FakeNode second;
  second.log = "said";
  const auto api = connect(first.url() + "," + second.url() + "," + kNobody);
  EXPECT_EQ(api->get_log("/v1/log").value(), "said");
  second.log.clear();
  EXPECT_EQ(api->get_log("/v1/log").value(), "");
  EXPECT_EQ(api->url(), first.url());
}

TEST(ApiList, SendsTheSameBytesToTheNextNode) {
  FakeNode first;
  FakeNode second;
  first.answers = {problem(503, "E1107")};
  // It is a block behind, and does not know yet that the sequence is next.
  second.answers = {problem(409, "E1104"), problem(409, "E1104"), receipt(9)};
  const auto api = connect(first.url() + "," + second.url());
  const auto sent = api->send(operation());
  ASSERT_TRUE(sent.has_value()) << sent.error().code;
  ASSERT_THAT(first.received(), SizeIs(1));
  ASSERT_THAT(second.received(), SizeIs(3));
  for (const std::string& bytes : second.received()) EXPECT_EQ(bytes, first.received().front());
}

TEST(ApiList, SignsAnewOnlyWhatNoBlockCanTake) {
  FakeNode first;
  FakeNode second;
  first.answers = {problem(503, "E1107")};
  first.sequences = {0, 4};
  // Another program with this key has taken the sequence: first in the mempool, then in a block.
  second.answers = {problem(409, "E1103"), problem(409, "E1103"), problem(409, "E1103"), receipt(9)};
  second.sequences = {0, 4, 5};
  const auto api = connect(first.url() + "," + second.url());
  const auto sent = api->send(operation());
  ASSERT_TRUE(sent.has_value()) << sent.error().code;
  const auto received = second.received();
  ASSERT_THAT(received, SizeIs(4));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(received[static_cast<std::size_t>(i)], first.received().front());
  EXPECT_EQ(sequence_of(received[0]), 4U);
  EXPECT_EQ(sequence_of(received[3]), 5U);
}

TEST(ApiList, GivesUpRatherThanSignAnew) {
  FakeNode first;
  FakeNode second;
  first.answers = {problem(503, "E1107")};
  second.answers = {problem(409, "E1104")};
  const auto api = connect(first.url() + "," + second.url(), milliseconds(600));
  const auto sent = api->send(operation());
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, "E1104");
  for (const std::string& bytes : second.received()) EXPECT_EQ(bytes, first.received().front());
}

TEST(ApiList, ASequenceOfAnotherProgramIsReplacedAtOnce) {
  FakeNode node;
  node.answers = {problem(409, "E1103"), receipt(3)};
  node.sequences = {0, 4, 5};
  const auto sent = connect(node.url())->send(operation());
  ASSERT_TRUE(sent.has_value());
  ASSERT_THAT(node.received(), SizeIs(2));
  EXPECT_EQ(sequence_of(node.received()[1]), 5U);
}

TEST(ApiList, WaitsUntilTheNextNodeKnowsWhatItWasTold) {
  FakeNode first;
  FakeNode second;
  first.answers = {receipt(5)};
  second.next_height = 2;
  const auto api = connect(first.url() + "," + second.url());
  ASSERT_TRUE(api->send(operation()).has_value());
  first.stop();
  EXPECT_TRUE(api->get("/v1/accounts/x").has_value());
  EXPECT_EQ(second.asked_height(), 4) << "2, 3, 4 and 5";
}

TEST(ApiList, AStreamGoesOnAtTheNextNode) {
  FakeNode first;
  FakeNode second;
  first.event_id = 7;
  second.event_id = 8;
  const auto api = connect(first.url() + "," + second.url());
  std::vector<std::string> ids;
  const auto end = api->events(
      "/v1/stream",
      [&](const api::http::SseEvent& event) {
        ids.push_back(event.id);
        return ids.size() < 2;
      },
      nullptr);
  ASSERT_TRUE(end.has_value()) << end.error().code;
  EXPECT_THAT(ids, ElementsAre("7", "8"));
  EXPECT_THAT(first.last_ids(), ElementsAre(""));
  EXPECT_THAT(second.last_ids(), ElementsAre("7"));
}

}  // namespace
}  // namespace starminer::client
