#include "protocol/market/market.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "protocol/market/dispatch.h"
#include "protocol/market/eligibility.h"
#include "protocol/market/load_index.h"
#include "protocol/market/market_view.h"
#include "protocol/market/node_index.h"
#include "protocol/market/queue_index.h"

namespace starminer::protocol {
namespace {

constexpr std::uint16_t kDeviceMilli = 1000;
constexpr std::uint64_t kThreadMilli = 1000;

}  // namespace

std::string_view job_state_name(JobState state) {
  switch (state) {
    case JobState::Queued: return "queued";
    case JobState::Active: return "active";
    case JobState::Settled: return "settled";
    case JobState::Refunded: return "refunded";
  }
  return "";
}

std::string_view start_state_name(StartState state) {
  switch (state) {
    case StartState::Open: return "open";
    case StartState::Kept: return "kept";
    case StartState::Missed: return "missed";
  }
  return "";
}

const Allocation& allocation_on(const AssignmentRow& row, const NodeId& node) {
  for (const HostShare& host : row.others) {
    if (host.node == node) return host.allocation;
  }
  STARMINER_CHECK(row.node == node);
  return row.allocation;
}

Market::Market(state::Store& store, const Params& params, Ledger& ledger, Registry& registry, const Pricing& pricing,
               Reputation& reputation, Staking& staking, Timers& timers)
    : params_(params),
      ledger_(ledger),
      registry_(registry),
      pricing_(pricing),
      reputation_(reputation),
      staking_(staking),
      timers_(timers),
      jobs_(store, state::TableId::Jobs),
      client_ids_(store, state::TableId::ClientIds),
      assignments_(store, state::TableId::Assignments),
      shapes_(store, state::TableId::Shapes),
      shares_(store, state::TableId::Shares),
      class_demand_(store, state::TableId::ClassDemand),
      start_waits_(store, state::TableId::StartWaits),
      index_(std::make_unique<QueueIndex>()),
      nodes_(std::make_unique<NodeIndex>(registry)),
      load_(std::make_unique<LoadIndex>()) {
  jobs_.add_observer(*index_);
  assignments_.add_observer(*index_);
  shapes_.add_observer(*index_);
  staking.observe(*index_);
  staking.observe(*nodes_);
  registry.observe(*nodes_, *nodes_);
  reputation.observe(*nodes_);
  shares_.add_observer(*nodes_);
  assignments_.add_observer(*nodes_);
  assignments_.add_observer(*load_);
  registry.observe(*load_);
}

Market::~Market() = default;

MarketView Market::view() const {
  return {params_,      ledger_, registry_,     pricing_, reputation_, staking_,    jobs_,
          assignments_, shares_, class_demand_, *index_,  nullptr,     nodes_.get()};
}

Loads Market::loads(const BlockContext& context) const { return load_->measure(view(), context).loads; }

Exclusions Market::explain(const JobId& job, const BlockContext& context) const {
  const JobRow& row = jobs_.get(job);
  const MarketView market = view();
  DispatchPass pass(market, context);
  if (row.state == JobState::Queued) pass.reserve_before({row.key_ms, job});
  return exclusions_of(Demand(market, row, context.time), pass.nodes());
}

std::optional<std::uint32_t> Market::queue_position(const JobId& job) const {
  const JobRow* row = jobs_.find(job);
  if (row == nullptr || row->state != JobState::Queued || row->parked) return std::nullopt;
  const Place own{row->key_ms, job};
  std::uint32_t ahead = 0;
  for (const auto& [place, waiting] : index_->waiting()) {
    if (!(place < own)) break;
    if (share_a_class(waiting.row->spec, row->spec)) ++ahead;
  }
  return ahead;
}

bool Market::job_is_sound(const JobId& id, const JobRow& row) const {
  const bool live = row.state == JobState::Queued || row.state == JobState::Active;
  const LockKey escrow{LockPurpose::Escrow, id.bytes, Asset::Agpu};
  const LockRow* lock = ledger_.locks().find(escrow);
  const bool deadline_armed =
      row.spec.deadline.ms != 0 &&
      timers_.is_armed(
          {{saturating_sub(row.spec.deadline.ms, seconds(row.spec.max_s).ms)}, TimerKind::JobDeadline, id.bytes});
  const bool deadline_due = row.state == JobState::Queued && row.spec.deadline.ms != 0;
  if ((row.credits == 0) != (row.boost.ms == 0)) return false;
  if (row.notice && (row.state != JobState::Queued || row.parked || row.tier != kPremium)) return false;
  if (row.notice) {
    const auto noticed = index_->noticed().find(row.notice->node);
    if (noticed == index_->noticed().end() || noticed->second != id) return false;
  }
  const LockRow* fee = ledger_.locks().find({LockPurpose::PriceLock, id.bytes, Asset::Agpu});
  if ((fee != nullptr) != (live && row.price_lock.has_value())) return false;
  if (fee != nullptr && u128{fee->amount} + row.price_lock->paid.base != row.price_lock->fee.base) return false;
  if (deadline_armed != deadline_due || (row.parked && row.state != JobState::Queued)) return false;
  if (live) {
    return lock != nullptr && lock->owner == row.requester && lock->amount == row.cap.base &&
           row.max_price.nagpu_per_gpu_hour != 0 && row.end_reason == EndReason::None &&
           (row.state == JobState::Active || !assignments_.contains(id));
  }
  const u128 sum = u128{row.paid.base} + row.refunded.base + row.burned.base;
  return lock == nullptr && sum == row.cap.base && row.end_reason != EndReason::None && !assignments_.contains(id);
}

/// What the assignments hold and what is free make up every node exactly (REG-4).
bool Market::capacity_is_sound() const {
  struct Held {
    std::vector<std::uint64_t> device_milli;
    std::uint64_t cpu_milli = 0;
    u128 ram = 0;
    u128 disk = 0;
    std::uint32_t jobs = 0;
  };
  std::map<NodeId, Held> held;
  for (const auto& [job, row] : assignments_) {
    const JobRow* owner = jobs_.find(job);
    if (owner == nullptr || owner->state != JobState::Active) return false;
    bool sound = true;
    for_each_host(row, [&](const NodeId& id, const Allocation& allocation) {
      Held& node = held[id];
      node.device_milli.resize(registry_.nodes().get(id).hardware.devices);
      for (const std::uint8_t device : allocation.devices) {
        sound = sound && device < node.device_milli.size();
        if (sound) node.device_milli[device] += allocation.milli_per_device;
      }
      node.cpu_milli += allocation.cpu_milli;
      node.ram += allocation.ram_bytes;
      node.disk += allocation.disk_bytes;
      ++node.jobs;
    });
    if (!sound) return false;
  }
  for (const auto& [id, node] : registry_.nodes()) {
    const CapacityRow& free = registry_.capacity().get(id);
    Held& of_node = held[id];
    if (free.device_free_milli.size() != node.hardware.devices) return false;
    of_node.device_milli.resize(node.hardware.devices);
    for (std::size_t i = 0; i < of_node.device_milli.size(); ++i) {
      if (of_node.device_milli[i] + free.device_free_milli[i] != kDeviceMilli) return false;
    }
    if (of_node.cpu_milli + free.cpu_free_milli != node.hardware.cpu_threads * kThreadMilli ||
        of_node.ram + free.ram_free_bytes != node.hardware.ram_bytes ||
        of_node.disk + free.disk_free_bytes != node.hardware.disk_bytes || of_node.jobs != free.jobs) {
      return false;
    }
  }
  return true;
}

/// Every ended job, and nothing else, waits for its archiving, and client ids stand exactly as long as their jobs.
bool Market::archive_is_sound() const {
  std::size_t ended = 0;
  std::size_t named = 0;
  for (const auto& [id, row] : jobs_) {
    if (row.state == JobState::Settled || row.state == JobState::Refunded) ++ended;
    if (row.client_key.is_zero()) continue;
    const JobId* first = client_ids_.find(row.client_key);
    if (first == nullptr || *first != id) return false;
    ++named;
  }
  std::size_t armed = 0;
  for (const auto& [timer, row] : timers_.table()) {
    if (timer.kind != TimerKind::JobArchive) continue;
    JobId id;
    id.bytes = timer.subject;
    const JobRow* job = jobs_.find(id);
    if (job == nullptr || job->end_reason == EndReason::None) return false;
    ++armed;
  }
  return ended == armed && named == client_ids_.size();
}

bool Market::invariants_hold() const {
  std::size_t waiting = 0;
  std::size_t parked = 0;
  for (const auto& [id, row] : jobs_) {
    if (!job_is_sound(id, row)) return false;
    if (row.state == JobState::Queued) ++(row.parked ? parked : waiting);
  }
  return waiting == index_->waiting().size() && parked == index_->parked().size() && capacity_is_sound() &&
         archive_is_sound();
}

}  // namespace starminer::protocol
