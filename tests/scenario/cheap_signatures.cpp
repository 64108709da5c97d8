#include "scenario/cheap_signatures.h"

#include <algorithm>
#include <map>

#include "attestation/vrf/vrf.h"
#include "base/hash.h"
#include "base/signature.h"

namespace starminer::scenario {

// The linker calls `cheap` where others call the named function (--wrap, which CMake reads from here), and the function
// itself is `real`.
// clang-format off
#define REAL(symbol) __asm__("__real_" symbol)
#define CHEAP(symbol) __asm__("__wrap_" symbol)
#define VERIFY "_ZN9starminer6verifyERKNS_9PublicKeyESt17basic_string_viewIcSt11char_traitsIcEESt4spanIKhLm18446744073709551615EERKNS_9SignatureE"
#define SIGN "_ZNK9starminer10SigningKey4signESt17basic_string_viewIcSt11char_traitsIcEESt4spanIKhLm18446744073709551615EE"
#define KEY_FROM_SEED "_ZN9starminer10SigningKey9from_seedERKSt5arrayIhLm32EE"
#define VRF_PROVE "_ZNK9starminer11attestation3vrf9SecretKey5proveESt4spanIKhLm18446744073709551615EE"
#define VRF_VERIFY "_ZN9starminer11attestation3vrf6verifyERKNS1_7ElementESt4spanIKhLm18446744073709551615EERKNS1_10EvaluationE"
#define VRF_IS_VALID "_ZN9starminer11attestation3vrf8is_validERKNS1_7ElementE"
// clang-format on

using Seed = std::array<std::uint8_t, 32>;

namespace {

namespace vrf = attestation::vrf;

bool cheap = false;

Signature signature_of(const PublicKey& key, std::string_view domain, ByteView message) {
  const Hash32 hash = Sha256().update(key.view()).update(domain).update(message).finish();
  Signature signature;
  std::copy(hash.bytes.begin(), hash.bytes.end(), signature.bytes.begin());
  std::copy(hash.bytes.begin(), hash.bytes.end(), signature.bytes.begin() + hash.bytes.size());
  return signature;
}

vrf::Evaluation evaluation_of(const vrf::PublicKey& key, ByteView input) {
  const Hash32 hash = Sha256().update("evaluation").update(key.view()).update(input).finish();
  vrf::Evaluation evaluation;
  evaluation.output.bytes = hash.bytes;
  evaluation.proof.challenge.bytes = hash.bytes;
  return evaluation;
}

}  // namespace

void use_cheap_signatures() { cheap = true; }

// What the linker binds.
SignatureFault real_verify(const PublicKey&, std::string_view, ByteView, const Signature&) REAL(VERIFY);
SignatureFault cheap_verify(const PublicKey&, std::string_view, ByteView, const Signature&) CHEAP(VERIFY);
SignatureFault cheap_verify(const PublicKey& key, std::string_view domain, ByteView message,
                            const Signature& signature) {
  if (!cheap) return real_verify(key, domain, message, signature);
  return signature == signature_of(key, domain, message) ? SignatureFault::None : SignatureFault::Mismatch;
}

Signature real_sign(const SigningKey*, std::string_view, ByteView) REAL(SIGN);
Signature cheap_sign(const SigningKey*, std::string_view, ByteView) CHEAP(SIGN);
Signature cheap_sign(const SigningKey* key, std::string_view domain, ByteView message) {
  return cheap ? signature_of(key->public_key(), domain, message) : real_sign(key, domain, message);
}

SigningKey real_from_seed(const Seed&) REAL(KEY_FROM_SEED);
SigningKey cheap_from_seed(const Seed&) CHEAP(KEY_FROM_SEED);
SigningKey cheap_from_seed(const Seed& seed) {
  if (!cheap) return real_from_seed(seed);
  static std::map<Seed, SigningKey> known;
  const auto it = known.find(seed);
  return it != known.end() ? it->second : known.emplace(seed, real_from_seed(seed)).first->second;
}

vrf::Evaluation real_prove(const vrf::SecretKey*, ByteView) REAL(VRF_PROVE);
vrf::Evaluation cheap_prove(const vrf::SecretKey*, ByteView) CHEAP(VRF_PROVE);
vrf::Evaluation cheap_prove(const vrf::SecretKey* key, ByteView input) {
  return cheap ? evaluation_of(key->public_key(), input) : real_prove(key, input);
}

vrf::DleqFault real_vrf_verify(const vrf::PublicKey&, ByteView, const vrf::Evaluation&) REAL(VRF_VERIFY);
vrf::DleqFault cheap_vrf_verify(const vrf::PublicKey&, ByteView, const vrf::Evaluation&) CHEAP(VRF_VERIFY);
vrf::DleqFault cheap_vrf_verify(const vrf::PublicKey& key, ByteView input, const vrf::Evaluation& evaluation) {
  if (!cheap) return real_vrf_verify(key, input, evaluation);
  const vrf::Evaluation expected = evaluation_of(key, input);
  const bool same = evaluation.output == expected.output && evaluation.proof == expected.proof;
  return same ? vrf::DleqFault::None : vrf::DleqFault::Mismatch;
}

bool real_is_valid(const vrf::Element&) REAL(VRF_IS_VALID);
bool cheap_is_valid(const vrf::Element&) CHEAP(VRF_IS_VALID);
bool cheap_is_valid(const vrf::Element& element) {
  if (!cheap) return real_is_valid(element);
  static std::map<vrf::Element, bool> known;  // of the few keys that there are
  const auto it = known.find(element);
  return it != known.end() ? it->second : known.emplace(element, real_is_valid(element)).first->second;
}

}  // namespace starminer::scenario
