// The closed list of end reasons with the responsible party of each (protocol section 5).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace starminer::protocol {

enum class EndReason : std::uint8_t {
  None = 0,
#define END_REASON(number, name, code, party, reporter, sentence) name = number,
#include "protocol/job/end_reasons.def"
#undef END_REASON
};
[[nodiscard]] constexpr std::uint8_t enum_count(EndReason) { return 27; }

enum class Party : std::uint8_t { Nobody = 0, Requester = 1, Provider = 2, Network = 3 };
[[nodiscard]] constexpr std::uint8_t enum_count(Party) { return 4; }
[[nodiscard]] std::string_view party_name(Party party);

/// Who may name a reason: the state machine alone, or the provider in a failure report or in a decline.
enum class EndReporter : std::uint8_t { Protocol, Provider, Decline };

struct EndReasonInfo {
  EndReason reason;
  std::string_view name;  // "ProviderLost"
  std::string_view code;  // "provider_lost"
  Party party;
  EndReporter reporter;
  std::string_view sentence;
};

[[nodiscard]] std::span<const EndReasonInfo> end_reason_registry();
/// Requires: not None.
[[nodiscard]] const EndReasonInfo& end_reason_info(EndReason reason);
[[nodiscard]] std::optional<EndReason> find_end_reason(std::uint32_t number);

}  // namespace starminer::protocol
