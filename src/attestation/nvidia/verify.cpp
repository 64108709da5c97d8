#include "attestation/nvidia/verify.h"

#include <algorithm>
#include <utility>

#include "attestation/x509/der.h"

namespace starminer::attestation::nvidia {
namespace {

using evidence::StepId;
using evidence::Steps;
using x509::Certificate;
namespace der = x509::der;

constexpr std::size_t kChainLength = 5;

bool equal(ByteView left, ByteView right) { return std::equal(left.begin(), left.end(), right.begin(), right.end()); }

std::optional<Digest48> digest_of(ByteView bytes) {
  Digest48 digest{};
  if (bytes.size() != digest.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

/// SEQUENCE { algorithm, digest } with SHA-384.
std::optional<Digest48> read_digest(der::Reader pair) {
  const auto algorithm = der::oid_text(pair.expect(der::kOid));
  const der::Element digest = pair.expect(der::kOctetString);
  if (!pair.done() || algorithm != "2.16.840.1.101.3.4.2.2") return std::nullopt;
  return digest_of(digest.content);
}

/// TCG DICE: CompositeDeviceID of Hopper { version, key, fwid }, or TcbInfo of Blackwell with [6] fwids, of which the
/// first counts.
std::optional<Digest48> read_fwid(const Certificate& leaf) {
  constexpr std::uint8_t kFwids = 0xa6;
  if (const auto* composite = leaf.find("2.23.133.5.4.1"); composite != nullptr) {
    der::Reader outer(composite->value);
    der::Reader body = outer.enter(der::kSequence);
    static_cast<void>(body.expect(der::kInteger));
    static_cast<void>(body.expect(der::kSequence));
    const auto digest = read_digest(body.enter(der::kSequence));
    return body.done() && outer.done() ? digest : std::nullopt;
  }
  const auto* info = leaf.find("2.23.133.5.4.1.1");
  if (info == nullptr) return std::nullopt;
  der::Reader outer(info->value);
  der::Reader body = outer.enter(der::kSequence);
  while (!body.at_end()) {
    if (body.next_is(kFwids)) return read_digest(body.enter(kFwids).enter(der::kSequence));
    static_cast<void>(body.next());
  }
  return std::nullopt;
}

std::string chain_fault(const std::vector<Certificate>& certificates) {
  if (certificates.size() != kChainLength) return "the chain of a device has five certificates";
  std::vector<const Certificate*> list;
  for (const Certificate& certificate : certificates) {
    if (certificate.key().type != x509::KeyType::EcP384) return "a key of the chain is not on P-384";
    list.push_back(&certificate);
  }
  return x509::chain_fault(list);
}

}  // namespace

ChainCheck check_chain(std::span<const Bytes> certificates, std::span<const Bytes> anchors,
                       std::optional<x509::UnixTime> time) {
  ChainCheck check;
  DeviceChain chain;
  for (const Bytes& bytes : certificates) {
    auto certificate = Certificate::parse(bytes);
    if (certificate) chain.certificates.push_back(std::move(*certificate));
  }
  if (chain.certificates.empty() || chain.certificates.size() != certificates.size()) {
    check.steps.fail(StepId::NvChain, "there are no certificates of the profile");
    check.steps.skip(StepId::NvRoot, "there is no root");
    return check;
  }
  check.steps.judge(StepId::NvChain, chain_fault(chain.certificates));
  check.steps.check(StepId::NvRoot, x509::is_anchor(chain.certificates.back(), anchors),
                    "the root is none of the trusted ones");
  if (time) {
    std::vector<const Certificate*> list;
    for (const Certificate& certificate : chain.certificates) list.push_back(&certificate);
    check.steps.judge(StepId::NvCertTime, x509::chain_time_fault(list, *time));
  }
  chain.fwid = read_fwid(chain.certificates.front());
  check.chain = std::move(chain);
  return check;
}

ReportCheck check_report(ByteView bytes, const DeviceChain& chain, const std::optional<Nonce>& expected_nonce) {
  ReportCheck check;
  Steps& steps = check.steps;
  const auto report = parse_report(bytes);
  if (!report) {
    steps.fail(StepId::NvReportForm, report.error());
    steps.skip(StepId::NvTrailingBytes, "there is no report");
    steps.skip(StepId::NvSignature, "there is no report");
    return check;
  }
  steps.pass(StepId::NvReportForm);
  const bool zero = std::all_of(report->trailing.begin(), report->trailing.end(), [](auto byte) { return byte == 0; });
  steps.check(StepId::NvTrailingBytes, zero, "bytes behind the signature are not zero");
  const bool is_signed = x509::verify_ecdsa(chain.certificates.front().key(), x509::Digest::Sha384, report->signed_part,
                                            x509::split_ecdsa_signature(report->signature));
  steps.check(StepId::NvSignature, is_signed, "the key of the leaf has not signed request and response");
  if (expected_nonce) {
    steps.check(StepId::NvNonce, equal(report->nonce, *expected_nonce), "the report answers another nonce");
  }
  if (const auto fwid = report->find(kFwid)) {
    steps.judge(StepId::NvFwid, !chain.fwid                 ? "the leaf names no firmware"
                                : equal(*fwid, *chain.fwid) ? ""
                                                            : "the leaf is of another firmware");
  }
  check.report = *report;
  return check;
}

namespace {

/// Of the firmware of a video decoder, measured only where that is on.
constexpr std::uint8_t kNvdecIndex = 35;

bool nvdec_is_off(const Report& report) {
  constexpr std::uint8_t kOff = 0x55;
  const auto status = report.find(kNvdecStatus);
  return status && status->size() == 1 && status->front() == kOff;
}

}  // namespace

std::vector<std::uint8_t> mismatching_indexes(const Report& report, const GoldenValues& golden) {
  std::vector<std::uint8_t> indexes;
  for (const auto& [index, alternatives] : golden) {
    if (index == kNvdecIndex && nvdec_is_off(report)) continue;
    const MeasurementBlock* block = index == 0xff ? nullptr : report.block(static_cast<std::uint8_t>(index + 1));
    const bool known =
        block != nullptr && std::any_of(alternatives.begin(), alternatives.end(),
                                        [&](const Digest48& digest) { return equal(block->value, digest); });
    if (!known) indexes.push_back(index);
  }
  return indexes;
}

namespace {

/// Versions are written in both cases.
bool same_version(std::string_view left, std::string_view right) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; };
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [&](char a, char b) { return upper(a) == upper(b); });
}

/// Whether there is one manifest of the driver, one of the VBIOS, and no other.
std::string manifests_fault(const Report& report, const std::vector<Golden>& sets) {
  const std::string driver = report.driver_version();
  const std::string vbios = report.vbios_version();
  const auto count = [&](const std::string& version) {
    return std::count_if(sets.begin(), sets.end(), [&](const Golden& set) {
      return !version.empty() && same_version(set.version, version) && !set.values.empty();
    });
  };
  for (const Golden& set : sets) {
    if (!same_version(set.version, driver) && !same_version(set.version, vbios)) {
      return "a manifest is of version " + set.version + ", the device has driver " + driver + " and VBIOS " + vbios;
    }
  }
  if (count(driver) == 0) return "there is no manifest of the driver " + driver;
  if (count(vbios) == 0) return "there is no manifest of the VBIOS " + vbios;
  return {};
}

std::string golden_fault(const Report& report, const std::vector<Golden>& sets) {
  if (std::string fault = manifests_fault(report, sets); !fault.empty()) return fault;
  GoldenValues all;
  for (const Golden& set : sets) {
    for (const auto& [index, alternatives] : set.values) {
      if (!all.emplace(index, alternatives).second) {
        return "two manifests have a value for index " + std::to_string(index);
      }
    }
  }
  const auto mismatching = mismatching_indexes(report, all);
  if (mismatching.empty()) return {};
  std::string text = "other values than the manifests' at index";
  for (const std::uint8_t index : mismatching) text += " " + std::to_string(index);
  return text;
}

}  // namespace

Steps judge(const Report& report, const DeviceChain& chain, bool nonce_given, const Policy& policy) {
  Steps steps;
  steps.check(StepId::NvNonceGiven, nonce_given || !policy.nonce_needed,
              "no nonce is expected, so the report may be an old one");
  steps.check(StepId::NvFwidPresent, !policy.fwid_needed || report.find(kFwid).has_value(),
              "the driver is too old to name its firmware");
  constexpr std::size_t kOfTheDevice = 2;
  const auto& certificates = chain.certificates;
  const auto behind = certificates.begin() + static_cast<std::ptrdiff_t>(std::min(kOfTheDevice, certificates.size()));
  const bool denied = std::any_of(certificates.begin(), behind, [&](const Certificate& certificate) {
    return policy.denied_devices.contains(Bytes(certificate.serial().begin(), certificate.serial().end()));
  });
  steps.check(StepId::NvDeviceAllowed, !denied, "this device is denied");
  if (policy.golden) {
    steps.judge(StepId::NvMeasurements, golden_fault(report, *policy.golden));
  } else {
    steps.skip(StepId::NvMeasurements, "no manifests are given");
  }
  return steps;
}

}  // namespace starminer::attestation::nvidia
