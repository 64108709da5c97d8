// The stake of nodes in the reserve, counted a second time: from the transactions and the ends of contracts.
#include <algorithm>

#include "scenario/money.h"

namespace starminer::scenario {

using protocol::ContractRow;
using protocol::Machine;
using protocol::Parameter;

bool Money::apply_reserve(const protocol::VerifiedTransaction& transaction) {
  const v1::TransactionBody& body = transaction.body();
  if (body.has_reserve_join()) {
    const NodeId node = *NodeId::from_view(as_bytes(body.reserve_join().node()));
    const auto [at, joins] = committed_.try_emplace(node);
    if (joins) {
      at->second.provider = transaction.account();
      at->second.joined = market_time_;
    }
    at->second.stake += body.reserve_join().amount();
    balances_[transaction.account()][Asset::Agpu] -= body.reserve_join().amount();
    return true;
  }
  if (!body.has_reserve_leave()) return false;
  const auto at = committed_.find(*NodeId::from_view(as_bytes(body.reserve_leave().node())));
  balances_[transaction.account()][Asset::Agpu] += at->second.stake;
  committed_.erase(at);
  return true;
}

/// min(0.5 % of the stake, 10 % of the price), both rounded up; the odd unit burns. In a block in which an epoch ends,
/// which of its timers came before that is the machine's word.
void Money::charge_decline(const ContractId& id, const ContractRow& row, const Machine& machine) {
  constexpr i128 kWhole = 1'000'000;
  constexpr i128 kMilliMs = 3'600'000'000;
  const auto up = [](i128 a, i128 b) { return (a + b - 1) / b; };
  const auto at = committed_.find(row.node);
  const bool declined = row.party == protocol::Party::Provider && row.started.ms == 0;
  const i128 charged = row.decline ? i128{row.decline->compensated.base} + row.decline->burned.base : i128{0};
  if (at == committed_.end() || !declined || row.matched.ms < at->second.joined) {
    if (charged != 0) differ("a charge of " + id.text() + " for nothing declined", 0, charged);
    return;
  }
  Committed& node = at->second;
  const std::uint64_t epoch = machine.chain().epochs;
  const bool ends = epoch != epoch_;
  if (!ends && node.epoch != epoch) node.charges = 0;
  const i128 price =
      std::min(up(i128{row.price.unit.nagpu_per_gpu_hour} * row.billing_milli * row.expected_s * 1000, kMilliMs),
               i128{row.cap.base});
  const i128 due = std::min(up(node.stake * machine.params().get(Parameter::DeclineStakePpm), kWhole),
                            up(price * machine.params().get(Parameter::DeclinePricePpm), kWhole));
  const bool free = ends ? charged == 0 : node.charges >= machine.params().get(Parameter::DeclinesPerEpoch);
  const i128 expected = free ? 0 : due;
  if (charged != expected) differ("the charge for declining " + id.text(), expected, charged);
  const auto* there = machine.reserve().find(row.node);
  if (ends && there != nullptr) {
    node.epoch = there->epoch;
    node.charges = there->declines_of_epoch;
  } else if (charged != 0) {
    node.epoch = epoch;
    ++node.charges;
  }
  node.stake -= charged;
  balances_[row.requester][Asset::Agpu] += charged / 2;
  burned_ += charged - charged / 2;
}

void Money::compare_reserve(const Machine& machine, i128& locked) const {
  differ("nodes in the reserve", i128(committed_.size()), i128(machine.reserve().nodes().size()));
  for (const auto& [id, node] : committed_) {
    locked += node.stake;
    const auto* row = machine.reserve().find(id);
    differ("stake in the reserve of " + id.text(), node.stake, row != nullptr ? i128{row->stake.base} : i128{-1});
  }
}

}  // namespace starminer::scenario
