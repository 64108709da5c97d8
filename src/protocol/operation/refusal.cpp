#include "protocol/operation/refusal.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr auto kRegistry = std::to_array<RefusalInfo>({
#define REFUSAL(number, name, class_, what, advice) {RefusalCode::name, #name, RefusalClass::class_, what, advice},
#include "protocol/operation/refusal_codes.def"
#undef REFUSAL
});

static_assert(std::is_sorted(kRegistry.begin(), kRegistry.end(),
                             [](const RefusalInfo& a, const RefusalInfo& b) { return a.code < b.code; }),
              "refusal_codes.def is in order of numbers");

const RefusalInfo* find_info(RefusalCode code) {
  const auto* const found =
      std::lower_bound(kRegistry.begin(), kRegistry.end(), code,
                       [](const RefusalInfo& info, RefusalCode wanted) { return info.code < wanted; });
  return found != kRegistry.end() && found->code == code ? found : nullptr;
}

}  // namespace

std::span<const RefusalInfo> refusal_registry() { return kRegistry; }

const RefusalInfo& refusal_info(RefusalCode code) {
  const RefusalInfo* info = find_info(code);
  STARMINER_CHECK(info != nullptr);
  return *info;
}

std::optional<RefusalCode> find_refusal(std::uint16_t number) {
  const RefusalInfo* info = find_info(static_cast<RefusalCode>(number));
  if (info == nullptr) return std::nullopt;
  return info->code;
}

std::string refusal_label(RefusalCode code) { return fmt::format("E{}", static_cast<std::uint16_t>(code)); }

}  // namespace starminer::protocol
