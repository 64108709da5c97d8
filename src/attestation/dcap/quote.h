// Quotes of Intel SGX and TDX, versions 3, 4 and 5, signed by an ECDSA P-256 key of the quoting enclave
// (verification.md 2.2; Intel's "SGX DCAP Quote Library API", appendix A.4, and "TDX DCAP Quoting Library API",
// appendix A). Total: any bytes give a quote or the reason why not. Integers are little-endian, keys and signatures raw
// and big-endian.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::attestation::dcap {

inline constexpr std::size_t kEnclaveReportBytes = 384;

/// The report of an enclave: what an SGX quote is about, and what the quoting enclave says of itself.
struct EnclaveReport {
  std::array<std::uint8_t, 16> cpu_svn{};
  std::array<std::uint8_t, 4> misc_select{};
  std::array<std::uint8_t, 16> attributes{};
  std::array<std::uint8_t, 32> mr_enclave{};
  std::array<std::uint8_t, 32> mr_signer{};
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  std::array<std::uint8_t, 64> report_data{};

  [[nodiscard]] bool debug() const { return (attributes[0] & 0x02) != 0; }
};

using Digest48 = std::array<std::uint8_t, 48>;

/// The report of a trust domain.
struct TdReport {
  std::array<std::uint8_t, 16> tee_tcb_svn{};
  Digest48 mr_seam{};
  Digest48 mr_signer_seam{};
  std::array<std::uint8_t, 8> seam_attributes{};
  std::array<std::uint8_t, 8> td_attributes{};
  std::array<std::uint8_t, 8> xfam{};
  Digest48 mr_td{};
  Digest48 mr_config_id{};
  Digest48 mr_owner{};
  Digest48 mr_owner_config{};
  std::array<Digest48, 4> rtmr{};
  std::array<std::uint8_t, 64> report_data{};
  /// TDX 1.5 only, zero before.
  std::array<std::uint8_t, 16> tee_tcb_svn2{};
  Digest48 mr_service_td{};

  /// The byte of TUD attributes: any of them set means that the domain may be looked into.
  [[nodiscard]] bool debug() const { return td_attributes[0] != 0; }
  /// Bit 28: the host cannot inject exceptions by unmapping pages.
  [[nodiscard]] bool sept_ve_disabled() const { return (td_attributes[3] & 0x10) != 0; }
  /// Bit 29: a migration domain may move it, with its memory, to another machine.
  [[nodiscard]] bool migratable() const { return (td_attributes[3] & 0x20) != 0; }
};

/// Views into the bytes that it was read from.
struct Quote {
  std::uint16_t version = 0;
  std::uint16_t attestation_key_type = 0;
  std::uint32_t tee_type = 0;
  std::uint32_t body_size = 0;
  /// One of the two.
  std::optional<EnclaveReport> enclave;
  std::optional<TdReport> domain;
  /// What the attestation key signed.
  ByteView signed_part;
  std::uint32_t signature_data_length = 0;
  ByteView signature;
  ByteView attestation_key;
  ByteView qe_report_bytes;
  EnclaveReport qe_report;
  ByteView qe_report_signature;
  ByteView qe_auth_data;
  /// 5: the PCK certificate with its chain as PEM. 1 to 3: an identifier of the platform, encrypted or not.
  std::uint16_t certification_type = 0;
  ByteView certification_data;
  /// Behind all that lengths cover; nobody signs it.
  ByteView trailing;

  [[nodiscard]] bool is_tdx() const { return domain.has_value(); }
  [[nodiscard]] const std::array<std::uint8_t, 64>& report_data() const {
    return domain ? domain->report_data : enclave->report_data;
  }
};

inline constexpr std::uint16_t kPckCertificateChain = 5;

/// Fails with the first length or type that does not fit. `bytes` must outlive the quote.
[[nodiscard]] Result<Quote, std::string> parse_quote(ByteView bytes);

}  // namespace starminer::attestation::dcap
