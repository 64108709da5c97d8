// The attestation report of an NVIDIA GPU or switch: an SPDM 1.1 GET_MEASUREMENTS request and the response to it
// (verification.md 2.3; DMTF DSP0274 sections 10.11.1 and 10.11.2). Total: any bytes give a report or the reason why
// not. Integers are little-endian, the signature raw and big-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::attestation::nvidia {

struct MeasurementBlock {
  /// From 1; the index of a manifest's entry plus one.
  std::uint8_t index = 0;
  ByteView value;
};

/// Of the opaque data: what the device says of itself.
struct OpaqueField {
  std::uint16_t type = 0;
  ByteView value;
};

inline constexpr std::uint16_t kDriverVersion = 3;
inline constexpr std::uint16_t kVbiosVersion = 6;
inline constexpr std::uint16_t kNvdecStatus = 11;
inline constexpr std::uint16_t kFwid = 20;

/// Views into the bytes that it was read from.
struct Report {
  ByteView request;
  /// The requester's, which makes the report fresh.
  ByteView nonce;
  std::uint8_t spdm_version = 0;
  std::uint8_t block_count = 0;
  std::uint32_t record_length = 0;
  std::vector<MeasurementBlock> blocks;
  ByteView responder_nonce;
  std::uint16_t opaque_length = 0;
  std::vector<OpaqueField> opaque;
  /// Request and response up to the signature.
  ByteView signed_part;
  /// r || s on P-384.
  ByteView signature;
  /// Nobody signs it.
  ByteView trailing;

  /// The value of a field; empty optional where the device does not send it.
  [[nodiscard]] std::optional<ByteView> find(std::uint16_t type) const;
  [[nodiscard]] const MeasurementBlock* block(std::uint8_t index) const;

  /// "550.144.03"; empty where the device does not send it.
  [[nodiscard]] std::string driver_version() const;
  /// "96.00.5E.00.01"; empty where the device does not send it in the form of GPUs.
  [[nodiscard]] std::string vbios_version() const;
};

/// Fails with the first length or code that does not fit. `bytes` must outlive the report.
[[nodiscard]] Result<Report, std::string> parse_report(ByteView bytes);

}  // namespace starminer::attestation::nvidia
