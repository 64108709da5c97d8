#include "attestation/dcap/quote.h"

#include <algorithm>

#include "attestation/evidence/taker.h"

namespace starminer::attestation::dcap {
namespace {

constexpr std::uint16_t kEcdsaP256 = 2;
constexpr std::uint32_t kSgx = 0;
constexpr std::uint32_t kTdx = 0x81;
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kTd10Bytes = 584;
constexpr std::size_t kTd15Bytes = 648;
constexpr std::uint16_t kQeReportCertification = 6;
constexpr std::array<std::uint8_t, 16> kIntelQe = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                                   0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

bool zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// Requires kEnclaveReportBytes. Reserved bytes are signed with the rest and are not judged here.
EnclaveReport read_enclave(ByteView bytes) {
  Taker taker(bytes);
  EnclaveReport report;
  taker.take(report.cpu_svn);
  taker.take(report.misc_select);
  static_cast<void>(taker.take(28));
  taker.take(report.attributes);
  taker.take(report.mr_enclave);
  static_cast<void>(taker.take(32));
  taker.take(report.mr_signer);
  static_cast<void>(taker.take(96));
  report.isv_prod_id = taker.u16();
  report.isv_svn = taker.u16();
  static_cast<void>(taker.take(60));
  taker.take(report.report_data);
  return report;
}

/// Requires kTd10Bytes or kTd15Bytes.
TdReport read_domain(ByteView bytes) {
  Taker taker(bytes);
  TdReport report;
  taker.take(report.tee_tcb_svn);
  taker.take(report.mr_seam);
  taker.take(report.mr_signer_seam);
  taker.take(report.seam_attributes);
  taker.take(report.td_attributes);
  taker.take(report.xfam);
  taker.take(report.mr_td);
  taker.take(report.mr_config_id);
  taker.take(report.mr_owner);
  taker.take(report.mr_owner_config);
  for (Digest48& rtmr : report.rtmr) taker.take(rtmr);
  taker.take(report.report_data);
  if (bytes.size() == kTd15Bytes) {
    taker.take(report.tee_tcb_svn2);
    taker.take(report.mr_service_td);
  }
  return report;
}

/// Where the body begins and how large it is.
struct BodyPlace {
  std::size_t at = kHeaderBytes;
  std::size_t size = 0;
};

std::optional<BodyPlace> place_body(const Quote& quote, ByteView behind_header) {
  const bool tdx = quote.tee_type == kTdx;
  if (quote.version == 3) return tdx ? std::nullopt : std::optional(BodyPlace{kHeaderBytes, kEnclaveReportBytes});
  if (quote.version == 4) return BodyPlace{kHeaderBytes, tdx ? kTd10Bytes : kEnclaveReportBytes};
  struct Row {
    std::uint16_t type;
    std::size_t size;
    bool tdx;
  };
  constexpr std::array<Row, 3> kBodies = {
      {{1, kEnclaveReportBytes, false}, {2, kTd10Bytes, true}, {3, kTd15Bytes, true}}};
  Taker taker(behind_header);
  const std::uint16_t type = taker.u16();
  const std::uint32_t size = taker.u32();
  for (const Row& row : kBodies) {
    if (!taker.failed() && row.type == type && row.size == size && row.tdx == tdx) {
      return BodyPlace{kHeaderBytes + 6, row.size};
    }
  }
  return std::nullopt;
}

/// From the signature on; says what does not add up.
std::string read_signature_data(Quote& quote, ByteView data) {
  constexpr std::size_t kSignature = 64;
  Taker taker(data);
  quote.signature = taker.take(kSignature);
  quote.attestation_key = taker.take(kSignature);
  if (quote.version >= 4) {
    const std::uint16_t type = taker.u16();
    const std::uint32_t size = taker.u32();
    if (taker.failed() || type != kQeReportCertification || size != taker.rest().size()) {
      return "the certification data is no report of a quoting enclave that fills the signature data";
    }
  }
  quote.qe_report_bytes = taker.take(kEnclaveReportBytes);
  quote.qe_report_signature = taker.take(kSignature);
  quote.qe_auth_data = taker.take(taker.u16());
  quote.certification_type = taker.u16();
  const std::uint32_t size = taker.u32();
  quote.certification_data = taker.take(size);
  if (taker.failed()) return "the signature data ends early";
  if (!taker.rest().empty()) return "the signature data is longer than its parts";
  quote.qe_report = read_enclave(quote.qe_report_bytes);
  return {};
}

std::string header_fault(const Quote& quote, ByteView vendor) {
  if (quote.version < 3 || quote.version > 5) {
    return "version " + std::to_string(quote.version) + " is none of 3 to 5";
  }
  if (quote.attestation_key_type != kEcdsaP256) return "the attestation key is not of type 2, ECDSA P-256";
  if (quote.tee_type != kSgx && quote.tee_type != kTdx) return "the TEE type is neither SGX nor TDX";
  if (!std::equal(vendor.begin(), vendor.end(), kIntelQe.begin(), kIntelQe.end())) {
    return "the quoting enclave is not Intel's";
  }
  return {};
}

}  // namespace

Result<Quote, std::string> parse_quote(ByteView bytes) {
  Quote quote;
  Taker header(bytes);
  quote.version = header.u16();
  quote.attestation_key_type = header.u16();
  quote.tee_type = header.u32();
  const ByteView reserved = header.take(4);
  const ByteView vendor = header.take(16);
  static_cast<void>(header.take(20));  // user data
  if (header.failed()) return fail(std::string("a quote has a header of 48 bytes"));
  if (std::string fault = header_fault(quote, vendor); !fault.empty()) return fail(std::move(fault));
  if (quote.version >= 4 && !zero(reserved)) return fail(std::string("reserved bytes of the header are set"));
  const auto place = place_body(quote, header.rest());
  if (!place) return fail(std::string("no body of this type and size exists"));
  Taker taker(bytes);
  static_cast<void>(taker.take(place->at));
  const ByteView body = taker.take(place->size);
  quote.body_size = static_cast<std::uint32_t>(place->size);
  quote.signature_data_length = taker.u32();
  const ByteView data = taker.take(quote.signature_data_length);
  if (taker.failed()) return fail(std::string("the quote ends early"));
  quote.signed_part = bytes.first(place->at + place->size);
  quote.trailing = taker.rest();
  if (quote.tee_type == kTdx) {
    quote.domain = read_domain(body);
  } else {
    quote.enclave = read_enclave(body);
  }
  if (std::string fault = read_signature_data(quote, data); !fault.empty()) return fail(std::move(fault));
  return quote;
}

}  // namespace starminer::attestation::dcap
