// Receipts of zkVMs as JSON, and the releases of zkVMs that the program knows. Plain values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "attestation/zk/risc0.h"
#include "attestation/zk/sp1.h"
#include "base/result.h"

namespace starminer::client::evidence {

/// What a receipt states beside what it needs, and what the check must find to be the same.
struct StatedDigests {
  std::optional<Hash32> claim;
  std::optional<Hash32> key;
  std::optional<attestation::zk::Selector> selector;
};

struct Risc0File {
  attestation::zk::Risc0Receipt receipt;
  attestation::zk::Risc0Release release;
  StatedDigests stated;
};

struct Sp1File {
  attestation::zk::Sp1Receipt receipt;
  /// Of SP1 6 and later.
  std::optional<Hash32> recursion_root;
};

using ReceiptFile = std::variant<Risc0File, Sp1File>;

/// {"seal", "journal", "image_id", "control_root", "bn254_control_id"} and perhaps "zkvm", "selector", "claim_digest",
/// "verifying_key_digest"; or {"program_vkey", "public_values", "proof_bytes"} and perhaps "version", "vk_root". Values
/// are hex after 0x. Fails with a sentence.
[[nodiscard]] Result<ReceiptFile, std::string> parse_receipt(std::string_view text);

/// The name of the release, empty for one that the program does not know. `key_digest` is RISC Zero's.
[[nodiscard]] std::string_view name_of_release(const attestation::zk::Risc0Release& release, const Hash32& key_digest);

struct KnownSp1Release {
  std::string_view name;
  /// Of the verifying key, ours.
  std::string_view key_digest;
  attestation::zk::Sp1Release release;
};

/// By the digest of its verifying key, or null.
[[nodiscard]] const KnownSp1Release* find_sp1_release(const Hash32& key_digest);

}  // namespace starminer::client::evidence
