#include "attestation/nvidia_rim/manifest.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attestation/nvidia_rim/document.h"
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

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// A manifest with other content, signed right by somebody with a root of his own.
class Forger {
 public:
  std::string usage = "03020780";  // digitalSignature
  x509::KeyType leaf_type = x509::KeyType::EcP384;
  Bytes root;

  std::string manifest() {
    const auto root_key = x509::make_test_key(x509::KeyType::EcP384);
    const auto key = x509::make_test_key(leaf_type);
    root = x509::make_test_certificate({kRoot, kRoot, root_key, root_key, true});
    const Bytes leaf = x509::make_test_certificate(
        {"HCC RIM L4 Signer", kRoot, key, root_key, false, {{"2.5.29.15", from_hex(usage).value(), true}}});
    std::string text = replaced(vector_text(kDriver), "colloquialVersion=\"550", "colloquialVersion=\"551");
    put(text, "<ds:X509Data>", "</ds:X509Data>", element_of(leaf) + element_of(root));
    const std::string content = with_signature(text, [](const Document& document, const xmlNode& signature) {
      return document.canonical_without(signature).value();
    });
    put(text, "<ds:DigestValue>", "</ds:DigestValue>", to_base64(x509::sha384(as_bytes(content))));
    const std::string info = with_signature(text, [](const Document& document, const xmlNode& signature) {
      return document.canonical_of(*child_elements(signature).front()).value();
    });
    const bool p384 = leaf_type == x509::KeyType::EcP384;
    put(text, "<ds:SignatureValue>", "</ds:SignatureValue>",
        to_base64(p384 ? x509::sign_raw(key, as_bytes(info), 48) : Bytes(96, 1)));
    return text;
  }

 private:
  static constexpr const char* kRoot = "NVIDIA CoRIM signing Root CA";

  static void put(std::string& text, const std::string& from, const std::string& to, const std::string& what) {
    const std::size_t begin = text.find(from) + from.size();
    text.replace(begin, text.find(to, begin) - begin, what);
  }

  static std::string element_of(const Bytes& certificate) {
    const std::string pem = x509::pem_of_certificate(certificate);
    const std::size_t begin = pem.find('\n') + 1;
    return "<ds:X509Certificate>" + pem.substr(begin, pem.find("-----END") - begin) + "</ds:X509Certificate>";
  }

  template <class Part>
  static std::string with_signature(const std::string& text, Part part) {
    const auto document = Document::parse(text);
    return part(*document, *child_elements(*document->root()).back());
  }
};

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
  const std::size_t first = good.find("<ds:X509Certificate>");
  const std::string certificate = good.substr(first, good.find("<ds:X509Certificate>", first + 1) - first);
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
                                replaced(good, "<ds:KeyInfo>", "<ds:KeyInfo xmlns:a=\"b\">"),
                                replaced(good, "<ds:X509Data>", "<ds:X509Data xmlns:a=\"b\">"),
                                replaced(good, "<ds:SignatureValue>", "<ds:SignatureValue xmlns:a=\"b\">"),
                                replaced(good, "<ds:X509Data>", "<ds:X509Data>" + repeated(certificate, 3)),
                                std::string(kManifestBytesMax + 1, ' ')}) {
    const auto found = check(bad);
    EXPECT_THAT(failed(found), ElementsAre(StepId::RimForm)) << bad.substr(0, 60);
    EXPECT_FALSE(found.manifest);
  }
}

/// Canonical XML takes time by the product of what it finds, for a stranger's document.
TEST(Manifest, WhatIsFarLargerThanRealOnesIsRefusedAtOnce) {
  const std::string good = vector_text(kDriver);
  std::string spaces;
  for (int i = 0; i < 11; ++i) spaces += " xmlns:a" + std::to_string(i) + "=\"b\"";
  std::string attributes;
  for (int i = 0; i < 321; ++i) attributes += " a" + std::to_string(i) + "=\"b\"";
  for (const std::string& bad : {replaced(good, " corpus=", spaces + " corpus="),
                                 replaced(good, "<ns0:Payload", repeated("<a/>", 5000) + "<ns0:Payload"),
                                 replaced(good, " corpus=", attributes + " corpus=")}) {
    ASSERT_LT(bad.size(), kManifestBytesMax);
    const auto found = check(bad);
    EXPECT_THAT(failed(found), ElementsAre(StepId::RimForm));
    EXPECT_NE(found.steps.find(StepId::RimForm)->reason.find("form and size"), std::string::npos);
  }
}

TEST(Manifest, NothingIsPrintedAboutADocument) {
  testing::internal::CaptureStderr();
  // No URI, which canonical XML cannot take.
  EXPECT_FALSE(check(replaced(vector_text(kDriver), "xmlns:ns2=\"http://", "xmlns:ns2=\"ht`p://")).steps.accepted());
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Manifest, AForgedChainInTheDocumentIsNotTrusted) {
  Forger forger;
  const std::string forged = forger.manifest();
  EXPECT_THAT(failed(check(forged)), ElementsAre(StepId::RimRoot));
  const std::vector<Bytes> own = {forger.root};
  const auto trusted = check_manifest(forged, own, at("2025-07-01T00:00:00Z"));
  EXPECT_THAT(failed(trusted), IsEmpty());
  EXPECT_EQ(trusted.manifest->version, "551.144.03");
  EXPECT_FALSE(check(vector_text("nvidia/driver_debug_chain.rim.xml")).steps.accepted());
}

TEST(Manifest, OnlyCertificatesForSignaturesSign) {
  for (const char* usage : {"03020640", "0300", "0500"}) {  // certificates, nothing, no bits at all
    Forger forger;
    forger.usage = usage;
    EXPECT_THAT(failed(check(forger.manifest())), ElementsAre(StepId::RimChain, StepId::RimRoot)) << usage;
  }
  Forger forger;
  forger.leaf_type = x509::KeyType::EcP256;
  EXPECT_THAT(failed(check(forger.manifest())), ElementsAre(StepId::RimSignature, StepId::RimChain, StepId::RimRoot));
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
