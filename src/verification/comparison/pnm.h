// Pictures in the binary forms of Netpbm: grey (P5) and colour (P6), of 8 or 16 bits. One picture to a file, no
// comments, one white-space character between the parts of the header. Total function.
#pragma once

#include <string>

#include "verification/comparison/tensor.h"

namespace starminer::verification {

/// Samples as u8 or u16 of shape height x width x (1 or 3). Fails with a sentence.
[[nodiscard]] Result<Tensor, std::string> parse_pnm(ByteView file);

}  // namespace starminer::verification
