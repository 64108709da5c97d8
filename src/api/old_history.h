// Proofs of the history that reach further back than the machine keeps hashes: the leaves of those parts are read from
// the store first, without holding the state.
#pragma once

#include <optional>
#include <type_traits>
#include <vector>

#include "engine/engine.h"
#include "storage/storage_error.h"

namespace starminer::api {

/// Parts of the history out of the store. Fails where it is damaged.
[[nodiscard]] Result<protocol::audit::HistoryTree::OldParts, storage::StorageError> read_parts(
    const storage::ChainStore& store, const std::vector<std::uint64_t>& parts);
[[nodiscard]] storage::StorageError history_differs();

/// What `f(machine, old)` makes with all that proofs at these leaves and sizes need; it gives an optional. Fails where
/// the store is damaged, and where `f` gives nothing: then the leaves are not those that were appended.
/// Requires: the leaves and sizes exist.
template <class F>
auto prove_with_history(const engine::Engine& engine, const std::vector<std::uint64_t>& places, F f) {
  using protocol::Machine;
  using Old = protocol::audit::HistoryTree::OldParts;
  using Proven = typename std::invoke_result_t<F, const Machine&, const Old&>::value_type;
  using Answer = Result<Proven, storage::StorageError>;
  // A part that was kept at the first look may be gone at the second, but not once more: it is read then.
  for (int look = 0; look < 2; ++look) {
    const auto parts = engine.read([&](const Machine& machine) { return machine.history().parts_to_read(places); });
    const auto old = read_parts(engine.store(), parts);
    if (!old) return Answer(fail(old.error()));
    if (auto proven = engine.read([&](const Machine& machine) { return f(machine, *old); })) {
      return Answer(std::move(*proven));
    }
  }
  return Answer(fail(history_differs()));
}

}  // namespace starminer::api
