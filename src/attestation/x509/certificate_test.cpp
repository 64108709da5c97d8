#include "attestation/x509/certificate.h"

#include <gtest/gtest.h>

#include "attestation/x509/pem.h"
#include "attestation/x509/test_authority.h"
#include "attestation/x509/test_vectors.h"
#include "base/hash.h"

namespace starminer::attestation::x509 {
namespace {

std::vector<Certificate> parse_chain(const std::string& name) {
  std::vector<Certificate> chain;
  const auto blocks = certificates_of_pem(vector_text(name));
  EXPECT_TRUE(blocks) << name;
  for (const Bytes& der : *blocks) chain.push_back(Certificate::parse(der).value());
  return chain;
}

std::vector<const Certificate*> pointers(const std::vector<Certificate>& chain) {
  std::vector<const Certificate*> list;
  for (const Certificate& certificate : chain) list.push_back(&certificate);
  return list;
}

TEST(Certificate, ReadsWhatItSays) {
  const auto vcek = Certificate::parse(vector_file("sev-snp/milan_v2.vcek.der"));
  ASSERT_TRUE(vcek);
  EXPECT_EQ(vcek->common_name(), "SEV-VCEK");
  EXPECT_EQ(vcek->subject_text(), "CN=SEV-VCEK,O=Advanced Micro Devices,ST=CA,L=Santa Clara,C=US,OU=Engineering");
  EXPECT_EQ(to_hex(vcek->serial()), "00");
  EXPECT_EQ(format_time(vcek->validity().not_before), "2023-04-03T19:23:43Z");
  EXPECT_EQ(format_time(vcek->validity().not_after), "2030-04-03T19:23:43Z");
  EXPECT_EQ(vcek->key().type, KeyType::EcP384);
  EXPECT_EQ(vcek->find("1.3.6.1.4.1.3704.1.4")->value.size(), 64U);
  EXPECT_EQ(vcek->find("1.2.3"), nullptr);
}

TEST(Certificate, RefusesAnythingBehindOrInside) {
  const Bytes good = vector_file("sev-snp/milan_v2.vcek.der");
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(Certificate::parse(longer));
  EXPECT_FALSE(Certificate::parse({}));
  for (std::size_t size = 0; size < good.size(); size += 7) {
    EXPECT_FALSE(Certificate::parse(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))));
  }
}

// REQ: VER-2
TEST(Certificate, ChainsOfAllVendorsHold) {
  for (const char* name :
       {"nvidia/hopper_535.chain.pem", "nvidia/hopper_590.chain.pem", "roots/amd_milan_ask_ark.pem",
        "roots/amd_genoa_asvk_ark.pem", "roots/amd_turin_ask_ark.pem", "roots/intel_tcb_signing_chain.pem"}) {
    const auto chain = parse_chain(name);
    EXPECT_EQ(chain_fault(pointers(chain)), "") << name;
    EXPECT_EQ(chain_time_fault(pointers(chain), *parse_time("2025-06-15T00:00:00Z")), "") << name;
  }
}

TEST(Certificate, AChainInAnotherOrderDoesNotHold) {
  const auto chain = parse_chain("nvidia/hopper_550.chain.pem");
  auto list = pointers(chain);
  std::swap(list[1], list[2]);
  EXPECT_NE(chain_fault(list), "");
  list = pointers(chain);
  list.erase(list.begin() + 1);
  EXPECT_NE(chain_fault(list), "");
  list = pointers(chain);
  list.pop_back();  // ends with an authority that did not sign itself
  EXPECT_NE(chain_fault(list), "");
  EXPECT_NE(chain_fault(std::span(list).first(1)), "");
}

TEST(Certificate, ALeafIsNoAuthority) {
  const auto chain = parse_chain("nvidia/hopper_550.chain.pem");
  EXPECT_EQ(authority_fault(chain[1], 0), "");
  EXPECT_EQ(authority_fault(chain[0], 0), "\"GH100 A01 GSP FMC LF\" is no certificate authority");
  // AMD's authority allows nobody below the VCEK.
  const auto amd = parse_chain("roots/amd_milan_ask_ark.pem");
  EXPECT_EQ(authority_fault(amd[0], 0), "");
  EXPECT_EQ(authority_fault(amd[0], 1), "\"SEV-Milan\" allows no chain this long");
}

/// A chain of leaf, two authorities and root, all signed right; what differs from an honest one is in the arguments.
std::string fault_with(const std::vector<TestExtension>& leaf, const std::vector<TestExtension>& lower,
                       const std::vector<TestExtension>& upper) {
  const TestKey key = make_test_key(KeyType::EcP256);
  const Bytes ders[] = {make_test_certificate({"leaf", "lower", key, key, false, leaf}),
                        make_test_certificate({"lower", "upper", key, key, false, lower}),
                        make_test_certificate({"upper", "root", key, key, false, upper}),
                        make_test_certificate({"root", "root", key, key, true})};
  std::vector<Certificate> chain;
  for (const Bytes& der : ders) chain.push_back(Certificate::parse(der).value());
  return chain_fault(pointers(chain));
}

// REQ: VER-2
TEST(Certificate, AChainIsAsItsExtensionsSay) {
  const auto constraints = [](const char* hex) { return TestExtension{"2.5.29.19", from_hex(hex).value(), true}; };
  const auto usage = [](const char* hex) { return TestExtension{"2.5.29.15", from_hex(hex).value(), true}; };
  const TestExtension authority = constraints("30030101ff");
  const TestExtension only_leaves = constraints("30060101ff020100");
  EXPECT_EQ(fault_with({}, {authority}, {authority}), "");
  EXPECT_EQ(fault_with({}, {only_leaves}, {authority}), "");
  EXPECT_EQ(fault_with({}, {authority}, {only_leaves}), "\"upper\" allows no chain this long");
  EXPECT_EQ(fault_with({}, {constraints("3000")}, {authority}), "\"lower\" is no certificate authority");
  EXPECT_EQ(fault_with({}, {}, {authority}), "\"lower\" is no certificate authority");
  EXPECT_EQ(fault_with({}, {authority, usage("03020780")}, {authority}), "\"lower\" may sign no certificates");
  EXPECT_EQ(fault_with({}, {authority, usage("03020204")}, {authority}), "");
  const std::string unknown = " has the critical extension 2.5.29.30, which this verifier does not know";
  const TestExtension constrained = {"2.5.29.30", {0x30, 0x00}, true};
  EXPECT_EQ(fault_with({constrained}, {authority}, {authority}), "\"leaf\"" + unknown);
  EXPECT_EQ(fault_with({}, {authority, constrained}, {authority}), "\"lower\"" + unknown);
  EXPECT_EQ(fault_with({{"2.5.29.30", {0x30, 0x00}, false}}, {authority}, {authority}), "");
}

TEST(Certificate, NamesInReasonsAreShortAndPlain) {
  const TestKey key = make_test_key(KeyType::EcP256);
  const auto made = Certificate::parse(
      make_test_certificate({std::string(63, 'a') + "\n" + "b" + std::string(4000, 'b'), "b", key, key, false}));
  EXPECT_EQ(authority_fault(*made, 0), "\"" + std::string(63, 'a') + "?\" is no certificate authority");
}

TEST(Certificate, ARootIsTrustedByItsBytesNotItsName) {
  const auto real = parse_chain("roots/intel_tcb_signing_chain.pem");
  const auto sample = parse_chain("sgx/intel_sample/trustedRootCaCert.pem");
  EXPECT_EQ(real[1].common_name(), sample[0].common_name());
  const std::vector<Bytes> anchors = {Bytes(real[1].der().begin(), real[1].der().end())};
  EXPECT_TRUE(is_anchor(real[1], anchors));
  EXPECT_FALSE(is_anchor(sample[0], anchors));
}

TEST(Certificate, OnlyAnAnchorNeedsNoSignatureOnItself) {
  const auto chain = parse_chain("nvidia/hopper_550.chain.pem");
  Bytes root(chain.back().der().begin(), chain.back().der().end());
  const Bytes genuine = root;
  root.back() ^= 1;  // in its signature
  const auto damaged = Certificate::parse(root);
  ASSERT_TRUE(damaged);
  auto list = pointers(chain);
  list.back() = &*damaged;
  EXPECT_NE(chain_fault(list), "");
  EXPECT_NE(chain_fault(list, std::vector<Bytes>{genuine}), "");
  EXPECT_EQ(chain_fault(list, std::vector<Bytes>{root}), "");
}

TEST(Certificate, APreparedKeyGivesTheSameAnswers) {
  auto chain = parse_chain("nvidia/hopper_550.chain.pem");
  auto amd = parse_chain("roots/amd_milan_ask_ark.pem");
  for (auto* certificate : {&chain[1], &amd[1]}) certificate->prepare();
  EXPECT_TRUE(chain[1].has_signed(chain[0]));
  EXPECT_FALSE(chain[1].has_signed(chain[1]));
  EXPECT_TRUE(amd[1].has_signed(amd[0]));
  EXPECT_FALSE(amd[1].has_signed(chain[0]));
}

TEST(Certificate, TimesOfTheWholeChainCount) {
  const auto chain = parse_chain("roots/amd_milan_ask_ark.pem");
  EXPECT_NE(chain_time_fault(pointers(chain), *parse_time("2019-01-01T00:00:00Z")), "");
  EXPECT_NE(chain_time_fault(pointers(chain), *parse_time("2045-10-22T18:24:21Z")), "");
}

TEST(Certificate, NoFlippedBitKeepsASignature) {
  const auto chain = parse_chain("nvidia/hopper_550.chain.pem");
  const Bytes leaf(chain[0].der().begin(), chain[0].der().end());
  for_each_flip(leaf, 0, 11, [&](const Bytes& changed, std::size_t bit) {
    const auto parsed = Certificate::parse(changed);
    EXPECT_FALSE(parsed && chain[1].has_signed(*parsed)) << bit;
  });
}

}  // namespace
}  // namespace starminer::attestation::x509
