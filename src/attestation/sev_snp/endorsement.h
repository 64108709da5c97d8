// The certificates under an SEV-SNP report: VCEK (of one chip at one TCB) or VLEK (of a cloud provider) below ASK or
// ASVK below ARK, AMD's root of one product (verification.md 2.1). Checked once, an endorsement serves many reports.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attestation/evidence/steps.h"
#include "attestation/sev_snp/tcb.h"
#include "attestation/x509/certificate.h"
#include "base/bytes.h"

namespace starminer::attestation::sev_snp {

/// What the extensions of a VCEK or VLEK say. Whether AMD says it shows in the steps of `check_endorsement`.
struct EndorsementFields {
  /// "Milan-B0", "Genoa", "Turin".
  std::string product_name;
  std::optional<Product> product;
  /// Empty where an extension is missing or no number below 256.
  std::optional<Tcb> tcb;
  /// 64 bytes of the chip (8 on Turin); empty in a VLEK.
  Bytes hwid;
  /// Of a VLEK: who operates the chip.
  std::string csp_id;
};

struct Endorsement {
  x509::Certificate certificate;
  EndorsementFields fields;
  x509::Validity validity;
};

/// Everything as DER.
struct EndorsementInput {
  /// VCEK or VLEK.
  ByteView endorsement;
  /// ASK or ASVK, then ARK.
  std::span<const Bytes> chain;
  /// The ARKs that are trusted.
  std::span<const Bytes> anchors;
};

struct EndorsementCheck {
  evidence::Steps steps;
  /// What the certificate says, where it could be read; to be believed only if the steps passed.
  std::optional<Endorsement> endorsement;
};

/// Steps: SnpCertForm, SnpChain, SnpRoot, SnpCertTime.
[[nodiscard]] EndorsementCheck check_endorsement(const EndorsementInput& input, x509::UnixTime time);

[[nodiscard]] EndorsementFields read_fields(const x509::Certificate& certificate);

}  // namespace starminer::attestation::sev_snp
