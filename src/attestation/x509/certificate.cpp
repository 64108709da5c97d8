#include "attestation/x509/certificate.h"

#include <algorithm>

namespace starminer::attestation::x509 {
namespace {

constexpr std::string_view kBasicConstraints = "2.5.29.19";
constexpr std::string_view kKeyUsage = "2.5.29.15";
constexpr std::string_view kCommonName = "2.5.4.3";
constexpr std::size_t kExtensionsMax = 64;

// Whole AlgorithmIdentifiers: an algorithm is accepted in exactly these bytes.
constexpr std::string_view kEcdsaSha256 = "300a06082a8648ce3d040302";
constexpr std::string_view kEcdsaSha384 = "300a06082a8648ce3d040303";
constexpr std::string_view kRsaPssSha384 =
    "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d0609608648016503"
    "0402020500a203020130";
// The same with its trailer field written out, as AMD's older certificates have it.
constexpr std::string_view kRsaPssSha384Trailer =
    "304606092a864886f70d01010a3039a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d0609608648016503"
    "0402020500a203020130a303020101";

bool equal(ByteView left, ByteView right) { return std::equal(left.begin(), left.end(), right.begin(), right.end()); }

struct BasicConstraints {
  bool authority = false;
  std::optional<std::uint32_t> path_length;
};

std::optional<BasicConstraints> parse_basic_constraints(ByteView value) {
  der::Reader outer(value);
  der::Reader inner = outer.enter(der::kSequence);
  BasicConstraints constraints;
  if (inner.next_is(der::kBoolean)) {
    const auto authority = der::boolean(inner.next());
    // FALSE is the default, which DER leaves out; vendors write it, and it means the same.
    if (!authority) return std::nullopt;
    constraints.authority = *authority;
  }
  if (inner.next_is(der::kInteger)) {
    constraints.path_length = der::small_integer(inner.next());
    if (!constraints.path_length) return std::nullopt;
  }
  if (!inner.done() || !outer.done()) return std::nullopt;
  return constraints;
}

// Bits 5 and 6 of the KeyUsage string.
constexpr std::uint8_t kKeyCertSign = 0x04;
constexpr std::uint8_t kCrlSign = 0x02;

/// A certificate without the extension may be used for everything.
bool has_usage(const Certificate& certificate, std::uint8_t usage) {
  const Extension* const extension = certificate.find(kKeyUsage);
  if (extension == nullptr) return true;
  der::Reader outer(extension->value);
  const der::Element bits = outer.expect(der::kBitString);
  return outer.done() && bits.content.size() >= 2 && (bits.content[1] & usage) != 0;
}

/// The name as it may be printed: what a certificate says of itself is somebody else's text.
std::string label(const Certificate& certificate) {
  constexpr std::size_t kLengthMax = 64;  // of a common name (RFC 5280 appendix A.1)
  std::string name = certificate.common_name().substr(0, kLengthMax);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return name.empty() ? "a certificate without a name" : "\"" + name + "\"";
}

struct Attribute {
  std::string oid;
  ByteView value;
};

/// Of a name, in its order; those before the first that is not of the form.
std::vector<Attribute> attributes_of(ByteView name) {
  constexpr std::uint8_t kSet = 0x31;
  std::vector<Attribute> attributes;
  der::Reader outer(name);
  der::Reader sets = outer.enter(der::kSequence);
  while (!sets.at_end()) {
    der::Reader set = sets.enter(kSet);
    while (!set.at_end()) {
      der::Reader pair = set.enter(der::kSequence);
      const auto oid = der::oid_text(pair.expect(der::kOid));
      const ByteView value = pair.next().content;
      if (!oid || !pair.done()) return attributes;
      attributes.push_back({*oid, value});
    }
  }
  return attributes;
}

std::string short_name(const std::string& oid) {
  if (oid == kCommonName) return "CN";
  if (oid == "2.5.4.10") return "O";
  if (oid == "2.5.4.11") return "OU";
  if (oid == "2.5.4.6") return "C";
  if (oid == "2.5.4.7") return "L";
  if (oid == "2.5.4.8") return "ST";
  return oid;
}

bool understood(const Extension& extension) { return extension.oid == kBasicConstraints || extension.oid == kKeyUsage; }

}  // namespace

std::optional<SignatureAlgorithm> parse_algorithm(ByteView identifier) {
  const std::string hex = to_hex(identifier);
  if (hex == kEcdsaSha256) return SignatureAlgorithm::EcdsaSha256;
  if (hex == kEcdsaSha384) return SignatureAlgorithm::EcdsaSha384;
  if (hex == kRsaPssSha384 || hex == kRsaPssSha384Trailer) return SignatureAlgorithm::RsaPssSha384;
  return std::nullopt;
}

bool verify_signature(const PublicKey& key, SignatureAlgorithm algorithm, ByteView message, ByteView signature) {
  if (algorithm == SignatureAlgorithm::RsaPssSha384) return verify_rsa_pss_sha384(key, message, signature);
  const auto pair = parse_ecdsa_signature(signature);
  if (!pair) return false;
  const Digest digest = algorithm == SignatureAlgorithm::EcdsaSha256 ? Digest::Sha256 : Digest::Sha384;
  return verify_ecdsa(key, digest, message, *pair);
}

std::optional<Certificate> Certificate::parse(Bytes bytes) {
  Certificate certificate;
  certificate.der_ = std::move(bytes);
  if (!certificate.read()) return std::nullopt;
  return certificate;
}

bool Certificate::read() {
  der::Reader outer(der_);
  der::Reader certificate = outer.enter(der::kSequence);
  const der::Element tbs = certificate.expect(der::kSequence);
  const ByteView identifier = certificate.expect(der::kSequence).whole;
  const auto signature = der::whole_bits(certificate.expect(der::kBitString));
  const auto algorithm = parse_algorithm(identifier);
  if (!certificate.done() || !outer.done() || !signature || !algorithm) return false;
  tbs_ = tbs.whole;
  signature_ = *signature;
  algorithm_ = *algorithm;
  return read_body(der::Reader(tbs.content), identifier);
}

bool Certificate::read_body(der::Reader body, ByteView algorithm) {
  constexpr std::uint32_t kVersion3 = 2;
  der::Reader version = body.enter(der::context(0));
  if (der::small_integer(version.expect(der::kInteger)) != kVersion3 || !version.done()) return false;
  const auto serial = der::magnitude(body.expect(der::kInteger));
  const ByteView inner_algorithm = body.expect(der::kSequence).whole;
  issuer_ = body.expect(der::kSequence).whole;
  der::Reader validity = body.enter(der::kSequence);
  const auto not_before = time_of(validity.next());
  const auto not_after = time_of(validity.next());
  subject_ = body.expect(der::kSequence).whole;
  const auto key = parse_public_key(body.expect(der::kSequence).whole);
  if (!serial || !not_before || !not_after || !validity.done() || !key || !equal(inner_algorithm, algorithm)) {
    return false;
  }
  serial_ = *serial;
  validity_ = {*not_before, *not_after};
  key_ = *key;
  if (body.next_is(der::context(3)) && !read_extensions(body.enter(der::context(3)))) return false;
  return body.done();
}

bool Certificate::read_extensions(der::Reader wrapped) {
  der::Reader list = wrapped.enter(der::kSequence);
  while (!list.at_end()) {
    der::Reader row = list.enter(der::kSequence);
    const auto oid = der::oid_text(row.expect(der::kOid));
    Extension extension;
    if (row.next_is(der::kBoolean)) {
      const auto critical = der::boolean(row.next());
      if (!critical) return false;
      extension.critical = *critical;
    }
    extension.value = row.expect(der::kOctetString).content;
    if (!oid || !row.done() || find(*oid) != nullptr || extensions_.size() == kExtensionsMax) return false;
    extension.oid = *oid;
    extensions_.push_back(std::move(extension));
  }
  return list.done() && wrapped.done();
}

const Extension* Certificate::find(std::string_view oid) const {
  const auto found = std::find_if(extensions_.begin(), extensions_.end(),
                                  [oid](const Extension& extension) { return extension.oid == oid; });
  return found == extensions_.end() ? nullptr : &*found;
}

std::string Certificate::common_name() const {
  std::string name;
  std::size_t count = 0;
  for (const Attribute& attribute : attributes_of(subject_)) {
    if (attribute.oid != kCommonName) continue;
    name = to_text(attribute.value);
    ++count;
  }
  return count == 1 ? name : std::string();
}

std::string Certificate::subject_text() const {
  std::string text;
  const auto attributes = attributes_of(subject_);
  for (auto at = attributes.rbegin(); at != attributes.rend(); ++at) {
    text += (text.empty() ? "" : ",") + short_name(at->oid) + "=" + to_text(at->value);
  }
  return text;
}

bool Certificate::has_signed(const Certificate& child) const {
  return verify_signature(key_, child.algorithm_, child.tbs_, child.signature_);
}

std::string authority_fault(const Certificate& certificate, std::size_t below) {
  const Extension* constraints = certificate.find(kBasicConstraints);
  const auto parsed = constraints == nullptr ? std::nullopt : parse_basic_constraints(constraints->value);
  if (!parsed || !parsed->authority) return label(certificate) + " is no certificate authority";
  if (parsed->path_length && *parsed->path_length < below) return label(certificate) + " allows no chain this long";
  if (!has_usage(certificate, kKeyCertSign)) return label(certificate) + " may sign no certificates";
  return {};
}

bool may_sign_lists(const Certificate& certificate) { return has_usage(certificate, kCrlSign); }

std::string chain_fault(std::span<const Certificate* const> chain, std::span<const Bytes> anchors) {
  if (chain.size() < 2) return "a chain has a leaf and a root at least";
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const Certificate& child = *chain[i];
    const Certificate& parent = *chain[std::min(i + 1, chain.size() - 1)];
    for (const Extension& extension : child.extensions()) {
      if (extension.critical && !understood(extension)) {
        return label(child) + " has the critical extension " + extension.oid + ", which this verifier does not know";
      }
    }
    if (!equal(child.issuer(), parent.subject())) {
      return label(child) + " names another issuer than " + label(parent);
    }
    if (i > 0) {
      if (std::string fault = authority_fault(child, i - 1); !fault.empty()) return fault;
    }
    if (&parent == &child && is_anchor(child, anchors)) continue;
    if (!parent.has_signed(child)) return label(parent) + " has not signed " + label(child);
  }
  return {};
}

bool is_anchor(const Certificate& root, std::span<const Bytes> anchors) {
  return std::any_of(anchors.begin(), anchors.end(), [&](const Bytes& anchor) { return equal(root.der(), anchor); });
}

std::string chain_time_fault(std::span<const Certificate* const> chain, UnixTime time) {
  for (const Certificate* certificate : chain) {
    std::string fault = time_fault(certificate->validity(), time, label(*certificate));
    if (!fault.empty()) return fault;
  }
  return {};
}

}  // namespace starminer::attestation::x509
