// Bytes as a PNG, with its checksums put right, so that a fuzzer gets behind them.
#include "verification/comparison/png.h"

#include <zlib.h>

#include <algorithm>

#include "fuzz/expect.h"

namespace {

/// Chunks as their lengths say; a checksum that is there is made the right one.
void repair(starminer::Bytes& file) {
  std::size_t at = starminer::verification::kPngMagic.size();
  while (at + 12 <= file.size()) {
    const std::size_t length =
        std::size_t{file[at]} << 24 | std::size_t{file[at + 1]} << 16 | std::size_t{file[at + 2]} << 8 | file[at + 3];
    if (length > file.size() - at - 12) return;
    const auto checksum = crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<std::uint8_t>(checksum >> (24 - 8 * i));
    at += 12 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::verification;
  Bytes file(data, data + size);
  for (int round = 0; round < 2; ++round) {
    const auto picture = parse_png(file);
    fuzz::expect(picture || !picture.error().empty(), "a refusal has a reason");
    if (picture) {
      fuzz::expect(element_count(picture->shape) == picture->size(), "the samples take the shape");
      fuzz::expect(picture->size() <= 1'033 * (size + 16), "no more samples than a file of this size can pack");
    }
    repair(file);
  }
  return 0;
}
