// The fixed limits of the protocol as constants, and as a list for documentation. One table: limits.def.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/operation/refusal.h"

namespace starminer::protocol {

#define LIMIT(name, value, unit, refusal, what) inline constexpr std::uint64_t k##name = value;
#include "protocol/operation/limits.def"
#undef LIMIT

struct LimitInfo {
  std::string_view name;  // "JobGpusMax"
  std::uint64_t value = 0;
  std::string_view unit;
  RefusalCode refusal{};  // of passing it; None where the protocol goes on in the next block
  std::string_view what;
};

[[nodiscard]] std::span<const LimitInfo> limit_registry();

}  // namespace starminer::protocol
