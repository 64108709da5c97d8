// A block as it is kept and handed on: enough to replay it, and what it must come to (AUD-1, DEC-2). Plain aggregates
// in canonical encoding (docs/formats/encoding.md section 1).
#pragma once

#include <cstdint>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/ids.h"

namespace starminer::protocol {

/// How the transactions of a block were ordered. Arrival: as the one proposer received them. Lanes: as the block's seed
/// has it (block_order.h).
enum class OrderRule : std::uint8_t { Arrival = 0, Lanes = 1 };
[[nodiscard]] constexpr std::uint8_t enum_count(OrderRule) { return 2; }

struct LoggedBlock {
  std::uint64_t height = 0;
  TimeMs time;  // Unix time
  Hash32 previous_app_hash;
  OrderRule order_rule{};
  AccountId proposer;
  Bytes preamble;  // its proof for the seed (randomness/randomness.h); none in the genesis, nor after a skip
  Hash32 seed;     // of this block
  std::vector<Bytes> transactions;  // signed bytes, in order
  Hash32 state_root;
  Hash32 history_root;
  std::uint64_t history_size = 0;  // leaves of the history up to and with this block
  Hash32 app_hash;
};

/// What an app hash covers. The size stands beside the root of the history, since the root does not fix it.
struct Commitment {
  std::uint64_t height = 0;
  Hash32 state_root;
  Hash32 history_root;
  std::uint64_t history_size = 0;

  bool operator==(const Commitment&) const = default;
};

/// hash(version, height, state root, history root, history size): docs/formats/encoding.md section 5.
[[nodiscard]] Hash32 make_app_hash(const Commitment& commitment);

}  // namespace starminer::protocol
