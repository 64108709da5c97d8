// Bytes as a quote of SGX or TDX: its parts are inside of it and cover it, and it is not believed without a trusted
// root.
#include "attestation/dcap/policy.h"
#include "attestation/dcap/verify.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace dcap = attestation::dcap;
  const ByteView bytes(data, size);
  const auto quote = dcap::parse_quote(bytes);
  fuzz::expect(quote || !quote.error().empty(), "a refusal has a reason");
  if (!quote) return 0;
  fuzz::expect(quote->signed_part.size() + 4 + quote->signature_data_length + quote->trailing.size() == size,
               "the parts of a quote add up");
  fuzz::expect(quote->domain.has_value() != quote->enclave.has_value(), "a quote is of a domain or of an enclave");
  const auto verification = dcap::verify({bytes, {}, {}}, {}, {1'750'000'000});
  fuzz::expect(verification.steps.cryptography() == attestation::evidence::Verdict::Invalid,
               "without a root nothing is genuine");
  for (const auto& list : {verification.steps, dcap::judge(verification, {})}) {
    for (const auto& step : list.list()) {
      const bool passed = step.outcome == attestation::evidence::StepOutcome::Passed;
      fuzz::expect(passed == step.reason.empty(), "what did not pass says why");
    }
  }
  return 0;
}
