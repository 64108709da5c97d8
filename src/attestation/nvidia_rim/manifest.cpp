#include "attestation/nvidia_rim/manifest.h"

#include <algorithm>
#include <utility>

#include "attestation/nvidia_rim/document.h"
#include "attestation/x509/certificate.h"
#include "attestation/x509/pem.h"
#include "attestation/x509/public_key.h"

namespace starminer::attestation::nvidia_rim {
namespace {

using evidence::StepId;
using evidence::Steps;
using x509::Certificate;

constexpr std::string_view kSwid = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
constexpr std::string_view kDsig = "http://www.w3.org/2000/09/xmldsig#";
constexpr std::string_view kSha384 = "http://www.w3.org/2001/04/xmlenc#sha384";
constexpr std::size_t kDigestText = 64;  // of 48 bytes in base64
constexpr std::size_t kMeasurements = 64;
/// Real chains have four.
constexpr std::size_t kCertificatesMax = 6;

// What canonical XML makes of the signed part behind its first tag: one reference to the whole document without this
// signature, canonical XML 1.1, SHA-384, ECDSA.
constexpr std::string_view kBeforeDigest =
    "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"></ds:CanonicalizationMethod>"
    "<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384\"></ds:SignatureMethod>"
    "<ds:Reference URI=\"\"><ds:Transforms>"
    "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>"
    "<ds:Transform Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"></ds:Transform>"
    "</ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#sha384\"></ds:DigestMethod>"
    "<ds:DigestValue>";
constexpr std::string_view kAfterDigest = "</ds:DigestValue></ds:Reference></ds:SignedInfo>";

struct SignatureParts {
  const xmlNode* element = nullptr;
  std::string signed_info;
  std::string digest;
  Bytes value;
  std::vector<Certificate> chain;
};

/// The text of a certificate: lines of 64 characters, each ended, as in PEM without its frame.
std::optional<Certificate> read_certificate(const xmlNode& node) {
  const auto text = is_element(node, kDsig, "X509Certificate") ? only_text(node) : std::nullopt;
  if (!text) return std::nullopt;
  const auto ders = x509::certificates_of_pem("-----BEGIN CERTIFICATE-----\n" + *text + "-----END CERTIFICATE-----\n");
  return ders && ders->size() == 1 ? Certificate::parse(ders->front()) : std::nullopt;
}

bool read_key_info(const xmlNode& node, SignatureParts& parts) {
  const auto data = is_element(node, kDsig, "KeyInfo") ? only_elements(node) : std::nullopt;
  if (!data || data->size() != 1 || !is_element(*data->front(), kDsig, "X509Data")) return false;
  const auto certificates = only_elements(*data->front());
  if (!certificates || certificates->size() > kCertificatesMax || node.nsDef != nullptr ||
      data->front()->nsDef != nullptr) {
    return false;
  }
  for (const xmlNode* element : *certificates) {
    auto certificate = read_certificate(*element);
    if (!certificate) return false;
    parts.chain.push_back(std::move(*certificate));
  }
  return !parts.chain.empty();
}

bool read_signed_info(const Document& document, const xmlNode& node, SignatureParts& parts) {
  auto text = is_element(node, kDsig, "SignedInfo") ? document.canonical_of(node) : std::nullopt;
  if (!text) return false;
  const std::string_view behind_tag = std::string_view(*text).substr(std::min(text->find('>') + 1, text->size()));
  if (behind_tag.size() != kBeforeDigest.size() + kDigestText + kAfterDigest.size() ||
      !behind_tag.starts_with(kBeforeDigest) || !behind_tag.ends_with(kAfterDigest)) {
    return false;
  }
  parts.digest = behind_tag.substr(kBeforeDigest.size(), kDigestText);
  parts.signed_info = std::move(*text);
  return true;
}

/// The signature is the last element of the document, and the only one.
std::optional<SignatureParts> read_signature(const Document& document) {
  const auto elements = child_elements(*document.root());
  const auto is_signature = [](const xmlNode* node) { return is_element(*node, kDsig, "Signature"); };
  if (elements.empty() || !is_signature(elements.back()) ||
      std::count_if(elements.begin(), elements.end(), is_signature) != 1) {
    return std::nullopt;
  }
  SignatureParts parts;
  parts.element = elements.back();
  const auto children = only_elements(*parts.element);
  constexpr std::size_t kChildren = 3;
  if (!children || children->size() != kChildren || !is_element(*(*children)[1], kDsig, "SignatureValue")) {
    return std::nullopt;
  }
  const auto value_text = only_text(*(*children)[1]);
  auto value = value_text ? from_base64(*value_text) : std::nullopt;
  constexpr std::size_t kSignature = 96;
  if (!value || value->size() != kSignature || !read_signed_info(document, *(*children)[0], parts) ||
      !read_key_info(*(*children)[2], parts)) {
    return std::nullopt;
  }
  parts.value = std::move(*value);
  return parts;
}

/// A number below 256 without leading zeros.
std::optional<std::uint8_t> small_number(const std::optional<std::string>& text) {
  if (!text || text->empty() || text->size() > 3 || (text->size() > 1 && text->front() == '0')) return std::nullopt;
  unsigned value = 0;
  for (const char c : *text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value < 256 ? std::optional(static_cast<std::uint8_t>(value)) : std::nullopt;
}

/// One entry: inactive ones are read too, as a document that is wrong in them is wrong.
bool read_resource(const xmlNode& node, Manifest& manifest, std::vector<std::uint8_t>& seen) {
  const auto index = small_number(attribute(node, "", "index"));
  const auto alternatives = small_number(attribute(node, "", "alternatives"));
  const auto active = attribute(node, "", "active");
  if (!index || *index >= kMeasurements || !alternatives || *alternatives == 0 ||
      (active != "True" && active != "False") || attribute(node, "", "type") != "Measurement" ||
      attribute(node, "", "size") != "48" || std::find(seen.begin(), seen.end(), *index) != seen.end()) {
    return false;
  }
  seen.push_back(*index);
  std::vector<nvidia::Digest48> values;
  for (unsigned i = 0; i < *alternatives; ++i) {
    const auto bytes = from_hex(attribute(node, kSha384, "Hash" + std::to_string(i)).value_or(""));
    nvidia::Digest48 digest{};
    if (!bytes || bytes->size() != digest.size()) return false;
    std::copy(bytes->begin(), bytes->end(), digest.begin());
    values.push_back(digest);
  }
  if (active == "True") manifest.values.emplace(*index, std::move(values));
  return true;
}

std::optional<Manifest> read_manifest(const xmlNode& root) {
  if (!is_element(root, kSwid, "SoftwareIdentity")) return std::nullopt;
  Manifest manifest;
  std::vector<std::uint8_t> seen;
  std::size_t payloads = 0;
  for (const xmlNode* element : child_elements(root)) {
    if (is_element(*element, kSwid, "Meta")) {
      manifest.version = attribute(*element, "", "colloquialVersion").value_or("");
      manifest.product = attribute(*element, "", "product").value_or("");
    } else if (is_element(*element, kSwid, "Payload")) {
      ++payloads;
      for (const xmlNode* resource : child_elements(*element)) {
        if (!is_element(*resource, kSwid, "Resource") || !read_resource(*resource, manifest, seen)) return std::nullopt;
      }
    }
  }
  if (payloads != 1 || seen.empty() || manifest.version.empty()) return std::nullopt;
  return manifest;
}

void check_signature(Steps& steps, const Document& document, const SignatureParts& parts) {
  const auto content = document.canonical_without(*parts.element);
  steps.check(StepId::RimDigest, content && to_base64(x509::sha384(as_bytes(*content))) == parts.digest,
              "the document is not what was signed");
  const x509::PublicKey& key = parts.chain.front().key();
  const bool is_signed =
      key.type == x509::KeyType::EcP384 && x509::verify_ecdsa(key, x509::Digest::Sha384, as_bytes(parts.signed_info),
                                                              x509::split_ecdsa_signature(parts.value));
  steps.check(StepId::RimSignature, is_signed, "the first certificate has not signed the manifest");
}

/// Bit 0 of the KeyUsage string is digitalSignature (RFC 5280 section 4.2.1.3).
bool may_sign_documents(const Certificate& certificate) {
  const x509::Extension* const usage = certificate.find("2.5.29.15");
  if (usage == nullptr) return false;
  x509::der::Reader outer(usage->value);
  const x509::der::Element bits = outer.expect(x509::der::kBitString);
  return outer.done() && bits.content.size() >= 2 && (bits.content[1] & 0x80) != 0;
}

std::string chain_fault(const std::vector<const Certificate*>& chain) {
  const auto on_p384 = [](const Certificate* one) { return one->key().type == x509::KeyType::EcP384; };
  if (!std::all_of(chain.begin(), chain.end(), on_p384)) return "a key of the chain is not on P-384";
  if (!may_sign_documents(*chain.front())) return "the first certificate is not for signatures";
  return x509::chain_fault(chain);
}

}  // namespace

ManifestCheck check_manifest(std::string_view text, std::span<const Bytes> anchors, x509::UnixTime time) {
  ManifestCheck check;
  Steps& steps = check.steps;
  const auto document = text.size() <= kManifestBytesMax ? Document::parse(text) : std::nullopt;
  const auto parts = document ? read_signature(*document) : std::nullopt;
  if (document) check.manifest = read_manifest(*document->root());
  if (!parts || !check.manifest) {
    steps.fail(StepId::RimForm, !document        ? "it is no XML of the form and size that manifests of NVIDIA have"
                                : check.manifest ? "it has no signature of the form that NVIDIA publishes"
                                                 : "it is no list of measurements as NVIDIA publishes them");
    check.manifest.reset();
    for (const StepId step :
         {StepId::RimDigest, StepId::RimSignature, StepId::RimChain, StepId::RimRoot, StepId::RimTime}) {
      steps.skip(step, "there is no manifest");
    }
    return check;
  }
  steps.pass(StepId::RimForm);
  check_signature(steps, *document, *parts);
  std::vector<const Certificate*> chain;
  for (const Certificate& certificate : parts->chain) chain.push_back(&certificate);
  steps.judge(StepId::RimChain, chain_fault(chain));
  steps.check(StepId::RimRoot, x509::is_anchor(*chain.back(), anchors), "the root is none of the trusted ones");
  steps.judge(StepId::RimTime, x509::chain_time_fault(chain, time));
  return check;
}

}  // namespace starminer::attestation::nvidia_rim
