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

[[nodiscard]] PlatformStatus judge_platform(const Quote& quote, const PckFields& pck, const TcbInfo& info,
                                            const QeIdentity& identity);

/// Step 5: what module and quoting enclave make of the status of the platform.
[[nodiscard]] TcbStatus merge(TcbStatus platform, TcbStatus other);

}  // namespace starminer::attestation::dcap
