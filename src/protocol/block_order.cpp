#include "protocol/block_order.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "protocol/operation_registry.h"
#include "protocol/randomness/draws.h"
#include "starminer/v1/transaction.pb.h"

namespace starminer::protocol {
namespace {

constexpr std::uint8_t kContracts = 1;
constexpr std::uint8_t kRegistry = 2;
constexpr std::uint8_t kMarket = 3;
constexpr std::uint8_t kOthers = 4;

std::uint16_t operation_of(const VerifiedTransaction& transaction) {
  return static_cast<std::uint16_t>(transaction.body().operation_case());
}

std::uint64_t word_of(const Hash32& seed, const AccountId& account) {
  return draw_word({seed, DrawPurpose::Order, JobId{account.bytes}}, 0);
}

std::uint8_t lane_of_module(std::string_view module) {
  if (module == "contracts") return kContracts;
  if (module == "registry" || module == "telemetry" || module == "attestors" || module == "reserve") return kRegistry;
  return module == "market" ? kMarket : kOthers;
}

}  // namespace

std::uint8_t lane_of(std::uint16_t operation) {
  for (const OperationInfo& info : operation_registry()) {
    if (info.number == operation) return info.proposer_only ? std::uint8_t{0} : lane_of_module(info.module);
  }
  return kOthers;
}

std::string_view order_rule_name(OrderRule rule) {
  switch (rule) {
    case OrderRule::Arrival: return "arrival";
    case OrderRule::Lanes: return "lanes";
  }
  return "";
}

BlockOrder::Place BlockOrder::place_of(const VerifiedTransaction& transaction) {
  const AccountId& id = transaction.account();
  auto found = accounts_.find(id);
  if (found == accounts_.end()) found = accounts_.emplace(id, Account{word_of(seed_, id), std::nullopt}).first;
  const Account& account = found->second;
  const std::uint8_t before = account.last ? account.last->lane : std::uint8_t{0};
  return {std::max(lane_of(operation_of(transaction)), before), account.word, id, transaction.body().sequence()};
}

bool BlockOrder::admits(const VerifiedTransaction& transaction) {
  const Place place = place_of(transaction);
  const auto& own = accounts_.at(transaction.account()).last;
  if (own && place.sequence <= own->sequence) return false;
  return !last_ || *last_ < place;
}

void BlockOrder::take(const VerifiedTransaction& transaction) {
  STARMINER_CHECK(admits(transaction));
  last_ = place_of(transaction);
  accounts_.at(transaction.account()).last = last_;
}

std::vector<std::size_t> order_transactions(const Hash32& seed, std::span<const VerifiedTransaction> transactions) {
  std::vector<std::size_t> by_sequence(transactions.size());
  std::iota(by_sequence.begin(), by_sequence.end(), std::size_t{0});
  std::stable_sort(by_sequence.begin(), by_sequence.end(), [&](std::size_t a, std::size_t b) {
    return transactions[a].body().sequence() < transactions[b].body().sequence();
  });
  // Every transaction's lane follows from those of its account with a lower sequence.
  BlockOrder accounts(seed);
  std::vector<std::pair<BlockOrder::Place, std::size_t>> places;
  places.reserve(transactions.size());
  for (const std::size_t i : by_sequence) {
    const BlockOrder::Place place = accounts.place_of(transactions[i]);
    auto& last = accounts.accounts_.at(transactions[i].account()).last;
    if (last && last->sequence == place.sequence) continue;
    last = place;
    places.emplace_back(place, i);
  }
  std::sort(places.begin(), places.end());
  std::vector<std::size_t> order;
  order.reserve(places.size());
  for (const auto& [place, i] : places) order.push_back(i);
  return order;
}

}  // namespace starminer::protocol
