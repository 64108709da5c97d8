// Certificates as text (RFC 7468) in one form only: lines of 64 characters, no text before, between or behind, line
// ends all LF or all CRLF, at most two at the end. So a change of any character is a refusal or another certificate.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace starminer::attestation::x509 {

/// More than any chain has.
inline constexpr std::size_t kPemBlocksMax = 16;

/// The DER of each certificate, in the order of the text. Empty optional for anything else, and for no certificate at
/// all.
[[nodiscard]] std::optional<std::vector<Bytes>> certificates_of_pem(std::string_view text);
/// One certificate in the form that `certificates_of_pem` reads.
[[nodiscard]] std::string pem_of_certificate(ByteView der);

}  // namespace starminer::attestation::x509
