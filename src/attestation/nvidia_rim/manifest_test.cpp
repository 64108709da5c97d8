#include "attestation/nvidia_rim/manifest.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attestation/x509/pem.h"
#include "attestation/x509/test_authority.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::nvidia_rim {
namespace {

using evidence::StepId;
using evidence::StepOutcome;
using evidence::Verdict;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kDriver = "nvidia/driver_550.144.03.rim.xml";

x509::UnixTime at(std::string_view text) { return x509::parse_time(text).value(); }

ManifestCheck check(const std::string& text, x509::UnixTime time = at("2025-07-01T00:00:00Z")) {
  static const std::vector<Bytes> anchors =
      x509::certificates_of_pem(vector_text("roots/nvidia_corim_root_ca.pem")).value();
  return check_manifest(text, anchors, time);
}

std::vector<StepId> failed(const ManifestCheck& found) {
  std::vector<StepId> list;
  for (const auto& step : found.steps.list()) {
    if (step.outcome == StepOutcome::Failed) list.push_back(step.id);
  }
  return list;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t where = text.find(from);
  EXPECT_NE(where, std::string::npos) << from;
  return text.replace(where, from.size(), to);
}

// REQ: VER-2
TEST(Manifest, RealOnesAreGenuine) {
  const auto driver = check(vector_text(kDriver));
  EXPECT_THAT(failed(driver), IsEmpty());
  EXPECT_TRUE(driver.steps.accepted());
  EXPECT_EQ(driver.manifest->version, "550.144.03");
  EXPECT_EQ(driver.manifest->product, "GH100");
  EXPECT_EQ(driver.manifest->values.size(), 21U);
  EXPECT_EQ(to_hex(driver.manifest->values.at(7).front()).substr(0, 8), "4a5e4b3d");
  const auto vbios = check(vector_text("nvidia/vbios_96005E0001.rim.xml"), at("2024-06-01T00:00:00Z"));
  EXPECT_THAT(failed(vbios), IsEmpty());
  EXPECT_EQ(vbios.manifest->values.size(), 12U);
}

TEST(Manifest, EachStepFailsAlone) {
  const std::string good = vector_text(kDriver);
  EXPECT_THAT(failed(check(replaced(good, "colloquialVersion=\"550", "colloquialVersion=\"551"))),
              ElementsAre(StepId::RimDigest));
  EXPECT_THAT(failed(check(vector_text("nvidia/driver_550.144.03_bad_signature.rim.xml"))),
              Contains(StepId::RimSignature));
  EXPECT_THAT(failed(check(good, at("2027-07-01T00:00:00Z"))), ElementsAre(StepId::RimTime));
  EXPECT_THAT(failed(check(vector_text("nvidia/driver_debug_chain.rim.xml"))), Contains(StepId::RimRoot));
  EXPECT_THAT(failed(check_manifest(good, {}, at("2025-07-01T00:00:00Z"))), ElementsAre(StepId::RimRoot));
}

TEST(Manifest, AnotherEditionOfAVersionHasOtherValues) {
  // Both are signed by NVIDIA: a signature says whose the values are, not that they are the device's.
  const auto one = check(vector_text("nvidia/vbios_96005E0001.rim.xml"), at("2024-06-01T00:00:00Z"));
  const auto other = check(vector_text("nvidia/vbios_96005E0001_mismatch.rim.xml"), at("2024-06-01T00:00:00Z"));
  EXPECT_THAT(failed(other), IsEmpty());
  const Bytes report = vector_file("nvidia/hopper_535.report.bin");
  const auto parsed = nvidia::parse_report(report);
  ASSERT_TRUE(parsed);
  EXPECT_THAT(nvidia::mismatching_indexes(*parsed, one.manifest->values), IsEmpty());
  EXPECT_THAT(nvidia::mismatching_indexes(*parsed, other.manifest->values), ElementsAre(9));
}

TEST(Manifest, HasOneForm) {
  const std::string good = vector_text(kDriver);
  const std::string signature =
      good.substr(good.find("<ds:Signature "), good.find("</SoftwareIdentity>") - good.find("<ds:Signature "));
  for (const std::string& bad :
       std::vector<std::string>{"",
                                "x",
                                good + "x",
                                "<!DOCTYPE a>" + good,
                                "<?xml version=\"1.0\"?>" + good,
                                good + "<!-- -->",
                                "\xef\xbb\xbf" + good,
                                replaced(good, "GH100", "&#71;H100"),
                                replaced(good, "</ns0:Payload>", "</ns0:Payload><!--a-->"),
                                replaced(good, "</SoftwareIdentity>", signature + "</SoftwareIdentity>"),
                                replaced(replaced(good, signature, ""), "<ns0:Payload", signature + "<ns0:Payload"),
                                replaced(good, "<ds:SignatureValue>", "<ds:SignatureValue Id=\"a\">"),
                                replaced(good, "<ds:SignatureValue>", "<ds:SignatureValue> "),
                                replaced(good, "URI=\"\"", "URI=\"#a\""),
                                replaced(good, "<ds:KeyInfo>", "<ds:KeyInfo> "),
                                replaced(good, "active=\"False\"", "active=\"Maybe\""),
                                replaced(good, "index=\"1\"", "index=\"0\""),
                                replaced(good, "index=\"1\"", "index=\"01\""),
                                replaced(good, "index=\"1\"", "index=\"64\""),
                                replaced(good, "alternatives=\"1\"", "alternatives=\"2\""),
                                replaced(good, "<ns0:Payload", "<ns0:Payload/><ns0:Payload"),
                                std::string(kManifestBytesMax + 1, ' ')}) {
    const auto found = check(bad);
    EXPECT_THAT(failed(found), ElementsAre(StepId::RimForm)) << bad.substr(0, 60);
    EXPECT_FALSE(found.manifest);
  }
}

TEST(Manifest, NothingIsPrintedAboutADocument) {
  testing::internal::CaptureStderr();
  // No URI, which canonical XML cannot take.
  EXPECT_FALSE(check(replaced(vector_text(kDriver), "xmlns:ns2=\"http://", "xmlns:ns2=\"ht`p://")).steps.accepted());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Manifest, AForgedChainInTheDocumentIsNotTrusted) {
  // A manifest that says what its forger likes, signed right, with a root of the forger's own.
  const auto key = x509::make_test_key(x509::KeyType::EcP384);
  const Bytes leaf =
      x509::make_test_certificate({"HCC RIM L4 Signer", "NVIDIA CoRIM signing Root CA", key, key, false});
  const auto found = check(vector_text("nvidia/driver_debug_chain.rim.xml"));
  EXPECT_FALSE(found.steps.accepted());
  const std::string good = vector_text(kDriver);
  const std::size_t from = good.find("<ds:X509Certificate>") + 20;
  const std::size_t end = good.find("</ds:X509Certificate>", from);
  const std::string pem = x509::pem_of_certificate(leaf);
  const std::size_t begin = pem.find('\n') + 1;
  std::string forged = good;
  forged.replace(from, end - from, pem.substr(begin, pem.find("-----END") - begin));
  EXPECT_THAT(failed(check(forged)), ElementsAre(StepId::RimSignature, StepId::RimChain));
}

RC_GTEST_PROP(Manifest, TakesAnyText, (const std::string& text)) {
  RC_ASSERT(check(text).steps.cryptography() == Verdict::Invalid);
}

// REQ: VER-2
TEST(Manifest, NoFlippedBitIsAccepted) {
  const bool every = std::getenv("STARMINER_EVERY_FLIP") != nullptr;
  const std::string good = vector_text(kDriver);
  for_each_flip(Bytes(good.begin(), good.end()), every ? 0 : 3, every ? 1 : 701,
                [&](const Bytes& bytes, std::size_t bit) {
                  EXPECT_EQ(check(to_text(bytes)).steps.cryptography(), Verdict::Invalid) << bit;
                });
}

}  // namespace
}  // namespace starminer::attestation::nvidia_rim
