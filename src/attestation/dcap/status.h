// How up to date a platform is, by Intel's algorithm over TCB info and QE identity (verification.md 2.2, steps 1 to 5;
// Intel's "Get TCB Info" and "Verify QE Identity"). Pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "attestation/dcap/collateral.h"
#include "attestation/dcap/pck.h"
#include "attestation/dcap/quote.h"

namespace starminer::attestation::dcap {

struct PlatformStatus {
  /// Set where a status exists; otherwise `error` says why not.
  std::optional<TcbStatus> status;
  std::string error;
  std::optional<StatusLevel> platform;
  /// Of the TDX module; none for SGX.
  std::optional<StatusLevel> module;
  std::optional<StatusLevel> quoting_enclave;
  /// Of all levels that apply, sorted, each once.
  std::vector<std::string> advisories;
};

/// Why the enclave that certified the attestation key is not the one that Intel's identity describes: signer, product,
/// attributes, MISCSELECT. Empty if it is. The PCK certifies the report of any enclave, a stranger's too, so without
/// this a quote proves nothing.
[[nodiscard]] std::string quoting_enclave_fault(const Quote& quote, const QeIdentity& identity);
/// Why the TDX module under a domain is not Intel's: signer, attributes. Empty if it is. A version that the TCB info
/// does not name is held against the identity of modules without one.
[[nodiscard]] std::string module_fault(const TdReport& domain, const TcbInfo& info);

[[nodiscard]] PlatformStatus judge_platform(const Quote& quote, const PckFields& pck, const TcbInfo& info,
                                            const QeIdentity& identity);

/// Step 5: what module and quoting enclave make of the status of the platform.
[[nodiscard]] TcbStatus merge(TcbStatus platform, TcbStatus other);

}  // namespace starminer::attestation::dcap
