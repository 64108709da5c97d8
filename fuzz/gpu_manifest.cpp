// Bytes as a manifest of measurements: whatever is read, nothing is believed without a root.
#include "attestation/nvidia_rim/manifest.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const auto check = attestation::nvidia_rim::check_manifest(fuzz::text_of(data, size), {}, {1'750'000'000});
  fuzz::expect(check.steps.cryptography() == attestation::evidence::Verdict::Invalid,
               "without a root nothing is genuine");
  if (!check.manifest) return 0;
  for (const auto& [index, alternatives] : check.manifest->values) {
    fuzz::expect(index < 64 && !alternatives.empty(), "an entry has an index and a value");
  }
  return 0;
}
