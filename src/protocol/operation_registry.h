// The list of all operations as data, for documentation, SDKs and displays.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace starminer::protocol {

struct OperationInfo {
  std::uint16_t number;
  std::string_view name;    // "JobSubmit"
  std::string_view module;  // "market"
  std::string_view what;
  bool proposer_only = false;  // stands in blocks, never in a transaction
};

[[nodiscard]] std::span<const OperationInfo> operation_registry();
/// Name of an operation by its number; empty where there is none.
[[nodiscard]] std::string_view operation_name(std::uint16_t number);

}  // namespace starminer::protocol
