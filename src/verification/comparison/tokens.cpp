#include "verification/comparison/tokens.h"

#include "verification/comparison/scanner.h"

namespace starminer::verification {

Result<TokenList, std::string> parse_tokens(ByteView file) {
  TokenList list;
  Scanner in(as_text(file));
  while (!in.rest().empty() && !in.failed()) {
    bool first = true;
    while (!in.failed() && !in.accept("\n")) {
      if (!first) in.expect(" ");
      first = false;
      list.ids.push_back(in.number());
    }
    list.ends.push_back(list.ids.size());
  }
  if (in.failed()) {
    return fail("line " + std::to_string(list.ends.size()) +
                " is not decimal numbers with one space between and a line feed at the end");
  }
  return list;
}

Result<TokenList, std::string> tokens_of(const Tensor& tensor) {
  using std::string;
  if (is_floating(tensor.element)) return fail(string("its elements are no integers, so they are no tokens"));
  if (tensor.shape.empty() || tensor.shape.size() > 2) {
    return fail("a shape of " + shape_text(tensor.shape) + " is no list of sequences");
  }
  if (tensor.shape.size() == 2 && tensor.shape[1] == 0) return fail(string("its sequences have no tokens"));
  TokenList list;
  list.ids.reserve(tensor.size());
  for (std::size_t i = 0; i < tensor.size(); ++i) {
    const std::uint64_t bits = load_bits(tensor.element, tensor.data.data(), i);
    if (is_signed_integer(tensor.element) && signed_value(tensor.element, bits) < 0)
      return fail(string("a token is negative"));
    list.ids.push_back(bits);
  }
  const std::uint64_t sequences = tensor.shape.size() == 1 ? 1 : tensor.shape[0];
  const std::uint64_t length = tensor.shape.back();
  for (std::uint64_t i = 1; i <= sequences; ++i) list.ends.push_back(i * length);
  return list;
}

}  // namespace starminer::verification
