// The list of all events as data, for documentation, SDKs and displays. One table: events.def.
#pragma once

#include <span>
#include <string_view>

#include "protocol/operation/context.h"

namespace starminer::protocol {

struct EventInfo {
  EventKind kind{};
  std::string_view name;  // "JobEnded"
  std::string_view what;
  std::string_view ids;     // which of an event's ids are set
  std::string_view state;   // what its state means; empty if nothing
  std::string_view amount;  // what its amount means; empty if nothing
};

[[nodiscard]] std::span<const EventInfo> event_registry();

}  // namespace starminer::protocol
