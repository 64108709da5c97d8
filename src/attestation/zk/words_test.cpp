#include "attestation/zk/words.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "attestation/zk/evm.h"
#include "attestation/zk/test_curve.h"

namespace starminer::attestation::zk {
namespace {

rc::Gen<Bytes> any_words(std::size_t count) {
  return rc::gen::container<Bytes>(count * kWordBytes, rc::gen::arbitrary<std::uint8_t>());
}

RC_GTEST_PROP(Words, WhatIsReadIsWrittenTheSame, ()) {
  const Bytes proof = *any_words(8);
  RC_ASSERT(encode_proof(*decode_proof(proof)) == proof);
  const auto points = *rc::gen::inRange<std::size_t>(1, kSignalsMax + 2);
  Bytes key(kKeyMagic.begin(), kKeyMagic.end());
  const Bytes words = *any_words(14 + 2 * points);
  key.insert(key.end(), words.begin(), words.end());
  const auto numbers = decode_key(key);
  RC_ASSERT(numbers && numbers->ic.size() == points);
  RC_ASSERT(encode_key(*numbers) == key);
}

TEST(Words, OtherLengthsAreNothing) {
  const Bytes key = encode_key(Ceremony(1).key());
  EXPECT_EQ(key.size(), 8 + 64 + 3 * 128 + 2 * 64U);
  for (std::size_t size = 0; size < key.size(); ++size) {
    EXPECT_EQ(decode_key(ByteView(key).first(size)).has_value(), size == key.size() - 64) << size;
  }
  Bytes longer = key;
  longer.resize(8 + 64 + 3 * 128 + 64 * (kSignalsMax + 1));
  EXPECT_TRUE(decode_key(longer));
  longer.resize(longer.size() + 64);
  EXPECT_FALSE(decode_key(longer));
  Bytes other = key;
  other[7] = '2';
  EXPECT_FALSE(decode_key(other));
  for (const std::size_t size : {0U, 255U, 257U, 512U}) EXPECT_FALSE(decode_proof(Bytes(size)));
  EXPECT_TRUE(decode_signals({})->empty());
  EXPECT_FALSE(decode_signals(Bytes(33)));
  EXPECT_EQ(decode_signals(Bytes(32 * kSignalsMax))->size(), kSignalsMax);
  EXPECT_FALSE(decode_signals(Bytes(32 * (kSignalsMax + 1))));
}

// The EVM writes the imaginary part first.
TEST(Words, AreInTheOrderOfTheEvm) {
  Bytes words(256);
  for (std::size_t i = 0; i < 8; ++i) words[32 * i + 31] = static_cast<std::uint8_t>(i);
  const ProofNumbers proof = *decode_proof(words);
  EXPECT_EQ(proof.a.y[0], 1U);
  EXPECT_EQ(proof.b.x_imaginary[0], 2U);
  EXPECT_EQ(proof.b.x_real[0], 3U);
  EXPECT_EQ(proof.b.y_imaginary[0], 4U);
  EXPECT_EQ(proof.b.y_real[0], 5U);
  EXPECT_EQ(proof.c.x[0], 6U);
}

// All other vectors of the contracts are judged by client/evidence.
TEST(Evm, CallsThatFailAndInfinity) {
  EXPECT_EQ(evm_add({}), Bytes(64));
  EXPECT_EQ(evm_multiply({}), Bytes(64));
  EXPECT_EQ(evm_pairing({}), true);
  EXPECT_EQ(evm_pairing(Bytes(192)), true);
  EXPECT_FALSE(evm_pairing(Bytes(191)));
  EXPECT_FALSE(evm_add(Bytes(64, 1)));
  EXPECT_FALSE(evm_multiply(Bytes(96, 1)));
  EXPECT_FALSE(evm_pairing(Bytes(192, 1)));
}

}  // namespace
}  // namespace starminer::attestation::zk
