#include "attestation/dcap/policy.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::attestation::dcap {
namespace {

using evidence::StepId;
using evidence::Steps;

/// That Intel says nothing of a platform is no status that one could put up with, but a step of its own.
void judge_status(Steps& steps, const Verification& verification, const Policy& policy) {
  const auto& platform = verification.platform;
  steps.judge(StepId::TcbLevelFound, !platform          ? "there is no status without a platform and its collateral"
                                     : platform->status ? std::string()
                                                        : platform->error);
  if (!platform || !platform->status) {
    steps.skip(StepId::TcbStatus, "there is no status");
    return;
  }
  std::string fault;
  if (!policy.statuses.contains(*platform->status)) {
    fault = "TCB status " + std::string(name_of(*platform->status));
    for (const std::string& advisory : platform->advisories) fault += ", " + advisory;
  }
  steps.judge(StepId::TcbStatus, std::move(fault));
}

Digest48 image_of(const Quote& quote) {
  if (quote.domain) return quote.domain->mr_td;
  Digest48 image{};
  std::copy(quote.enclave->mr_enclave.begin(), quote.enclave->mr_enclave.end(), image.begin());
  return image;
}

bool matches(const Measurement& measurement, const Quote& quote) {
  if (measurement.image != image_of(quote)) return false;
  for (std::size_t i = 0; i < measurement.rtmr.size(); ++i) {
    if (measurement.rtmr[i] && (!quote.domain || quote.domain->rtmr[i] != *measurement.rtmr[i])) return false;
  }
  return !measurement.service_td || (quote.domain && quote.domain->mr_service_td == *measurement.service_td);
}

/// Everything that the collateral consists of was issued at this time or later.
bool is_issued_since(const Verification& verification, x509::UnixTime time) {
  const auto since = [time](const std::optional<x509::Validity>& validity) {
    return validity && validity->not_before.seconds >= time.seconds;
  };
  return verification.tcb_info && since(verification.tcb_info->validity) && verification.qe_identity &&
         since(verification.qe_identity->validity) && since(verification.pck_list) && since(verification.root_list);
}

void judge_measurement(Steps& steps, const Quote& quote, const Policy& policy) {
  if (!policy.measurements) {
    steps.skip(StepId::QuoteMeasurement, "no list of measurements is given");
    return;
  }
  bool known = false;
  bool with_registers = false;
  for (const Measurement& measurement : *policy.measurements) {
    if (!matches(measurement, quote)) continue;
    known = true;
    const auto& rtmr = measurement.rtmr;
    with_registers =
        with_registers || std::any_of(rtmr.begin(), rtmr.end(), [](const auto& one) { return one.has_value(); });
  }
  steps.check(StepId::QuoteMeasurement, known, "the measurement is none of those allowed");
  if (!quote.domain || !known) return;
  if (with_registers) {
    steps.pass(StepId::QuoteRegisters);
  } else {
    steps.skip(StepId::QuoteRegisters,
               "only the firmware (MRTD) was compared; kernel and command line are in the registers");
  }
}

void judge_platform_policy(Steps& steps, const Verification& verification, const Policy& policy) {
  const bool has_lists = verification.steps.find(StepId::CrlSignature) != nullptr;
  steps.check(StepId::QuoteCrls, !policy.crls_needed || has_lists, "no revocation lists are given");
  const bool denied = verification.pck && policy.denied_platforms.contains(verification.pck->ppid);
  steps.check(StepId::QuotePlatform, !denied, "this platform is denied");
  if (policy.issued_min) {
    steps.check(StepId::QuoteCollateralIssued, is_issued_since(verification, *policy.issued_min),
                "a document or list of the collateral is older, or missing");
  } else {
    steps.skip(StepId::QuoteCollateralIssued, "any collateral that is valid at the time is accepted");
  }
  if (!policy.evaluation_min) {
    steps.skip(StepId::QuoteEvaluation, "no edition of the collateral is demanded");
    return;
  }
  const bool recent = verification.tcb_info && verification.tcb_info->evaluation >= *policy.evaluation_min &&
                      verification.qe_identity && verification.qe_identity->evaluation >= *policy.evaluation_min;
  steps.check(StepId::QuoteEvaluation, recent, "the collateral is of an older edition");
}

}  // namespace

Steps judge(const Verification& verification, const Policy& policy) {
  STARMINER_CHECK(verification.quote.has_value());
  const Quote& quote = *verification.quote;
  Steps steps;
  judge_status(steps, verification, policy);
  const bool debug = quote.domain ? quote.domain->debug() : quote.enclave->debug();
  steps.check(StepId::QuoteDebug, policy.debug_allowed || !debug, "the attributes allow debugging");
  if (quote.domain) {
    steps.check(StepId::QuoteSeptVe, !policy.sept_ve_disabled_needed || quote.domain->sept_ve_disabled(),
                "SEPT_VE_DISABLE (bit 28 of the TD attributes) is clear");
    steps.check(StepId::QuoteMigration, policy.migration_allowed || !quote.domain->migratable(),
                "the TD attributes allow migration (bit 29)");
  }
  judge_platform_policy(steps, verification, policy);
  judge_measurement(steps, quote, policy);
  if (policy.report_data) {
    steps.check(StepId::QuoteBinding, quote.report_data() == *policy.report_data,
                "the report data is not what is expected");
  } else {
    steps.skip(StepId::QuoteBinding, "no report data is expected");
  }
  return steps;
}

}  // namespace starminer::attestation::dcap
