// Bytes as the report of an NVIDIA device: its parts are inside of it and cover it.
#include "attestation/nvidia/report.h"
#include "fuzz/expect.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  const auto report = attestation::nvidia::parse_report(ByteView(data, size));
  fuzz::expect(report || !report.error().empty(), "a refusal has a reason");
  if (!report) return 0;
  fuzz::expect(report->signed_part.size() + report->signature.size() + report->trailing.size() == size,
               "the parts of a report add up");
  fuzz::expect(report->blocks.size() == report->block_count, "every block is read");
  for (const auto& block : report->blocks) {
    fuzz::expect(report->block(block.index)->value.data() == block.value.data(), "an index is there once");
    fuzz::expect(block.value.size() == 48, "a measurement is a digest");
  }
  std::size_t opaque = 0;
  for (const auto& field : report->opaque) opaque += 4 + field.value.size();
  fuzz::expect(opaque == report->opaque_length, "the opaque data is all of its fields");
  fuzz::expect(report->opaque.size() <= 64, "fields are few");
  const std::string vbios = report->vbios_version();
  fuzz::expect(vbios.empty() || vbios.size() == 14, "a version of a VBIOS has five bytes");
  fuzz::expect(report->driver_version().find('\0') == std::string::npos, "a version is a text");
  return 0;
}
