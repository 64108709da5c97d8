#include "attestation/sev_snp/policy.h"

#include <functional>

#include <gtest/gtest.h>

namespace starminer::attestation::sev_snp {
namespace {

using evidence::StepId;
using evidence::StepOutcome;

Report good_report() {
  Report report;
  report.version = 3;
  report.platform_info = 1U << 5;
  report.reported_tcb = report.committed_tcb = report.launch_tcb = {9, 0, 0, 0, 0, 0, 22, 72};
  report.measurement.fill(0x11);
  report.id_key_digest.fill(0x22);
  report.report_data.fill(0x33);
  return report;
}

EndorsementFields good_fields() { return {"Genoa", Product::Genoa, Tcb{0, 9, 0, 22, 72}, Bytes(64, 0xc1), ""}; }

Digest48 digest(std::uint8_t byte) {
  Digest48 made;
  made.fill(byte);
  return made;
}

struct Row {
  StepId step;
  std::function<void(Report&, EndorsementFields&, Policy&)> change;
};

// REQ: VER-2
TEST(SnpPolicy, EachDemandIsAStepOfItsOwn) {
  const Row rows[] = {
      {StepId::SnpDebug, [](Report& report, auto&, auto&) { report.policy |= 1U << 19; }},
      {StepId::SnpMigration, [](Report& report, auto&, auto&) { report.policy |= 1U << 18; }},
      {StepId::SnpVmpl, [](Report& report, auto&, auto&) { report.vmpl = 1; }},
      {StepId::SnpAliasCheck, [](Report& report, auto&, auto&) { report.platform_info = 0; }},
      {StepId::SnpAliasCheck, [](Report& report, auto&, auto&) { report.version = 2; }},
      {StepId::SnpProductAllowed, [](auto&, EndorsementFields& fields, auto&) { fields.product = Product::Milan; }},
      {StepId::SnpProductAllowed, [](auto&, EndorsementFields& fields, auto&) { fields.product.reset(); }},
      {StepId::SnpChipAllowed, [](auto&, auto& fields, Policy& policy) { policy.denied_chips = {fields.hwid}; }},
      {StepId::SnpMinimumTcb,
       [](auto&, auto&, Policy& policy) {
         policy.minimum_tcb = {{Product::Genoa, Tcb{0, 9, 0, 23, 0}}};
       }},
      {StepId::SnpMinimumTcb,
       [](Report& report, auto&, Policy& policy) {
         policy.minimum_tcb = {{Product::Genoa, Tcb{0, 9, 0, 22, 72}}};
         report.launch_tcb[7] = 71;
       }},
      {StepId::SnpMinimumTcb,
       [](Report& report, auto&, Policy& policy) {
         policy.minimum_tcb = {{Product::Genoa, Tcb{}}};
         report.committed_tcb[3] = 1;
       }},
      {StepId::SnpMeasurement, [](auto&, auto&, Policy& policy) { policy.measurements = {digest(0x12)}; }},
      {StepId::SnpMeasurement, [](auto&, auto&, Policy& policy) { policy.measurements.emplace(); }},
      {StepId::SnpSignerKeys, [](auto&, auto&, Policy& policy) { policy.signers = {digest(0x12)}; }},
      {StepId::SnpBinding, [](auto&, auto&, Policy& policy) { policy.report_data.emplace(); }},
  };
  for (const Row& row : rows) {
    Report report = good_report();
    EndorsementFields fields = good_fields();
    Policy policy;
    row.change(report, fields, policy);
    const evidence::Steps steps = judge(report, fields, policy);
    for (const auto& step : steps.list()) {
      EXPECT_EQ(step.outcome == StepOutcome::Failed, step.id == row.step) << evidence::row_of(step.id).name;
      EXPECT_EQ(step.reason.empty(), step.outcome == StepOutcome::Passed);
    }
  }
}

TEST(SnpPolicy, WhatIsDemandedAndMetPasses) {
  Policy policy;
  policy.minimum_tcb = {{Product::Genoa, Tcb{0, 9, 0, 22, 72}}};
  policy.measurements = {digest(0x10), digest(0x11)};
  policy.signers = {digest(0x22)};
  policy.report_data.emplace().fill(0x33);
  policy.providers = {"csp"};  // of VLEKs; this is a chip's own key
  const Report report = good_report();
  const evidence::Steps steps = judge(report, good_fields(), policy);
  for (const auto& step : steps.list()) {
    EXPECT_EQ(step.outcome, StepOutcome::Passed) << evidence::row_of(step.id).name << ": " << step.reason;
  }
}

TEST(SnpPolicy, AnEndorsementAloneIsAboutNoGuest) {
  Policy policy;
  EXPECT_FALSE(judge_endorsement(good_fields(), policy).passed(StepId::SnpReportGiven));
  policy.report_needed = false;
  EXPECT_FALSE(judge_endorsement(good_fields(), policy).any_failed(evidence::StepKind::Policy));
  policy.denied_chips = {good_fields().hwid};
  policy.denied_products = {Product::Genoa};
  const auto denied = judge_endorsement(good_fields(), policy);
  EXPECT_FALSE(denied.passed(StepId::SnpProductAllowed));
  EXPECT_FALSE(denied.passed(StepId::SnpChipAllowed));
}

TEST(SnpPolicy, LeniencyIsSaid) {
  Report report = good_report();
  report.policy = 3U << 18;
  report.platform_info = 0;
  report.vmpl = 3;
  Policy policy;
  policy.debug_allowed = policy.migration_agent_allowed = true;
  policy.alias_check_needed = false;
  policy.vmpl.reset();
  policy.denied_products.clear();
  const evidence::Steps steps = judge(report, good_fields(), policy);
  EXPECT_FALSE(steps.any_failed(evidence::StepKind::Policy));
  EXPECT_EQ(steps.find(StepId::SnpVmpl)->outcome, StepOutcome::Skipped);
}

}  // namespace
}  // namespace starminer::attestation::sev_snp
