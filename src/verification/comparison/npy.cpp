#include "verification/comparison/npy.h"

#include <algorithm>

#include "verification/comparison/scanner.h"

namespace starminer::verification {
namespace {

// NumPy's own limit for headers that it reads without being asked to trust them is 10,000.
constexpr std::size_t kHeaderMax = 10'000;
constexpr std::size_t kVersionEnd = 8;

struct Header {
  std::string_view type;
  bool fortran = false;
  std::vector<std::uint64_t> shape;
};

std::optional<std::vector<std::uint64_t>> parse_shape(Scanner& in) {
  std::vector<std::uint64_t> shape;
  in.expect("(");
  while (!in.failed() && !in.accept(")")) {
    if (shape.size() == kDimensionsMax) return std::nullopt;
    shape.push_back(in.number());
    if (in.accept(",)")) {
      if (shape.size() != 1) return std::nullopt;
      break;
    }
    if (shape.size() >= 2 && in.accept(")")) break;
    in.expect(", ");
    if (in.rest().starts_with(")")) return std::nullopt;
  }
  if (in.failed()) return std::nullopt;
  return shape;
}

std::optional<Header> parse_header(std::string_view text) {
  Scanner in(text);
  Header header;
  in.expect("{'descr': '");
  header.type = in.until('\'');
  in.expect(", 'fortran_order': ");
  header.fortran = in.accept("True");
  if (!header.fortran) in.expect("False");
  in.expect(", 'shape': ");
  auto shape = parse_shape(in);
  in.expect(", }");
  if (in.failed() || !shape) return std::nullopt;
  header.shape = std::move(*shape);
  std::string_view padding = in.rest();
  if (!padding.ends_with('\n')) return std::nullopt;
  padding.remove_suffix(1);
  if (padding.find_first_not_of(' ') != std::string_view::npos) return std::nullopt;
  return header;
}

/// "<f4": the byte order, and the element. Orders: little '<', big '>', none '|' for single bytes.
std::optional<Element> element_of(std::string_view type) {
  if (type.size() != 3 || (type[0] == '|') != (type[2] == '1')) return std::nullopt;
  if (type[0] != '<' && type[0] != '>' && type[0] != '|') return std::nullopt;
  const std::string_view name = type.substr(1);
  if (name == "i1") return Element::I8;
  if (name == "u1" || name == "b1") return Element::U8;
  if (name == "i2") return Element::I16;
  if (name == "u2") return Element::U16;
  if (name == "i4") return Element::I32;
  if (name == "u4") return Element::U32;
  if (name == "i8") return Element::I64;
  if (name == "u8") return Element::U64;
  if (name == "f2") return Element::F16;
  if (name == "f4") return Element::F32;
  if (name == "f8") return Element::F64;
  return std::nullopt;
}

/// Bytes before the header's text, or nothing for another version or less than that.
std::optional<std::size_t> header_start(ByteView file, std::size_t& size) {
  if (file.size() < kVersionEnd + 2) return std::nullopt;
  if (file[6] == 1 && file[7] == 0) {
    size = file[8] | std::size_t{file[9]} << 8;
    return kVersionEnd + 2;
  }
  if (file[6] == 2 && file[7] == 0 && file.size() >= kVersionEnd + 4) {
    size = file[8] | std::size_t{file[9]} << 8 | std::size_t{file[10]} << 16 | std::size_t{file[11]} << 24;
    return kVersionEnd + 4;
  }
  return std::nullopt;
}

}  // namespace

Result<Tensor, std::string> parse_npy(ByteView file) {
  using std::string;
  if (!as_text(file).starts_with(kNpyMagic)) return fail(string("it does not begin as .npy files do"));
  std::size_t size = 0;
  const auto start = header_start(file, size);
  if (!start) return fail(string("its version is not 1.0 or 2.0"));
  if (size > kHeaderMax || file.size() - *start < size) return fail(string("its header is cut off or too long"));
  const auto header = parse_header(as_text(file.subspan(*start, size)));
  if (!header) return fail(string("its header is not as NumPy writes it"));
  const auto element = element_of(header->type);
  if (!element) {
    return fail("its elements are of type '" + string(header->type) + "': integers and floats are compared");
  }
  if (header->fortran && header->shape.size() > 1) {
    return fail(string("its order is Fortran's; save it with numpy.ascontiguousarray"));
  }
  const ByteView data = file.subspan(*start + size);
  const std::size_t width = element_bytes(*element);
  const auto count = element_count(header->shape);
  if (!count || *count * width != data.size()) {
    return fail("a shape of " + shape_text(header->shape) + " does not take its " + std::to_string(data.size()) +
                " bytes of elements");
  }
  if (header->type[1] == 'b' && std::any_of(data.begin(), data.end(), [](std::uint8_t value) { return value > 1; })) {
    return fail(string("a truth value is neither 0 nor 1"));
  }
  Tensor tensor{*element, header->shape, data, {}, {}};
  if (header->type[0] == '>') {
    tensor.own = turned(data, width);
    tensor.data = *tensor.own;
  }
  return tensor;
}

}  // namespace starminer::verification
