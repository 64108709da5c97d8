#include "scenario/driver.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "protocol/operation_registry.h"
#include "scenario/driver_names.h"

namespace starminer::scenario {
namespace {

using protocol::ContractRow;
using protocol::ContractState;
using protocol::EndReason;
using protocol::JobRow;
using protocol::JobState;
using protocol::Preset;
using protocol::chain_test::account_of_name;

constexpr std::size_t kBlockMost = 5;

/// In these markets the ticks are long and a week passes in the middle, so that stakes return.
bool is_patient(std::uint64_t seed) { return seed % 5 == 0; }

// What the money that is counted beside the ledger asks the machine for, or needs not know.
constexpr std::array<protocol::Parameter, 20> kParameters = {
    protocol::Parameter::TxFee,           protocol::Parameter::AccountDeposit, protocol::Parameter::NodeLock,
    protocol::Parameter::NodeLockMs,      protocol::Parameter::AckMs,          protocol::Parameter::StartMs,
    protocol::Parameter::AttemptsMax,     protocol::Parameter::LiveJobsMax,    protocol::Parameter::StakeMinimum,
    protocol::Parameter::UnbondAmaxMs,    protocol::Parameter::UnbondingsMax,  protocol::Parameter::TickMs,
    protocol::Parameter::CreditRateMicro, protocol::Parameter::CreditSpanMs,   protocol::Parameter::CreditBurn,
    protocol::Parameter::BoostGain,       protocol::Parameter::BoostMaxMs,     protocol::Parameter::NoticeMs,
    protocol::Parameter::ShieldMs,        protocol::Parameter::ReanchorMs};

}  // namespace

std::uint64_t Dice::roll() {
  if (given_.size() >= 2) {
    const std::uint64_t value = std::uint64_t{given_[0]} << 8U | given_[1];
    given_ = given_.subspan(2);
    return value;
  }
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

std::uint64_t Dice::number(std::uint64_t usual) {
  if (chance(92)) return below(2 * usual + 1);
  constexpr std::array<std::uint64_t, 9> kEdges = {
      0, 1, kAmountMax - 1, kAmountMax, kAmountMax + 1, ~std::uint64_t{0}, ~std::uint64_t{0} - 1, ~std::uint32_t{0},
      59};
  return pick(kEdges);
}

void Tally::add(const Tally& other) {
  blocks += other.blocks;
  sent += other.sent;
  not_admitted += other.not_admitted;
  charged += other.charged;
  applied += other.applied;
  for (const auto& [name, count] : other.applied_by_operation) applied_by_operation[name] += count;
  for (const auto& [name, count] : other.refused_by_code) refused_by_code[name] += count;
  for (const auto& [name, count] : other.ends) ends[name] += count;
  for (const auto& [name, count] : other.gang_ends) gang_ends[name] += count;
}

std::string Tally::text() const {
  std::string text =
      fmt::format("{} transactions in {} blocks: {} % applied, {} % refused with fee, {} % kept out\n", sent, blocks,
                  100 * applied / std::max<std::uint64_t>(sent, 1), 100 * charged / std::max<std::uint64_t>(sent, 1),
                  100 * not_admitted / std::max<std::uint64_t>(sent, 1));
  const auto list = [&text](const char* title, const std::map<std::string, std::uint64_t>& counts) {
    text += fmt::format("{}:", title);
    for (const auto& [name, count] : counts) text += fmt::format(" {} {}", name, count);
    text += '\n';
  };
  list("applied", applied_by_operation);
  list("refused", refused_by_code);
  list("ends", ends);
  list("ends of gangs", gang_ends);
  return text;
}

protocol::Genesis Driver::genesis(std::uint64_t seed) {
  constexpr std::array<Preset, 3> kPresets = {Preset::Main, Preset::Test, Preset::Dev};
  std::vector<std::string> names(kEverybody.begin(), kEverybody.end());
  names.pop_back();  // the newcomer has no account yet
  protocol::Genesis genesis = protocol::chain_test::genesis_of(kPresets[seed % kPresets.size()], names);
  // One of them is poor, so that escrows and fees run out.
  genesis.accounts[seed % 4].agpu = {20'000'000};
  for (protocol::GenesisAccount& account : genesis.accounts) account.amax = {20 * kBasePerToken};
  // Ended jobs stay for ten ticks or for long, so that archiving and what stands beside it both happen.
  const std::uint64_t divisor = protocol::preset_time_divisor(genesis.preset);
  const std::uint64_t tick_ms = protocol::parameter_info(protocol::Parameter::TickMs).default_value / divisor;
  if (seed % 2 == 0) genesis.parameters.push_back({protocol::Parameter::ArchiveAfterMs, 10 * tick_ms});
  if (seed % 3 != 0) genesis.parameters.push_back({protocol::Parameter::BenchmarkSpotMs, 40 * tick_ms});
  if (seed % 4 == 1) genesis.parameters.push_back({protocol::Parameter::TelemetryWindowNodes, 3});
  if (seed % 5 != 0) {
    // Few wait often enough here for a promise that rests on twenty waits.
    genesis.parameters.push_back({protocol::Parameter::StartSamplesMin, 1});
    genesis.parameters.push_back({protocol::Parameter::StartPromiseMinMs, seed % 5 * tick_ms / 2});
    genesis.parameters.push_back({protocol::Parameter::StartPromiseMultiple, 1});
  }
  // Reserves that these accounts can join and draw, and surges that they can make.
  genesis.parameters.push_back({protocol::Parameter::ReserveStakePerGpu, 2 * kBasePerToken});
  genesis.parameters.push_back({protocol::Parameter::ReserveLevelU, 5});
  genesis.parameters.push_back({protocol::Parameter::ReserveLoadPpm, 500'000});
  const std::uint64_t window_ms = protocol::parameter_info(protocol::Parameter::ReserveWindowMinMs).min / divisor;
  genesis.parameters.push_back({protocol::Parameter::ReserveWindowMinMs, window_ms});
  if (is_patient(seed)) {
    genesis.parameters.push_back({protocol::Parameter::TickMs, 10 * tick_ms});
    const std::uint64_t least = protocol::parameter_info(protocol::Parameter::UnbondAmaxMs).min / divisor;
    genesis.parameters.push_back({protocol::Parameter::UnbondAmaxMs, least});
  }
  return genesis;
}

Driver::Driver(std::uint64_t seed, ByteView given, Witness witness)
    : patient_(is_patient(seed)),
      dice_(seed, given),
      witness_(std::move(witness)),
      chain_(genesis(seed)),
      money_(genesis(seed)) {
  for (const char* name : kEverybody) names_[account_of_name(name)] = name;
  chain_.on_block([this](const protocol::chain_test::Block& block) { follow(block); });
  for (const char* name : {"ada", "bob"}) {
    static_cast<void>(chain_.send(name, protocol::chain_test::lock_stake(5 * kBasePerToken)));
  }
  for (const char* name : {"aurora", "borealis", "corona"}) {
    static_cast<void>(chain_.send(name, protocol::chain_test::register_provider(name)));
    for (int node = 0; node < 2; ++node) {
      static_cast<void>(chain_.send(name, [&](auto& body) {
        *body.mutable_node_register() = protocol::chain_test::a100_node();
        body.mutable_node_register()->mutable_offer()->set_site(kSites[0]);
      }));
    }
  }
}

std::string Driver::name_of(const AccountId& account) const {
  const auto it = names_.find(account);
  return it != names_.end() ? it->second : std::string("stranger");
}

void Driver::follow(const protocol::chain_test::Block& block) {
  ++tally_.blocks;
  if (witness_ && sent_.empty()) {
    for (const auto& transaction : block.transactions) sent_.push_back(transaction.bytes());
  }
  if (witness_) witness_(block, sent_);
  sent_.clear();
  app_hashes_.push_back(block.result.app_hash);
  for (std::string& difference : money_.follow(block, chain_.machine())) {
    differences_.push_back(fmt::format("block {}: {}", block.header.height, difference));
  }
  for (const protocol::Event& event : block.result.events) {
    if (event.kind == protocol::EventKind::ContractChanged) note_gang(*event.contract, event.state);
    if (event.kind != protocol::EventKind::JobEnded) continue;
    const JobRow& row = chain_.machine().market().jobs().get(*event.job);
    ++tally_.ends[fmt::format("{}_by_{}", protocol::job_state_name(row.state),
                              protocol::end_reason_info(row.end_reason).code)];
  }
}

void Driver::note_gang(const ContractId& id, std::uint8_t state) {
  const ContractRow* row = chain_.machine().contracts().table().find(id);
  const auto changed = static_cast<ContractState>(state);
  if (row == nullptr || row->gang.empty() || !protocol::is_final(changed)) return;
  ++tally_.gang_ends[fmt::format("{}_by_{}", protocol::contract_state_name(changed),
                                 protocol::end_reason_info(row->end_reason).code)];
}

void Driver::let_time_pass() {
  const std::uint64_t kind = dice_.below(100);
  const std::uint64_t tick = protocol::parameter_info(protocol::Parameter::TickMs).default_value /
                             chain_.machine().params().get(protocol::Parameter::TimeDivisor);
  if (kind < 70) {
    chain_.pass({dice_.below(tick / 4)});
  } else if (kind < 88) {
    chain_.pass({dice_.below(2 * tick)});
  } else if (kind < 93) {
    const auto due = chain_.machine().next_due();
    if (due) chain_.pass(elapsed(*due, chain_.now()));
  } else if (kind < 98) {
    chain_.pass({dice_.below(15 * tick)});
  } else {
    chain_.stand_still({dice_.below(200 * tick)});
  }
}

void Driver::run(std::uint64_t transactions) {
  for (std::uint64_t left = transactions; left > 0;) {
    let_time_pass();
    if (patient_ && left <= transactions / 2) {
      patient_ = false;
      static_cast<void>(chain_.send("vault", protocol::chain_test::lock_stake(3 * kBasePerToken)));
      static_cast<void>(chain_.send("vault", protocol::chain_test::unbond_stake(2 * kBasePerToken)));
      chain_.pass(chain_.machine().params().duration(protocol::Parameter::UnbondAmaxMs));
    }
    sequences_.clear();
    touched_.clear();
    std::vector<protocol::VerifiedTransaction> block;
    const std::uint64_t size = std::min(left, 1 + dice_.below(kBlockMost));
    left -= size;
    for (std::uint64_t i = 0; i < size; ++i) {
      ++tally_.sent;
      Wish wanted = wish();
      const AccountId account = account_of_name(wanted.sender);
      wanted.body.set_sequence(wanted.body.sequence() + sequences_[account]);
      if (dice_.chance(5)) spoil(wanted.body);
      Bytes bytes = protocol::sign_transaction(wanted.body, protocol::chain_test::key_of(wanted.sender));
      if (dice_.chance(2)) bytes[dice_.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << dice_.below(8));
      sent_.push_back(bytes);
      auto verified = protocol::verify_transaction(bytes, protocol::chain_test::kChainId);
      if (!verified) {
        ++tally_.not_admitted;
        ++tally_.refused_by_code[std::string(verified.error().info().name)];
        continue;
      }
      ++sequences_[account];
      block.push_back(std::move(*verified));
    }
    for (const auto& answer : chain_.make_block(block)) {
      if (!answer) {
        ++tally_.not_admitted;
        ++tally_.refused_by_code[std::string(answer.error().info().name)];
      } else if (answer->core.code != 0) {
        ++tally_.charged;
        const auto code = static_cast<protocol::RefusalCode>(answer->core.code);
        ++tally_.refused_by_code[std::string(protocol::refusal_info(code).name)];
      } else {
        ++tally_.applied;
        ++tally_.applied_by_operation[std::string(protocol::operation_name(answer->core.operation))];
      }
    }
  }
}

/// What a careless or hostile client gets wrong in an envelope.
void Driver::spoil(v1::TransactionBody& body) {
  switch (dice_.below(5)) {
    case 0: body.set_sequence(dice_.number(3)); break;
    case 1: body.set_expires_at_ms(dice_.number(chain_.now().ms)); break;
    case 2: body.set_chain_id("other-1"); break;
    case 3: body.clear_operation(); break;
    default: body.set_sequence(body.sequence() + 1); break;
  }
}

Driver::Wish Driver::wish() {
  const std::uint64_t kind = dice_.below(100);
  if (kind < 10) return ledger_wish();
  if (kind < 25) return registry_wish();
  if (kind < 45) return submit_wish();
  if (kind < 50) {
    const JobId job = random_job();
    const JobRow* row = chain_.machine().market().jobs().find(job);
    const std::string sender = row != nullptr && dice_.chance(80) ? name_of(row->requester) : dice_.pick(kEverybody);
    if (dice_.chance(50)) {
      return {sender, chain_.body(sender, [&](v1::TransactionBody& body) {
                v1::JobRaise& raise = *body.mutable_job_raise();
                raise.set_job(to_text(job.view()));
                const std::uint64_t budget = row != nullptr ? row->spec.budget.base : kBasePerToken;
                const std::uint64_t price = row != nullptr ? row->max_price.nagpu_per_gpu_hour : kBasePerToken;
                if (dice_.chance(70))
                  raise.set_budget(dice_.chance(80) ? budget + dice_.below(budget) : dice_.number(budget));
                if (dice_.chance(50))
                  raise.set_max_price(dice_.chance(80) ? price + dice_.below(price) : dice_.number(price));
              })};
    }
    return {sender, chain_.body(sender, [&](auto& body) { body.mutable_job_cancel()->set_job(to_text(job.view())); })};
  }
  return contract_wish();
}

Driver::Wish Driver::ledger_wish() {
  const std::string sender = dice_.pick(kEverybody);
  const AccountId other = account_of_name(dice_.pick(kEverybody));
  if (dice_.chance(5)) {
    return {sender, chain_.body(sender, [&](auto& body) {
              body.mutable_account_close()->set_beneficiary(to_text(other.view()));
            })};
  }
  if (dice_.chance(30)) return stake_wish();
  if (dice_.chance(15)) return parameter_wish();
  const auto asset = static_cast<Asset>(dice_.chance(70) ? 0 : dice_.below(3));
  const std::uint64_t amount = asset == Asset::Agpu ? dice_.number(100'000'000) : dice_.number(10'000);
  return {sender, chain_.body(sender, protocol::chain_test::transfer(other, amount, asset))};
}

Driver::Wish Driver::stake_wish() {
  const std::string sender = dice_.pick(kEverybody);
  const auto asset = static_cast<Asset>(dice_.chance(95) ? 1 : dice_.below(3));
  if (dice_.chance(50)) {
    return {sender, chain_.body(sender, protocol::chain_test::lock_stake(dice_.number(3 * kBasePerToken), asset))};
  }
  const std::uint64_t bonded = chain_.machine().staking().stake(account_of_name(sender), Asset::Amax).bonded;
  const std::uint64_t amount = dice_.chance(30) ? bonded : dice_.number(kBasePerToken);
  return {sender, chain_.body(sender, protocol::chain_test::unbond_stake(amount, asset))};
}

Driver::Wish Driver::parameter_wish() {
  const std::string sender = dice_.chance(85) ? "operator" : dice_.pick(kEverybody);
  const auto parameter = dice_.pick(kParameters);
  const std::uint64_t now = chain_.machine().params().get(parameter);
  const std::uint64_t value = dice_.chance(85) ? now / 2 + dice_.below(now + 1) : dice_.number(now);
  return {sender, chain_.body(sender, [&](v1::TransactionBody& body) {
            protocol::chain_test::set_parameter(parameter, value)(body);
            if (dice_.chance(3))
              body.mutable_parameter_set()->set_parameter(static_cast<std::uint32_t>(dice_.number(200)));
          })};
}

v1::JobSpec Driver::random_spec() {
  v1::JobSpec spec = protocol::chain_test::hour_of_a100();
  spec.set_kind(static_cast<v1::JobKind>(dice_.below(4)));
  auto& resources = *spec.mutable_resources();
  resources.clear_classes();
  if (dice_.chance(70)) resources.add_classes(dice_.chance(70) ? "A100" : dice_.pick(kClasses));
  if (dice_.chance(30)) resources.set_gpus(static_cast<std::uint32_t>(dice_.below(4)));
  if (resources.gpus() == 0) resources.set_cpu_milli(static_cast<std::uint32_t>(1'000 * (1 + dice_.below(8))));
  if (resources.gpus() == 1 && dice_.chance(30)) {
    resources.set_gpu_share_milli(static_cast<std::uint32_t>(10 * (1 + dice_.below(99))));
  }
  if (dice_.chance(25)) {  // work that several hosts may share
    spec.set_placement(dice_.chance(80) ? v1::ONE_SITE : v1::ANY);
    resources.set_gpus(static_cast<std::uint32_t>(2 + dice_.below(dice_.chance(70) ? 2 : 7)));
    resources.clear_gpu_share_milli();
  }
  if (dice_.chance(10)) spec.set_hosts_max(static_cast<std::uint32_t>(dice_.number(4)));
  spec.set_max_s(dice_.chance(90) ? 60 + dice_.below(4'000) : dice_.number(86'400));
  spec.set_expected_s(dice_.chance(95) ? 1 + dice_.below(std::max<std::uint64_t>(spec.max_s(), 1)) : dice_.number(60));
  spec.set_tier(static_cast<v1::TierChoice>(dice_.below(4)));
  spec.set_wait(dice_.chance(70));
  spec.set_urgency(static_cast<v1::Urgency>(dice_.chance(80) ? 0 : dice_.below(3)));
  spec.set_allow_downgrade(dice_.chance(50));
  spec.set_dedicated(dice_.chance(5));
  spec.set_preemptible(dice_.chance(80));
  if (dice_.chance(30)) spec.set_max_price(dice_.number(2'000'000'000));
  spec.set_budget(dice_.chance(60) ? 5'000 * kBasePerToken : dice_.number(2'000'000'000));
  const auto slack_ms = [this] { return dice_.below(dice_.chance(50) ? 7'200'000 : 300'000); };
  if (dice_.chance(30)) spec.set_deadline_ms(chain_.now().ms + spec.max_s() * 1000 + slack_ms());
  if (dice_.chance(3)) spec.set_deadline_ms(dice_.number(chain_.now().ms));
  if (dice_.chance(25)) {  // work that pre-empts and is pre-empted
    spec.set_tier(dice_.chance(50) ? v1::ECONOMY : v1::PREMIUM);
    spec.set_max_price(0);
    spec.set_budget(5'000 * kBasePerToken);
    spec.set_max_s(4'060);
  }
  if (dice_.chance(20)) {
    spec.add_inputs(hash_text("input"));
    spec.set_input_bytes(dice_.number(100'000'000));
  }
  if (dice_.chance(10)) spec.mutable_where()->set_reputation_min(static_cast<std::uint32_t>(dice_.below(120)));
  if (dice_.chance(10)) spec.mutable_where()->add_allow(dice_.pick(kRegions));
  if (dice_.chance(10)) {
    spec.mutable_where()->add_excluded_providers(to_text(account_of_name(dice_.pick(kProviders)).view()));
  }
  return spec;
}

Driver::Wish Driver::submit_wish() {
  const std::string sender = dice_.chance(90) ? dice_.pick(kRequesters) : dice_.pick(kEverybody);
  v1::JobSpec spec = random_spec();
  const TimeMs now{chain_.now().ms - chain_.machine().chain().halted.ms};
  const std::uint64_t credits = chain_.machine().staking().credits_micro(account_of_name(sender), now) / kPpm;
  if (spec.resources().gpus() != 0 && dice_.chance(credits > 0 ? 50 : 4)) {
    spec.set_credits(dice_.chance(90) ? 1 + dice_.below(credits + 2) : dice_.number(2'000));
  }
  if (spec.resources().gpus() != 0 && dice_.chance(20)) {
    spec.set_price_lock(static_cast<std::uint32_t>(dice_.chance(95) ? 1 + dice_.below(15) : dice_.number(15)));
  }
  const std::string client_id = dice_.chance(30) ? fmt::format("job-{}", dice_.below(20)) : std::string();
  return {sender, chain_.body(sender, [&](auto& body) {
            *body.mutable_job_submit()->mutable_spec() = spec;
            body.mutable_job_submit()->set_client_id(client_id);
          })};
}

JobId Driver::random_job() {
  const auto& table = chain_.machine().market().jobs();
  if (table.empty() || dice_.chance(5)) return JobId{{static_cast<std::uint8_t>(dice_.below(256))}};
  return nth_key(table, dice_.below(table.size()));
}

NodeId Driver::random_node_id() {
  const auto& table = chain_.machine().registry().nodes();
  if (table.empty() || dice_.chance(3)) return NodeId{{static_cast<std::uint8_t>(dice_.below(256))}};
  return nth_key(table, dice_.below(table.size()));
}

}  // namespace starminer::scenario
