// Receipts of RISC Zero in their Groth16 wrapping: one key serves all releases, and a release is named by the roots of
// the programs that wrapped the proof. What a receipt proves is that the program with this image id wrote this journal
// and ended with exit code 0. Source: verification.md 3; risc0-ethereum's contracts state the same hashes. Pure
// functions.
#pragma once

#include <array>
#include <vector>

#include "attestation/zk/groth16.h"
#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::attestation::zk {

/// The first bytes of a seal, by which a contract finds whom to ask.
using Selector = std::array<std::uint8_t, 4>;

struct Risc0Release {
  Hash32 control_root;
  /// A field element, big-endian.
  Hash32 control_id;

  bool operator==(const Risc0Release&) const = default;
};

struct Risc0Receipt {
  /// Selector and proof.
  Bytes seal;
  Bytes journal;
  Hash32 image_id;
};

/// What the program is claimed to have done: a run without input that halted with exit code 0 and wrote the journal.
[[nodiscard]] Hash32 risc0_claim(const Hash32& image_id, ByteView journal);
/// The verifying key as RISC Zero hashes it.
[[nodiscard]] Hash32 risc0_key_digest(const KeyNumbers& key);
[[nodiscard]] Selector risc0_selector(const Risc0Release& release, const Hash32& key_digest);
/// Root and claim, each as two numbers of 128 bits, and the control id.
[[nodiscard]] std::vector<Number> risc0_signals(const Risc0Release& release, const Hash32& claim);

/// ZK_RECEIPT_FORM, ZK_SELECTOR, then as `verify`. Whether the release is one to trust is for the caller to say: a
/// stranger's control root proves nothing.
[[nodiscard]] evidence::Steps verify(const PreparedKey& key, const Risc0Receipt& receipt, const Risc0Release& release);

}  // namespace starminer::attestation::zk
