#include "attestation/sev_snp/report.h"

#include <algorithm>

namespace starminer::attestation::sev_snp {
namespace {

constexpr std::uint32_t kVersionMin = 2;
constexpr std::uint32_t kVersionMax = 5;
constexpr std::uint32_t kEcdsaP384Sha384 = 1;
constexpr unsigned kPolicyBits = 26;              // 0 to 25 have a meaning
constexpr std::uint64_t kPolicyOne = 1ULL << 17;  // must be set
constexpr std::uint64_t kPlatformMask = 0xbf;     // all of the first byte but bit 6
constexpr unsigned kSignerBits = 5;
constexpr std::size_t kSignaturePart = 72;  // r and s, of which 48 bytes are used

/// Integers of the report are little-endian.
template <class T>
T integer(ByteView bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | bytes[at + i]);
  return value;
}

template <std::size_t N>
void copy(ByteView bytes, std::size_t at, std::array<std::uint8_t, N>& field) {
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), N, field.begin());
}

bool zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

struct Range {
  std::size_t at;
  std::size_t size;
};

/// Bytes below the signature that a version leaves reserved.
bool reserved_bytes_zero(ByteView bytes, std::uint32_t version) {
  constexpr std::array<Range, 5> kAlways = {
      {{0x4c, 4}, {0x18b, 21}, {0x1eb, 1}, {0x1ef, 1}, {0x208, kSignedBytes - 0x208}}};
  constexpr Range kCpuid = {0x188, 3};
  constexpr Range kMitigations = {0x1f8, 16};
  const auto is_zero = [bytes](const Range& range) { return zero(bytes.subspan(range.at, range.size)); };
  return std::all_of(kAlways.begin(), kAlways.end(), is_zero) && (version >= 3 || is_zero(kCpuid)) &&
         (version >= 5 || is_zero(kMitigations));
}

Report read(ByteView bytes) {
  Report report;
  report.version = integer<std::uint32_t>(bytes, 0x000);
  report.guest_svn = integer<std::uint32_t>(bytes, 0x004);
  report.policy = integer<std::uint64_t>(bytes, 0x008);
  copy(bytes, 0x010, report.family_id);
  copy(bytes, 0x020, report.image_id);
  report.vmpl = integer<std::uint32_t>(bytes, 0x030);
  report.signature_algorithm = integer<std::uint32_t>(bytes, 0x034);
  copy(bytes, 0x038, report.current_tcb);
  report.platform_info = integer<std::uint64_t>(bytes, 0x040);
  report.signer_info = integer<std::uint32_t>(bytes, 0x048);
  copy(bytes, 0x050, report.report_data);
  copy(bytes, 0x090, report.measurement);
  copy(bytes, 0x0c0, report.host_data);
  copy(bytes, 0x0e0, report.id_key_digest);
  copy(bytes, 0x110, report.author_key_digest);
  copy(bytes, 0x140, report.report_id);
  copy(bytes, 0x160, report.migration_agent_report_id);
  copy(bytes, 0x180, report.reported_tcb);
  report.cpuid_family = bytes[0x188];
  report.cpuid_model = bytes[0x189];
  report.cpuid_stepping = bytes[0x18a];
  copy(bytes, 0x1a0, report.chip_id);
  copy(bytes, 0x1e0, report.committed_tcb);
  report.current = {bytes[0x1e8], bytes[0x1e9], bytes[0x1ea]};
  report.committed = {bytes[0x1ec], bytes[0x1ed], bytes[0x1ee]};
  copy(bytes, 0x1f0, report.launch_tcb);
  report.launch_mitigations = integer<std::uint64_t>(bytes, 0x1f8);
  report.current_mitigations = integer<std::uint64_t>(bytes, 0x200);
  const ByteView signature = bytes.subspan(kSignedBytes);
  copy(signature, 0, report.signature_r);
  copy(signature, kSignaturePart, report.signature_s);
  std::reverse(report.signature_r.begin(), report.signature_r.end());
  std::reverse(report.signature_s.begin(), report.signature_s.end());
  const std::size_t used = report.signature_r.size();
  report.unsigned_bytes_zero =
      zero(signature.subspan(used, kSignaturePart - used)) && zero(signature.subspan(kSignaturePart + used));
  return report;
}

}  // namespace

Result<Report, std::string> parse_report(ByteView bytes) {
  if (bytes.size() != kReportBytes) {
    return fail("a report has 1184 bytes, this has " + std::to_string(bytes.size()));
  }
  const Report report = read(bytes);
  if (report.version < kVersionMin || report.version > kVersionMax) {
    return fail("version " + std::to_string(report.version) + " is none of 2 to 5");
  }
  if (report.signature_algorithm != kEcdsaP384Sha384) {
    return fail("signature algorithm " + std::to_string(report.signature_algorithm) +
                " is not ECDSA P-384 with SHA-384");
  }
  if ((report.policy & kPolicyOne) == 0) return fail(std::string("bit 17 of the guest policy must be set"));
  if (report.policy >> kPolicyBits != 0) return fail(std::string("the guest policy sets reserved bits"));
  if ((report.platform_info & ~kPlatformMask) != 0) return fail(std::string("the platform info sets reserved bits"));
  if (report.signer_info >> kSignerBits != 0) return fail(std::string("the signer info sets reserved bits"));
  if (report.signer() != Signer::Vcek && report.signer() != Signer::Vlek && report.signer() != Signer::None) {
    return fail(std::string("the signer info names a reserved key"));
  }
  if (!reserved_bytes_zero(bytes, report.version)) {
    return fail("bytes are set that version " + std::to_string(report.version) + " reserves");
  }
  return report;
}

}  // namespace starminer::attestation::sev_snp
