// Files of evidence as people pass them on: binary, or its text as hex or base64; certificates as DER or PEM. Each form
// is read in one canonical spelling, so that evidence is the same bytes for everybody. Total functions.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::client::evidence {

/// No real evidence comes near.
inline constexpr std::size_t kFileBytesMax = 4U << 20;

/// Fails with a sentence that names the file: missing, unreadable, too large.
[[nodiscard]] Result<Bytes, std::string> read_evidence_file(const std::filesystem::path& path);

/// The bytes behind hex (lower case) or base64 (padded, one line), either with one line feed at its end; anything else
/// is binary already.
[[nodiscard]] Bytes binary_of(ByteView bytes);

/// The certificates of a PEM text or of one DER, as DER.
[[nodiscard]] std::optional<std::vector<Bytes>> certificates_of(ByteView bytes);

}  // namespace starminer::client::evidence
