#include "storage/ended.h"

#include <fmt/format.h>

#include "base/codec.h"

namespace starminer::storage {
namespace {

constexpr std::size_t kOrderBytes = 8;

StorageError damage(const char* what) {
  return {StorageFault::Corrupt,
          fmt::format("an entry of the index of what has ended {}; replay the chain from another "
                      "node into a new folder",
                      what)};
}

template <class Id>
Found<EndedPlace> place_of(const ChainStore& store, const Id& id) {
  const auto value = store.find_ended(ended_key(id));
  if (!value) return fail(value.error());
  if (!*value) return std::optional<EndedPlace>();
  auto place = decode<EndedPlace>(**value);
  if (!place) return fail(damage("does not decode"));
  return place;
}

template <class Kept, class Leaf, class Id>
Found<Kept> kept(const ChainStore& store, const Id& id) {
  const auto place = place_of(store, id);
  if (!place) return fail(place.error());
  if (!*place) return std::optional<Kept>();
  const auto leaf = store.find_leaf((*place)->history_index);
  if (!leaf) return fail(leaf.error());
  auto ended = *leaf && !(*leaf)->empty() ? decode<Leaf>(ByteView(**leaf).subspan(1)) : std::nullopt;
  if (!ended) return fail(damage("names no leaf that holds its row"));
  return std::optional(Kept{std::move(ended->row), **place});
}

template <class Id>
Listed<Id> ids_behind(const ChainStore& store, const Id& id, std::size_t limit) {
  const auto entries = store.list_ended(range_behind(id, limit));
  if (!entries) return fail(entries.error());
  std::vector<Id> ids;
  for (const EndedEntry& entry : *entries) {
    const auto found = Id::from_view(ByteView(entry.key).subspan(1));
    if (!found) return fail(damage("has a key that is no id"));
    ids.push_back(*found);
  }
  return ids;
}

template <class Id>
Listed<Ordered<Id>> ordered(const ChainStore& store, const EndedRange& range) {
  const auto entries = store.list_ended(range);
  if (!entries) return fail(entries.error());
  std::vector<Ordered<Id>> list;
  for (const EndedEntry& entry : *entries) {
    const auto place = decode<std::uint64_t>(ByteView(entry.key).last(kOrderBytes));
    const auto id = Id::from_view(entry.value);
    if (!place || !id) return fail(damage("does not decode"));
    list.emplace_back(*place, *id);
  }
  return list;
}

}  // namespace

Found<EndedPlace> find_place(const ChainStore& store, const JobId& job) { return place_of(store, job); }
Found<EndedPlace> find_place(const ChainStore& store, const ContractId& contract) { return place_of(store, contract); }

Found<KeptJob> find_kept(const ChainStore& store, const JobId& job) {
  return kept<KeptJob, protocol::EndedJob>(store, job);
}
Found<KeptContract> find_kept(const ChainStore& store, const ContractId& contract) {
  return kept<KeptContract, protocol::Settlement>(store, contract);
}

Listed<JobId> ended_behind(const ChainStore& store, const JobId& job, std::size_t limit) {
  return ids_behind(store, job, limit);
}
Listed<ContractId> ended_behind(const ChainStore& store, const ContractId& contract, std::size_t limit) {
  return ids_behind(store, contract, limit);
}

Listed<Ordered<JobId>> ended_of_requester(const ChainStore& store, const AccountId& requester, std::uint64_t below,
                                          std::size_t limit) {
  return ordered<JobId>(store, range_of_requester(requester, below, limit));
}
Listed<Ordered<ContractId>> ended_of_provider(const ChainStore& store, const AccountId& provider, std::uint64_t below,
                                              std::size_t limit) {
  return ordered<ContractId>(store, range_of_provider(provider, below, limit));
}
Listed<Ordered<ContractId>> ended_of_node(const ChainStore& store, const NodeId& node, std::uint64_t below,
                                          std::size_t limit) {
  return ordered<ContractId>(store, range_of_node(node, below, limit));
}

}  // namespace starminer::storage
