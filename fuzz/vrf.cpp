// Bytes as key (32), output (32), proof (64) and input: foreign bytes are refused, or they are what a prover makes.
#include "attestation/vrf/vrf.h"

#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  namespace vrf = attestation::vrf;
  constexpr std::size_t kFixed = 32 + 32 + 64;
  if (size < kFixed) return 0;
  const ByteView bytes(data, size);
  const vrf::PublicKey key = *vrf::Element::from_view(bytes.first(32));
  vrf::Evaluation evaluation;
  evaluation.output = *vrf::Element::from_view(bytes.subspan(32, 32));
  evaluation.proof.challenge.bytes = vrf::Element::from_view(bytes.subspan(64, 32))->bytes;
  evaluation.proof.response.bytes = vrf::Element::from_view(bytes.subspan(96, 32))->bytes;
  const ByteView input = bytes.subspan(kFixed);
  const bool verified = vrf::verify(key, input, evaluation) == vrf::DleqFault::None;
  if (verified) {
    fuzz::expect(vrf::is_valid(key) && vrf::is_valid(evaluation.output), "a verified output is a point");
    fuzz::expect(vrf::is_canonical(evaluation.proof.challenge) && vrf::is_canonical(evaluation.proof.response),
                 "one proof has one encoding");
  }
  // The same input from a key of our own: its proof verifies, and no foreign output does under it.
  const vrf::SecretKey own = vrf::SecretKey::from_seed(key.bytes);
  const vrf::Evaluation good = own.prove(input);
  fuzz::expect(vrf::verify(own.public_key(), input, good) == vrf::DleqFault::None, "an honest proof verifies");
  if (evaluation.output != good.output) {
    fuzz::expect(vrf::verify(own.public_key(), input, {evaluation.output, good.proof}) != vrf::DleqFault::None,
                 "one input has one output");
  }
  return 0;
}
