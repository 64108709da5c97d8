// Bytes as a detached token and as a set of keys: without a key no token is believed.
#include "attestation/nvidia/eat.h"

#include <algorithm>

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace nvidia = attestation::nvidia;
  const std::string_view text = fuzz::text_of(data, size);
  const nvidia::TokenKeys none;
  const auto check = nvidia::check_token({text, none, attestation::x509::UnixTime{1'749'601'858}, std::nullopt});
  const auto verdict = check.steps.cryptography();
  fuzz::expect(verdict != attestation::evidence::Verdict::Valid, "without a key no token is genuine");
  fuzz::expect(
      check.key_id.empty() == !check.steps.passed(attestation::evidence::StepId::EatForm) || check.key_id.empty(),
      "a token that is read has its form");
  nvidia::Policy policy;
  policy.denied_devices = {Bytes(data, data + std::min<std::size_t>(size, 20))};
  const auto judged = nvidia::judge(check, false, policy);
  for (const auto& step : judged.list()) {
    const bool passed = step.outcome == attestation::evidence::StepOutcome::Passed;
    fuzz::expect(passed == step.reason.empty(), "what did not pass says why");
  }
  const auto keys = nvidia::parse_token_keys(text);
  if (keys) {
    for (const auto& [name, point] : *keys) fuzz::expect(point.size() == 96, "a key is a point");
  }
  return 0;
}
