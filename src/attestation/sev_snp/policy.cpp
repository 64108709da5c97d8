#include "attestation/sev_snp/policy.h"

#include <algorithm>

namespace starminer::attestation::sev_snp {
namespace {

using evidence::StepId;
using evidence::Steps;

std::string tcb_fault(const Report& report, Product product, const Tcb& minimum) {
  struct Level {
    std::string_view name;
    ByteView bytes;
  };
  for (const Level& level : {Level{"reported", report.reported_tcb}, Level{"committed", report.committed_tcb},
                             Level{"launch", report.launch_tcb}}) {
    const auto tcb = parse_tcb(level.bytes, product);
    const std::string fault = tcb ? below_minimum(*tcb, minimum) : "it sets reserved bytes";
    if (!fault.empty()) return std::string(level.name) + " TCB: " + fault;
  }
  return {};
}

bool contains(const std::vector<Digest48>& list, const Digest48& digest) {
  return std::find(list.begin(), list.end(), digest) != list.end();
}

/// The chip id of the report; empty where the host hides it.
Bytes shown_chip(const Report& report, std::optional<Product> product) {
  constexpr std::size_t kTurinBytes = 8;
  const auto& id = report.chip_id;
  if (std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; })) return {};
  const std::size_t size = product == Product::Turin ? kTurinBytes : id.size();
  return {id.begin(), id.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::string chip_fault(const Bytes& chip, const std::set<Bytes>& denied) {
  if (denied.empty()) return {};
  if (chip.empty()) return "nothing names the chip, so it may be a denied one";
  return denied.contains(chip) ? "this chip is denied" : "";
}

/// `chip` is empty where nobody knows it.
void judge_chip(Steps& steps, const EndorsementFields& fields, const Bytes& chip, const Policy& policy) {
  const bool denied = !fields.product || policy.denied_products.contains(*fields.product);
  steps.judge(StepId::SnpProductAllowed, !denied          ? std::string()
                                         : fields.product ? std::string(name_of(*fields.product)) + " is not accepted"
                                                          : "the product is not known");
  if (policy.providers) {
    const bool known = !fields.hwid.empty() || policy.providers->contains(fields.csp_id);
    steps.check(StepId::SnpProviderAllowed, known, "the key is that of a provider who is none of those allowed");
  } else {
    steps.skip(StepId::SnpProviderAllowed, "no list of providers is given");
  }
  steps.judge(StepId::SnpChipAllowed, chip_fault(chip, policy.denied_chips));
}

void judge_platform(Steps& steps, const Report& report, const EndorsementFields& fields, const Policy& policy) {
  judge_chip(steps, fields, fields.hwid.empty() ? shown_chip(report, fields.product) : fields.hwid, policy);
  const auto minimum = fields.product ? policy.minimum_tcb.find(*fields.product) : policy.minimum_tcb.end();
  if (minimum == policy.minimum_tcb.end()) {
    steps.skip(StepId::SnpMinimumTcb, "no minimum is set for the product");
  } else {
    steps.judge(StepId::SnpMinimumTcb, tcb_fault(report, minimum->first, minimum->second));
  }
  constexpr std::uint32_t kFirstThatSays = 3;
  const bool checked = report.version >= kFirstThatSays && report.alias_check_complete();
  steps.check(StepId::SnpAliasCheck, !policy.alias_check_needed || checked,
              report.version < kFirstThatSays
                  ? "reports before version 3 do not say that memory has no aliases (BadRAM)"
                  : "the platform has not checked its memory for aliases (BadRAM)");
}

void judge_guest(Steps& steps, const Report& report, const Policy& policy) {
  steps.check(StepId::SnpDebug, policy.debug_allowed || !report.debug_allowed(),
              "the guest policy allows debugging (bit 19)");
  steps.check(StepId::SnpMigration, policy.migration_agent_allowed || !report.migration_agent_allowed(),
              "the guest policy allows a migration agent (bit 18)");
  if (policy.vmpl) {
    steps.judge(StepId::SnpVmpl, report.vmpl == *policy.vmpl
                                     ? std::string()
                                     : "the report was asked for at VMPL " + std::to_string(report.vmpl) + ", not " +
                                           std::to_string(*policy.vmpl));
  } else {
    steps.skip(StepId::SnpVmpl, "any privilege level is accepted");
  }
}

void judge_image(Steps& steps, const Report& report, const Policy& policy) {
  if (policy.measurements) {
    steps.check(StepId::SnpMeasurement, contains(*policy.measurements, report.measurement),
                "the measurement is none of those allowed");
  } else {
    steps.skip(StepId::SnpMeasurement, "no list of measurements is given");
  }
  if (policy.signers) {
    steps.check(StepId::SnpSignerKeys,
                contains(*policy.signers, report.id_key_digest) || contains(*policy.signers, report.author_key_digest),
                "neither id key nor author key is one of those allowed");
  } else {
    steps.skip(StepId::SnpSignerKeys, "no list of signers is given");
  }
  if (policy.report_data) {
    steps.check(StepId::SnpBinding, report.report_data == *policy.report_data,
                "the report data is not what is expected");
  } else {
    steps.skip(StepId::SnpBinding, "no report data is expected");
  }
}

}  // namespace

Steps judge(const Report& report, const EndorsementFields& fields, const Policy& policy) {
  Steps steps;
  judge_guest(steps, report, policy);
  judge_platform(steps, report, fields, policy);
  judge_image(steps, report, policy);
  return steps;
}

Steps judge_endorsement(const EndorsementFields& fields, const Policy& policy) {
  Steps steps;
  steps.check(StepId::SnpReportGiven, !policy.report_needed, "no report is given, so this is about no guest");
  judge_chip(steps, fields, fields.hwid, policy);
  return steps;
}

}  // namespace starminer::attestation::sev_snp
