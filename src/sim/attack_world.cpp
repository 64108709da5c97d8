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
constexpr Agpu kProviderFunds{10'000 * kBasePerToken};
constexpr std::uint32_t kTicksPerHour = 60;

/// AMAX that is worth what a requester must have staked to draw reserves.
std::uint64_t reserve_stake(const Params& params) {
  return params.get(Parameter::ReserveLevelU) * kPpm / params.get(Parameter::AmaxValueMicro) * kBasePerToken;
}

}  // namespace

const AccountId& attacking_provider() {
  static const AccountId account = account_of("attacking provider");
  return account;
}

World::World(const WorldOptions& options, std::uint32_t attacker_nodes, const Change& change)
    : market_({kModel}, {options.prices_move, options.seed, options.parameters, options.conduct}),
      crowd_(market_, {static_cast<double>(options.nodes) * options.devices, options.devices, options.mean_run_s,
                       2 * options.mean_run_s, options.elasticity, options.seed, options.preemptible}) {
  crowd_.set_demand(options.demand_times);
  std::set<AccountId> funded;
  for (std::uint32_t i = 0; i < options.nodes; ++i) {
    const bool attacks = options.attacker_first ? i < attacker_nodes : i + attacker_nodes >= options.nodes;
    AccountId provider =
        attacks ? attacking_provider() : account_of(fmt::format("provider {}", i / options.nodes_per_provider));
    NodeRegister node = registration_of({fmt::format("node-{}", i), 64, 1 << 20, options.devices, kModel});
    if (options.rare_node && i == 0) node.offer.runtimes = {"rare"};
    if (attacks && change) change(i, provider, node);
    if (funded.insert(provider).second) market_.fund(provider, kProviderFunds);
    if (attacks && (providers_.empty() || providers_.back() != provider)) providers_.push_back(provider);
    const auto id = market_.add_node(provider, node);
    STARMINER_CHECK(id.has_value());
    if (attacks) nodes_.emplace(*id, provider);
  }
  constexpr std::uint32_t kEvery = 4;
  for (std::size_t i = 0; options.reserve_level && i < Crowd::kAccounts; i += kEvery) {
    market_.stake(Crowd::account(i), reserve_stake(market_.chain().params));
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

AccountId World::drawing_account(std::uint32_t number) {
  const bool is_new = number >= accounts_.size();
  const AccountId drawing = account(number);
  if (is_new) market_.stake(drawing, reserve_stake(market_.chain().params));
  return drawing;
}

void World::join_reserve() {
  for (const auto& [node, owner] : nodes_) market_.join_reserve(owner, node);
}

void World::pass_tick_watching(const std::function<void()>& look) {
  constexpr std::uint64_t kBlockMs = 1'000;
  const TimeMs tick = market_.next_tick();
  for (TimeMs moment = market_.now() + DurationMs{kBlockMs}; moment < tick; moment = moment + DurationMs{kBlockMs}) {
    crowd_.pass_until(moment);
    look();
    crowd_.start();
  }
  crowd_.pass_tick();
  look();
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

double World::charged_agpu() const {
  std::uint64_t charged = 0;
  for (const auto& [node, owner] : nodes_) {
    const auto* row = market_.chain().reserve.find(node);
    if (row != nullptr) charged += row->charged.base;
  }
  return static_cast<double>(charged) / static_cast<double>(kBasePerToken);
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
