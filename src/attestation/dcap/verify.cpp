#include "attestation/dcap/verify.h"

#include <algorithm>
#include <array>
#include <utility>

#include "attestation/x509/certificate.h"
#include "attestation/x509/crl.h"
#include "attestation/x509/pem.h"
#include "attestation/x509/public_key.h"
#include "base/hash.h"

namespace starminer::attestation::dcap {
namespace {

using evidence::StepId;
using evidence::Steps;
using x509::Certificate;
using x509::RevocationList;
using x509::UnixTime;

constexpr std::string_view kPckName = "Intel SGX PCK Certificate";
constexpr std::string_view kPlatformCa = "Intel SGX PCK Platform CA";
constexpr std::string_view kProcessorCa = "Intel SGX PCK Processor CA";
constexpr std::string_view kSignerName = "Intel SGX TCB Signing";

using Chain = std::vector<Certificate>;

std::vector<const Certificate*> pointers(const Chain& chain) {
  std::vector<const Certificate*> list;
  for (const Certificate& certificate : chain) list.push_back(&certificate);
  return list;
}

/// Empty for bytes that are no certificates.
Chain parse_chain(std::span<const Bytes> ders) {
  Chain chain;
  for (const Bytes& der : ders) {
    auto certificate = Certificate::parse(der);
    if (!certificate) return {};
    chain.push_back(std::move(*certificate));
  }
  return chain;
}

bool equal(ByteView left, ByteView right) { return std::equal(left.begin(), left.end(), right.begin(), right.end()); }

/// A raw signature on P-256 with SHA-256.
bool verify_raw(const x509::PublicKey& key, ByteView message, ByteView signature) {
  constexpr std::size_t kSignature = 64;
  return key.type == x509::KeyType::EcP256 && signature.size() == kSignature &&
         x509::verify_ecdsa(key, x509::Digest::Sha256, message, x509::split_ecdsa_signature(signature));
}

class Verifier {
 public:
  Verifier(const QuoteInput& input, const Collateral& collateral, UnixTime time)
      : input_(input), collateral_(collateral), time_(time) {}

  Verification run() {
    auto quote = parse_quote(input_.quote);
    if (!quote) {
      steps().fail(StepId::QuoteSizes, quote.error());
      skip({StepId::QuoteTrailingBytes, StepId::QuoteSignature, StepId::QuoteKeyBound, StepId::QeReportSignature,
            StepId::PckChain, StepId::PckRoot, StepId::PckTime},
           "there is no quote");
    } else {
      result_.quote = *quote;
      check_quote(*quote);
    }
    check_documents();
    check_identities();
    check_lists();
    if (result_.quote && result_.pck && result_.tcb_info && result_.qe_identity) {
      result_.platform = judge_platform(*result_.quote, *result_.pck, *result_.tcb_info, *result_.qe_identity);
    }
    return std::move(result_);
  }

 private:
  Steps& steps() { return result_.steps; }

  void skip(std::initializer_list<StepId> ids, const char* reason) {
    for (const StepId id : ids) steps().skip(id, reason);
  }

  void check_quote(const Quote& quote) {
    steps().pass(StepId::QuoteSizes);
    const bool zero = std::all_of(quote.trailing.begin(), quote.trailing.end(), [](auto byte) { return byte == 0; });
    steps().check(StepId::QuoteTrailingBytes, zero, "bytes behind the quote are not zero");
    x509::PublicKey attestation_key;
    attestation_key.type = x509::KeyType::EcP256;
    attestation_key.point = quote.attestation_key;
    steps().check(StepId::QuoteSignature, verify_raw(attestation_key, quote.signed_part, quote.signature),
                  "the attestation key has not signed header and body");
    steps().check(StepId::QuoteKeyBound, is_bound(quote),
                  "the report of the quoting enclave names another attestation key");
    read_pck_chain(quote);
    if (pck_chain_.empty()) {
      steps().fail(StepId::PckChain, chain_problem_);
      skip({StepId::QeReportSignature, StepId::PckRoot, StepId::PckTime}, "there is no PCK certificate");
      return;
    }
    const Certificate& leaf = pck_chain_.front();
    steps().check(StepId::QeReportSignature, verify_raw(leaf.key(), quote.qe_report_bytes, quote.qe_report_signature),
                  "the PCK has not signed the report of the quoting enclave");
    steps().judge(StepId::PckChain, pck_fault());
    steps().check(StepId::PckRoot, x509::is_anchor(pck_chain_.back(), input_.anchors),
                  "the root is none of the trusted ones");
    steps().judge(StepId::PckTime, x509::chain_time_fault(pointers(pck_chain_), time_));
    result_.pck = read_pck(leaf);
    result_.pck_issuer = pck_chain_[1].common_name();
  }

  /// SHA-256 of key and authentication data, then zeros.
  static bool is_bound(const Quote& quote) {
    Bytes data(quote.attestation_key.begin(), quote.attestation_key.end());
    data.insert(data.end(), quote.qe_auth_data.begin(), quote.qe_auth_data.end());
    const Hash32 hash = sha256(data);
    const auto& bound = quote.qe_report.report_data;
    return std::equal(hash.bytes.begin(), hash.bytes.end(), bound.begin()) &&
           std::all_of(bound.begin() + 32, bound.end(), [](std::uint8_t byte) { return byte == 0; });
  }

  /// Types 1 to 3: PPID, plain or encrypted with RSA of 2048 or 3072 bits, CPUSVN, PCESVN and perhaps PCEID, for who
  /// looks up the certificate. Nobody signs these bytes, and nothing is decided by them.
  static bool names_platform(const Quote& quote) {
    constexpr std::array<std::size_t, 3> kPpid = {16, 256, 384};
    constexpr std::size_t kBehind = 18;
    constexpr std::size_t kPceid = 2;
    if (quote.certification_type < 1 || quote.certification_type > kPpid.size()) return false;
    const std::size_t size = kPpid[quote.certification_type - 1U] + kBehind;
    return quote.certification_data.size() == size || quote.certification_data.size() == size + kPceid;
  }

  void read_pck_chain(const Quote& quote) {
    constexpr std::size_t kCertificates = 3;
    if (quote.certification_type != kPckCertificateChain && !names_platform(quote)) {
      chain_problem_ =
          "the certification data is neither a PCK certificate with its chain nor names a platform (type " +
          std::to_string(quote.certification_type) + ")";
    } else if (quote.certification_type != kPckCertificateChain) {
      pck_chain_ = parse_chain(input_.pck_chain);
      chain_problem_ = "the quote carries no PCK certificate (certification type " +
                       std::to_string(quote.certification_type) + ") and none is given";
    } else {
      std::string_view text = as_text(quote.certification_data);
      if (text.ends_with('\0')) text.remove_suffix(1);  // Intel's library counts the end of its string
      const auto ders = x509::certificates_of_pem(text);
      if (ders) pck_chain_ = parse_chain(*ders);
      chain_problem_ = "the certification data is no chain of certificates in PEM";
    }
    if (!pck_chain_.empty() && pck_chain_.size() != kCertificates) {
      pck_chain_.clear();
      chain_problem_ = "a PCK chain has three certificates";
    }
    // Authorities sign certificates and lists; the PCK one report.
    for (std::size_t i = 1; i < pck_chain_.size(); ++i) pck_chain_[i].prepare();
  }

  [[nodiscard]] std::string pck_fault() const {
    if (std::string fault = x509::chain_fault(pointers(pck_chain_), input_.anchors); !fault.empty()) return fault;
    const std::string authority = pck_chain_[1].common_name();
    if (pck_chain_[0].common_name() != kPckName || (authority != kPlatformCa && authority != kProcessorCa)) {
      return "the chain is not that of a PCK certificate";
    }
    if (!read_pck(pck_chain_[0])) return "the PCK certificate does not describe its platform";
    return {};
  }

  std::string signer_fault(const Chain& chain) const {
    constexpr std::size_t kCertificates = 2;
    if (chain.size() != kCertificates) return "the chain is not a signer and its root";
    if (std::string fault = x509::chain_fault(pointers(chain), input_.anchors); !fault.empty()) return fault;
    if (chain.front().common_name() != kSignerName) return "the signer is not " + std::string(kSignerName);
    return x509::is_anchor(chain.back(), input_.anchors) ? std::string() : "the root is none of the trusted ones";
  }

  static bool signed_by(const Chain& chain, const SignedText& document) {
    return !chain.empty() && verify_raw(chain.front().key(), as_bytes(document.text), document.signature);
  }

  void check_documents() {
    Chain tcb_signer = parse_chain(collateral_.tcb_signer);
    // Both documents mostly have one signer, whose chain need not be checked twice.
    const bool one_signer = collateral_.qe_signer == collateral_.tcb_signer;
    if (one_signer && !tcb_signer.empty()) tcb_signer.front().prepare();
    const Chain other_signer = one_signer ? Chain{} : parse_chain(collateral_.qe_signer);
    const Chain& qe_signer = one_signer ? tcb_signer : other_signer;
    result_.tcb_info = parse_tcb_info(collateral_.tcb_info.text);
    result_.qe_identity = parse_qe_identity(collateral_.qe_identity.text);
    steps().judge(StepId::TcbInfoSignature, !result_.tcb_info ? "the TCB info is not of a known form"
                                            : signed_by(tcb_signer, collateral_.tcb_info)
                                                ? ""
                                                : "the signer has not signed this TCB info");
    steps().judge(StepId::QeIdentitySignature, !result_.qe_identity ? "the QE identity is not of a known form"
                                               : signed_by(qe_signer, collateral_.qe_identity)
                                                   ? ""
                                                   : "the signer has not signed this QE identity");
    std::string fault = signer_fault(tcb_signer);
    if (fault.empty() && !one_signer) fault = signer_fault(qe_signer);
    steps().judge(StepId::TcbSigningChain, fault);
    if (result_.tcb_info && result_.qe_identity) {
      std::string late = x509::time_fault(result_.tcb_info->validity, time_, "the TCB info");
      if (late.empty()) late = x509::time_fault(result_.qe_identity->validity, time_, "the QE identity");
      steps().judge(StepId::CollateralTime, std::move(late));
    } else {
      steps().skip(StepId::CollateralTime, "a document is missing");
    }
    if (fault.empty()) {
      std::string late = x509::chain_time_fault(pointers(tcb_signer), time_);
      if (late.empty()) late = x509::chain_time_fault(pointers(qe_signer), time_);
      steps().judge(StepId::TcbSignerTime, std::move(late));
    }
    if (!tcb_signer.empty())
      revocable_by_root_.emplace_back(tcb_signer.front().der().begin(), tcb_signer.front().der().end());
    if (!qe_signer.empty())
      revocable_by_root_.emplace_back(qe_signer.front().der().begin(), qe_signer.front().der().end());
  }

  /// Who made the enclave that vouches for the attestation key, and the module that vouches for a domain.
  void check_identities() {
    if (!result_.quote) return;
    const Quote& quote = *result_.quote;
    if (result_.qe_identity) {
      steps().judge(StepId::QeIdentityMatches, quoting_enclave_fault(quote, *result_.qe_identity));
    } else {
      steps().skip(StepId::QeIdentityMatches, "there is no QE identity");
    }
    if (!quote.domain) return;
    if (result_.tcb_info) {
      steps().judge(StepId::TdxModuleMatches, module_fault(*quote.domain, *result_.tcb_info));
    } else {
      steps().skip(StepId::TdxModuleMatches, "there is no TCB info");
    }
  }

  void check_lists() {
    if (!collateral_.pck_crl && !collateral_.root_crl) return;
    const auto pck_list = collateral_.pck_crl ? RevocationList::parse(*collateral_.pck_crl) : std::nullopt;
    const auto root_list = collateral_.root_crl ? RevocationList::parse(*collateral_.root_crl) : std::nullopt;
    if (pck_list) result_.pck_list = pck_list->validity();
    if (root_list) result_.root_list = root_list->validity();
    const Chain given = parse_chain(collateral_.pck_crl_issuer);
    if (!pck_list || !root_list || pck_chain_.empty()) {
      const char* reason =
          pck_chain_.empty() ? "there is no PCK certificate" : "a revocation list is missing or is none";
      steps().fail(StepId::CrlSignature, reason);
      skip({StepId::CrlTime, StepId::CrlIssuer, StepId::PckNotRevoked}, reason);
      return;
    }
    const Certificate& leaf = pck_chain_[0];
    const Certificate& root = pck_chain_[2];
    const Certificate& authority = collateral_.pck_crl_issuer.empty() || given.empty() ? pck_chain_[1] : given.front();
    steps().check(StepId::CrlIssuer,
                  equal(pck_list->issuer(), leaf.issuer()) && equal(root_list->issuer(), root.subject()),
                  "the revocation lists are of other issuers");
    steps().judge(StepId::CrlSignature, list_fault(*pck_list, *root_list, authority, given));
    std::string late = x509::time_fault(pck_list->validity(), time_, "the revocation list of the PCK authority");
    if (late.empty()) late = x509::time_fault(root_list->validity(), time_, "the revocation list of the root");
    if (late.empty()) late = x509::chain_time_fault(pointers(given), time_);
    steps().judge(StepId::CrlTime, std::move(late));
    const bool signer_revoked =
        std::any_of(revocable_by_root_.begin(), revocable_by_root_.end(), [&](const Bytes& der) {
          const auto certificate = Certificate::parse(der);
          return certificate && root_list->revokes(*certificate);
        });
    steps().judge(StepId::PckNotRevoked, pck_list->revokes(leaf)             ? "the PCK certificate is revoked"
                                         : root_list->revokes(pck_chain_[1]) ? "the PCK authority is revoked"
                                         : root_list->revokes(authority)     ? "the issuer of the PCK list is revoked"
                                         : signer_revoked                    ? "the signer of the collateral is revoked"
                                                                             : "");
  }

  std::string list_fault(const RevocationList& pck_list, const RevocationList& root_list, const Certificate& authority,
                         const Chain& given) const {
    if (!collateral_.pck_crl_issuer.empty()) {
      if (given.size() != 2) return "the issuer of the PCK list is not an authority and its root";
      if (std::string fault = x509::chain_fault(pointers(given), input_.anchors); !fault.empty()) return fault;
      if (!x509::is_anchor(given.back(), input_.anchors)) return "the root of the lists is none of the trusted ones";
      if (!x509::authority_fault(given.front(), 0).empty()) return "the issuer of the PCK list is no authority";
    }
    if (!pck_list.is_signed_by(authority)) return "the authority has not signed the PCK list";
    if (!root_list.is_signed_by(pck_chain_[2])) return "the root has not signed its list";
    return {};
  }

  const QuoteInput& input_;
  const Collateral& collateral_;
  UnixTime time_;
  Verification result_;
  Chain pck_chain_;
  std::string chain_problem_;
  std::vector<Bytes> revocable_by_root_;
};

}  // namespace

Verification verify(const QuoteInput& input, const Collateral& collateral, UnixTime time) {
  return Verifier(input, collateral, time).run();
}

}  // namespace starminer::attestation::dcap
