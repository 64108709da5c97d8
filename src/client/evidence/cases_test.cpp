// The vector folder of the project: real evidence with its vendors' certificates, and what a verifier must say of each.
#include "client/evidence/cases.h"

#include <algorithm>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starminer::client::evidence {
namespace {

const std::filesystem::path kVectors = STARMINER_VECTORS;

const std::vector<JudgedCase>& judged() {
  static const auto cases = judge_cases(kVectors / "attestation/cases.json", {shipped_roots(), {}});
  EXPECT_TRUE(cases.has_value()) << cases.error();
  return *cases;
}

nlohmann::json rows_of(const std::string& file, const std::string& member) {
  std::ifstream stream(kVectors / "attestation" / file);
  return nlohmann::json::parse(stream)[member];
}

const JudgedCase* find(const std::string& id) {
  const auto found = std::find_if(judged().begin(), judged().end(), [&](const auto& one) { return one.id == id; });
  return found == judged().end() ? nullptr : &*found;
}

// REQ: VER-2
TEST(Cases, EveryVectorAndMutationIsJudgedAsTheFolderExpects) {
  EXPECT_EQ(judged().size(), rows_of("cases.json", "cases").size() + rows_of("mutations.json", "mutations").size());
  for (const JudgedCase& one : judged()) {
    EXPECT_NE(one.judgement.verdict, attestation::evidence::Verdict::Unsupported) << one.id;
    EXPECT_THAT(one.differences, testing::IsEmpty()) << one.id << ": " << report_of({one}).dump(1);
  }
}

/// Folders of others word it as they like; ours says which of two errors it is.
TEST(Cases, WhyThereIsNoStatusIsAsTheFolderSays) {
  const auto lower = [](std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
  };
  int count = 0;
  for (const auto& row : rows_of("cases.json", "cases")) {
    const std::string status = row.value("tcb_status", "");
    if (!status.starts_with("error")) continue;
    ++count;
    ASSERT_NE(find(row["id"]), nullptr);
    EXPECT_EQ(find(row["id"])->judgement.tcb_status, lower(status)) << row["id"];
  }
  EXPECT_EQ(count, 4);
}

/// What nobody signs leaves the cryptography valid; a strict verifier refuses it all the same.
TEST(Cases, BytesThatNobodySignsAreNotAccepted) {
  int count = 0;
  for (const auto& row : rows_of("mutations.json", "mutations")) {
    if (row["expect"] != "valid") continue;
    ++count;
    ASSERT_NE(find(row["id"]), nullptr);
    EXPECT_FALSE(find(row["id"])->judgement.accepted) << row["id"];
  }
  EXPECT_EQ(count, 2);
}

// REQ: VER-3
TEST(Cases, EveryProofIsJudgedAsTheFolderExpects) {
  std::size_t supported = 0;
  for (const char* const name :
       {"cases.json", "groth16_negative/multiplier2.json", "groth16_negative/risc0.json", "evm/bn256Add-own.json",
        "evm/bn256ScalarMul-own.json", "evm/bn256Pairing-own.json", "evm/bn256Pairing-derived.json"}) {
    const auto judged = judge_cases(kVectors / "zk" / name, {shipped_roots(), {}});
    ASSERT_TRUE(judged.has_value()) << name << ": " << judged.error();
    EXPECT_FALSE(judged->empty()) << name;
    for (const JudgedCase& one : *judged) {
      EXPECT_THAT(one.differences, testing::IsEmpty()) << name << " " << one.id << ": " << report_of({one}).dump(1);
      const bool ours = one.judgement.kind.starts_with("groth16-bn254") || one.judgement.kind.starts_with("evm-");
      EXPECT_EQ(one.judgement.verdict == attestation::evidence::Verdict::Unsupported, !ours) << one.id;
      supported += ours ? 1 : 0;
    }
  }
  EXPECT_EQ(supported, 109U);
}

}  // namespace
}  // namespace starminer::client::evidence
