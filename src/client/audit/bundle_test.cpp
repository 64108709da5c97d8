#include "client/audit/bundle.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/codec.h"
#include "client/audit/facts.h"
#include "protocol/test_chain.h"

namespace starminer::client::audit {
namespace {

using nlohmann::json;
using protocol::chain_test::account_of_name;
using protocol::chain_test::Chain;
using protocol::chain_test::key_of;
using protocol::state::TableId;
using ::testing::HasSubstr;

/// What POST /v1/proofs answers.
json answer_of(const protocol::Machine& machine, const std::vector<Bytes>& leaves, const json& request) {
  const protocol::Commitment at = machine.commitment();
  json rows = json::array();
  for (const json& asked : request.at("rows")) {
    const auto table = static_cast<TableId>(asked.at("table").get<std::uint8_t>());
    const Bytes key = *from_hex(asked.at("key").get<std::string>());
    const auto row = machine.store().find_encoded(table, key);
    rows.push_back({{"table", asked.at("table")},
                    {"key", asked.at("key")},
                    {"row", row ? json(to_hex(*row)) : json()},
                    {"proof", to_hex(encode(machine.store().prove(table, key)))}});
  }
  json proven = json::array();
  for (const json& asked : request.at("leaves")) {
    const auto index = asked.get<std::uint64_t>();
    json path = json::array();
    const auto hashes =
        machine.history().inclusion_proof(index, at.history_size).value_or(protocol::audit::HistoryTree::Proof{});
    for (const Hash32& hash : hashes) path.push_back(hash.hex());
    proven.push_back({{"leaf_index", index}, {"leaf", to_hex(leaves.at(index))}, {"path", path}});
  }
  return {{"height", at.height},
          {"state_root", at.state_root.hex()},
          {"history_root", at.history_root.hex()},
          {"history_size", at.history_size},
          {"app_hash", make_app_hash(at).hex()},
          {"rows", rows},
          {"leaves", proven}};
}

/// A chain with a provider's node and transfers, and a bundle of an account, an absent account, a parameter, a node, an
/// absent node, a class, a lock and a receipt.
struct Sample {
  Sample() {
    chain.on_block([&](const protocol::chain_test::Block& block) {
      for (const auto& leaf : block.result.leaves) leaves.push_back(leaf.bytes);
    });
    for (int i = 0; i < 3; ++i) {
      static_cast<void>(chain.send("ada", protocol::chain_test::transfer(account_of_name("ben"), 7)));
    }
    static_cast<void>(chain.send("fay", protocol::chain_test::register_provider("fay's")));
    const auto node = chain.send(
        "fay", [](v1::TransactionBody& body) { *body.mutable_node_register() = protocol::chain_test::a100_node(); });
    node_id = *NodeId::parse(node->core.subject);
    app_hash = chain.machine().app_hash();
    answer = answer_of(chain.machine(), leaves, request());
    bundle = *make_bundle(answer, key_of("auditor"));
  }
  [[nodiscard]] json request() const {
    const protocol::LockKey identity{protocol::LockPurpose::NodeIdentity, node_id.bytes, Asset::Agpu};
    return proof_request({{TableId::Accounts, encode(account_of_name("ada"))},
                          {TableId::Accounts, encode(account_of_name("nobody"))},
                          {TableId::Parameters, encode(static_cast<std::uint16_t>(protocol::Parameter::TxFee))},
                          {TableId::Nodes, encode(node_id)},
                          {TableId::Nodes, encode(node_id_of(account_of_name("ada"), 99))},
                          {TableId::Classes, encode(protocol::ClassId{1})},
                          {TableId::Locks, encode(identity)}},
                         {0, 4});
  }

  Chain chain{"ada", "ben", "fay", "operator"};
  std::vector<Bytes> leaves;
  NodeId node_id;
  Hash32 app_hash;
  json answer, bundle;
};

const Sample& sample() {
  static const Sample made;
  return made;
}

/// The bundle signed again after a change: what a forger with a key of their own can do.
json resigned(json bundle) {
  json answer = {{"rows", bundle.value("rows", json())}, {"leaves", bundle.value("leaves", json())}};
  answer.update(bundle.value("commitment", json::object()));
  return *make_bundle(answer, key_of("forger"));
}

json contents(const ProvenBundle& proven) {
  json items = json::array();
  for (const ProvenItem& item : proven.items) items.push_back({item.what, item.id, item.present, item.facts});
  return {items, proven.app_hash.hex(), proven.chain_id, proven.block_time.ms};
}

// REQ: AUD-2, DEC-2
TEST(AuditBundle, ProvesPresenceAndAbsenceInWordsAndValues) {
  const auto proven = verify_bundle(sample().bundle.dump(), sample().app_hash);
  ASSERT_TRUE(proven) << proven.error().why;
  ASSERT_EQ(proven->items.size(), 10U);
  EXPECT_EQ(proven->chain_id, protocol::chain_test::kChainId);
  EXPECT_EQ(proven->app_hash, sample().app_hash);
  EXPECT_EQ(account_of(proven->signer), account_of_name("auditor"));
  const auto& items = proven->items;
  EXPECT_EQ(items[1].what, "account");
  EXPECT_EQ(items[1].id, account_of_name("ada").text());
  const auto left = sample().chain.machine().ledger().balance(account_of_name("ada"), Asset::Agpu);
  EXPECT_EQ(items[1].facts["balances"]["AGPU"], std::to_string(left));
  EXPECT_FALSE(items[2].present);
  EXPECT_EQ(items[2].sentence, "does not exist");
  EXPECT_EQ(items[3].id, "TxFee");
  EXPECT_EQ(items[3].facts["value"], std::to_string(sample().chain.machine().params().get(protocol::Parameter::TxFee)));
  EXPECT_EQ(items[4].facts["provider"], account_of_name("fay").text());
  EXPECT_FALSE(items[5].present);
  EXPECT_THAT(items[7].id, HasSubstr("identity of node"));
  EXPECT_EQ(items[8].what, "receipt");
  EXPECT_EQ(items[8].facts["account"], account_of_name("ada").text());
}

TEST(AuditBundle, AnotherRootIsRefused) {
  const auto proven = verify_bundle(sample().bundle.dump(), sha256("another chain"));
  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error().kind, FaultKind::Mismatch);
  EXPECT_THAT(proven.error().why, HasSubstr("not the trusted"));
}

// REQ: AUD-2
TEST(AuditBundle, EveryFlippedByteIsRefusedOrChangesNothing) {
  const std::string good = sample().bundle.dump();
  const json said = contents(*verify_bundle(good, sample().app_hash));
  std::size_t refused = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    // Every bit of some bytes and one bit of all: the whole product takes minutes.
    for (unsigned bit = i % 37 == 0 ? 0 : i % 8; bit < (i % 37 == 0 ? 8 : i % 8 + 1); ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(static_cast<unsigned char>(bad[i]) ^ (1U << bit));
      const auto proven = verify_bundle(bad, sample().app_hash);
      if (!proven) {
        EXPECT_FALSE(proven.error().why.empty());
        ++refused;
        continue;
      }
      ASSERT_EQ(contents(*proven), said) << "byte " << i << " bit " << bit;
    }
  }
  EXPECT_GT(refused, good.size() * 9 / 10);
}

/// Every place of the document that holds a value, as a JSON pointer.
void collect(const json& value, const std::string& at, std::vector<std::string>& out) {
  if (!value.is_structured()) return out.push_back(at);
  if (value.empty()) return;
  for (const auto& [name, part] : value.items()) collect(part, at + "/" + name, out);
}

// REQ: AUD-2
TEST(AuditBundle, EveryFieldThatAForgerChangesAndSignsAgainIsRefusedWithItsPlace) {
  std::vector<std::string> places;
  for (const char* part : {"commitment", "rows", "leaves"}) {
    collect(sample().bundle[part], std::string("/") + part, places);
  }
  ASSERT_GT(places.size(), 40U);
  for (const std::string& place : places) {
    const json::json_pointer pointer(place);
    const json& before = sample().bundle.at(pointer);
    std::vector<json> changes = {json(), json("00"), json(0), json(1), json(18'446'744'073'709'551'615U)};
    if (before.is_string()) {
      std::string text = before.get<std::string>();
      text.back() = text.back() == '0' ? '1' : '0';
      changes.emplace_back(text);
      text = before.get<std::string>();
      text.front() = text.front() == '0' ? '1' : '0';
      changes.emplace_back(text);
      changes.emplace_back(before.get<std::string>() + "00");
    } else if (before.is_number_unsigned()) {
      changes.emplace_back(before.get<std::uint64_t>() + 1);
    } else {
      changes.emplace_back("ff");
    }
    for (const json& change : changes) {
      if (change == before) continue;
      json bad = sample().bundle;
      bad[pointer] = change;
      const auto proven = verify_bundle(resigned(bad).dump(), sample().app_hash);
      ASSERT_FALSE(proven) << place << " = " << change;
      EXPECT_FALSE(proven.error().why.empty());
    }
  }
}

TEST(AuditBundle, StatementsMovedBetweenEachOtherAreRefused) {
  const auto refused = [](const std::function<void(json&)>& change) {
    json bad = sample().bundle;
    change(bad);
    const auto proven = verify_bundle(resigned(bad).dump(), sample().app_hash);
    return proven ? std::string() : proven.error().why;
  };
  EXPECT_THAT(refused([](json& bad) { std::swap(bad["rows"][1]["row"], bad["rows"][2]["row"]); }),
              HasSubstr("account"));
  EXPECT_THAT(refused([](json& bad) { std::swap(bad["rows"][1]["proof"], bad["rows"][3]["proof"]); }),
              HasSubstr("does not lead"));
  EXPECT_THAT(refused([](json& bad) { std::swap(bad["leaves"][0]["leaf"], bad["leaves"][1]["leaf"]); }),
              HasSubstr("not in the history"));
  EXPECT_THAT(refused([](json& bad) { bad["rows"].erase(0); }), HasSubstr("first row"));
  EXPECT_THAT(refused([](json& bad) { bad["rows"][1]["row"] = nullptr; }), HasSubstr("being absent"));
  EXPECT_THAT(refused([](json& bad) { bad["rows"][1]["balance"] = "1000"; }), HasSubstr("which no bundle has"));
  EXPECT_THAT(refused([](json& bad) { bad["leaves"] = json::object(); }), HasSubstr("no lists"));
}

TEST(AuditBundle, ASignatureIsOfTheWholeAndOfItsKey) {
  json bad = sample().bundle;
  bad["leaves"].erase(1);
  auto proven = verify_bundle(bad.dump(), sample().app_hash);
  ASSERT_FALSE(proven) << "a statement was taken out";
  EXPECT_THAT(proven.error().why, HasSubstr("changed after signing"));
  bad = sample().bundle;
  bad["signer"]["key"] = to_hex(key_of("ada").public_key().view());
  EXPECT_FALSE(verify_bundle(bad.dump(), sample().app_hash));
  bad["signer"]["key"] = std::string(64, '0');
  EXPECT_FALSE(verify_bundle(bad.dump(), sample().app_hash)) << "a key of small order signs everything";
  bad = sample().bundle;
  bad["note"] = "trust me";
  EXPECT_FALSE(verify_bundle(bad.dump(), sample().app_hash));
}

TEST(AuditBundle, WhatIsNoBundleIsMalformed) {
  for (const char* text : {"", "[]", "{}", "null", R"({"format":"starminer/audit-bundle/1"})",
                           R"({"format":"starminer/audit-bundle/2"})"}) {
    const auto proven = verify_bundle(text, std::nullopt);
    ASSERT_FALSE(proven) << text;
    EXPECT_EQ(proven.error().kind, FaultKind::Malformed) << text;
  }
  std::string twice = sample().bundle.dump();
  twice.insert(1, R"("format":"starminer/audit-bundle/1",)");
  EXPECT_FALSE(verify_bundle(twice, std::nullopt)) << "two members of one name can be read in two ways";
}

// ---- consistency

json consistency_of(std::uint64_t before, std::uint64_t after) {
  protocol::audit::HistoryTree tree;
  for (std::uint64_t i = 0; i < after; ++i) tree.append(as_bytes("leaf " + std::to_string(i)));
  const auto side = [&](std::uint64_t size) {
    return json{{"height", size},
                {"state_root", sha256("state").hex()},
                {"history_root", tree.root_at(size)->hex()},
                {"history_size", size}};
  };
  json path = json::array();
  const auto hashes = tree.consistency_proof(before, after).value_or(protocol::audit::HistoryTree::Proof{});
  for (const Hash32& hash : hashes) path.push_back(hash.hex());
  return make_consistency({{"old", side(before)}, {"new", side(after)}, {"path", path}});
}

// REQ: AUD-1
RC_GTEST_PROP(Consistency, HoldsBetweenAnyTwoSizesAndForNoOther, ()) {
  const auto after = *rc::gen::inRange<std::uint64_t>(1, 70);
  const auto before = *rc::gen::inRange<std::uint64_t>(0, after + 1);
  const json proof = consistency_of(before, after);
  const auto proven = verify_consistency(proof.dump(), std::nullopt, std::nullopt);
  RC_ASSERT(proven.has_value());
  RC_ASSERT(proven->before.history_size == before);
  const Hash32 old_root = make_app_hash(proven->before), new_root = make_app_hash(proven->after);
  RC_ASSERT(verify_consistency(proof.dump(), old_root, new_root).has_value());
  // Under trusted roots nothing can be another.
  std::vector<std::string> places;
  for (const char* part : {"old", "new"}) collect(proof[part], std::string("/") + part, places);
  for (const std::string& place : places) {
    json bad = proof;
    json& value = bad[json::json_pointer(place)];
    value = value.is_string() ? json(sha256("other").hex()) : json(value.get<std::uint64_t>() + 1);
    RC_ASSERT(!verify_consistency(bad.dump(), old_root, new_root).has_value());
  }
  if (proof["path"].empty()) return;
  json bad = proof;
  const auto step = *rc::gen::inRange<std::size_t>(0, proof["path"].size());
  bad["path"][step] = sha256("other").hex();
  RC_ASSERT(!verify_consistency(bad.dump(), old_root, new_root).has_value());
  bad = proof;
  bad["path"].erase(step);
  RC_ASSERT(!verify_consistency(bad.dump(), old_root, new_root).has_value());
}

TEST(Consistency, ARewrittenHistoryIsCalledSo) {
  json proof = consistency_of(5, 9);
  proof["old"]["history_root"] = sha256("what we saw then").hex();
  const auto proven = verify_consistency(proof.dump(), std::nullopt, std::nullopt);
  ASSERT_FALSE(proven);
  EXPECT_EQ(proven.error().kind, FaultKind::Mismatch);
  EXPECT_THAT(proven.error().why, HasSubstr("rewritten"));
}

}  // namespace
}  // namespace starminer::client::audit
