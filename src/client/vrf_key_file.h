// The file of a proposer's key for the chain of seeds (mode 0600): JSON with version, kind, public key and seed.
// Threading: none of its own.
#pragma once

#include <filesystem>
#include <string>

#include "attestation/vrf/vrf.h"
#include "base/result.h"

namespace starminer::client {

/// Makes a key from the system's randomness. Fails where the file exists: keys are never overwritten.
[[nodiscard]] Result<attestation::vrf::SecretKey, std::string> create_vrf_key_file(const std::filesystem::path& file);
/// Fails with a sentence where the file is missing, readable by others, no such file, or damaged.
[[nodiscard]] Result<attestation::vrf::SecretKey, std::string> load_vrf_key_file(const std::filesystem::path& file);

}  // namespace starminer::client
