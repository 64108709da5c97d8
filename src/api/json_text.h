// How figures and objects become text in answers.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/amount.h"
#include "base/arithmetic.h"

namespace starminer::api {

/// Amounts, prices and Q32 figures are decimal text: readers of JSON numbers lose digits above 2^53.
[[nodiscard]] std::string decimal(std::uint64_t value);
/// Sums over many accounts fit 64 bits, too: conservation bounds them by what was minted.
[[nodiscard]] std::string decimal(u128 value);
[[nodiscard]] std::string decimal(Price price);
/// Compact; text that is no UTF-8 is replaced instead of failing.
[[nodiscard]] std::string dump(const nlohmann::json& value);

}  // namespace starminer::api
