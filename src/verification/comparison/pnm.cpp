#include "verification/comparison/pnm.h"

#include "verification/comparison/scanner.h"

namespace starminer::verification {
namespace {

constexpr std::uint64_t kByteMax = 255;
constexpr std::uint64_t kSampleMax = 65'535;

bool white(Scanner& in) { return in.accept(" ") || in.accept("\n") || in.accept("\t") || in.expect("\r"); }

bool all_within(const Tensor& tensor, std::uint64_t most) {
  for (std::size_t i = 0; i < tensor.size(); ++i) {
    if (load_bits(tensor.element, tensor.data.data(), i) > most) return false;
  }
  return true;
}

}  // namespace

Result<Tensor, std::string> parse_pnm(ByteView file) {
  using std::string;
  Scanner in(as_text(file));
  const bool grey = in.accept("P5");
  if (!grey && !in.expect("P6")) return fail(string("it does not begin as P5 or P6"));
  white(in);
  const std::uint64_t width = in.number();
  white(in);
  const std::uint64_t height = in.number();
  white(in);
  const std::uint64_t most = in.number();
  white(in);
  if (in.failed()) return fail(string("its header is not width, height and range with one space between each"));
  if (width == 0 || height == 0 || most == 0 || most > kSampleMax)
    return fail(string("its width, height or range is 0 or too large"));
  const Element element = most > kByteMax ? Element::U16 : Element::U8;
  const ByteView data = as_bytes(in.rest());
  Tensor tensor{element, {height, width, grey ? 1U : 3U}, data, {}, {}};
  const auto count = element_count(tensor.shape);
  if (!count || *count * element_bytes(element) != data.size()) {
    return fail("a picture of " + shape_text(tensor.shape) + " does not take its " + std::to_string(data.size()) +
                " bytes of samples");
  }
  if (element == Element::U16) {
    tensor.own = turned(data, 2);
    tensor.data = *tensor.own;
  }
  if (!all_within(tensor, most)) return fail(string("a sample is larger than its range"));
  if (most != kByteMax && most != kSampleMax) {
    tensor.display = tagged_hash("starminer/verification/pnm/1", as_bytes(std::to_string(most)));
  }
  return tensor;
}

}  // namespace starminer::verification
