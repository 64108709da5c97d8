// What an operation may know besides the state: the block it stands in, who signed it, and where events go.
// Everything ambient is an explicit argument.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/amount.h"
#include "base/hash.h"
#include "base/ids.h"

namespace starminer::protocol {

enum class EventKind : std::uint8_t {
#define EVENT(name, what, ids, state, amount) name,
#include "protocol/operation/events.def"
#undef EVENT
};

/// Something that happened, for streams and indexes. Not part of the state; replay gives the same list.
struct Event {
  EventKind kind{};
  std::optional<AccountId> account{};
  std::optional<NodeId> node{};
  std::optional<JobId> job{};
  std::optional<ContractId> contract{};
  std::uint8_t state = 0;    // new job, contract or node state, by kind
  std::uint64_t amount = 0;  // base units or price, by kind
};

/// The block in which code runs.
struct BlockContext {
  std::uint64_t height = 0;
  std::uint64_t epoch = 0;  ///< epochs that have ended
  TimeMs time;              ///< market time: block time less all halts; every deadline and duration counts in it
  DurationMs halted;        ///< sum of all halts so far: block time = time + halted
  Hash32 seed;              ///< randomness of this block (randomness/seed.h)
  std::vector<Event>* events = nullptr;

  void emit(const Event& event) const {
    if (events != nullptr) events->push_back(event);
  }
};

/// Who sent the transaction and with which sequence number.
struct Sender {
  AccountId account;
  std::uint64_t sequence = 0;
};

}  // namespace starminer::protocol
