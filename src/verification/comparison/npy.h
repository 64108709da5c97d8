// Arrays as NumPy writes them: .npy of version 1 and 2 (numpy.lib.format), in the one spelling of the header that NumPy
// has. Total function: any bytes give a tensor or a sentence.
#pragma once

#include <string>

#include "verification/comparison/tensor.h"

namespace starminer::verification {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

/// Elements of integers and floats of 1 to 8 bytes in either byte order, truth values as u8 of 0 and 1; row-major order
/// (or at most one dimension); the data ends with the file. Fails with a sentence.
[[nodiscard]] Result<Tensor, std::string> parse_npy(ByteView file);

}  // namespace starminer::verification
