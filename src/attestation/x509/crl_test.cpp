#include "attestation/x509/crl.h"

#include <gtest/gtest.h>

#include "attestation/x509/pem.h"
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
