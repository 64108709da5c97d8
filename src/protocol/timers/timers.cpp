#include "protocol/timers/timers.h"

namespace starminer::protocol {

void Timers::schedule(TimeMs due, TimerKind kind, const Subject& subject) {
  const TimerKey key{due, kind, subject};
  if (!table_.contains(key)) table_.put(key, {});
}

void Timers::cancel(TimeMs due, TimerKind kind, const Subject& subject) {
  const TimerKey key{due, kind, subject};
  if (table_.contains(key)) table_.erase(key);
}

std::optional<TimerKey> Timers::pop_due(TimeMs now) {
  const auto first = table_.begin();
  if (first == table_.end() || first->first.due > now) return std::nullopt;
  const TimerKey key = first->first;
  table_.erase(key);
  return key;
}

std::optional<TimeMs> Timers::next_due() const {
  const auto first = table_.begin();
  if (first == table_.end()) return std::nullopt;
  return first->first.due;
}

}  // namespace starminer::protocol
