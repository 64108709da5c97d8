// Reference integrity manifests of NVIDIA (RIM): the measurements that a driver or a VBIOS has, as SWID tags signed
// with XML-DSig (verification.md 2.3). Parsing and canonical XML are libxml2's, so this stands apart from what the
// state machine may link: governance registers the values of a manifest that several members checked. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/evidence/steps.h"
#include "attestation/nvidia/verify.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::nvidia_rim {

struct Manifest {
  /// Of the driver ("550.144.03") or the VBIOS ("96.00.5E.00.01").
  std::string version;
  /// "GH100".
  std::string product;
  /// Active entries only.
  nvidia::GoldenValues values;
};

struct ManifestCheck {
  evidence::Steps steps;
  /// What the document says, where it could be read; to be believed only if the steps passed.
  std::optional<Manifest> manifest;
};

/// Larger than any manifest by far.
inline constexpr std::size_t kManifestBytesMax = 256U << 10;

/// Steps RimForm to RimTime. One form is accepted: printable ASCII, no declarations, comments, references or processing
/// instructions; one enveloped signature at the end of the document with ECDSA-SHA384 over canonical XML 1.1, its chain
/// in it, leaf first.
[[nodiscard]] ManifestCheck check_manifest(std::string_view text, std::span<const Bytes> anchors, x509::UnixTime time);

}  // namespace starminer::attestation::nvidia_rim
