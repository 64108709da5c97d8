// Pictures in PNG (ISO/IEC 15948): the samples as they were written, without any colour management, so that everybody
// decodes the same integers. What a file says about how to show them must be the same on both sides. zlib inflates.
// Total function.
#pragma once

#include <string>

#include "verification/comparison/tensor.h"

namespace starminer::verification {

inline constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1a\n";

/// Samples as u8 or u16 of shape height x width x channels. Grey or colour with or without alpha, 8 or 16 bits; no
/// palette, interlacing, transparent colour or animation. Every checksum is right, no data is left over. Fails with a
/// sentence.
[[nodiscard]] Result<Tensor, std::string> parse_png(ByteView file);

}  // namespace starminer::verification
