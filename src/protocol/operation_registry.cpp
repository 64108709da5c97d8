#include "protocol/operation_registry.h"

#include <algorithm>
#include <array>

namespace starminer::protocol {
namespace {

constexpr std::string_view without_underscore(std::string_view member) { return member.substr(0, member.size() - 1); }

constexpr auto kRegistry = std::to_array<OperationInfo>({
#define PROPOSER_OPERATION(number, name, accessor, module, what) \
  {number, #name, without_underscore(#module), what, true},
#define OPERATION(number, name, accessor, module, what) {number, #name, without_underscore(#module), what, false},
#include "protocol/operations.def"
#undef OPERATION
});

}  // namespace

std::span<const OperationInfo> operation_registry() { return kRegistry; }

std::string_view operation_name(std::uint16_t number) {
  const auto* const found = std::find_if(kRegistry.begin(), kRegistry.end(),
                                         [number](const OperationInfo& info) { return info.number == number; });
  return found == kRegistry.end() ? std::string_view{} : found->name;
}

}  // namespace starminer::protocol
