#include "verification/comparison/tensor.h"

#include "base/arithmetic.h"

namespace starminer::verification {

std::optional<std::uint64_t> element_count(const std::vector<std::uint64_t>& shape) {
  if (shape.size() > kDimensionsMax) return std::nullopt;
  std::uint64_t count = 1;
  bool empty = false;
  for (const std::uint64_t extent : shape) {
    if (extent > kArtifactBytesMax) return std::nullopt;
    empty = empty || extent == 0;
    count = checked_mul(count, extent == 0 ? 1 : extent).value_or(kArtifactBytesMax + 1);
    if (count > kArtifactBytesMax) return std::nullopt;
  }
  return empty ? 0 : count;
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::uint64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

std::shared_ptr<const Bytes> turned(ByteView data, std::size_t element_bytes) {
  auto bytes = std::make_shared<Bytes>(data.begin(), data.end());
  for (std::size_t start = 0; start + element_bytes <= bytes->size(); start += element_bytes) {
    for (std::size_t i = 0; i < element_bytes / 2; ++i)
      std::swap((*bytes)[start + i], (*bytes)[start + element_bytes - 1 - i]);
  }
  return bytes;
}

Result<Tensor, std::string> parse_raw(ByteView file, Element element,
                                      const std::optional<std::vector<std::uint64_t>>& shape) {
  const std::size_t width = element_bytes(element);
  if (!shape) {
    if (file.size() % width != 0) {
      return fail("its " + std::to_string(file.size()) + " bytes are no whole number of elements of " +
                  std::to_string(width) + " bytes");
    }
    return Tensor{element, {file.size() / width}, file, {}, {}};
  }
  const auto count = element_count(*shape);
  if (!count || *count * width != file.size()) {
    return fail("a shape of " + shape_text(*shape) + " does not take its " + std::to_string(file.size()) + " bytes");
  }
  return Tensor{element, *shape, file, {}, {}};
}

}  // namespace starminer::verification
