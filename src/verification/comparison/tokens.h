// Sequences of token ids: one sequence a line, ids in decimal with one space between. Integer arrays of one dimension
// (one sequence) or two (a sequence each row) are the same thing. Total functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "verification/comparison/tensor.h"

namespace starminer::verification {

struct TokenList {
  std::vector<std::uint64_t> ids;
  std::vector<std::size_t> ends;  // of each sequence in `ids`, rising

  [[nodiscard]] std::size_t size() const { return ends.size(); }
  [[nodiscard]] std::span<const std::uint64_t> sequence(std::size_t i) const {
    const std::size_t start = i == 0 ? 0 : ends[i - 1];
    return std::span(ids).subspan(start, ends[i] - start);
  }
};

/// Every line ends with a line feed; an empty one is an empty sequence; numbers have one spelling. Fails with a
/// sentence.
[[nodiscard]] Result<TokenList, std::string> parse_tokens(ByteView file);
/// Fails for floats, negative numbers, and any but one or two dimensions.
[[nodiscard]] Result<TokenList, std::string> tokens_of(const Tensor& tensor);

}  // namespace starminer::verification
