#include "protocol/randomness/randomness.h"

#include <set>

#include <fmt/format.h>

#include "base/check.h"
#include "base/codec.h"

namespace starminer::protocol {

namespace vrf = attestation::vrf;

std::string_view describe(PreambleFault fault) {
  switch (fault) {
    case PreambleFault::Missing: return "the preamble is missing";
    case PreambleFault::Malformed: return "the preamble has another length than 96 bytes";
    case PreambleFault::UnknownProposer: return "the account may not propose blocks";
    case PreambleFault::BadOutput: return "the output is no point of the group";
    case PreambleFault::BadScalar: return "the proof holds a number that is not below the group's order";
    case PreambleFault::WrongProof: return "the proof does not belong to this output, seed, height and key";
  }
  return "";
}

Result<BlockPreamble, PreambleFault> decode_preamble(ByteView bytes) {
  if (bytes.empty()) return fail(PreambleFault::Missing);
  const auto preamble = decode<BlockPreamble>(bytes);
  if (!preamble) return fail(PreambleFault::Malformed);
  return *preamble;
}

SeedStep::SeedStep(std::uint64_t height, const AccountId& proposer, const Hash32& previous, const vrf::PublicKey& key,
                   const std::optional<BlockPreamble>& preamble)
    : height_(height),
      proposer_(proposer),
      previous_(previous),
      seed_(preamble ? next_seed(previous, preamble->vrf.output, height) : skipped_seed(previous, height)),
      key_(key),
      preamble_(preamble) {}

Bytes SeedStep::preamble_bytes() const { return preamble_ ? encode(*preamble_) : Bytes{}; }

SeedStep Proposer::prove(const Hash32& previous_seed, std::uint64_t height) const {
  const BlockPreamble preamble{key_.prove(vrf_input(previous_seed, height))};
  return {height, account_, previous_seed, key_.public_key(), preamble};
}

Randomness::Randomness(state::Store& store)
    : seeds_(store, state::TableId::Seeds), proposers_(store, state::TableId::Proposers) {}

Result<void, std::string> Randomness::write_genesis(const std::string& chain_id, TimeMs time,
                                                    const std::vector<GenesisProposer>& proposers) {
  if (proposers.empty()) return fail(std::string("the genesis names no proposer of blocks"));
  std::set<vrf::PublicKey> keys;
  for (const GenesisProposer& proposer : proposers) {
    const std::string name = proposer.account.text();
    if (!vrf::is_valid(proposer.vrf_key)) return fail(fmt::format("proposer {}: its VRF key is no point", name));
    // Two proposers with one key would also have one output: whoever proposes would be no secret between them.
    if (!keys.insert(proposer.vrf_key).second) return fail(fmt::format("proposer {}: another has its VRF key", name));
    if (proposers_.contains(proposer.account)) return fail(fmt::format("proposer {} is named twice", name));
    proposers_.put(proposer.account, {proposer.vrf_key});
  }
  seeds_.put(0, {genesis_seed(chain_id, time, proposers), 0});
  return {};
}

Result<SeedStep, PreambleFault> Randomness::check(std::uint64_t height, const AccountId& proposer,
                                                  ByteView preamble) const {
  const auto decoded = decode_preamble(preamble);
  if (!decoded) return fail(decoded.error());
  const ProposerRow* row = proposers_.find(proposer);
  if (row == nullptr) return fail(PreambleFault::UnknownProposer);
  switch (vrf::verify(row->vrf_key, vrf_input(last().seed, height), decoded->vrf)) {
    case vrf::DleqFault::None: return SeedStep(height, proposer, last().seed, row->vrf_key, *decoded);
    case vrf::DleqFault::BadElement: return fail(PreambleFault::BadOutput);
    case vrf::DleqFault::BadScalar: return fail(PreambleFault::BadScalar);
    case vrf::DleqFault::BadKey:  // the genesis takes no such key
    case vrf::DleqFault::Mismatch: break;
  }
  return fail(PreambleFault::WrongProof);
}

SeedStep Randomness::skip(std::uint64_t height, const AccountId& proposer) const {
  return {height, proposer, last().seed, {}, std::nullopt};
}

void Randomness::advance(const SeedStep& step) {
  SeedRow row = last();
  STARMINER_CHECK(step.previous() == row.seed);
  if (step.preamble()) {
    const ProposerRow* proposer = proposers_.find(step.proposer());
    STARMINER_CHECK(proposer != nullptr && proposer->vrf_key == step.key());
  } else {
    ++row.skipped;
  }
  row.seed = step.seed();
  seeds_.put(0, row);
}

bool Randomness::invariants_hold() const {
  if (seeds_.size() != 1 || !seeds_.contains(0) || proposers_.empty()) return false;
  for (const auto& [account, row] : proposers_) {
    if (!vrf::is_valid(row.vrf_key)) return false;
  }
  return true;
}

}  // namespace starminer::protocol
