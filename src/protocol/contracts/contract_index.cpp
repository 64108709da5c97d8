#include "protocol/contracts/contract_index.h"

#include "base/check.h"

namespace starminer::protocol {
namespace {

template <class Key>
const std::set<ContractId>* found_in(const std::map<Key, std::set<ContractId>>& lists, const Key& key) {
  const auto it = lists.find(key);
  return it != lists.end() ? &it->second : nullptr;
}

template <class Key>
void erase_from(std::map<Key, std::set<ContractId>>& lists, const Key& key, const ContractId& id) {
  const auto it = lists.find(key);
  STARMINER_CHECK(it != lists.end());
  it->second.erase(id);
  if (it->second.empty()) lists.erase(it);
}

std::vector<NodeId> nodes_of(const ContractRow& row) {
  if (row.gang.empty()) return {row.node};
  std::vector<NodeId> nodes;
  for (const GangHost& host : row.gang) nodes.push_back(host.node);
  return nodes;
}

}  // namespace

void ContractIndex::on_change(const ContractId& id, const ContractRow* before, const ContractRow* after) {
  if (before != nullptr && after != nullptr && before->state == after->state) return;
  if (before != nullptr) remove(id, *before);
  if (after != nullptr) insert(id, *after);
}

void ContractIndex::insert(const ContractId& id, const ContractRow& row) {
  ++counts_[static_cast<std::size_t>(row.state)];
  if (is_final(row.state)) return;
  live_.insert(id);
  for (const NodeId& node : nodes_of(row)) by_node_[node].insert(id);
  by_provider_[row.provider].insert(id);
}

void ContractIndex::remove(const ContractId& id, const ContractRow& row) {
  --counts_[static_cast<std::size_t>(row.state)];
  if (is_final(row.state)) return;
  live_.erase(id);
  for (const NodeId& node : nodes_of(row)) erase_from(by_node_, node, id);
  erase_from(by_provider_, row.provider, id);
}

const std::set<ContractId>* ContractIndex::live_of(const NodeId& node) const { return found_in(by_node_, node); }
const std::set<ContractId>* ContractIndex::live_of(const AccountId& provider) const {
  return found_in(by_provider_, provider);
}

}  // namespace starminer::protocol
