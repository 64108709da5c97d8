// What the contracts module derives from its table: the live contracts of nodes and providers, and how many rows stand
// in each state. Fed as an observer only, so that a rollback or a load leaves it right. Its size is that of what lives,
// not of what ever was. One writer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>

#include "protocol/contracts/rows.h"
#include "protocol/state/table.h"

namespace starminer::protocol {

class ContractIndex final : public state::Observer<ContractId, ContractRow> {
 public:
  static constexpr std::size_t kStates = enum_count(ContractState{});

  bool operator==(const ContractIndex& other) const {
    return live_ == other.live_ && by_node_ == other.by_node_ && by_provider_ == other.by_provider_ &&
           counts_ == other.counts_;
  }
  void on_change(const ContractId& id, const ContractRow* before, const ContractRow* after) override;

  /// All live contracts.
  [[nodiscard]] const std::set<ContractId>& live() const { return live_; }
  /// Those of a node or provider; null: none.
  [[nodiscard]] const std::set<ContractId>* live_of(const NodeId& node) const;
  [[nodiscard]] const std::set<ContractId>* live_of(const AccountId& provider) const;
  /// Rows of the table by state.
  [[nodiscard]] const std::array<std::uint64_t, kStates>& counts() const { return counts_; }

 private:
  void insert(const ContractId& id, const ContractRow& row);
  void remove(const ContractId& id, const ContractRow& row);

  std::set<ContractId> live_;
  std::map<NodeId, std::set<ContractId>> by_node_;
  std::map<AccountId, std::set<ContractId>> by_provider_;
  std::array<std::uint64_t, kStates> counts_{};
};

}  // namespace starminer::protocol
