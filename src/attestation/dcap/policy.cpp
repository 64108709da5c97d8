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
  return true;
}

void judge_platform_policy(Steps& steps, const Verification& verification, const Policy& policy) {
  const bool has_lists = verification.steps.find(StepId::CrlSignature) != nullptr;
  steps.check(StepId::QuoteCrls, !policy.crls_needed || has_lists, "no revocation lists are given");
  const bool denied = verification.pck && policy.denied_platforms.contains(verification.pck->ppid);
  steps.check(StepId::QuotePlatform, !denied, "this platform is denied");
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
  }
  judge_platform_policy(steps, verification, policy);
  if (policy.measurements) {
    const bool known = std::any_of(policy.measurements->begin(), policy.measurements->end(),
                                   [&quote](const Measurement& measurement) { return matches(measurement, quote); });
    steps.check(StepId::QuoteMeasurement, known, "the measurement is none of those allowed");
  } else {
    steps.skip(StepId::QuoteMeasurement, "no list of measurements is given");
  }
  if (policy.report_data) {
    steps.check(StepId::QuoteBinding, quote.report_data() == *policy.report_data,
                "the report data is not what is expected");
  } else {
    steps.skip(StepId::QuoteBinding, "no report data is expected");
  }
  return steps;
}

}  // namespace starminer::attestation::dcap
