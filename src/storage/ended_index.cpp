#include "storage/ended_index.h"

#include "base/codec.h"
#include "protocol/machine.h"

namespace starminer::storage {
namespace {

enum class Prefix : std::uint8_t { Job = 'j', Contract = 'c', OfRequester = 'r', OfProvider = 'p', OfNode = 'n' };

template <class... Parts>
Bytes key_of(Prefix prefix, const Parts&... parts) {
  Bytes key{static_cast<std::uint8_t>(prefix)};
  (codec::put(parts, key), ...);
  return key;
}

/// The key behind all with this prefix.
Bytes end_of(Prefix prefix) { return {static_cast<std::uint8_t>(static_cast<std::uint8_t>(prefix) + 1)}; }

}  // namespace

Bytes ended_key(const JobId& job) { return key_of(Prefix::Job, job); }
Bytes ended_key(const ContractId& contract) { return key_of(Prefix::Contract, contract); }
Bytes ended_key(const AccountId& requester, std::uint64_t sequence) {
  return key_of(Prefix::OfRequester, requester, sequence);
}
Bytes ended_key_of_provider(const AccountId& provider, std::uint64_t history_index) {
  return key_of(Prefix::OfProvider, provider, history_index);
}
Bytes ended_key(const NodeId& node, std::uint64_t history_index) { return key_of(Prefix::OfNode, node, history_index); }
EndedRange range_behind(const JobId& job, std::size_t limit) {
  return {ended_key(job), end_of(Prefix::Job), false, limit};
}
EndedRange range_behind(const ContractId& contract, std::size_t limit) {
  return {ended_key(contract), end_of(Prefix::Contract), false, limit};
}
EndedRange range_of_requester(const AccountId& requester, std::uint64_t below, std::size_t limit) {
  return {key_of(Prefix::OfRequester, requester), ended_key(requester, below), true, limit};
}
EndedRange range_of_provider(const AccountId& provider, std::uint64_t below, std::size_t limit) {
  return {key_of(Prefix::OfProvider, provider), ended_key_of_provider(provider, below), true, limit};
}
EndedRange range_of_node(const NodeId& node, std::uint64_t below, std::size_t limit) {
  return {key_of(Prefix::OfNode, node), ended_key(node, below), true, limit};
}

bool has_place(ByteView key) {
  if (key.empty()) return false;
  const auto prefix = static_cast<Prefix>(key.front());
  return prefix == Prefix::Job || prefix == Prefix::Contract;
}

std::vector<EndedEntry> ended_entries(ByteView leaf, const EndedPlace& place) {
  if (leaf.empty()) return {};
  const ByteView content = leaf.subspan(1);
  const auto type = static_cast<protocol::LeafType>(leaf.front());
  if (type == protocol::LeafType::EndedJob) {
    const auto ended = decode<protocol::EndedJob>(content);
    if (!ended) return {};
    return {{ended_key(ended->job), encode(place)},
            {ended_key(ended->row.requester, ended->row.sequence), encode(ended->job)}};
  }
  if (type == protocol::LeafType::Settlement) {
    const auto ended = decode<protocol::Settlement>(content);
    if (!ended) return {};
    std::vector<EndedEntry> entries = {
        {ended_key(ended->contract), encode(place)},
        {ended_key_of_provider(ended->row.provider, place.history_index), encode(ended->contract)},
        {ended_key(ended->row.node, place.history_index), encode(ended->contract)}};
    for (const protocol::GangHost& host : ended->row.gang) {
      if (host.node == ended->row.node) continue;
      entries.push_back({ended_key(host.node, place.history_index), encode(ended->contract)});
    }
    return entries;
  }
  return {};
}

}  // namespace starminer::storage
