// Whether an SGX or TDX quote is genuine under Intel's collateral, and how up to date its platform is
// (verification.md 2.2). Whether that is acceptable is policy.h's question. Pure functions; time, anchors and
// collateral are arguments.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "attestation/dcap/collateral.h"
#include "attestation/dcap/pck.h"
#include "attestation/dcap/quote.h"
#include "attestation/dcap/status.h"
#include "attestation/evidence/steps.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::dcap {

struct QuoteInput {
  ByteView quote;
  /// PCK leaf, its authority and root as DER, for a quote that does not carry them; else empty.
  std::span<const Bytes> pck_chain;
  /// The roots that are trusted, by their bytes.
  std::span<const Bytes> anchors;
};

struct Verification {
  evidence::Steps steps;
  /// A view into the input.
  std::optional<Quote> quote;
  std::optional<PckFields> pck;
  /// Of the authority that issued the PCK certificate.
  std::string pck_issuer;
  std::optional<TcbInfo> tcb_info;
  std::optional<QeIdentity> qe_identity;
  /// Of the lists of revoked certificates, where they were read.
  std::optional<x509::Validity> pck_list;
  std::optional<x509::Validity> root_list;
  /// Empty where the evidence does not go so far.
  std::optional<PlatformStatus> platform;
};

/// Steps QuoteSizes to TcbSignerTime; those of the lists only where the collateral has lists, and TcbStatus is left to
/// the policy.
[[nodiscard]] Verification verify(const QuoteInput& input, const Collateral& collateral, x509::UnixTime time);

}  // namespace starminer::attestation::dcap
