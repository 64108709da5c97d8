#include "attestation/vrf/vrf.h"

#include <sodium.h>

namespace starminer::attestation::vrf {

SecretKey SecretKey::from_seed(const Seed& seed) {
  SecretKey key;
  key.secret_ = derive_secret(seed, "starminer/vrf/1");
  key.public_key_ = multiply_generator(key.secret_);
  return key;
}

SecretKey::~SecretKey() { sodium_memzero(secret_.bytes.data(), secret_.bytes.size()); }

Evaluation SecretKey::prove(ByteView input) const {
  const Element point = hash_to_group(input);
  const Output output = multiply(secret_, point);
  // A nonce from secret and statement: two statements never share one, which would give the secret away.
  Bytes nonce_input(secret_.bytes.begin(), secret_.bytes.end());
  nonce_input.insert(nonce_input.end(), point.bytes.begin(), point.bytes.end());
  Scalar nonce = hash_to_scalar(nonce_input, "starminer/vrf/nonce/1-");
  const Evaluation evaluation{output, generate_proof(secret_, public_key_, {&point, 1}, {&output, 1}, nonce)};
  sodium_memzero(nonce.bytes.data(), nonce.bytes.size());
  sodium_memzero(nonce_input.data(), nonce_input.size());
  return evaluation;
}

DleqFault verify(const PublicKey& key, ByteView input, const Evaluation& evaluation) {
  const Element point = hash_to_group(input);
  return verify_proof(key, {&point, 1}, {&evaluation.output, 1}, evaluation.proof);
}

}  // namespace starminer::attestation::vrf
