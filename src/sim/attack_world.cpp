#include "sim/attack_world.h"

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/market/queue_index.h"
#include "sim/price_record.h"

namespace starminer::sim {
namespace {

using namespace protocol;

constexpr const char* kModel = "A100";
constexpr Agpu kFunds{100'000 * kBasePerToken};
constexpr Agpu kProviderFunds{1'000 * kBasePerToken};
constexpr std::uint32_t kTicksPerHour = 60;

}  // namespace

World::World(const WorldOptions& options, std::uint32_t attacker_nodes, const Change& change)
    : market_({kModel}, {options.prices_move, options.seed, options.parameters}),
      crowd_(market_, {static_cast<double>(options.nodes) * options.devices, options.devices, options.mean_run_s,
                       2 * options.mean_run_s, options.elasticity, options.seed, options.preemptible}) {
  crowd_.set_demand(options.demand_times);
  std::set<AccountId> funded;
  for (std::uint32_t i = 0; i < options.nodes; ++i) {
    const bool attacks = options.attacker_first ? i < attacker_nodes : i + attacker_nodes >= options.nodes;
    AccountId provider = account_of(attacks ? "attacking provider" : fmt::format("provider {}", i));
    NodeRegister node = registration_of({fmt::format("node-{}", i), 64, 1 << 20, options.devices, kModel});
    if (attacks && change) change(i, provider, node);
    if (funded.insert(provider).second) market_.fund(provider, kProviderFunds);
    if (attacks && (providers_.empty() || providers_.back() != provider)) providers_.push_back(provider);
    STARMINER_CHECK(market_.add_node(provider, node).has_value());
  }
}

AccountId World::account(std::uint32_t number) {
  const AccountId account = account_of(fmt::format("attacker {}", number));
  if (number >= accounts_.size()) {
    STARMINER_CHECK(number == accounts_.size());
    market_.fund(account, kFunds);
    accounts_.push_back(account);
  }
  return account;
}

void World::pass_ticks(std::uint32_t ticks) {
  for (std::uint32_t i = 0; i < ticks; ++i) crowd_.pass_tick();
}

void World::pass_hours(std::uint32_t hours) { pass_ticks(hours * kTicksPerHour); }

double World::lost_agpu() {
  double lost = 0;
  for (const AccountId& account : accounts_) {
    const auto live = market_.chain().market.index().live_of(account);
    const auto held =
        static_cast<double>(live.escrow) + static_cast<double>(market_.chain().ledger.balance(account, Asset::Agpu));
    const auto deposit = static_cast<double>(market_.chain().params.get(Parameter::AccountDeposit));
    lost += (static_cast<double>(kFunds.base) - deposit - held) / static_cast<double>(kBasePerToken);
    lost -= crowd_.requester(account).agpu;
  }
  return lost;
}

Tally World::provided() {
  Tally sum;
  for (const AccountId& account : providers_) {
    sum.gpu_minutes += crowd_.provider(account).gpu_minutes;
    sum.agpu += crowd_.provider(account).agpu;
  }
  return sum;
}

Tally World::received() {
  Tally sum;
  for (const AccountId& account : accounts_) {
    sum.gpu_minutes += crowd_.requester(account).gpu_minutes;
    sum.agpu += crowd_.requester(account).agpu;
    sum.started += crowd_.requester(account).started;
  }
  return sum;
}

double World::standard_price() const { return agpu_per_hour(market_.chain().pricing.price(kStandard, 0)); }

}  // namespace starminer::sim
