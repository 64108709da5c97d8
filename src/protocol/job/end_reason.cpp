#include "protocol/job/end_reason.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace starminer::protocol {
namespace {

constexpr auto kRegistry = std::to_array<EndReasonInfo>({
#define END_REASON(number, name, code, party, reporter, sentence) \
  {EndReason::name, #name, code, Party::party, EndReporter::reporter, sentence},
#include "protocol/job/end_reasons.def"
#undef END_REASON
});

static_assert(kRegistry.size() + 1 == enum_count(EndReason::None), "enum_count covers every end reason");

const EndReasonInfo* find_info(EndReason reason) {
  const auto* const found = std::find_if(kRegistry.begin(), kRegistry.end(),
                                         [reason](const EndReasonInfo& info) { return info.reason == reason; });
  return found == kRegistry.end() ? nullptr : found;
}

}  // namespace

std::string_view party_name(Party party) {
  switch (party) {
    case Party::Nobody: return "nobody";
    case Party::Requester: return "requester";
    case Party::Provider: return "provider";
    case Party::Network: return "network";
  }
  return "";
}

std::span<const EndReasonInfo> end_reason_registry() { return kRegistry; }

const EndReasonInfo& end_reason_info(EndReason reason) {
  const EndReasonInfo* info = find_info(reason);
  STARMINER_CHECK(info != nullptr);
  return *info;
}

std::optional<EndReason> find_end_reason(std::uint32_t number) {
  if (number == 0 || number >= enum_count(EndReason::None)) return std::nullopt;
  return static_cast<EndReason>(number);
}

}  // namespace starminer::protocol
