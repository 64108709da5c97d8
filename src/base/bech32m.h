// Bech32m (BIP 350): text form of addresses and ids with a checksum that catches typing errors.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace starminer {

/// prefix "1" data checksum, all lower case. Requires a lower-case prefix of 1 to 83 letters or digits.
[[nodiscard]] std::string bech32m_encode(std::string_view prefix, ByteView data);
/// Refuses upper and mixed case, a wrong or empty prefix, a wrong checksum (also that of plain Bech32) and non-zero
/// padding.
[[nodiscard]] std::optional<Bytes> bech32m_decode(std::string_view prefix, std::string_view text);

}  // namespace starminer
