// Bytes as an SEV-SNP report, and what follows as its endorsement: neither is believed for being there.
#include "attestation/sev_snp/policy.h"
#include "attestation/sev_snp/verify.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace snp = attestation::sev_snp;
  const ByteView bytes(data, size);
  const ByteView front = bytes.first(size < snp::kReportBytes ? size : snp::kReportBytes);
  const auto report = snp::parse_report(front);
  fuzz::expect(report || !report.error().empty(), "a refusal has a reason");
  if (!report) return 0;
  fuzz::expect(front.size() == snp::kReportBytes, "a report has 1184 bytes");
  const auto check = snp::verify(front, {bytes.subspan(front.size()), {}, {}}, {1'750'000'000});
  fuzz::expect(check.steps.cryptography() == attestation::evidence::Verdict::Invalid,
               "without a root nothing is genuine");
  const auto judged = snp::judge(*report, check.endorsement ? check.endorsement->fields : snp::EndorsementFields{}, {});
  for (const auto& step : judged.list()) {
    const bool passed = step.outcome == attestation::evidence::StepOutcome::Passed;
    fuzz::expect(passed == step.reason.empty(), "what did not pass says why");
  }
  return 0;
}
