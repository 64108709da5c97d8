#include "protocol/operation/event_registry.h"

#include <array>

namespace starminer::protocol {
namespace {

constexpr auto kRegistry = std::to_array<EventInfo>({
#define EVENT(name, what, ids, state, amount) {EventKind::name, #name, what, ids, state, amount},
#include "protocol/operation/events.def"
#undef EVENT
});

}  // namespace

std::span<const EventInfo> event_registry() { return kRegistry; }

}  // namespace starminer::protocol
