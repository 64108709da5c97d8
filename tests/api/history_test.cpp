// What an auditor gets from a node: the block log replays, histories are consistent, rows and leaves are proven.
#include <algorithm>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.h"
#include "client/genesis_file.h"
#include "protocol/replay.h"
#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;
using protocol::Commitment;
using protocol::audit::HistoryTree;
using protocol::state::TableId;

Hash32 hash_of(const json& text) { return *Hash32::from_hex(text.get_ref<const std::string&>()); }

Commitment commitment_of(const json& object) {
  return {object["height"], hash_of(object["state_root"]), hash_of(object["history_root"]), object["history_size"]};
}

HistoryTree::Proof path_of(const json& list) {
  HistoryTree::Proof path;
  for (const json& hash : list) path.push_back(hash_of(hash));
  return path;
}

/// The pieces of GET /v1/log.
std::vector<protocol::LoggedBlock> split_log(std::string_view text) {
  std::vector<protocol::LoggedBlock> blocks;
  while (!text.empty()) {
    EXPECT_GE(text.size(), 4U);
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8U | static_cast<unsigned char>(text[i]);
    text.remove_prefix(4);
    auto block = decode<protocol::LoggedBlock>(as_bytes(text.substr(0, length)));
    EXPECT_TRUE(block);
    if (!block) return blocks;
    blocks.push_back(std::move(*block));
    text.remove_prefix(length);
  }
  return blocks;
}

class HistoryTest : public ::testing::Test {
 protected:
  HistoryTest() : anybody_(world_.anybody()), document_(get(*anybody_, "/openapi.json")) {
    const auto ada = world_.as("ada");
    for (std::uint64_t i = 1; i <= 5; ++i) last_ = send(*ada, transfer(key_of("ben").account(), i));
  }
  void fits(const char* schema, const json& value) { EXPECT_EQ(mismatch(document_, schema, value), ""); }
  [[nodiscard]] json row_request(TableId table, const Bytes& key) const {
    return {{"table", static_cast<unsigned>(table)}, {"key", to_hex(key)}};
  }

  World world_;
  std::unique_ptr<client::Api> anybody_;
  json document_;
  client::Receipt last_;
};

// REQ: DEC-2, AUD-1
TEST_F(HistoryTest, TheLogReplaysToTheHashOfTheTip) {
  const auto genesis = client::parse_genesis(*anybody_->get_bytes("/v1/genesis"));
  ASSERT_TRUE(genesis) << genesis.error();
  auto replay = protocol::Replay::start(*genesis);
  ASSERT_TRUE(replay);
  // One block at a time, to cross every seam.
  for (std::uint64_t height = 0;; ++height) {
    const auto page = split_log(*anybody_->get_bytes("/v1/log?limit=1&from=" + std::to_string(height)));
    if (page.empty()) break;
    ASSERT_EQ(page.size(), 1U);
    if (height == 0) {
      ASSERT_TRUE(replay->check_genesis(page.front()));
    } else {
      const auto result = replay->apply(page.front());
      ASSERT_TRUE(result) << describe(result.error());
    }
  }
  const json status = get(*anybody_, "/v1/status");
  EXPECT_EQ(replay->machine().app_hash().hex(), status["app_hash"]);
  EXPECT_EQ(split_log(*anybody_->get_bytes("/v1/log")).size(), status["height"].get<std::size_t>() + 1);
}

// What an auditor does by hand with the answers of GET /v1/blocks: from seed to seed, each proven by the proposer's
// key. REQ: AUD-1
TEST_F(HistoryTest, EverySeedFollowsFromTheOneBeforeByAProof) {
  namespace vrf = attestation::vrf;
  const auto genesis = client::parse_genesis(*anybody_->get_bytes("/v1/genesis"));
  ASSERT_TRUE(genesis) << genesis.error();
  const json first = get(*anybody_, "/v1/blocks/0");
  fits("Block", first);
  EXPECT_TRUE(first["vrf"].is_null() && first["proposer"].is_null());
  Hash32 seed = protocol::genesis_seed(genesis->chain_id, genesis->time, genesis->proposers);
  EXPECT_EQ(first["seed"], seed.hex());
  const std::uint64_t tip = get(*anybody_, "/v1/status")["height"];
  ASSERT_GE(tip, 5U);
  for (std::uint64_t height = 1; height <= tip; ++height) {
    const json block = get(*anybody_, "/v1/blocks/" + std::to_string(height));
    fits("Block", block);
    EXPECT_EQ(block["proposer"], genesis->proposers.front().account.text());
    vrf::Evaluation evaluation;
    evaluation.output.bytes = hash_of(block["vrf"]["output"]).bytes;
    evaluation.proof.challenge.bytes = hash_of(block["vrf"]["challenge"]).bytes;
    evaluation.proof.response.bytes = hash_of(block["vrf"]["response"]).bytes;
    EXPECT_EQ(vrf::verify(genesis->proposers.front().vrf_key, protocol::vrf_input(seed, height), evaluation),
              vrf::DleqFault::None);
    seed = protocol::next_seed(seed, evaluation.output, height);
    EXPECT_EQ(block["seed"], seed.hex());
  }
}

// REQ: AUD-1
TEST_F(HistoryTest, EveryTwoHeightsAreConsistent) {
  const std::uint64_t tip = get(*anybody_, "/v1/status")["height"];
  ASSERT_GE(tip, 5U);
  for (std::uint64_t from = 0; from <= tip; ++from) {
    for (std::uint64_t to = from; to <= tip; ++to) {
      const json proof =
          get(*anybody_, "/v1/history/consistency?old=" + std::to_string(from) + "&new=" + std::to_string(to));
      fits("Consistency", proof);
      const Commitment before = commitment_of(proof["old"]), after = commitment_of(proof["new"]);
      EXPECT_EQ(before.height, from);
      EXPECT_EQ(after.height, to);
      EXPECT_TRUE(HistoryTree::verify_consistency(before.history_root, before.history_size, after.history_root,
                                                  after.history_size, path_of(proof["path"])));
      const json block = get(*anybody_, "/v1/blocks/" + std::to_string(from));
      EXPECT_EQ(make_app_hash(before).hex(), block["app_hash"]);
    }
  }
}

// REQ: DEC-2, AUD-2
TEST_F(HistoryTest, RowsAndLeavesAreProvenUnderOneHash) {
  const Bytes there = encode(key_of("ada").account());
  const Bytes missing = encode(key_of("nobody").account());
  const auto answer = anybody_->post(
      "/v1/proofs",
      {{"rows", {row_request(TableId::Accounts, there), row_request(TableId::Accounts, missing)}}, {"leaves", {0, 4}}});
  ASSERT_TRUE(answer);
  fits("Proofs", *answer);
  const Commitment commitment = commitment_of(*answer);
  EXPECT_EQ(make_app_hash(commitment).hex(), (*answer)["app_hash"]);
  const auto proven = [&](const json& row, const Bytes& key) {
    const auto bytes = row["row"].is_null() ? std::nullopt : from_hex(row["row"].get<std::string>());
    const auto proof = decode<protocol::state::MerkleProof>(*from_hex(row["proof"].get<std::string>()));
    return proof &&
           verify_merkle_proof(commitment.state_root, protocol::state::row_path(TableId::Accounts, key),
                               bytes ? std::optional(protocol::state::row_value(*bytes)) : std::nullopt, *proof);
  };
  EXPECT_FALSE((*answer)["rows"][0]["row"].is_null());
  EXPECT_TRUE((*answer)["rows"][1]["row"].is_null());
  EXPECT_TRUE(proven((*answer)["rows"][0], there));
  EXPECT_TRUE(proven((*answer)["rows"][1], missing));
  json lie = (*answer)["rows"][0];
  lie["row"] = nullptr;
  EXPECT_FALSE(proven(lie, there)) << "what is there must not be provable as absent";
  for (const json& leaf : (*answer)["leaves"]) {
    EXPECT_TRUE(HistoryTree::verify_inclusion(commitment.history_root, commitment.history_size, leaf["leaf_index"],
                                              HistoryTree::leaf_hash(*from_hex(leaf["leaf"].get<std::string>())),
                                              path_of(leaf["path"])));
  }
}

/// Lets the history grow until its first leaves are kept in memory no more.
void outgrow_memory(World& world) {
  const std::uint64_t wanted = HistoryTree::kPartLeaves * (HistoryTree::kPartsKept + 2);
  while (world.engine().read([](const auto& machine) { return machine.history().size(); }) < wanted) {
    const v1::TransactionBody body = transfer(key_of("ben").account(), 1);
    std::vector<Bytes> batch;
    for (std::uint64_t i = 0; i < 1'000; ++i) {
      batch.push_back(world.sign("ada", body, [i](v1::TransactionBody& b) { b.set_sequence(b.sequence() + i); }));
    }
    std::promise<bool> answered;
    const auto taken = world.engine().submit_batch(std::move(batch), [&answered](const auto& results) {
      answered.set_value(std::all_of(results.begin(), results.end(), [](const auto& one) { return one.has_value(); }));
    });
    ASSERT_TRUE(taken && answered.get_future().get());
  }
}

// What the machine has let go of is read back from the disk, in a running node and after a restart. REQ: AUD-1
TEST_F(HistoryTest, TheBeginningOfALongHistoryIsProven) {
  const std::uint64_t early = get(*anybody_, "/v1/status")["height"];
  outgrow_memory(world_);
  for (const bool restarted : {false, true}) {
    if (restarted) world_.restart();
    ASSERT_FALSE(world_.engine().read([](const auto& machine) { return machine.history().leaf_at(0); }));
    const json proof = get(*anybody_, "/v1/transactions/" + last_.transaction + "/proof");
    EXPECT_TRUE(HistoryTree::verify_inclusion(hash_of(proof["history_root"]), proof["tree_size"], proof["leaf_index"],
                                              HistoryTree::leaf_hash(*from_hex(proof["leaf"].get<std::string>())),
                                              path_of(proof["path"])));
    const auto leaves = anybody_->post("/v1/proofs", {{"leaves", {0, 3, 9'000}}});
    ASSERT_TRUE(leaves);
    ASSERT_EQ((*leaves)["leaves"].size(), 3U);
    const Commitment commitment = commitment_of(*leaves);
    for (const json& leaf : (*leaves)["leaves"]) {
      EXPECT_TRUE(HistoryTree::verify_inclusion(commitment.history_root, commitment.history_size, leaf["leaf_index"],
                                                HistoryTree::leaf_hash(*from_hex(leaf["leaf"].get<std::string>())),
                                                path_of(leaf["path"])));
    }
    for (std::uint64_t from = 1; from <= early; ++from) {
      const json grown = get(*anybody_, "/v1/history/consistency?old=" + std::to_string(from));
      const Commitment before = commitment_of(grown["old"]), after = commitment_of(grown["new"]);
      EXPECT_TRUE(HistoryTree::verify_consistency(before.history_root, before.history_size, after.history_root,
                                                  after.history_size, path_of(grown["path"])));
    }
  }
}

TEST_F(HistoryTest, WhatIsAskedWrongIsRefusedWithItsName) {
  const auto code_of = [](const auto& answer) { return answer ? std::string("(accepted)") : answer.error().code; };
  EXPECT_EQ(code_of(anybody_->get("/v1/history/consistency")), "bad_parameter");
  EXPECT_EQ(code_of(anybody_->get("/v1/history/consistency?old=3&new=2")), "bad_parameter");
  EXPECT_EQ(code_of(anybody_->get("/v1/history/consistency?old=0&new=999999")), "not_found");
  EXPECT_EQ(code_of(anybody_->get("/v1/history/consistency?old=x")), "bad_query");
  EXPECT_EQ(code_of(anybody_->get_bytes("/v1/log?limit=0")), "bad_query");
  EXPECT_EQ(*anybody_->get_bytes("/v1/log?from=18446744073709551615"), "");
  for (const json& body : {json::array(), json{{"row", json::array()}}, json{{"rows", 1}}, json{{"rows", {1}}},
                           json{{"rows", {{{"table", 3}}}}}, json{{"rows", {{{"table", 300}, {"key", ""}}}}},
                           json{{"rows", {{{"table", 3}, {"key", "zz"}}}}}, json{{"leaves", {-1}}},
                           json{{"leaves", std::vector<int>(257, 0)}}}) {
    EXPECT_EQ(code_of(anybody_->post("/v1/proofs", body)), "bad_body") << body;
  }
  EXPECT_EQ(code_of(anybody_->post("/v1/proofs", {{"leaves", {1'000'000}}})), "not_found");
  // A table that does not exist holds nothing, and that is provable.
  const auto empty = anybody_->post("/v1/proofs", {{"rows", {{{"table", 255}, {"key", ""}}}}});
  ASSERT_TRUE(empty);
  EXPECT_TRUE((*empty)["rows"][0]["row"].is_null());
}

}  // namespace
}  // namespace starminer::api_test
