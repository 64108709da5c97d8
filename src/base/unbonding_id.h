// The id of a part of a stake that unbonds, "u1..." in text. Apart from the other ids because few look at it.
#pragma once

#include "base/ids.h"

namespace starminer {

struct UnbondingTag {
  static constexpr std::string_view kPrefix = "u";
};

using UnbondingId = Id<UnbondingTag>;

extern template struct Id<UnbondingTag>;

/// What an account began to unbond with the transaction of this sequence.
[[nodiscard]] UnbondingId unbonding_id_of(const AccountId& account, std::uint64_t sequence);

}  // namespace starminer
