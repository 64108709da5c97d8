#include "attestation/sev_snp/endorsement.h"

#include <array>
#include <utility>

#include "attestation/x509/der.h"

namespace starminer::attestation::sev_snp {
namespace {

using evidence::StepId;
using x509::Certificate;
namespace der = x509::der;

constexpr std::string_view kProductName = "1.3.6.1.4.1.3704.1.2";
constexpr std::string_view kBootloader = "1.3.6.1.4.1.3704.1.3.1";
constexpr std::string_view kTee = "1.3.6.1.4.1.3704.1.3.2";
constexpr std::string_view kSnp = "1.3.6.1.4.1.3704.1.3.3";
constexpr std::string_view kMicrocode = "1.3.6.1.4.1.3704.1.3.8";
constexpr std::string_view kFmc = "1.3.6.1.4.1.3704.1.3.9";
constexpr std::string_view kHwid = "1.3.6.1.4.1.3704.1.4";
constexpr std::string_view kCspId = "1.3.6.1.4.1.3704.1.5";

std::string ia5_of(const Certificate& certificate, std::string_view oid) {
  const x509::Extension* extension = certificate.find(oid);
  if (extension == nullptr) return {};
  der::Reader reader(extension->value);
  const der::Element text = reader.expect(der::kIa5String);
  return reader.done() ? to_text(text.content) : std::string();
}

std::optional<std::uint8_t> version_of(const Certificate& certificate, std::string_view oid) {
  const x509::Extension* extension = certificate.find(oid);
  if (extension == nullptr) return std::nullopt;
  der::Reader reader(extension->value);
  const auto value = der::small_integer(reader.expect(der::kInteger));
  if (!reader.done() || !value || *value > 0xff) return std::nullopt;
  return static_cast<std::uint8_t>(*value);
}

std::optional<Tcb> tcb_of(const Certificate& certificate, bool has_fmc) {
  const auto fmc = has_fmc ? version_of(certificate, kFmc) : std::uint8_t{0};
  const auto bootloader = version_of(certificate, kBootloader);
  const auto tee = version_of(certificate, kTee);
  const auto snp = version_of(certificate, kSnp);
  const auto microcode = version_of(certificate, kMicrocode);
  if (!fmc || !bootloader || !tee || !snp || !microcode) return std::nullopt;
  return Tcb{*fmc, *bootloader, *tee, *snp, *microcode};
}

/// "ARK-Milan" names Milan.
std::string product_fault(const Certificate& root, const EndorsementFields& fields) {
  constexpr std::string_view kPrefix = "ARK-";
  const std::string name = root.common_name();
  if (!fields.product) return "the certificate names no known product";
  if (!name.starts_with(kPrefix) || product_of_name(name.substr(kPrefix.size())) != fields.product) {
    return "the certificate is of " + std::string(name_of(*fields.product)) + ", the root of another product";
  }
  return {};
}

std::string form_fault(const Certificate& certificate) {
  if (certificate.key().type != x509::KeyType::EcP384) return "the endorsement key is no P-384 key";
  return {};
}

}  // namespace

EndorsementFields read_fields(const Certificate& certificate) {
  EndorsementFields fields;
  fields.product_name = ia5_of(certificate, kProductName);
  fields.product = product_of_name(fields.product_name);
  fields.tcb = tcb_of(certificate, fields.product == Product::Turin);
  if (const x509::Extension* hwid = certificate.find(kHwid); hwid != nullptr) {
    fields.hwid.assign(hwid->value.begin(), hwid->value.end());
  }
  fields.csp_id = ia5_of(certificate, kCspId);
  return fields;
}

EndorsementCheck check_endorsement(const EndorsementInput& input, x509::UnixTime time) {
  EndorsementCheck check;
  evidence::Steps& steps = check.steps;
  auto leaf = Certificate::parse(Bytes(input.endorsement.begin(), input.endorsement.end()));
  if (!leaf) {
    steps.fail(StepId::SnpCertForm, "the VCEK or VLEK is no certificate of the profile");
    for (const StepId step : {StepId::SnpChain, StepId::SnpRoot, StepId::SnpCertTime}) {
      steps.skip(step, "there is no certificate");
    }
    return check;
  }
  steps.judge(StepId::SnpCertForm, form_fault(*leaf));
  check.endorsement = Endorsement{std::move(*leaf), {}, {}};
  Endorsement& endorsement = *check.endorsement;
  endorsement.fields = read_fields(endorsement.certificate);
  endorsement.validity = endorsement.certificate.validity();
  constexpr std::size_t kAuthorities = 2;
  auto issuer = input.chain.size() == kAuthorities ? Certificate::parse(input.chain[0]) : std::nullopt;
  auto root = input.chain.size() == kAuthorities ? Certificate::parse(input.chain[1]) : std::nullopt;
  if (!issuer || !root) {
    steps.fail(StepId::SnpChain, "the chain is not ASK or ASVK, then ARK");
    steps.skip(StepId::SnpRoot, "there is no root");
    const std::array<const Certificate*, 1> alone = {&endorsement.certificate};
    steps.judge(StepId::SnpCertTime, x509::chain_time_fault(alone, time));
    return check;
  }
  const std::array<const Certificate*, 3> chain = {&endorsement.certificate, &*issuer, &*root};
  std::string fault = x509::chain_fault(chain, input.anchors);
  if (fault.empty()) fault = product_fault(*root, endorsement.fields);
  steps.judge(StepId::SnpChain, std::move(fault));
  steps.check(StepId::SnpRoot, x509::is_anchor(*root, input.anchors), "the root is none of the trusted ones");
  steps.judge(StepId::SnpCertTime, x509::chain_time_fault(chain, time));
  return check;
}

}  // namespace starminer::attestation::sev_snp
