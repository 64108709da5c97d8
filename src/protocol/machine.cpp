#include "protocol/machine.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/codec.h"
#include "protocol/operation/limits.h"

namespace starminer::protocol {
namespace {

constexpr std::uint8_t kChainKey = 0;
constexpr std::uint64_t kLateShareOfAck = 6;
constexpr std::uint64_t kHaltTicks = 2;
constexpr std::uint64_t kShareOfTick = 12;
constexpr std::uint64_t kFullCheckEveryBlocks = 256;

}  // namespace

Machine::Machine(Conservation conservation)
    : chain_(store_, state::TableId::Chain),
      params_(store_),
      governance_(store_, params_),
      randomness_(store_),
      timers_(store_),
      ledger_(store_, params_, conservation),
      staking_(store_, params_, ledger_, timers_),
      reputation_(store_, params_),
      registry_(store_, params_, ledger_, reputation_, timers_),
      telemetry_(store_, params_, registry_),
      attestors_(store_, params_, governance_, registry_, timers_),
      pricing_(store_, params_, registry_),
      market_(store_, params_, ledger_, registry_, pricing_, reputation_, staking_, timers_),
      reserve_(store_, params_, ledger_, registry_),
      contracts_(store_, params_, ledger_, registry_, pricing_, reputation_, market_, reserve_, timers_) {}

Machine::~Machine() = default;

Result<void, std::string> Machine::set_parameters(const Genesis& genesis) {
  for (const auto& [parameter, value] : genesis.parameters) {
    const ParameterInfo& info = parameter_info(parameter);
    if (info.setter == ParameterSetter::Preset) {
      return fail(fmt::format("parameter {} follows from the preset and cannot be set", info.name));
    }
    if (params_.set(parameter, value)) continue;
    const ParameterBounds bounds = params_.bounds(parameter);
    return fail(fmt::format("parameter {}: {} lies outside of {} to {}", info.name, value, bounds.min, bounds.max));
  }
  if (const ParameterRule* rule = Params::find_conflict(params_.values()); rule != nullptr) {
    return fail(fmt::format("the parameters break the rule {}", format_rule(*rule)));
  }
  return {};
}

Result<BlockResult, std::string> Machine::start(const Genesis& genesis) {
  if (genesis.chain_id.empty() || genesis.chain_id.size() > 64) {
    return fail(std::string("the chain id must have 1 to 64 characters"));
  }
  if (genesis.operators.empty()) return fail(std::string("the genesis names no operator"));
  ChainRow row;
  row.chain_id = genesis.chain_id;
  row.preset = genesis.preset;
  row.block_time = genesis.time;
  params_.write_genesis(genesis.preset);
  if (auto set = set_parameters(genesis); !set) return fail(std::move(set.error()));
  governance_.write_genesis(genesis.governance);
  for (const GenesisAccount& account : genesis.accounts) {
    const std::string name = account.account.text();
    if (!ledger_.mint_at_genesis(account.account, Asset::Agpu, account.agpu.base)) {
      return fail(fmt::format("account {}: its AGPU do not cover the deposit of an account, or pass the cap", name));
    }
    if ((account.amax.base != 0 && !ledger_.mint_at_genesis(account.account, Asset::Amax, account.amax.base)) ||
        (account.usd.base != 0 && !ledger_.mint_at_genesis(account.account, Asset::Usd, account.usd.base))) {
      return fail(fmt::format("account {}: the amount of AMAX or USD is too large", name));
    }
  }
  if (!genesis.treasury.is_zero() &&
      !ledger_.mint_to_pool_at_genesis(Pool::Treasury, Asset::Agpu, genesis.treasury.base)) {
    return fail(std::string("the treasury's AGPU pass the cap"));
  }
  if (auto written = randomness_.write_genesis(genesis.chain_id, genesis.time, genesis.proposers); !written) {
    return fail(std::move(written.error()));
  }
  registry_.write_genesis(genesis.operators);
  pricing_.write_genesis(genesis.preset);
  timers_.schedule(genesis.time + params_.duration(Parameter::TickMs), TimerKind::Tick, {});
  row.epoch_ends = genesis.time + params_.duration(Parameter::EpochMs);
  timers_.schedule(row.epoch_ends, TimerKind::Epoch, {});
  chain_.put(kChainKey, row);
  store_.commit();
  if (const auto sound = check_invariants(); !sound) return fail(sound.error());
  BlockResult result;
  result.time = genesis.time;
  result.seed = randomness_.last().seed;
  seal(result);
  return result;
}

bool Machine::load_row(state::TableId table, ByteView key, ByteView row) { return store_.load(table, key, row); }

void Machine::load_history_leaf(const Hash32& leaf_hash) { history_.append_hash(leaf_hash); }

void Machine::load_history_part(const Hash32& part_hash) { history_.append_part(part_hash); }

bool Machine::finish_load(const Hash32& app_hash) {
  if (chain_.size() != 1 || !chain_.contains(kChainKey)) return false;
  app_hash_ = make_app_hash(commitment());
  return app_hash_ == app_hash && check_invariants().has_value();
}

bool Machine::load_row_alone(state::TableId table, ByteView key, ByteView row) {
  return store_.load_row(table, key, row);
}

bool Machine::adopt_commitment(state::MerkleTree tree, const Hash32& app_hash) {
  if (chain_.size() != 1 || !chain_.contains(kChainKey)) return false;
  store_.adopt(std::move(tree));
  app_hash_ = make_app_hash(commitment());
  return app_hash_ == app_hash;
}

const ChainRow& Machine::chain() const { return chain_.get(kChainKey); }

Commitment Machine::commitment() const { return {chain().height, store_.root(), history_.root(), history_.size()}; }

BlockContext Machine::query_context(TimeMs now) const {
  const ChainRow& row = chain();
  const TimeMs at = std::max(now, row.block_time);
  BlockContext context;
  context.height = row.height + 1;
  context.epoch = row.epochs;
  context.time = {elapsed(at, {row.halted.ms}).ms};
  context.halted = row.halted;
  context.seed = randomness_.last().seed;
  return context;
}

std::optional<TimeMs> Machine::next_due() const {
  const auto due = timers_.next_due();
  if (!due) return std::nullopt;
  return *due + chain().halted;
}

void Machine::begin_block(const BlockHeader& header, const SeedStep& step) {
  STARMINER_CHECK(open_ == nullptr);
  ChainRow row = chain();
  STARMINER_CHECK(header.height == row.height + 1 && header.time >= row.block_time);
  STARMINER_CHECK(header.previous_app_hash == app_hash_);
  STARMINER_CHECK(step.height() == header.height);
  open_ = std::make_unique<OpenBlock>();
  open_->header = header;
  open_->result.height = header.height;
  open_->result.time = header.time;
  open_->context.events = &open_->result.events;
  open_->result.receipts.reserve(receipts_before_);
  open_->result.events.reserve(receipts_before_);
  open_->result.leaves.reserve(receipts_before_);
  const DurationMs gap = elapsed(header.time, row.block_time);
  if (const DurationMs lost = halt_within(gap, {elapsed(header.time, {row.halted.ms}).ms}); lost.ms > 0) {
    row.halted.ms += lost.ms;
    open_->context.emit({.kind = EventKind::Halted, .amount = lost.ms});
  }
  row.height = header.height;
  row.block_time = header.time;
  chain_.put(kChainKey, row);
  open_->context.height = header.height;
  open_->context.epoch = row.epochs;
  open_->context.halted = row.halted;
  open_->context.time = {elapsed(header.time, {row.halted.ms}).ms};
  randomness_.advance(step);
  open_->context.seed = step.seed();
  open_->result.seed = step.seed();
  run_timers();
}

DurationMs Machine::halt_within(DurationMs gap, TimeMs market_time) const {
  if (open_->header.order_rule == OrderRule::Lanes) {
    // Validators make blocks at a pace of their own, whatever is due. A part of every gap passes all the same: else
    // time would stand still for ever where each block is as late as the one before.
    const std::uint64_t tick_ms = params_.get(Parameter::TickMs);
    return {gap.ms > kHaltTicks * tick_ms ? gap.ms - tick_ms / kShareOfTick : 0};
  }
  // A chain of one that runs makes a block when its next timer is due, at the latest at the next tick. One that comes
  // late was away, and nobody could keep a deadline meanwhile: that time counts for no one.
  const std::uint64_t late_ms = params_.get(Parameter::AckMs) / kLateShareOfAck;
  const auto due = timers_.next_due();
  return {gap.ms > late_ms && due && elapsed(market_time, *due).ms > late_ms ? gap.ms : 0};
}

void Machine::run_timers() {
  for (std::size_t i = 0; i < kTimersPerBlock; ++i) {
    const auto timer = timers_.pop_due(open_->context.time);
    if (!timer) break;
    on_timer(*timer);
    contracts_.dispatch(open_->context);
  }
  store_.commit();
  record_ends();
  require_invariants("timers");
}

void Machine::on_timer(const TimerKey& timer) {
  const BlockContext& context = open_->context;
  switch (timer.kind) {
    case TimerKind::Tick: {
      ChainRow row = chain();
      ++row.ticks;
      chain_.put(kChainKey, row);
      // Prices first, so that jobs wake at the prices of this tick (economics 12.1).
      pricing_.on_tick(market_.weigh_load(context), row.ticks, context.time);
      registry_.on_tick(context);
      market_.on_tick(context);
      timers_.schedule(context.time + params_.duration(Parameter::TickMs), TimerKind::Tick, {});
      break;
    }
    case TimerKind::Epoch: on_epoch(); break;
    case TimerKind::JobDeadline: {
      JobId job;
      job.bytes = timer.subject;
      market_.on_deadline(job, context);
      break;
    }
    case TimerKind::JobArchive: {
      JobId job;
      job.bytes = timer.subject;
      contracts_.archive(job);
      break;
    }
    case TimerKind::LockRelease: {
      NodeId node;
      node.bytes = timer.subject;
      registry_.on_lock_release(node, context);
      break;
    }
    case TimerKind::Unbonded: {
      UnbondingId unbonding;
      unbonding.bytes = timer.subject;
      staking_.on_unbonded(unbonding, context);
      break;
    }
    case TimerKind::BenchmarkDue: registry_.on_benchmark_due(NodeId{timer.subject}, context); break;
    case TimerKind::AttestationEnd: attestors_.on_attestation_end(NodeId{timer.subject}, context); break;
    case TimerKind::AttestorSweep: attestors_.on_attestor_sweep(AccountId{timer.subject}, context); break;
    case TimerKind::AckDue:
    case TimerKind::StartDue:
    case TimerKind::SilenceDue:
    case TimerKind::RunEnd:
    case TimerKind::AcceptDue:
    case TimerKind::NoticeEnd: contracts_.on_timer(timer, context); break;
  }
}

void Machine::on_epoch() {
  const BlockContext& context = open_->context;
  ChainRow row = chain();
  ++row.epochs;
  row.epoch_ends = context.time + params_.duration(Parameter::EpochMs);
  chain_.put(kChainKey, row);
  market_.on_epoch(context);
  open_->context.epoch = row.epochs;
  telemetry_.on_epoch(context);
  timers_.schedule(row.epoch_ends, TimerKind::Epoch, {});
  // Last, so that an epoch is computed with one set of parameters (economics 12.1).
  governance_.on_epoch(context);
}

void Machine::add_leaf(LeafType type, Bytes bytes) {
  const std::uint64_t index = history_.append(bytes);
  open_->result.leaves.push_back({index, type, std::move(bytes)});
}

void Machine::record_ends() {
  const auto record = [this](LeafType type, const auto& ended) {
    Bytes bytes{static_cast<std::uint8_t>(type)};
    codec::put(ended, bytes);
    add_leaf(type, std::move(bytes));
  };
  for (const Settlement& settlement : contracts_.take_settlements()) record(LeafType::Settlement, settlement);
  for (const EndedJob& job : market_.take_ended()) record(LeafType::EndedJob, job);
}

BlockResult Machine::finish_block() {
  STARMINER_CHECK(open_ != nullptr);
  STARMINER_CHECK(open_->header.order_rule != OrderRule::Lanes ||
                  open_->charged.size() == open_->result.receipts.size());
  store_.commit();
  BlockResult result = std::move(open_->result);
  open_.reset();
  receipts_before_ = result.receipts.size();
  if (result.height % kFullCheckEveryBlocks == 0) {
    if (const auto sound = check_invariants(); !sound) assertion_failed(sound.error().c_str(), __FILE__, __LINE__);
  }
  seal(result);
  return result;
}

void Machine::seal(BlockResult& result) {
  result.changes = store_.take_changes();
  result.state_root = store_.root();
  result.history_root = history_.root();
  result.history_size = history_.size();
  result.app_hash = make_app_hash({result.height, result.state_root, result.history_root, result.history_size});
  app_hash_ = result.app_hash;
}

void Machine::require_invariants(std::string_view after) const {
  // Money is checked after every transaction by running sums; the scans of check_invariants run every so many blocks.
  if (ledger_.invariants_hold()) return;
  const std::string what = fmt::format("conservation is broken after {} in block {}; nothing of this block was stored",
                                       after, open_->header.height);
  assertion_failed(what.c_str(), __FILE__, __LINE__);
}

Result<void, std::string> Machine::check_invariants() const {
  for (std::uint8_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    if (!ledger_.recount(asset).conserved()) return fail(fmt::format("{} is not conserved", asset_name(asset)));
  }
  if (!ledger_.invariants_hold()) return fail(std::string("the ledger's running sums disagree"));
  if (!governance_.invariants_hold()) return fail(std::string("a pending parameter breaks its bounds or a rule"));
  if (!staking_.invariants_hold()) return fail(std::string("a stake and its locks or timers disagree"));
  if (!randomness_.invariants_hold()) return fail(std::string("the seed or a proposer's key is not sound"));
  if (!registry_.invariants_hold()) return fail(std::string("a node's free and allocated capacity disagree"));
  if (!telemetry_.invariants_hold()) return fail(std::string("a window of telemetry is not sound"));
  if (!attestors_.invariants_hold()) return fail(std::string("an attestation and its timer disagree"));
  if (!reserve_.invariants_hold())
    return fail(std::string("a node's stake in the reserve and its lock or mark disagree"));
  if (!pricing_.invariants_hold()) return fail(std::string("a price leaves its bounds or the order of the tiers"));
  if (!market_.invariants_hold()) return fail(std::string("a job's escrow, state or assignment disagree"));
  if (!contracts_.invariants_hold()) return fail(std::string("a contract's state and timers disagree"));
  return {};
}

}  // namespace starminer::protocol
