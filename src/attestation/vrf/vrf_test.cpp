#include "attestation/vrf/vrf.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <sodium.h>

#include "base/hash.h"

namespace starminer::attestation::vrf {
namespace {

SecretKey key_of(std::string_view name) { return SecretKey::from_seed(sha256(name).bytes); }

TEST(Vrf, TheKeyIsDerivedAsTheRfcSays) {
  const Seed seed = sha256("ada").bytes;
  EXPECT_EQ(SecretKey::from_seed(seed).public_key(), multiply_generator(derive_secret(seed, "starminer/vrf/1")));
}

RC_GTEST_PROP(Vrf, VerifiesForItsKeyAndInputOnly, (const Bytes& input)) {
  const SecretKey ada = key_of("ada");
  const Evaluation evaluation = ada.prove(input);
  RC_ASSERT(verify(ada.public_key(), input, evaluation) == DleqFault::None);
  RC_ASSERT(is_valid(evaluation.output));
  RC_ASSERT(verify(key_of("bob").public_key(), input, evaluation) == DleqFault::Mismatch);
  Bytes other = input;
  other.push_back(0);
  RC_ASSERT(verify(ada.public_key(), other, evaluation) == DleqFault::Mismatch);
}

// The point of it all: a holder of the key cannot choose among outputs.
RC_GTEST_PROP(Vrf, OneInputHasOneOutputAndOneProof, (const Bytes& input)) {
  const SecretKey ada = key_of("ada");
  const Evaluation first = ada.prove(input);
  const Evaluation again = ada.prove(input);
  RC_ASSERT(first.output == again.output && first.proof == again.proof);
  const Evaluation other{key_of("bob").prove(input).output, first.proof};
  RC_ASSERT(verify(ada.public_key(), input, other) == DleqFault::Mismatch);
}

TEST(Vrf, ProofsOfOthersDoNotFit) {
  const SecretKey ada = key_of("ada");
  const Evaluation a = ada.prove(as_bytes("a"));
  const Evaluation b = ada.prove(as_bytes("b"));
  EXPECT_EQ(verify(ada.public_key(), as_bytes("a"), {a.output, b.proof}), DleqFault::Mismatch);
  EXPECT_EQ(verify(ada.public_key(), as_bytes("a"), {b.output, b.proof}), DleqFault::Mismatch);
  EXPECT_EQ(verify(ada.public_key(), as_bytes("a"), {{}, a.proof}), DleqFault::BadElement);
  EXPECT_EQ(verify({}, as_bytes("a"), a), DleqFault::BadKey);
}

// Two statements under one nonce would give the secret away. The nonce shows in s*G + c*Y, which is nonce*G.
TEST(Vrf, NoncesAreNeverUsedTwice) {
  const SecretKey ada = key_of("ada");
  std::set<Element> commitments;
  for (std::uint8_t i = 0; i < 100; ++i) {
    const Proof proof = ada.prove(Bytes{i}).proof;
    const Element left = multiply_generator(proof.response);
    const Element right = multiply(proof.challenge, ada.public_key());
    Element sum;
    ASSERT_EQ(crypto_core_ristretto255_add(sum.bytes.data(), left.bytes.data(), right.bytes.data()), 0);
    commitments.insert(sum);
  }
  EXPECT_EQ(commitments.size(), 100U);
}

}  // namespace
}  // namespace starminer::attestation::vrf
