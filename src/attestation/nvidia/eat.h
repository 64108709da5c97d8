// Detached EAT tokens of NVIDIA's attestation service: [["JWT", overall], {"GPU-0": token, ...}], signed with ES384
// (verification.md 2.3; RFC 9711, RFC 7515). The keys rotate and are the service's: a token whose key is not at hand is
// unverifiable, never accepted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/evidence/steps.h"
#include "attestation/nvidia/verify.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::nvidia {

/// Base64url without padding (RFC 7515 section 2), unused bits zero.
[[nodiscard]] std::optional<Bytes> from_base64url(std::string_view text);

/// A key of the service by its name: x || y on P-384.
using TokenKeys = std::map<std::string, Bytes>;

/// Of a JWK set (RFC 7517): every key must be of P-384.
[[nodiscard]] std::optional<TokenKeys> parse_token_keys(std::string_view text);

struct OverallClaims {
  std::string issuer;
  std::string subject;
  std::string version;
  std::string nonce;
  bool result = false;
  std::uint64_t issued = 0;
  std::uint64_t not_before = 0;
  std::uint64_t expires = 0;
};

/// Of the token of a device; a claim that it does not make is empty.
struct DeviceClaims {
  std::string issuer;
  std::string nonce;
  /// The serial number of the device's leaf, in decimal.
  std::string ueid;
  std::optional<std::uint64_t> not_before;
  std::optional<std::uint64_t> expires;
};

inline constexpr std::string_view kTokenIssuer = "https://nras.attestation.nvidia.com";
inline constexpr std::string_view kTokenSubject = "NVIDIA-PLATFORM-ATTESTATION";

struct TokenCheck {
  evidence::Steps steps;
  std::string key_id;
  std::string algorithm;
  OverallClaims overall;
  /// By the name of the submodule: "GPU-0".
  std::map<std::string, DeviceClaims> devices;
  /// Whether the digest that the overall token has of a submodule's token is right.
  std::map<std::string, bool> digests;
};

struct TokenInput {
  std::string_view text;
  const TokenKeys& keys;
  std::optional<x509::UnixTime> time;
  /// Lower-case hex, as the claim has it.
  std::optional<std::string> expected_nonce;
};

/// Steps EatForm to EatSubmodules; EatTime and EatNonce where they are asked for. A token of another issuer than
/// NVIDIA's service, or one that contradicts the tokens of its devices, is none.
[[nodiscard]] TokenCheck check_token(const TokenInput& input);

/// Steps NvNonceGiven, EatDevices and NvDeviceAllowed. What the token says counts only if its own check passed.
[[nodiscard]] evidence::Steps judge(const TokenCheck& token, bool nonce_given, const Policy& policy);

}  // namespace starminer::attestation::nvidia
