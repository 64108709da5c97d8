#include "attestation/x509/pem.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::x509 {
namespace {

const Bytes kDer(100, 0x5a);

TEST(Pem, ReadsRealChains) {
  EXPECT_EQ(certificates_of_pem(vector_text("nvidia/hopper_550.chain.pem"))->size(), 5U);  // no line feed at its end
  EXPECT_EQ(certificates_of_pem(vector_text("nvidia/hopper_580.chain.pem"))->size(), 5U);  // two of them
  EXPECT_EQ(certificates_of_pem(vector_text("roots/amd_turin_ask_ark.pem"))->size(), 2U);  // CRLF
}

// REQ: VER-2
TEST(Pem, HasOneForm) {
  const std::string good = pem_of_certificate(kDer);
  ASSERT_EQ(certificates_of_pem(good), std::vector<Bytes>{kDer});
  const std::size_t first_line = good.find('\n') + 1;
  std::string shorter = good;  // one character of the first line moved to the second
  shorter.erase(first_line + 64, 1).insert(first_line + 63, "\n");
  std::string mixed = good;
  mixed.insert(first_line - 1, "\r");
  for (const std::string& bad : {std::string(), " " + good, "text\n" + good, good + "\n\n", good + "x", good + " ",
                                 shorter, mixed, good.substr(0, good.size() - 2), good.substr(1), good + "\n" + good,
                                 std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")}) {
    EXPECT_FALSE(certificates_of_pem(bad)) << bad;
  }
}

TEST(Pem, NoBitOfATextGoesUnnoticed) {
  const std::string text = vector_text("roots/nvidia_device_identity_ca.pem");
  const auto good = certificates_of_pem(text);
  for_each_flip(Bytes(text.begin(), text.end()), 0, 1, [&](const Bytes& changed, std::size_t bit) {
    EXPECT_NE(certificates_of_pem(as_text(changed)), good) << bit;
  });
}

TEST(Pem, StopsAtItsLimit) {
  std::string many;
  for (std::size_t i = 0; i <= kPemBlocksMax; ++i) many += pem_of_certificate(kDer);
  EXPECT_FALSE(certificates_of_pem(many));
}

RC_GTEST_PROP(Pem, RoundTrip, ()) {
  const auto der = *rc::gen::nonEmpty<std::vector<std::uint8_t>>();
  RC_ASSERT(certificates_of_pem(pem_of_certificate(der)) == std::vector<Bytes>{der});
}

}  // namespace
}  // namespace starminer::attestation::x509
