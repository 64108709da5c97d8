// Certificates made for a test, by OpenSSL's own encoder: what the reader is held against beside real ones.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "attestation/x509/der.h"
#include "attestation/x509/public_key.h"
#include "base/bytes.h"
#include "base/check.h"

namespace starminer::attestation::x509 {

using TestKey = std::shared_ptr<EVP_PKEY>;

inline TestKey make_test_key(KeyType type) {
  EVP_PKEY* key = type == KeyType::Rsa      ? EVP_RSA_gen(2048)
                  : type == KeyType::EcP384 ? EVP_EC_gen("P-384")
                                            : EVP_EC_gen("P-256");
  STARMINER_CHECK(key != nullptr);
  return {key, EVP_PKEY_free};
}

struct TestExtension {
  std::string oid;
  Bytes value;
  bool critical = false;
};

struct TestCertificate {
  std::string subject;
  std::string issuer;
  TestKey key;
  TestKey signer;
  bool authority = false;
  std::vector<TestExtension> extensions{};
  std::string not_before = "20200101000000Z";
  std::string not_after = "20400101000000Z";
  /// Hex.
  std::string serial = "07";
};

inline std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> make_test_integer(const std::string& hex) {
  BIGNUM* number = nullptr;
  STARMINER_CHECK(BN_hex2bn(&number, hex.c_str()) > 0);
  std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> made(BN_to_ASN1_INTEGER(number, nullptr),
                                                                   ASN1_INTEGER_free);
  BN_free(number);
  return made;
}

/// The certificate as DER. RSA signers sign with PSS, EC signers with ECDSA, both with SHA-384 (P-256: SHA-256).
inline Bytes make_test_certificate(const TestCertificate& wanted) {
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  X509_set_serialNumber(made.get(), make_test_integer(wanted.serial).get());
  const auto set_name = [](X509_NAME* name, const std::string& text) {
    // The type as such: OpenSSL would refuse names above 64 characters otherwise.
    X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING, reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()), -1, 0);
  };
  set_name(X509_get_subject_name(made.get()), wanted.subject);
  set_name(X509_get_issuer_name(made.get()), wanted.issuer);
  ASN1_TIME_set_string_X509(X509_getm_notBefore(made.get()), wanted.not_before.c_str());
  ASN1_TIME_set_string_X509(X509_getm_notAfter(made.get()), wanted.not_after.c_str());
  X509_set_pubkey(made.get(), wanted.key.get());
  const auto add = [&](const std::string& oid, const Bytes& value, bool critical) {
    const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> object(OBJ_txt2obj(oid.c_str(), 1),
                                                                           ASN1_OBJECT_free);
    const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> data(ASN1_OCTET_STRING_new(),
                                                                                     ASN1_OCTET_STRING_free);
    ASN1_OCTET_STRING_set(data.get(), value.data(), static_cast<int>(value.size()));
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509_EXTENSION_create_by_OBJ(nullptr, object.get(), critical ? 1 : 0, data.get()), X509_EXTENSION_free);
    X509_add_ext(made.get(), extension.get(), -1);
  };
  if (wanted.authority) add("2.5.29.19", {0x30, 0x03, 0x01, 0x01, 0xff}, true);
  for (const TestExtension& extension : wanted.extensions) add(extension.oid, extension.value, extension.critical);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* parameters = nullptr;
  const bool p256 = EVP_PKEY_get_bits(wanted.signer.get()) == 256;
  EVP_DigestSignInit(context.get(), &parameters, p256 ? EVP_sha256() : EVP_sha384(), nullptr, wanted.signer.get());
  if (EVP_PKEY_get_base_id(wanted.signer.get()) == EVP_PKEY_RSA) {
    EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 48);
  }
  STARMINER_CHECK(X509_sign_ctx(made.get(), context.get()) > 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509(made.get(), &der);
  STARMINER_CHECK(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

struct TestList {
  std::string issuer;
  TestKey signer;
  /// Serial numbers in hex.
  std::vector<std::string> revoked{};
  std::string this_update = "20250601000000Z";
  std::string next_update = "20250701000000Z";
};

/// A list of revoked certificates as DER, signed with ECDSA and SHA-256.
inline Bytes make_test_list(const TestList& wanted) {
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> made(X509_CRL_new(), X509_CRL_free);
  const std::unique_ptr<X509_NAME, decltype(&X509_NAME_free)> name(X509_NAME_new(), X509_NAME_free);
  X509_NAME_add_entry_by_txt(name.get(), "CN", V_ASN1_UTF8STRING,
                             reinterpret_cast<const unsigned char*>(wanted.issuer.c_str()), -1, -1, 0);
  X509_CRL_set_version(made.get(), 1);
  X509_CRL_set_issuer_name(made.get(), name.get());
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(), ASN1_TIME_free);
  ASN1_TIME_set_string_X509(time.get(), wanted.this_update.c_str());
  X509_CRL_set1_lastUpdate(made.get(), time.get());
  for (const std::string& serial : wanted.revoked) {
    X509_REVOKED* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, make_test_integer(serial).get());
    X509_REVOKED_set_revocationDate(entry, time.get());
    X509_CRL_add0_revoked(made.get(), entry);
  }
  ASN1_TIME_set_string_X509(time.get(), wanted.next_update.c_str());
  X509_CRL_set1_nextUpdate(made.get(), time.get());
  X509_CRL_add1_ext_i2d(made.get(), NID_crl_number, make_test_integer("01").get(), 0, 0);
  STARMINER_CHECK(X509_CRL_sign(made.get(), wanted.signer.get(), EVP_sha256()) > 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509_CRL(made.get(), &der);
  STARMINER_CHECK(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

/// r || s, big-endian, of `size` bytes each.
inline Bytes sign_raw(const TestKey& key, ByteView message, std::size_t size) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestSignInit(context.get(), nullptr, size == 32 ? EVP_sha256() : EVP_sha384(), nullptr, key.get());
  Bytes der(256);
  std::size_t length = der.size();
  STARMINER_CHECK(EVP_DigestSign(context.get(), der.data(), &length, message.data(), message.size()) == 1);
  der.resize(length);
  const auto pair = parse_ecdsa_signature(der);
  STARMINER_CHECK(pair.has_value());
  Bytes raw(2 * size);
  std::copy(pair->r.begin(), pair->r.end(), raw.begin() + static_cast<std::ptrdiff_t>(size - pair->r.size()));
  std::copy(pair->s.begin(), pair->s.end(), raw.end() - static_cast<std::ptrdiff_t>(pair->s.size()));
  return raw;
}

}  // namespace starminer::attestation::x509
