#include "attestation/x509/public_key.h"

#include <cstdlib>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

namespace starminer::attestation::x509 {
namespace {

// RFC 6979 appendix A.2.5 and A.2.6: keys and signatures of "sample" on P-256 with SHA-256 and P-384 with SHA-384.
struct Vector {
  KeyType type;
  Digest digest;
  const char* point;
  const char* r;
  const char* s;
  const char* order;
};
constexpr Vector kP256 = {KeyType::EcP256,
                          Digest::Sha256,
                          "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                          "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                          "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                          "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
                          "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"};
constexpr Vector kP384 = {
    KeyType::EcP384,
    Digest::Sha384,
    "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13"
    "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
    "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
    "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"};

class Ecdsa : public testing::TestWithParam<Vector> {};

// REQ: VER-2
TEST_P(Ecdsa, AcceptsTheVectorAndNoOther) {
  const Vector& vector = GetParam();
  const Bytes point = from_hex(vector.point).value();
  const Bytes r = from_hex(vector.r).value();
  const Bytes s = from_hex(vector.s).value();
  PublicKey key;
  key.type = vector.type;
  key.point = point;
  EXPECT_TRUE(verify_ecdsa(key, vector.digest, as_bytes("sample"), {r, s}));
  EXPECT_FALSE(verify_ecdsa(key, vector.digest, as_bytes("Sample"), {r, s}));
  EXPECT_FALSE(verify_ecdsa(key, vector.digest, as_bytes("sample"), {s, r}));
  const Bytes order = from_hex(vector.order).value();
  const Bytes zero(r.size());
  for (const Bytes& bad : {zero, order, Bytes(), Bytes(r.size() + 1, 0xff)}) {
    EXPECT_FALSE(verify_ecdsa(key, vector.digest, as_bytes("sample"), {bad, s})) << to_hex(bad);
    EXPECT_FALSE(verify_ecdsa(key, vector.digest, as_bytes("sample"), {r, bad})) << to_hex(bad);
  }
  Bytes off_curve = point;
  off_curve.back() ^= 1;
  key.point = off_curve;
  EXPECT_FALSE(verify_ecdsa(key, vector.digest, as_bytes("sample"), {r, s}));
  key.type = KeyType::Rsa;
  EXPECT_FALSE(verify_ecdsa(key, vector.digest, as_bytes("sample"), {r, s}));
}

INSTANTIATE_TEST_SUITE_P(Curves, Ecdsa, testing::Values(kP256, kP384));

TEST(PublicKey, SignaturesAreMinimalDer) {
  const Bytes good = from_hex("3006020101020102").value();
  const auto signature = parse_ecdsa_signature(good);
  ASSERT_TRUE(signature);
  EXPECT_EQ(to_hex(signature->r), "01");
  for (const char* hex :
       {"30060201010201", "300602010102010200", "300702020001020102", "3006020181020102", "3003020101", ""}) {
    EXPECT_FALSE(parse_ecdsa_signature(from_hex(hex).value())) << hex;
  }
}

TEST(PublicKey, RefusesKeysOutsideOfTheProfile) {
  for (const char* hex : {"",
                          "3059301306072a8648ce3d020106082a8648ce3d03010703420002",  // compressed, short
                          "301306072a8648ce3d020106082a8648ce3d030107",              // no key
                          "300d300906072a8648ce3d02010500030000",                    // no curve
                          "301a300d06092a864886f70d010101050003090030060201030201"}) {
    EXPECT_FALSE(parse_public_key(from_hex(hex).value())) << hex;
  }
}

bool vector_holds() {
  const Bytes point = from_hex(kP384.point).value();
  PublicKey key;
  key.type = kP384.type;
  key.point = point;
  return verify_ecdsa(key, kP384.digest, as_bytes("sample"), {from_hex(kP384.r).value(), from_hex(kP384.s).value()});
}

/// Two machines with two openssl.cnf must not disagree.
TEST(PublicKey, AnswersDoNotDependOnTheConfigurationOfOpenSsl) {
  ASSERT_EQ(EVP_default_properties_enable_fips(nullptr, 1), 1);
  const bool holds = vector_holds();
  EVP_default_properties_enable_fips(nullptr, 0);
  EXPECT_TRUE(holds);
}

using PublicKeyDeathTest = testing::Test;
TEST_F(PublicKeyDeathTest, AnswersDoNotDependOnTheProvidersOfOpenSsl) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";  // a process that has not used OpenSSL yet
  const auto with_another_provider = [] {
    const bool loaded = OSSL_PROVIDER_load(nullptr, "null") != nullptr;
    std::_Exit(loaded && vector_holds() ? 0 : 1);  // providers stay loaded to the end, which is no leak
  };
  EXPECT_EXIT(with_another_provider(), testing::ExitedWithCode(0), "");
}

TEST(PublicKey, AnExponentOfOneIsNoKey) {
  const auto key_with = [](const char* exponent) {
    Bytes modulus(257, 0xab);
    modulus[0] = 0;
    Bytes pair = {0x02, 0x82, 0x01, 0x01};
    pair.insert(pair.end(), modulus.begin(), modulus.end());
    const Bytes integer = from_hex(exponent).value();
    pair.insert(pair.end(), integer.begin(), integer.end());
    const auto wrap = [](Bytes head, const Bytes& content) {
      head.insert(head.end(),
                  {0x82, static_cast<std::uint8_t>(content.size() >> 8), static_cast<std::uint8_t>(content.size())});
      head.insert(head.end(), content.begin(), content.end());
      return head;
    };
    Bytes bits = {0x00};
    const Bytes sequence = wrap({0x30}, pair);
    bits.insert(bits.end(), sequence.begin(), sequence.end());
    Bytes info = from_hex("300d06092a864886f70d0101010500").value();
    const Bytes string = wrap({0x03}, bits);
    info.insert(info.end(), string.begin(), string.end());
    return parse_public_key(wrap({0x30}, info)).has_value();
  };
  EXPECT_TRUE(key_with("0203010001"));
  EXPECT_TRUE(key_with("020103"));
  EXPECT_FALSE(key_with("020101"));
  EXPECT_FALSE(key_with("020102"));
}

TEST(PublicKey, AnEmptyRsaKeySignsNothing) {
  PublicKey none;
  none.type = KeyType::Rsa;
  EXPECT_FALSE(verify_rsa_pss_sha384(none, as_bytes("a"), {}));
  EXPECT_FALSE(verify_rsa_pss_sha384(none, as_bytes("a"), as_bytes("b")));
}

TEST(PublicKey, Sha384OfTheStandard) {
  EXPECT_EQ(to_hex(sha384(as_bytes("abc"))),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
}

}  // namespace
}  // namespace starminer::attestation::x509
