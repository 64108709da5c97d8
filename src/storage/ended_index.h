// The index of what has ended: where the final row of a job or contract lies in the history, and which of them a party
// has. Keys and values of the database's family `ended` (docs/formats/storage.md); an entry never changes. The state
// lets ended rows go after a time, the index and the history do not. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/amount.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace starminer::storage {

/// Where the final row of a job or contract is kept.
struct EndedPlace {
  std::uint64_t history_index = 0;
  std::uint64_t height = 0;  // of the block in which it ended
  TimeMs time;               // of that block, Unix time

  bool operator==(const EndedPlace&) const = default;
};

struct EndedEntry {
  Bytes key;
  Bytes value;
};

/// A part of the index: the keys between two, neither of them included.
struct EndedRange {
  Bytes after;
  Bytes before;
  bool descending = false;
  std::size_t limit = 0;
};

/// Whether the value of a key is an EndedPlace, else it is an id.
[[nodiscard]] bool has_place(ByteView key);
/// What an ended leaf (type byte and encoding) adds to the index; nothing for a receipt.
[[nodiscard]] std::vector<EndedEntry> ended_entries(ByteView leaf, const EndedPlace& place);

// Keys, and the ranges of the lists. The last part of a list's key is its order: the sequence of the submission, or the
// index in the history.
[[nodiscard]] Bytes ended_key(const JobId& job);
[[nodiscard]] Bytes ended_key(const ContractId& contract);
[[nodiscard]] Bytes ended_key(const AccountId& requester, std::uint64_t sequence);
[[nodiscard]] Bytes ended_key_of_provider(const AccountId& provider, std::uint64_t history_index);
[[nodiscard]] Bytes ended_key(const NodeId& node, std::uint64_t history_index);

/// Ascending by id, behind this one.
[[nodiscard]] EndedRange range_behind(const JobId& job, std::size_t limit);
[[nodiscard]] EndedRange range_behind(const ContractId& contract, std::size_t limit);
/// Newest first, those of which the order is below this one.
[[nodiscard]] EndedRange range_of_requester(const AccountId& requester, std::uint64_t below, std::size_t limit);
[[nodiscard]] EndedRange range_of_provider(const AccountId& provider, std::uint64_t below, std::size_t limit);
[[nodiscard]] EndedRange range_of_node(const NodeId& node, std::uint64_t below, std::size_t limit);

}  // namespace starminer::storage
