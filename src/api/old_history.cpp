#include "api/old_history.h"

#include <fmt/format.h>

namespace starminer::api {

using protocol::audit::HistoryTree;

Result<HistoryTree::OldParts, storage::StorageError> read_parts(const storage::ChainStore& store,
                                                                const std::vector<std::uint64_t>& parts) {
  HistoryTree::OldParts old;
  std::vector<Hash32> hashes;
  for (const std::uint64_t part : parts) {
    hashes.clear();
    for (std::uint64_t i = 0; i < HistoryTree::kPartLeaves; ++i) {
      const std::uint64_t index = part * HistoryTree::kPartLeaves + i;
      const auto leaf = store.find_leaf(index);
      if (!leaf) return fail(leaf.error());
      if (!*leaf) {
        return fail(storage::StorageError{storage::StorageFault::Corrupt,
                                          fmt::format("the database has no history leaf {}; restore the data folder "
                                                      "from a copy",
                                                      index)});
      }
      hashes.push_back(HistoryTree::leaf_hash(**leaf));
    }
    old.add(part, hashes);
  }
  return old;
}

storage::StorageError history_differs() {
  return {storage::StorageFault::Corrupt,
          "the leaves of the history in the database are not those of its root; restore the data folder from a copy"};
}

}  // namespace starminer::api
