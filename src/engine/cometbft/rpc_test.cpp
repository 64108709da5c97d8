#include "engine/cometbft/rpc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace starminer::engine::cometbft {
namespace {

using ::testing::HasSubstr;

// As CometBFT 0.38.25 answers.
constexpr std::string_view kTaken =
    R"({"jsonrpc":"2.0","id":0,"result":{"code":0,"data":"","log":"","codespace":"","hash":"A1B2"}})";
constexpr std::string_view kThree =
    R"([{"jsonrpc":"2.0","id":0,"error":{"code":-32603,"message":"Internal error","data":"tx already exists in cache"}},)"
    R"({"jsonrpc":"2.0","id":1,"result":{"code":1104,"data":"73657175656E63652039","log":"E1104: ahead: sequence 9",)"
    R"("codespace":"starminer","hash":"A1"}},)"
    R"({"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"Internal error",)"
    R"x("data":"mempool is full: number of txs 5000 (max: 5000), total txs bytes 9 (max: 1073741824)"}}])x";
constexpr std::string_view kStatus =
    R"({"jsonrpc":"2.0","id":0,"result":{"node_info":{"protocol_version":{"p2p":"8","block":"11","app":"1"},)"
    R"("id":"aa","network":"net-1","version":"0.38.25"},"sync_info":{"latest_block_hash":"AA",)"
    R"("latest_block_height":"812","catching_up":true},"validator_info":{"address":"BB","voting_power":"10"}}})";

TEST(CometRpc, WritesABatchInOrder) {
  const Bytes one = {1, 2, 3};
  const Bytes two = {255};
  const std::vector<ByteView> transactions = {one, two};
  const auto body = nlohmann::json::parse(format_handover(transactions));
  ASSERT_EQ(body.size(), 2U);
  EXPECT_EQ(body[0]["method"], "broadcast_tx_sync");
  EXPECT_EQ(body[0]["params"]["tx"], "AQID");
  EXPECT_EQ(body[0]["id"], 0);
  EXPECT_EQ(body[1]["params"]["tx"], "/w==");
  EXPECT_EQ(body[1]["id"], 1);
}

TEST(CometRpc, ReadsEachFate) {
  const auto taken = parse_handover(kTaken, 1);
  ASSERT_TRUE(taken.has_value()) << taken.error();
  EXPECT_EQ(taken->front().fate, Fate::Taken);
  const auto three = parse_handover(kThree, 3);
  ASSERT_TRUE(three.has_value()) << three.error();
  EXPECT_EQ((*three)[0].fate, Fate::Known);
  EXPECT_EQ((*three)[1].fate, Fate::Refused);
  EXPECT_EQ((*three)[1].code, 1104U);
  EXPECT_EQ((*three)[1].codespace, "starminer");
  EXPECT_EQ((*three)[1].detail, "sequence 9") << "the figures, not the whole log";
  EXPECT_EQ((*three)[2].fate, Fate::Full);
  EXPECT_THAT((*three)[2].detail, HasSubstr("5000"));
  const auto failed =
      parse_handover(R"({"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"Method not found"}})", 1);
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(failed->front().fate, Fate::Failed);
  EXPECT_EQ(failed->front().detail, "Method not found");
}

TEST(CometRpc, RefusesAnswersThatAreNotWhole) {
  for (const std::string_view answer : {
           std::string_view(""),
           std::string_view("[]"),
           std::string_view("null"),
           std::string_view("{\"id\":0}"),
           std::string_view(R"({"id":1,"result":{"code":0}})"),                                 // of another
           std::string_view(R"([{"id":0,"result":{"code":0}},{"id":0,"result":{"code":0}}])"),  // one twice
           std::string_view(R"({"id":0,"result":{"code":"0"}})"),                               // a text
           std::string_view(R"({"id":0,"result":{"code":4294967296}})"),                        // too large
           std::string_view(R"({"id":0,"result":7})"),
           std::string_view("<html>502</html>"),
       }) {
    const std::size_t count = answer.starts_with("[{") ? 2 : 1;
    EXPECT_FALSE(parse_handover(answer, count).has_value()) << answer;
    EXPECT_FALSE(parse_status(answer).has_value()) << answer;
  }
  EXPECT_FALSE(parse_handover(kTaken, 2).has_value()) << "one answer for two";
}

TEST(CometRpc, ReadsTheStatus) {
  const auto status = parse_status(kStatus);
  ASSERT_TRUE(status.has_value()) << status.error();
  EXPECT_EQ(status->network, "net-1");
  EXPECT_EQ(status->version, "0.38.25");
  EXPECT_EQ(status->height, 812U);
  EXPECT_TRUE(status->catching_up);
  EXPECT_EQ(status->voting_power, 10U);
  const auto error =
      parse_status(R"({"id":0,"error":{"code":-32603,"message":"Internal error","data":"not\u0007 yet"}})");
  ASSERT_FALSE(error.has_value());
  EXPECT_EQ(error.error(), "not? yet") << "nothing that moves a terminal";
}

TEST(CometRpc, KnowsAddressesAsCometBftWritesThem) {
  EXPECT_EQ(rpc_url("tcp://127.0.0.1:26657"), "http://127.0.0.1:26657");
  EXPECT_EQ(rpc_url("http://[::1]:26657"), "http://[::1]:26657");
  EXPECT_EQ(rpc_url("unix:///run/comet.sock"), "");
  EXPECT_EQ(rpc_url(""), "");
}

TEST(CometRpc, SaysThatNobodyAnswers) {
  CometRpc rpc("http://127.0.0.1:1", std::chrono::milliseconds(2'000));
  const auto status = rpc.status();
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error(), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace starminer::engine::cometbft
