// The chain of seeds: who may propose, the seed after the last block, and the preamble by which a block goes on from
// it. Invariant: a seed enters a block only as a SeedStep, which is a verified preamble, a preamble proven with the
// proposer's own secret, or a skip; nobody can make one from bytes. One writer, like all of the state.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "attestation/vrf/vrf.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/randomness/seed.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

/// What a proposer puts before the transactions of its block, exactly once (protocol.md section 3). Its encoding is
/// fixed: 32 bytes of output, 32 of challenge, 32 of response.
struct BlockPreamble {
  attestation::vrf::Evaluation vrf;
};

/// Why a block's preamble is not accepted, in the order of the checks.
enum class PreambleFault : std::uint8_t { Missing, Malformed, UnknownProposer, BadOutput, BadScalar, WrongProof };
/// A sentence for people.
[[nodiscard]] std::string_view describe(PreambleFault fault);

/// Fails with Missing or Malformed.
[[nodiscard]] Result<BlockPreamble, PreambleFault> decode_preamble(ByteView bytes);

/// One step of the chain of seeds, from the seed before a block to its own.
class SeedStep {
 public:
  [[nodiscard]] std::uint64_t height() const { return height_; }
  [[nodiscard]] const AccountId& proposer() const { return proposer_; }
  [[nodiscard]] const Hash32& previous() const { return previous_; }
  [[nodiscard]] const Hash32& seed() const { return seed_; }
  /// Empty where the block was decided without a valid one.
  [[nodiscard]] const std::optional<BlockPreamble>& preamble() const { return preamble_; }
  /// The key that the preamble was checked against or proven with.
  [[nodiscard]] const attestation::vrf::PublicKey& key() const { return key_; }
  /// The preamble as it stands in a block; no bytes where there is none.
  [[nodiscard]] Bytes preamble_bytes() const;

 private:
  friend class Proposer;
  friend class Randomness;
  SeedStep(std::uint64_t height, const AccountId& proposer, const Hash32& previous,
           const attestation::vrf::PublicKey& key, const std::optional<BlockPreamble>& preamble);
  std::uint64_t height_;
  AccountId proposer_;
  Hash32 previous_;
  Hash32 seed_;
  attestation::vrf::PublicKey key_;
  std::optional<BlockPreamble> preamble_;
};

/// A proposer with its secret. Its own proofs need no check by itself; every other replica checks them.
class Proposer {
 public:
  Proposer(const AccountId& account, const attestation::vrf::SecretKey& key) : account_(account), key_(key) {}
  [[nodiscard]] const AccountId& account() const { return account_; }
  [[nodiscard]] const attestation::vrf::PublicKey& public_key() const { return key_.public_key(); }
  /// The only step that this proposer can take from that seed at that height. Costs some hundred microseconds.
  [[nodiscard]] SeedStep prove(const Hash32& previous_seed, std::uint64_t height) const;

 private:
  AccountId account_;
  attestation::vrf::SecretKey key_;
};

struct ProposerRow {
  attestation::vrf::PublicKey vrf_key;
};

struct SeedRow {
  Hash32 seed;                // of the last block
  std::uint64_t skipped = 0;  // blocks without a valid preamble so far
};

class Randomness {
 public:
  explicit Randomness(state::Store& store);

  /// Writes proposers and first seed. The error is a sentence about what is wrong with the list.
  [[nodiscard]] Result<void, std::string> write_genesis(const std::string& chain_id, TimeMs time,
                                                        const std::vector<GenesisProposer>& proposers);

  /// Checks the preamble of the next block, as every replica does that did not make it.
  [[nodiscard]] Result<SeedStep, PreambleFault> check(std::uint64_t height, const AccountId& proposer,
                                                      ByteView preamble) const;
  /// The step of a block that was decided although `check` fails: only where others decide what a block is. An engine
  /// that decides alone refuses such a block.
  [[nodiscard]] SeedStep skip(std::uint64_t height, const AccountId& proposer) const;
  /// Writes the step's seed. Requires: it starts at this seed, and its key is the proposer's.
  void advance(const SeedStep& step);

  [[nodiscard]] const SeedRow& last() const { return seeds_.get(0); }
  [[nodiscard]] const state::Table<AccountId, ProposerRow>& proposers() const { return proposers_; }
  /// False where rows were loaded that no chain writes.
  [[nodiscard]] bool invariants_hold() const;

 private:
  state::Table<std::uint8_t, SeedRow> seeds_;
  state::Table<AccountId, ProposerRow> proposers_;
};

}  // namespace starminer::protocol
