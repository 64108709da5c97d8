// An array of numbers as the files of results hold it: element type, shape, and the elements in row-major order, each
// little-endian. Plain values; the bytes of an input file must outlive a tensor that was read from it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "verification/comparison/element.h"

namespace starminer::verification {

/// No artifact that is compared is larger, packed or unpacked.
inline constexpr std::size_t kArtifactBytesMax = std::size_t{1} << 30;
inline constexpr std::size_t kDimensionsMax = 16;

struct Tensor {
  Element element{};
  std::vector<std::uint64_t> shape{};  // empty: one element
  ByteView data{};                     // `size()` elements
  /// What changes how samples are shown (colour of a PNG, range of a PNM); zero where there is nothing of the kind.
  Hash32 display{};
  /// Where the elements do not lie in the file as they are.
  std::shared_ptr<const Bytes> own{};

  [[nodiscard]] std::uint64_t size() const { return data.size() / element_bytes(element); }
};

/// Elements of a shape, or nothing beyond kArtifactBytesMax or kDimensionsMax.
[[nodiscard]] std::optional<std::uint64_t> element_count(const std::vector<std::uint64_t>& shape);
/// "2x3"; "scalar" for the shape without dimensions.
[[nodiscard]] std::string shape_text(const std::vector<std::uint64_t>& shape);

/// The same elements with their bytes turned round: from big-endian.
[[nodiscard]] std::shared_ptr<const Bytes> turned(ByteView data, std::size_t element_bytes);

/// Little-endian elements and nothing else; without a shape one dimension. Fails with a sentence.
[[nodiscard]] Result<Tensor, std::string> parse_raw(ByteView file, Element element,
                                                    const std::optional<std::vector<std::uint64_t>>& shape);

}  // namespace starminer::verification
