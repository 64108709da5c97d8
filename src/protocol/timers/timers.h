// The timer table: everything that happens because time passes stands here, ordered by due time (market time).
// A timer names its kind and subject; the machine hands due timers to their module at the beginning of a block.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/amount.h"
#include "base/ids.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

enum class TimerKind : std::uint8_t {
  Tick = 0,             // subject zero
  Epoch = 1,            // subject zero
  JobDeadline = 2,      // subject job: leave the queue when the deadline cannot be met any more
  AckDue = 3,           // subject contract: the provider must acknowledge
  StartDue = 4,         // subject contract: inputs and start
  SilenceDue = 5,       // subject contract: the next progress report
  RunEnd = 6,           // subject contract: maximum run time is over
  AcceptDue = 7,        // subject contract: silence accepts
  LockRelease = 8,      // subject node: the registration lock is returned
  JobArchive = 9,       // subject job: ended long ago, it leaves the state with its contracts
  Unbonded = 10,        // subject unbonding: its part of a stake returns to the balance
  BenchmarkDue = 11,    // subject node: the result of its benchmark is overdue
  AttestationEnd = 12,  // subject node: an attestation of it is over
  AttestorSweep = 13,   // subject attestor: nodes that it attested to are looked at again
  NoticeEnd = 14,       // subject contract: pre-empted work must be gone
};
[[nodiscard]] constexpr std::uint8_t enum_count(TimerKind) { return 15; }

using Subject = std::array<std::uint8_t, 20>;

struct TimerKey {
  TimeMs due;
  TimerKind kind{};
  Subject subject{};

  auto operator<=>(const TimerKey&) const = default;
};

struct TimerRow {
  bool armed = true;
};

class Timers {
 public:
  explicit Timers(state::Store& store) : table_(store, state::TableId::Timers) {}

  /// Arms a timer. Arming the same timer twice is the same as once.
  void schedule(TimeMs due, TimerKind kind, const Subject& subject);
  /// Does nothing where the timer is not armed.
  void cancel(TimeMs due, TimerKind kind, const Subject& subject);
  /// Takes the earliest timer with due <= now out of the table.
  [[nodiscard]] std::optional<TimerKey> pop_due(TimeMs now);
  [[nodiscard]] std::optional<TimeMs> next_due() const;
  [[nodiscard]] bool is_armed(const TimerKey& key) const { return table_.contains(key); }
  [[nodiscard]] const state::Table<TimerKey, TimerRow>& table() const { return table_; }

 private:
  state::Table<TimerKey, TimerRow> table_;
};

}  // namespace starminer::protocol
