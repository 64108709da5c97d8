// The vector folder of the project: real evidence with its vendors' certificates, and what a verifier must say of each.
#include "client/evidence/cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace starminer::client::evidence {
namespace {

const std::filesystem::path kVectors = STARMINER_VECTORS;

// REQ: VER-2
TEST(Cases, EveryVectorAndMutationIsJudgedAsTheFolderExpects) {
  const auto judged = judge_cases(kVectors / "attestation/cases.json", {shipped_roots(), {}});
  ASSERT_TRUE(judged.has_value()) << judged.error();
  for (const JudgedCase& one : *judged) {
    if (one.judgement.verdict == attestation::evidence::Verdict::Unsupported) continue;
    EXPECT_THAT(one.differences, testing::IsEmpty()) << one.id << ": " << report_of({one}).dump(1);
  }
}

}  // namespace
}  // namespace starminer::client::evidence
