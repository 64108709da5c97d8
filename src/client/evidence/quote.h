// SGX and TDX evidence from files: a quote and Intel's collateral, whose authorities the program has.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "attestation/dcap/policy.h"
#include "attestation/x509/time.h"
#include "base/bytes.h"
#include "client/evidence/judgement.h"
#include "client/evidence/roots.h"

namespace starminer::client::evidence {

struct QuoteFiles {
  Bytes quote;
  attestation::dcap::Collateral collateral;
  /// PCK leaf, authority and root as DER, where the quote does not carry them.
  std::vector<Bytes> pck_chain;
};

/// Signers of the collateral that are not given are those of `roots`.
[[nodiscard]] Judgement judge_quote(const QuoteFiles& files, const Roots& roots, attestation::x509::UnixTime time,
                                    const attestation::dcap::Policy& policy);

/// All collateral of a platform in one JSON object of strings, as collateral services hand it out: tcb_info,
/// qe_identity, their signatures and issuer chains, pck_crl, root_ca_crl and pck_crl_issuer_chain, none missing and
/// none more.
[[nodiscard]] std::optional<attestation::dcap::Collateral> parse_collateral(std::string_view text);

}  // namespace starminer::client::evidence
