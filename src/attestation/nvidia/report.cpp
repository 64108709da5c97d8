#include "attestation/nvidia/report.h"

#include <algorithm>
#include <array>

#include "attestation/evidence/taker.h"

namespace starminer::attestation::nvidia {
namespace {

constexpr std::size_t kRequestBytes = 37;
constexpr std::size_t kNonceBytes = 32;
constexpr std::size_t kSignatureBytes = 96;
constexpr std::size_t kDigestBytes = 48;
/// Real devices send up to 20.
constexpr std::size_t kFieldsMax = 64;
constexpr std::uint8_t kSpdm11 = 0x11;
// GET_MEASUREMENTS, all blocks, with a signature.
constexpr std::array<std::uint8_t, 4> kRequestHead = {kSpdm11, 0xe0, 0x01, 0xff};
constexpr std::uint8_t kMeasurements = 0x60;

std::string read_blocks(Report& report, ByteView record) {
  constexpr std::uint8_t kDmtf = 1;
  Taker taker(record);
  for (std::uint8_t i = 0; i < report.block_count; ++i) {
    MeasurementBlock block;
    block.index = taker.u8();
    const std::uint8_t specification = taker.u8();
    Taker measurement(taker.take(taker.u16()));
    static_cast<void>(measurement.u8());  // what is measured: always firmware
    block.value = measurement.take(measurement.u16());
    if (taker.failed() || !measurement.done()) return "a measurement block ends early or is too long";
    if (specification != kDmtf || block.value.size() != kDigestBytes) return "a measurement block is no SHA-384 digest";
    if (block.index == 0 || (!report.blocks.empty() && block.index <= report.blocks.back().index)) {
      return "the indexes of the measurement blocks do not rise";
    }
    report.blocks.push_back(block);
  }
  return taker.done() ? "" : "the measurement record is longer than its blocks";
}

std::string read_opaque(Report& report, ByteView data) {
  Taker taker(data);
  while (!taker.failed() && !taker.done()) {
    OpaqueField field;
    field.type = taker.u16();
    field.value = taker.take(taker.u16());
    if (taker.failed()) return "a field of the opaque data ends early";
    if (report.opaque.size() == kFieldsMax) return "the opaque data has too many fields";
    if (report.find(field.type)) return "a field of the opaque data is there twice";
    report.opaque.push_back(field);
  }
  return {};
}

}  // namespace

std::optional<ByteView> Report::find(std::uint16_t type) const {
  const auto found =
      std::find_if(opaque.begin(), opaque.end(), [type](const OpaqueField& field) { return field.type == type; });
  return found == opaque.end() ? std::nullopt : std::optional(found->value);
}

const MeasurementBlock* Report::block(std::uint8_t index) const {
  const auto found = std::find_if(blocks.begin(), blocks.end(),
                                  [index](const MeasurementBlock& candidate) { return candidate.index == index; });
  return found == blocks.end() ? nullptr : &*found;
}

std::string Report::driver_version() const {
  const auto value = find(kDriverVersion);
  const std::string_view text = value ? as_text(*value) : std::string_view();
  return std::string(text.substr(0, text.find('\0')));
}

std::string Report::vbios_version() const {
  constexpr std::size_t kBytes = 8;
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto value = find(kVbiosVersion);
  if (!value || value->size() != kBytes) return {};
  // Two little-endian words, of which the second has one byte of the version.
  std::string text;
  for (const std::size_t at : {3U, 2U, 1U, 0U, 4U}) {
    const std::uint8_t byte = (*value)[at];
    if (!text.empty()) text += '.';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<Report, std::string> parse_report(ByteView bytes) {
  Report report;
  Taker taker(bytes);
  report.request = taker.take(kRequestBytes);
  if (taker.failed() || !std::equal(kRequestHead.begin(), kRequestHead.end(), report.request.begin())) {
    return fail(std::string("it does not begin with a request for all measurements, signed"));
  }
  report.nonce = report.request.subspan(kRequestHead.size(), kNonceBytes);
  report.spdm_version = taker.u8();
  const std::uint8_t code = taker.u8();
  static_cast<void>(taker.take(2));  // parameters
  report.block_count = taker.u8();
  report.record_length = taker.integer(3);
  const ByteView record = taker.take(report.record_length);
  report.responder_nonce = taker.take(kNonceBytes);
  report.opaque_length = taker.u16();
  const ByteView opaque = taker.take(report.opaque_length);
  if (taker.failed()) return fail(std::string("the response ends early"));
  report.signed_part = bytes.first(bytes.size() - taker.rest().size());
  report.signature = taker.take(kSignatureBytes);
  report.trailing = taker.rest();
  if (taker.failed()) return fail(std::string("the signature ends early"));
  if (report.spdm_version != kSpdm11 || code != kMeasurements)
    return fail(std::string("the response is no measurements of SPDM 1.1"));
  std::string fault = read_blocks(report, record);
  if (fault.empty()) fault = read_opaque(report, opaque);
  if (!fault.empty()) return fail(std::move(fault));
  return report;
}

}  // namespace starminer::attestation::nvidia
