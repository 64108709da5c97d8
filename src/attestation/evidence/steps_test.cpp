#include "attestation/evidence/steps.h"

#include <set>

#include <gtest/gtest.h>

namespace starminer::attestation::evidence {
namespace {

TEST(Steps, RowsRiseAndCodesAreUnique) {
  std::set<std::string_view> codes;
  std::uint16_t last = 0;
  for (const StepRow& row : step_rows()) {
    EXPECT_GT(static_cast<std::uint16_t>(row.id), last);
    last = static_cast<std::uint16_t>(row.id);
    EXPECT_TRUE(codes.insert(row.code).second) << row.code;
    EXPECT_EQ(&row_of(row.id), &row);
  }
}

// REQ: VER-2
TEST(Steps, TheVerdictIsOfTheCryptographyAlone) {
  Steps steps;
  EXPECT_EQ(steps.cryptography(), Verdict::Invalid) << "nothing was looked at";
  steps.pass(StepId::SnpSignature);
  EXPECT_EQ(steps.cryptography(), Verdict::Valid);
  EXPECT_TRUE(steps.accepted());
  steps.fail(StepId::SnpDebug, "debug");
  EXPECT_EQ(steps.cryptography(), Verdict::Valid);
  EXPECT_FALSE(steps.accepted());
  steps.skip(StepId::SnpRoot, "no root");
  EXPECT_EQ(steps.cryptography(), Verdict::Unverifiable);
  steps.check(StepId::SnpChain, false, "broken");
  EXPECT_EQ(steps.cryptography(), Verdict::Invalid);
  EXPECT_EQ(steps.find(StepId::SnpChain)->reason, "broken");
  EXPECT_EQ(steps.find(StepId::SnpTcb), nullptr);
  EXPECT_TRUE(steps.passed(StepId::SnpSignature));
  EXPECT_FALSE(steps.passed(StepId::SnpRoot));
}

TEST(Steps, AStepOfSeveralPartsPassesIfEachDoes) {
  Steps part;
  part.pass(StepId::RimSignature);
  Steps steps = part;
  steps.append(part, "driver.xml");
  EXPECT_TRUE(steps.passed(StepId::RimSignature));
  EXPECT_EQ(steps.find(StepId::RimSignature)->reason, "");
  Steps skipped;
  skipped.skip(StepId::RimSignature, "no key");
  steps.append(skipped, "none.xml");
  EXPECT_FALSE(steps.passed(StepId::RimSignature));
  Steps failed;
  failed.fail(StepId::RimSignature, "broken");
  steps.append(failed, "vbios.xml");
  steps.append(part);
  EXPECT_FALSE(steps.passed(StepId::RimSignature));
  EXPECT_EQ(steps.find(StepId::RimSignature)->reason, "vbios.xml: broken");
}

TEST(Steps, BytesOutOfFormAreNotAccepted) {
  Steps steps;
  steps.pass(StepId::SnpSignature);
  steps.judge(StepId::SnpUnsignedBytes, "not zero");
  EXPECT_EQ(steps.cryptography(), Verdict::Valid);
  EXPECT_FALSE(steps.accepted());
}

}  // namespace
}  // namespace starminer::attestation::evidence
