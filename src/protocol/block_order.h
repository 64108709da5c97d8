// The order of a block's transactions under OrderRule::Lanes (MAT-7, protocol.md section 3): lanes of operations, and
// within a lane by a draw from the block's seed for each account, so that no place in a block can be bought, and none
// can be known before the block's proposer shows its proof. Transactions of one account keep their sequence: what
// follows an operation of a later lane stands in that lane, too. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "protocol/block.h"
#include "protocol/transaction.h"

namespace starminer::protocol {

/// 1 contracts, 2 registry, 3 market, 4 all others. Lane 0 is the preamble's.
[[nodiscard]] std::uint8_t lane_of(std::uint16_t operation);

/// "arrival", "lanes".
[[nodiscard]] std::string_view order_rule_name(OrderRule rule);

/// Goes through the transactions of one block and says which may come next.
class BlockOrder {
 public:
  /// `seed` is that of the block itself.
  explicit BlockOrder(const Hash32& seed) : seed_(seed) {}

  /// Whether the transaction may stand behind those that were taken.
  [[nodiscard]] bool admits(const VerifiedTransaction& transaction);
  /// Requires: `admits` said so.
  void take(const VerifiedTransaction& transaction);

 private:
  struct Place {
    std::uint8_t lane = 0;
    std::uint64_t word = 0;
    AccountId account;
    std::uint64_t sequence = 0;

    auto operator<=>(const Place&) const = default;
  };
  struct Account {
    std::uint64_t word = 0;
    std::optional<Place> last;
  };
  friend std::vector<std::size_t> order_transactions(const Hash32& seed,
                                                     std::span<const VerifiedTransaction> transactions);
  [[nodiscard]] Place place_of(const VerifiedTransaction& transaction);

  Hash32 seed_;
  std::map<AccountId, Account> accounts_;
  std::optional<Place> last_;
};

/// Positions of the transactions in the order that `BlockOrder` takes. Where an account has two with one sequence, the
/// first of them is named and the other is left out.
[[nodiscard]] std::vector<std::size_t> order_transactions(const Hash32& seed,
                                                          std::span<const VerifiedTransaction> transactions);

}  // namespace starminer::protocol
