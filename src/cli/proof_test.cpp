// REQ: AUD-1, CSC-4 (a settlement is proven without trusting the node)
#include "cli/proof.h"

#include <gtest/gtest.h>

#include "base/codec.h"
#include "config/exit_code.h"
#include "protocol/audit/history.h"
#include "protocol/contracts/contracts.h"
#include "protocol/machine.h"

namespace starminer::cli {
namespace {

using nlohmann::json;
using protocol::audit::HistoryTree;

protocol::Settlement a_settlement() {
  protocol::Settlement settlement;
  settlement.contract.bytes.fill(1);
  protocol::ContractRow& row = settlement.row;
  row.job.bytes.fill(2);
  row.state = protocol::ContractState::Settled;
  row.end_reason = protocol::EndReason::Accepted;
  row.cap = {1'000};
  row.price.base = {100};
  row.price.factors.ppm.fill(1'000'000);
  row.price.factors.product_ppm = 1'050'000;
  row.price.ceiling = {500};
  row.price.unit = {105};
  row.metered_ms = 60'000;
  row.bill = {{100}, {0}, {5}, {2}, {2}, {1}, {0}, {90}};
  row.refund = {900};
  row.outputs = {sha256("A"), sha256("B")};
  return settlement;
}

/// A bundle around this settlement, as a node would prove it among other leaves.
json bundle_of(const protocol::Settlement& settlement) {
  Bytes leaf = {static_cast<std::uint8_t>(protocol::LeafType::Settlement)};
  codec::put(settlement, leaf);
  HistoryTree tree;
  for (int i = 0; i < 5; ++i) tree.append(as_bytes("other leaf"));
  const std::uint64_t index = tree.append(leaf);
  tree.append(as_bytes("a later leaf"));
  json path = json::array();
  const auto steps = tree.inclusion_proof(index, tree.size()).value_or(HistoryTree::Proof{});
  for (const Hash32& step : steps) path.push_back(step.hex());
  const Hash32 state_root = sha256("state");
  return {{"format", kBundleFormat},
          {"chain_id", "test"},
          {"proof",
           {{"kind", "settlement"},
            {"leaf", to_hex(leaf)},
            {"leaf_index", index},
            {"tree_size", tree.size()},
            {"path", path},
            {"history_root", tree.root().hex()},
            {"state_root", state_root.hex()},
            {"app_hash", protocol::make_app_hash({42, state_root, tree.root(), tree.size()}).hex()},
            {"height", 42}}}};
}

config::ExitCode code_of(const json& bundle, const std::optional<Hash32>& trusted = std::nullopt) {
  const auto proven = verify_bundle(bundle, trusted);
  return proven ? config::ExitCode::Ok : proven.error().code;
}

TEST(Bundle, ASettlementIsProvenWithItsFacts) {
  const auto proven = verify_bundle(bundle_of(a_settlement()), std::nullopt);
  ASSERT_TRUE(proven) << proven.error().failure.why;
  EXPECT_EQ(proven->kind, "settlement");
  EXPECT_EQ(proven->height, 42U);
  EXPECT_EQ(proven->facts["contract"], a_settlement().contract.text());
  EXPECT_EQ(proven->facts["bill"]["pay"], "100");
  EXPECT_EQ(proven->facts["end_reason"], "accepted");
}

TEST(Bundle, ATrustedRootIsTheAppHashOrTheHistoryRoot) {
  const json bundle = bundle_of(a_settlement());
  EXPECT_EQ(code_of(bundle, Hash32::from_hex(bundle["proof"]["app_hash"].get<std::string>())), config::ExitCode::Ok);
  EXPECT_EQ(code_of(bundle, Hash32::from_hex(bundle["proof"]["history_root"].get<std::string>())),
            config::ExitCode::Ok);
  EXPECT_EQ(code_of(bundle, sha256("another chain")), config::ExitCode::Mismatch);
}

TEST(Bundle, EveryChangedByteOfTheProofIsFound) {
  const json good = bundle_of(a_settlement());
  for (const char* const name : {"leaf", "history_root", "state_root", "app_hash"}) {
    const std::string text = good["proof"][name].get<std::string>();
    for (std::size_t i = 0; i < text.size(); ++i) {
      json bad = good;
      std::string changed = text;
      changed[i] = changed[i] == '0' ? '1' : '0';
      bad["proof"][name] = changed;
      ASSERT_EQ(code_of(bad), config::ExitCode::Mismatch) << name << " at " << i;
    }
  }
  for (std::size_t step = 0; step < good["proof"]["path"].size(); ++step) {
    json bad = good;
    bad["proof"]["path"][step] = sha256("other").hex();
    EXPECT_EQ(code_of(bad), config::ExitCode::Mismatch);
  }
  for (const char* const name : {"height", "leaf_index", "tree_size"}) {
    json bad = good;
    bad["proof"][name] = good["proof"][name].get<std::uint64_t>() + 1;
    EXPECT_EQ(code_of(bad), config::ExitCode::Mismatch) << name;
  }
}

TEST(Bundle, ASettlementThatDoesNotAddUpIsFoundEvenInTheHistory) {
  protocol::Settlement dear = a_settlement();
  dear.row.cap = {99};
  EXPECT_EQ(code_of(bundle_of(dear)), config::ExitCode::Mismatch);
  protocol::Settlement leaking = a_settlement();
  leaking.row.bill.provider = {91};
  EXPECT_EQ(code_of(bundle_of(leaking)), config::ExitCode::Mismatch);
  protocol::Settlement mispriced = a_settlement();
  mispriced.row.price.unit = {106};
  EXPECT_EQ(code_of(bundle_of(mispriced)), config::ExitCode::Mismatch);
}

TEST(Bundle, FilesMustBeThoseOfTheSettlement) {
  json bundle = bundle_of(a_settlement());
  bundle["files"] = {{{"path", "a"}, {"sha256", sha256("A").hex()}, {"size", 1}},
                     {{"path", "b"}, {"sha256", sha256("B").hex()}, {"size", 1}}};
  EXPECT_EQ(code_of(bundle), config::ExitCode::Ok);
  bundle["files"][1]["sha256"] = sha256("C").hex();
  EXPECT_EQ(code_of(bundle), config::ExitCode::Mismatch);
  bundle["files"].erase(1);
  EXPECT_EQ(code_of(bundle), config::ExitCode::Mismatch);
}

TEST(Bundle, WhatIsNoBundleIsSaidSo) {
  EXPECT_EQ(code_of(json::object()), config::ExitCode::Usage);
  EXPECT_EQ(code_of(json("text")), config::ExitCode::Usage);
  for (const char* const name : {"leaf", "history_root", "height", "tree_size", "app_hash"}) {
    json bundle = bundle_of(a_settlement());
    bundle["proof"].erase(name);
    EXPECT_EQ(code_of(bundle), config::ExitCode::Usage) << name;
  }
}

}  // namespace
}  // namespace starminer::cli
