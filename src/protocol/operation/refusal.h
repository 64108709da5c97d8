// Refusals: the protocol says no. One registry (refusal_codes.def) gives number, name, class and advice; the text of a
// refusal adds the figures. Texts are for people and are never hashed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace starminer::protocol {

enum class RefusalClass : std::uint8_t { Malformed, Retry, Charged, Local };

enum class RefusalCode : std::uint16_t {
  None = 0,
#define REFUSAL(number, name, class_, what, advice) name = number,
#include "protocol/operation/refusal_codes.def"
#undef REFUSAL
};

struct RefusalInfo {
  RefusalCode code;
  std::string_view name;  // "BalanceTooSmall"
  RefusalClass refusal_class;
  std::string_view what;
  std::string_view advice;
};

/// All codes in order of their numbers.
[[nodiscard]] std::span<const RefusalInfo> refusal_registry();
/// Requires: a code of the registry.
[[nodiscard]] const RefusalInfo& refusal_info(RefusalCode code);
[[nodiscard]] std::optional<RefusalCode> find_refusal(std::uint16_t number);
/// "E2104", the form that users see.
[[nodiscard]] std::string refusal_label(RefusalCode code);

struct Refusal {
  RefusalCode code = RefusalCode::None;
  std::string detail;  // the figures: "cap 12.50 AGPU, available 3.00 AGPU, missing 9.50 AGPU"

  [[nodiscard]] const RefusalInfo& info() const { return refusal_info(code); }
};

}  // namespace starminer::protocol
