#include "protocol/operation/limits.h"

#include <array>

namespace starminer::protocol {
namespace {

constexpr auto kRegistry = std::to_array<LimitInfo>({
#define LIMIT(name, value, unit, refusal, what) {#name, value, unit, RefusalCode::refusal, what},
#include "protocol/operation/limits.def"
#undef LIMIT
});

}  // namespace

std::span<const LimitInfo> limit_registry() { return kRegistry; }

}  // namespace starminer::protocol
