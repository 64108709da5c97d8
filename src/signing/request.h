// Signed HTTP requests: who reads private data or reports for a node proves it with the account's key, per request, so
// that there is no session to steal (design "test campaigns" section 5). The server checks time and nonce; this module
// only makes, parses and verifies the header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/signature.h"

namespace starminer::signing {

inline constexpr std::string_view kRequestDomain = "starminer/request/1";
inline constexpr std::string_view kProofDomain = "starminer/proof/1";
inline constexpr std::string_view kQuoteDomain = "starminer/quote/1";

/// Hash of the body, or nothing for a streamed artifact, whose address proves its content.
using BodyHash = std::optional<Hash32>;

struct RequestSignature {
  PublicKey key;
  TimeMs time;
  std::string nonce;  // 32 hexadecimal characters
  BodyHash body;
  Signature signature;

  [[nodiscard]] AccountId account() const { return account_of(key); }
};

/// Value of the Authorization header. Requires: a nonce of 32 lower-case hexadecimal characters.
[[nodiscard]] std::string make_authorization(const SigningKey& key, std::string_view method, std::string_view target,
                                             const BodyHash& body, TimeMs time, std::string_view nonce);
/// Total: anything but a well-formed header gives nothing.
[[nodiscard]] std::optional<RequestSignature> parse_authorization(std::string_view header);
/// Whether the signature covers this method and target (path and query as sent) with its own time, nonce and body.
[[nodiscard]] SignatureFault verify_request(const RequestSignature& request, std::string_view method,
                                            std::string_view target);

}  // namespace starminer::signing
