#include "attestation/x509/crl.h"

#include <gtest/gtest.h>

#include "attestation/x509/pem.h"
#include "attestation/x509/test_authority.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::x509 {
namespace {

Certificate certificate(const std::string& name, std::size_t which) {
  return Certificate::parse(certificates_of_pem(vector_text(name))->at(which)).value();
}

// REQ: VER-2
TEST(RevocationList, RealListsAreOfTheirAuthority) {
  const Certificate root = certificate("roots/intel_tcb_signing_chain.pem", 1);
  const auto list = RevocationList::parse(vector_file("tdx/root_crl_2023-04.der"));
  ASSERT_TRUE(list);
  EXPECT_TRUE(list->is_signed_by(root));
  EXPECT_FALSE(list->is_signed_by(certificate("sgx/intel_sample/trustedRootCaCert.pem", 0)));
  EXPECT_FALSE(list->is_signed_by(certificate("roots/intel_tcb_signing_chain.pem", 0)));
  EXPECT_EQ(format_time(list->validity().not_before), "2023-04-03T10:22:51Z");
  EXPECT_EQ(format_time(list->validity().not_after), "2024-04-02T10:22:51Z");
  EXPECT_FALSE(list->revokes(root));
}

TEST(RevocationList, EntriesAreFound) {
  const auto list = RevocationList::parse(vector_file("tdx/pck_platform_crl_2023-06.der"));
  ASSERT_TRUE(list);
  EXPECT_FALSE(list->revokes(certificate("sgx/intel_sample/pckCert.pem", 0)));
  const TestKey key = make_test_key(KeyType::EcP256);
  const auto made = [&](const char* serial) {
    TestCertificate wanted{"a", "b", key, key, false};
    wanted.serial = serial;
    return Certificate::parse(make_test_certificate(wanted)).value();
  };
  EXPECT_TRUE(list->revokes(made("6fc34e5023e728923435d61aa4b83c618166ad35"))) << "the first";
  EXPECT_TRUE(list->revokes(made("efae6e9715fca13b87e333e8261ed6d990a926ad"))) << "with its first bit set";
  EXPECT_FALSE(list->revokes(made("6fc34e5023e728923435d61aa4b83c618166ad36")));
}

TEST(RevocationList, OnlyKeysForListsSignThem) {
  const TestKey key = make_test_key(KeyType::EcP256);
  const auto list = RevocationList::parse(make_test_list({"a", key}));
  const auto authority = [&](const char* usage) {
    TestCertificate wanted{"a", "a", key, key, true};
    if (usage != nullptr) wanted.extensions = {{"2.5.29.15", from_hex(usage).value(), true}};
    return Certificate::parse(make_test_certificate(wanted)).value();
  };
  EXPECT_TRUE(list->is_signed_by(authority(nullptr)));
  EXPECT_TRUE(list->is_signed_by(authority("03020106")));   // certificates and lists
  EXPECT_FALSE(list->is_signed_by(authority("03020204")));  // certificates
}

TEST(RevocationList, NoFlippedBitIsOfTheAuthority) {
  const Certificate root = certificate("roots/intel_tcb_signing_chain.pem", 1);
  for_each_flip(vector_file("tdx/root_crl_2023-04.der"), 0, 1, [&](const Bytes& changed, std::size_t bit) {
    const auto list = RevocationList::parse(changed);
    EXPECT_FALSE(list && list->is_signed_by(root)) << bit;
  });
}

TEST(RevocationList, RefusesOtherBytes) {
  Bytes bytes = vector_file("tdx/root_crl_2023-04.der");
  bytes.push_back(0);
  EXPECT_FALSE(RevocationList::parse(bytes));
  EXPECT_FALSE(RevocationList::parse({}));
  EXPECT_FALSE(RevocationList::parse(vector_file("roots/intel_sgx_root_ca.der")));
}

}  // namespace
}  // namespace starminer::attestation::x509
