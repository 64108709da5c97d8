// What a PCK certificate says of its platform (Intel's "PCK Certificate and CRL Profile",
// extension 1.2.840.113741.1.13.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "attestation/x509/certificate.h"

namespace starminer::attestation::dcap {

struct PckFields {
  std::array<std::uint8_t, 16> ppid{};
  std::array<std::uint8_t, 16> tcb_components{};
  std::uint16_t pce_svn = 0;
  std::array<std::uint8_t, 2> pce_id{};
  std::array<std::uint8_t, 6> fmspc{};
};

/// Empty optional where the extension is missing or not of this form.
[[nodiscard]] std::optional<PckFields> read_pck(const x509::Certificate& certificate);

}  // namespace starminer::attestation::dcap
