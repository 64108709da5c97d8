// NVIDIA evidence from files: the report of a device with its chain, alone or as the JSON that drivers hand over, and
// tokens of NVIDIA's attestation service.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/nvidia/eat.h"
#include "attestation/nvidia/verify.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"
#include "client/evidence/judgement.h"
#include "client/evidence/roots.h"

namespace starminer::client::evidence {

struct ManifestFile {
  std::string name;
  Bytes text;
};

struct GpuFiles {
  Bytes report;
  /// DER, leaf first.
  std::vector<Bytes> chain;
  /// Of its driver and VBIOS, as XML. Where there is one, both must be there, and the measurements theirs.
  std::vector<ManifestFile> manifests;
};

struct GpuDemands {
  attestation::nvidia::Policy policy;
  std::optional<attestation::nvidia::Nonce> nonce;
  attestation::nvidia::TokenKeys token_keys;
};

[[nodiscard]] Judgement judge_gpu(const GpuFiles& files, const Roots& roots,
                                  std::optional<attestation::x509::UnixTime> time, const GpuDemands& demands);

[[nodiscard]] Judgement judge_token(std::string_view text, std::optional<attestation::x509::UnixTime> time,
                                    const GpuDemands& demands);

[[nodiscard]] Judgement judge_manifest(std::string_view text, const Roots& roots, attestation::x509::UnixTime time);

/// [{"arch", "nonce", "evidence", "certificate"}]: report and chain of one device in base64, of a list of one.
[[nodiscard]] std::optional<GpuFiles> parse_gpu_evidence(std::string_view text);

}  // namespace starminer::client::evidence
