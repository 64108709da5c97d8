// Whether an NVIDIA report is genuine: signed by the attestation key of a device that NVIDIA made, for the nonce of
// whoever asked, by the firmware that the device's certificate names (verification.md 2.3). A chain that was checked
// once serves all reports of its device. Pure functions.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "attestation/evidence/steps.h"
#include "attestation/nvidia/report.h"
#include "attestation/x509/certificate.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::nvidia {

using Nonce = std::array<std::uint8_t, 32>;
using Digest48 = std::array<std::uint8_t, 48>;

struct DeviceChain {
  /// Leaf first.
  std::vector<x509::Certificate> certificates;
  /// The digest of the firmware that the leaf was made for.
  std::optional<Digest48> fwid;
};

struct ChainCheck {
  evidence::Steps steps;
  /// Empty where the bytes are no certificates.
  std::optional<DeviceChain> chain;
};

/// Steps NvChain, NvRoot and, where a time is given, NvCertTime. Certificates as DER, leaf first.
[[nodiscard]] ChainCheck check_chain(std::span<const Bytes> certificates, std::span<const Bytes> anchors,
                                     std::optional<x509::UnixTime> time);

struct ReportCheck {
  evidence::Steps steps;
  /// A view into the bytes.
  std::optional<Report> report;
};

/// Steps NvReportForm, NvTrailingBytes, NvSignature and, where there is something to compare, NvNonce and NvFwid.
[[nodiscard]] ReportCheck check_report(ByteView report, const DeviceChain& chain,
                                       const std::optional<Nonce>& expected_nonce);

/// Accepted values of measurements: by the index of a manifest, which is the block's less one, the alternatives.
using GoldenValues = std::map<std::uint8_t, std::vector<Digest48>>;

/// What a manifest accepts for a version of the driver or the VBIOS.
struct Golden {
  /// "550.144.03" or "96.00.5E.00.01".
  std::string version;
  GoldenValues values;
};

struct Policy {
  bool nonce_needed = true;
  bool fwid_needed = true;
  /// Tokens may be about switches, too.
  bool switches_allowed = false;
  /// By the serial number of the leaf, which is of chip and firmware, or of the certificate above it, which is of the
  /// chip.
  std::set<Bytes> denied_devices;
  /// Of the driver and of the VBIOS that the report names, both; each index belongs to one of them.
  std::optional<std::vector<Golden>> golden;
};

/// Steps NvNonceGiven to NvMeasurements. What the report says counts only if its own check passed.
[[nodiscard]] evidence::Steps judge(const Report& report, const DeviceChain& chain, bool nonce_given,
                                    const Policy& policy);

/// The indexes of the manifest whose value the report does not have. One of the video decoder is left out where the
/// report says that it is off.
[[nodiscard]] std::vector<std::uint8_t> mismatching_indexes(const Report& report, const GoldenValues& golden);

}  // namespace starminer::attestation::nvidia
