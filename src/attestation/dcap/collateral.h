// Intel's word about platforms: TCB info, QE identity and revocation lists (Intel's "Provisioning Certification Service
// API", version 3 and 4). The two documents are signed as text, so the exact text is kept and read from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attestation/x509/time.h"
#include "base/bytes.h"

namespace starminer::attestation::dcap {

enum class TcbStatus : std::uint8_t {
  UpToDate,
  SWHardeningNeeded,
  ConfigurationNeeded,
  ConfigurationAndSWHardeningNeeded,
  OutOfDate,
  OutOfDateConfigurationNeeded,
  Revoked,
};

[[nodiscard]] std::string_view name_of(TcbStatus status);
[[nodiscard]] std::optional<TcbStatus> parse_status(std::string_view name);

/// A document as it came: text and signature.
struct SignedText {
  /// From its first brace to the matching one.
  std::string text;
  /// r || s, 64 bytes.
  Bytes signature;
};

/// Of {"tcbInfo":{...},"signature":"..."}, as the service sends it: nothing around, lower-case hex, perhaps a line feed
/// at the end. `name` is that of the inner object.
[[nodiscard]] std::optional<SignedText> parse_service_form(std::string_view text, std::string_view name);

/// Everything that a verifier needs beside the quote. Certificates as DER, leaf first.
struct Collateral {
  SignedText tcb_info;
  SignedText qe_identity;
  std::vector<Bytes> tcb_signer;
  std::vector<Bytes> qe_signer;
  /// DER.
  std::optional<Bytes> pck_crl;
  std::optional<Bytes> root_crl;
  /// Who issued the PCK list; empty for the authority of the quote's own chain.
  std::vector<Bytes> pck_crl_issuer;
};

struct StatusLevel {
  TcbStatus status = TcbStatus::Revoked;
  std::string date;
  std::vector<std::string> advisories;
};

struct TcbLevel {
  std::array<std::uint8_t, 16> sgx{};
  std::uint16_t pce_svn = 0;
  /// Empty in TCB info of SGX.
  std::optional<std::array<std::uint8_t, 16>> tdx;
  StatusLevel status;
};

/// A level of a module or quoting enclave.
struct IsvLevel {
  std::uint16_t isv_svn = 0;
  StatusLevel status;
};

struct ModuleIdentity {
  /// "TDX_01"; empty for the module before identities.
  std::string id;
  std::array<std::uint8_t, 48> mr_signer{};
  std::array<std::uint8_t, 8> attributes{};
  std::array<std::uint8_t, 8> attributes_mask{};
  std::vector<IsvLevel> levels;
};

struct TcbInfo {
  bool tdx = false;
  x509::Validity validity;
  std::array<std::uint8_t, 6> fmspc{};
  std::array<std::uint8_t, 2> pce_id{};
  std::uint64_t evaluation = 0;
  std::optional<ModuleIdentity> module;
  std::vector<ModuleIdentity> identities;
  /// In the order of the document, which decides.
  std::vector<TcbLevel> levels;
};

struct QeIdentity {
  /// "QE" or "TD_QE".
  std::string id;
  x509::Validity validity;
  std::uint64_t evaluation = 0;
  std::array<std::uint8_t, 4> misc_select{};
  std::array<std::uint8_t, 4> misc_select_mask{};
  std::array<std::uint8_t, 16> attributes{};
  std::array<std::uint8_t, 16> attributes_mask{};
  std::array<std::uint8_t, 32> mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::vector<IsvLevel> levels;
};

/// Versions 2 (SGX) and 3. Empty optional for anything that the algorithm cannot read whole.
[[nodiscard]] std::optional<TcbInfo> parse_tcb_info(std::string_view text);
/// Version 2.
[[nodiscard]] std::optional<QeIdentity> parse_qe_identity(std::string_view text);

}  // namespace starminer::attestation::dcap
