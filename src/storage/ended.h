// Jobs and contracts that have ended, out of the history on disk: their final rows, and lists of those that a party
// has. They are found here from the block in which they ended on, also while the state still has them. Each fails where
// what is stored cannot be read or does not check. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "storage/chain_store.h"

namespace starminer::storage {

/// The final row, as its leaf has it.
struct KeptJob {
  protocol::JobRow row;
  EndedPlace place;
};
struct KeptContract {
  protocol::ContractRow row;
  EndedPlace place;
};

/// Empty where it has not ended, or never existed.
[[nodiscard]] Found<EndedPlace> find_place(const ChainStore& store, const JobId& job);
[[nodiscard]] Found<EndedPlace> find_place(const ChainStore& store, const ContractId& contract);
[[nodiscard]] Found<KeptJob> find_kept(const ChainStore& store, const JobId& job);
[[nodiscard]] Found<KeptContract> find_kept(const ChainStore& store, const ContractId& contract);

template <class T>
using Listed = Result<std::vector<T>, StorageError>;

/// Ids behind this one, ascending.
[[nodiscard]] Listed<JobId> ended_behind(const ChainStore& store, const JobId& job, std::size_t limit);
[[nodiscard]] Listed<ContractId> ended_behind(const ChainStore& store, const ContractId& contract, std::size_t limit);

template <class Id>
using Ordered = std::pair<std::uint64_t, Id>;  // place in the order of a list, and what stands there

/// Jobs of a requester by the sequence of their submission, contracts by where their end stands in the history: newest
/// first, those below a place in this order.
[[nodiscard]] Listed<Ordered<JobId>> ended_of_requester(const ChainStore& store, const AccountId& requester,
                                                        std::uint64_t below, std::size_t limit);
[[nodiscard]] Listed<Ordered<ContractId>> ended_of_provider(const ChainStore& store, const AccountId& provider,
                                                            std::uint64_t below, std::size_t limit);
[[nodiscard]] Listed<Ordered<ContractId>> ended_of_node(const ChainStore& store, const NodeId& node,
                                                        std::uint64_t below, std::size_t limit);

}  // namespace starminer::storage
