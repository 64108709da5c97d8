// Keys on disk: one JSON file per key, readable by its owner only. With a passphrase the seed is sealed (Argon2id and
// XSalsa20-Poly1305, libsodium). Losing the file is losing the account; the CLI says so where it makes one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/signature.h"

namespace starminer::client {

/// A fresh key from the system's randomness.
[[nodiscard]] SigningKey make_key();

/// Writes a new key file with mode 0600, synced. Fails where the file exists: keys are never overwritten.
[[nodiscard]] Result<SigningKey, std::string> create_key_file(const std::filesystem::path& file,
                                                              const std::optional<std::string>& passphrase);
/// Reads a key file. Fails with a sentence: missing, readable by others, damaged, passphrase needed or wrong.
[[nodiscard]] Result<SigningKey, std::string> load_key_file(const std::filesystem::path& file,
                                                            const std::optional<std::string>& passphrase);
/// Writes the key of a given seed, for restoring a backup. Fails where the file exists.
[[nodiscard]] Result<SigningKey, std::string> import_key_file(const std::filesystem::path& file,
                                                              std::string_view seed_hex,
                                                              const std::optional<std::string>& passphrase);

}  // namespace starminer::client
