#include "base/signature.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <sodium.h>

namespace starminer {
namespace {

constexpr std::string_view kDomain = "starminer/test/1";

template <class T>
T from_hex_view(std::string_view text) {
  return *T::from_view(*from_hex(text));
}

std::array<std::uint8_t, 32> array_of(std::string_view text) {
  std::array<std::uint8_t, 32> bytes{};
  const Bytes decoded = *from_hex(text);
  std::copy(decoded.begin(), decoded.end(), bytes.begin());
  return bytes;
}

SigningKey test_key(std::uint8_t fill) {
  std::array<std::uint8_t, 32> seed{};
  seed.fill(fill);
  return SigningKey::from_seed(seed);
}

// The signature of plain bytes by OpenSSL, a second implementation.
Signature openssl_sign(const std::array<std::uint8_t, 32>& seed, ByteView message) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()), &EVP_PKEY_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  Signature signature;
  std::size_t size = signature.bytes.size();
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()), 1);
  EXPECT_EQ(EVP_DigestSign(context.get(), signature.bytes.data(), &size, message.data(), message.size()), 1);
  return signature;
}

struct Vector {
  std::string_view seed;
  std::string_view key;
  std::string_view message;
  std::string_view signature;
};

// RFC 8032 section 7.1, TEST 1 to 3. Our signatures carry a domain, so the standard's signatures are those of the
// second implementation, and ours agree with it below.
TEST(Signature, KeysAndPrimitiveOfTheStandard) {
  const Vector vectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2"
       "4"
       "655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302ae"
       "e"
       "b00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28"
       "d"
       "c027beceea1ec40a"},
  };
  for (const Vector& vector : vectors) {
    EXPECT_EQ(to_hex(SigningKey::from_seed(array_of(vector.seed)).public_key().view()), vector.key);
    EXPECT_EQ(to_hex(openssl_sign(array_of(vector.seed), *from_hex(vector.message)).view()), vector.signature);
  }
}

RC_GTEST_PROP(Signature, AgreesWithASecondImplementation, (Bytes message)) {
  std::array<std::uint8_t, 32> seed{};
  for (auto& byte : seed) byte = *rc::gen::arbitrary<std::uint8_t>();
  const SigningKey key = SigningKey::from_seed(seed);
  Bytes with_domain = {static_cast<std::uint8_t>(kDomain.size())};
  with_domain.insert(with_domain.end(), kDomain.begin(), kDomain.end());
  with_domain.insert(with_domain.end(), message.begin(), message.end());
  const Signature signature = openssl_sign(seed, with_domain);
  RC_ASSERT(key.sign(kDomain, message) == signature);
  RC_ASSERT(verify(key.public_key(), kDomain, message, signature) == SignatureFault::None);
}

TEST(Signature, EveryFlippedBitIsRefused) {
  const SigningKey key = test_key(1);
  const Bytes message(40, 0xa5);
  const Signature signature = key.sign(kDomain, message);
  ASSERT_EQ(verify(key.public_key(), kDomain, message, signature), SignatureFault::None);
  for (std::size_t bit = 0; bit < 64 * 8; ++bit) {
    Signature wrong = signature;
    wrong.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_NE(verify(key.public_key(), kDomain, message, wrong), SignatureFault::None) << bit;
  }
  for (std::size_t bit = 0; bit < 32 * 8; ++bit) {
    PublicKey wrong = key.public_key();
    wrong.bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_NE(verify(wrong, kDomain, message, signature), SignatureFault::None) << bit;
  }
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes wrong = message;
    wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(verify(key.public_key(), kDomain, wrong, signature), SignatureFault::Mismatch) << bit;
  }
}

TEST(Signature, IsBoundToItsDomain) {
  const SigningKey key = test_key(2);
  const Signature signature = key.sign("ab", as_bytes("c"));
  EXPECT_EQ(verify(key.public_key(), "ab", as_bytes("c"), signature), SignatureFault::None);
  EXPECT_EQ(verify(key.public_key(), "a", as_bytes("bc"), signature), SignatureFault::Mismatch);
  EXPECT_EQ(verify(key.public_key(), "abc", {}, signature), SignatureFault::Mismatch);
  EXPECT_EQ(verify(key.public_key(), "xy", as_bytes("c"), signature), SignatureFault::Mismatch);
}

TEST(Signature, AnotherKeyDoesNotMatch) {
  const Signature signature = test_key(3).sign(kDomain, as_bytes("m"));
  EXPECT_EQ(verify(test_key(4).public_key(), kDomain, as_bytes("m"), signature), SignatureFault::Mismatch);
}

// S + L solves the same equation; accepting it would give one transaction two identities.
TEST(Signature, ScalarPlusOrderIsRefused) {
  constexpr std::array<std::uint8_t, 32> kOrder = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                                   0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                                   0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  const SigningKey key = test_key(5);
  const Signature signature = key.sign(kDomain, as_bytes("m"));
  Signature wrong = signature;
  for (int times = 1; times <= 7; ++times) {
    unsigned carry = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const unsigned sum = wrong.bytes[32 + i] + kOrder[i] + carry;
      wrong.bytes[32 + i] = static_cast<std::uint8_t>(sum);
      carry = sum >> 8;
    }
    ASSERT_EQ(carry, 0U);
    EXPECT_EQ(verify(key.public_key(), kDomain, as_bytes("m"), wrong), SignatureFault::BadEncoding) << times;
  }
  // L itself, and the largest number of 32 bytes.
  std::copy(kOrder.begin(), kOrder.end(), wrong.bytes.begin() + 32);
  EXPECT_EQ(verify(key.public_key(), kDomain, as_bytes("m"), wrong), SignatureFault::BadEncoding);
  std::fill(wrong.bytes.begin() + 32, wrong.bytes.end(), 0xff);
  EXPECT_EQ(verify(key.public_key(), kDomain, as_bytes("m"), wrong), SignatureFault::BadEncoding);
}

// All encodings of points of small order: orders 1, 2, 4, 4, 8, 8, 8, 8, and the non-canonical ones of the first four.
constexpr std::string_view kSmallOrder[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};

// With a key A of small order, (R = S*B, S) solves R = S*B - k*A for every message with k*A = 0, one in eight at least:
// a signature that anybody can make.
TEST(Signature, ForgeriesUnderKeysOfSmallOrderAreRefused) {
  std::array<std::uint8_t, 32> scalar{};
  scalar[0] = 9;
  Signature forged;
  ASSERT_EQ(crypto_scalarmult_ed25519_base_noclamp(forged.bytes.data(), scalar.data()), 0);
  std::copy(scalar.begin(), scalar.end(), forged.bytes.begin() + 32);
  for (const std::string_view encoding : kSmallOrder) {
    const auto key = from_hex_view<PublicKey>(encoding);
    for (std::uint8_t i = 0; i < 64; ++i) {
      EXPECT_EQ(verify(key, kDomain, Bytes{i}, forged), SignatureFault::BadKey) << encoding;
    }
  }
}

TEST(Signature, PointsOfSmallOrderAreNoCommitment) {
  const SigningKey key = test_key(6);
  for (const std::string_view encoding : kSmallOrder) {
    Signature wrong = key.sign(kDomain, as_bytes("m"));
    const auto point = array_of(encoding);
    std::copy(point.begin(), point.end(), wrong.bytes.begin());
    EXPECT_EQ(verify(key.public_key(), kDomain, as_bytes("m"), wrong), SignatureFault::BadEncoding) << encoding;
  }
}

// y coordinates of p = 2^255-19 and above stand for y - p: a second encoding of the same point.
TEST(Signature, NonCanonicalPointsAreRefused) {
  const SigningKey key = test_key(7);
  const Signature good = key.sign(kDomain, as_bytes("m"));
  for (unsigned low = 0xed; low <= 0xff; ++low) {
    for (const std::uint8_t top : {std::uint8_t{0x7f}, std::uint8_t{0xff}}) {
      std::array<std::uint8_t, 32> point{};
      point.fill(0xff);
      point.front() = static_cast<std::uint8_t>(low);
      point.back() = top;
      Signature wrong = good;
      std::copy(point.begin(), point.end(), wrong.bytes.begin());
      EXPECT_EQ(verify(key.public_key(), kDomain, as_bytes("m"), wrong), SignatureFault::BadEncoding) << low;
      EXPECT_EQ(verify(PublicKey{point}, kDomain, as_bytes("m"), good), SignatureFault::BadKey) << low;
    }
  }
}

TEST(Signature, AKeyOffTheCurveIsRefused) {
  PublicKey key;
  key.bytes[0] = 2;  // no x solves the curve equation for y = 2
  EXPECT_EQ(verify(key, kDomain, as_bytes("m"), test_key(8).sign(kDomain, as_bytes("m"))), SignatureFault::BadKey);
}

TEST(Signature, LengthIsPartOfTheType) {
  EXPECT_FALSE(Signature::from_view(Bytes(63)));
  EXPECT_FALSE(Signature::from_view(Bytes(65)));
  EXPECT_TRUE(Signature::from_view(Bytes(64)));
}

}  // namespace
}  // namespace starminer
