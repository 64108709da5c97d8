// The attestation report of AMD SEV-SNP, 1184 bytes, versions 2 to 5 (verification.md 2.1; AMD document 56860,
// ATTESTATION_REPORT). Total: every 1184 bytes give a report or the reason why not; nothing is read outside of them. A
// field's meaning ends here: what is acceptable is decided in policy.h.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::attestation::sev_snp {

inline constexpr std::size_t kReportBytes = 1184;
/// What the signature covers: the front of the report.
inline constexpr std::size_t kSignedBytes = 672;

/// The key that signed.
enum class Signer : std::uint8_t { Vcek = 0, Vlek = 1, None = 7 };

struct Version {
  std::uint8_t build = 0;
  std::uint8_t minor = 0;
  std::uint8_t major = 0;
};

struct Report {
  std::uint32_t version = 0;
  std::uint32_t guest_svn = 0;
  std::uint64_t policy = 0;
  std::array<std::uint8_t, 16> family_id{};
  std::array<std::uint8_t, 16> image_id{};
  std::uint32_t vmpl = 0;
  std::uint32_t signature_algorithm = 0;
  std::uint64_t platform_info = 0;
  std::uint32_t signer_info = 0;
  std::array<std::uint8_t, 64> report_data{};
  std::array<std::uint8_t, 48> measurement{};
  std::array<std::uint8_t, 32> host_data{};
  std::array<std::uint8_t, 48> id_key_digest{};
  std::array<std::uint8_t, 48> author_key_digest{};
  std::array<std::uint8_t, 32> report_id{};
  std::array<std::uint8_t, 32> migration_agent_report_id{};
  std::array<std::uint8_t, 64> chip_id{};
  /// TCB values as they stand; what their bytes mean depends on the product (tcb.h).
  std::array<std::uint8_t, 8> current_tcb{};
  std::array<std::uint8_t, 8> reported_tcb{};
  std::array<std::uint8_t, 8> committed_tcb{};
  std::array<std::uint8_t, 8> launch_tcb{};
  /// Zero before version 3.
  std::uint8_t cpuid_family = 0;
  std::uint8_t cpuid_model = 0;
  std::uint8_t cpuid_stepping = 0;
  Version current;
  Version committed;
  /// Zero before version 5.
  std::uint64_t launch_mitigations = 0;
  std::uint64_t current_mitigations = 0;
  /// Big-endian, 48 bytes each.
  std::array<std::uint8_t, 48> signature_r{};
  std::array<std::uint8_t, 48> signature_s{};
  /// Whether all bytes behind r and s, which nobody signs, are zero.
  bool unsigned_bytes_zero = false;

  [[nodiscard]] bool debug_allowed() const { return (policy >> 19 & 1) != 0; }
  [[nodiscard]] bool migration_agent_allowed() const { return (policy >> 18 & 1) != 0; }
  /// The firmware found no aliased memory (the repair of BadRAM).
  [[nodiscard]] bool alias_check_complete() const { return (platform_info >> 5 & 1) != 0; }
  /// The firmware does not sign: where a signature would be it writes zeros (MASK_CHIP_KEY). That hosts may hide the
  /// chip id (MASK_CHIP_ID) has no bit in the report; the id is zero then.
  [[nodiscard]] bool chip_key_masked() const { return (signer_info >> 1 & 1) != 0; }
  [[nodiscard]] Signer signer() const { return static_cast<Signer>(signer_info >> 2 & 7); }
};

/// Fails with the first thing that is no report of a known version: length, version, signature algorithm, a reserved
/// bit or byte that is set.
[[nodiscard]] Result<Report, std::string> parse_report(ByteView bytes);

}  // namespace starminer::attestation::sev_snp
