// When how much of a node will be free at the latest, as occupants reach their latest ends, in steps: bounds that say
// of a node, or of many at once, that a job cannot start there before a moment. Beside it what notices could free.
// Plain data: whoever keeps it says when it is old.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "protocol/market/demand.h"

namespace starminer::protocol {

struct SupplyRoom {
  static constexpr std::size_t kSteps = 32;
  static constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

  SupplyRoom() { from.fill(kNever); }

  /// From when on a step is free, in whole seconds of market time, rounded down; 0: now. The steps are those of the
  /// largest share of a device, whole devices, CPU, memory, and that nobody is there.
  std::array<std::uint32_t, kSteps> from{};
  // Of jobs that could be given notice: when the last of them was matched (0: there are none), and what would be free
  // without any of them.
  TimeMs newest;
  std::uint32_t cpu_milli_then = 0;
  std::uint16_t share_then = 0;
  std::uint16_t devices_then = 0;

  /// The least of both, step by step; of what notices could free, the most.
  void add(const SupplyRoom& other);
  bool operator==(const SupplyRoom&) const = default;
};

/// Of a node now.
[[nodiscard]] SupplyRoom room_of(const MarketView& market, const NodeId& node);

/// What a job asks of room: for each resource the highest step that it needs.
class RoomNeeds {
 public:
  explicit RoomNeeds(const Demand& demand);

  /// No node with this room can start the job earlier; empty: none can ever.
  [[nodiscard]] std::optional<TimeMs> earliest(const SupplyRoom& room) const;
  /// False only where no node with this room could start it now.
  [[nodiscard]] bool may_fit_now(const SupplyRoom& room) const;
  /// False only where no node with this room could start it, whoever is given notice.
  [[nodiscard]] bool may_fit_by_notice(const SupplyRoom& room) const;

 private:
  void need(std::size_t step) { steps_[count_++] = static_cast<std::uint8_t>(step); }

  TimeMs now_;
  std::uint32_t cpu_milli_ = 0;
  std::uint32_t share_ = 0;
  std::uint32_t devices_ = 0;
  std::array<std::uint8_t, 4> steps_{};
  std::size_t count_ = 0;
};

}  // namespace starminer::protocol
