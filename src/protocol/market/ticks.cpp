// What the market does because time passes: shares and scarcity judged at ticks, parked jobs woken, epochs rolled.
#include <algorithm>
#include <utility>
#include <vector>

#include "protocol/market/demand.h"
#include "protocol/market/load_index.h"
#include "protocol/market/market.h"
#include "protocol/market/node_index.h"
#include "protocol/market/score.h"
#include "protocol/market/start_promise.h"

namespace starminer::protocol {
namespace {

constexpr std::uint64_t kSmallClassMilli = 10'000;  // below this many GPUs no provider's share counts
constexpr std::uint64_t kCapacityPartOfEpoch = 24;  // an epoch with few assignments is judged as if 1/24 were assigned

/// 0 below a quarter of the limit, 1 below half, 2 below three quarters, 3 above.
std::uint8_t spread_level(std::uint64_t assigned, std::uint64_t whole, std::uint64_t limit_ppm) {
  const u128 share = u128{assigned} * kPpm * 4;
  const u128 limit = u128{whole} * limit_ppm;
  if (share < limit) return 0;
  if (share < 2 * limit) return 1;
  return share < 3 * limit ? 2 : 3;
}

template <class Key, class Row>
std::vector<Key> keys_of(const state::Table<Key, Row>& table) {
  std::vector<Key> keys;
  keys.reserve(table.size());
  for (const auto& [key, row] : table) keys.push_back(key);
  return keys;
}

}  // namespace

void Market::count_demand(const JobSpec& spec) {
  const ShapeKey shape = shape_of(spec.resources);
  ShapeRow counted = shapes_.contains(shape) ? shapes_.get(shape) : ShapeRow{};
  ++counted.current;
  if (!spec.resources.classes.empty()) ++counted.choosy_current;
  shapes_.put(shape, counted);
  for (const std::string& name : spec.resources.classes) {
    const auto id = registry_.find_class(name);
    if (!id) continue;
    ClassDemandRow demand = class_demand_.contains(*id) ? class_demand_.get(*id) : ClassDemandRow{};
    ++demand.naming_current;
    class_demand_.put(*id, demand);
  }
}

void Market::count_assignment(const ShareKey& key, std::uint64_t milli) {
  ShareRow share = shares_.contains(key) ? shares_.get(key) : ShareRow{};
  share.assigned_milli += milli;
  shares_.put(key, share);
  const ClassId id = key.hardware_class;
  ClassDemandRow demand = class_demand_.contains(id) ? class_demand_.get(id) : ClassDemandRow{};
  demand.assigned_milli += milli;
  class_demand_.put(id, demand);
}

Loads Market::weigh_load(const BlockContext& context) {
  MeasuredLoad measured = load_->measure(view(), context);
  for (const JobId& id : measured.weighing) {
    if (!jobs_.get(id).weighed) jobs_.update(id, [](JobRow& row) { row.weighed = true; });
  }
  for (const auto& [id, hardware_class] : registry_.classes()) {
    const auto found = measured.class_ppm.find(id);
    const std::uint32_t load = found != measured.class_ppm.end() ? found->second : 0;
    ClassDemandRow row = class_demand_.contains(id) ? class_demand_.get(id) : ClassDemandRow{};
    if (row.load_ppm == load) continue;
    row.load_ppm = load;
    class_demand_.put(id, row);
  }
  return std::move(measured.loads);
}

void Market::on_tick(const BlockContext& context) {
  judge_spread();
  judge_scarcity();
  wake_parked(context);
  trigger();
}

void Market::judge_spread() {
  const std::uint64_t limit = params_.get(Parameter::ProviderSharePpm);
  for (const ShareKey& key : keys_of(shares_)) {
    ShareRow row = shares_.get(key);
    const std::uint64_t capacity = nodes_->total_milli(key.hardware_class);
    const std::uint64_t whole =
        std::max(class_demand_.get(key.hardware_class).assigned_milli, capacity / kCapacityPartOfEpoch);
    const std::uint8_t level = capacity < kSmallClassMilli ? 0 : spread_level(row.assigned_milli, whole, limit);
    if (level == row.level) continue;
    row.level = level;
    shares_.put(key, row);
  }
}

void Market::judge_scarcity() {
  const std::uint64_t all = index_->previous_jobs() + index_->waiting().size();
  const std::uint64_t gpu_jobs = index_->gpu_jobs();
  const std::uint64_t choosy = index_->choosy_gpu_jobs();
  for (const auto& [id, hardware_class] : registry_.classes()) {
    const ClassDemandRow* stands = class_demand_.find(id);
    ClassDemandRow row = stands != nullptr ? *stands : ClassDemandRow{};
    const std::uint64_t naming = std::min(all, row.naming_previous + index_->waiting_naming(hardware_class.name));
    const std::uint64_t others = all - naming;
    const auto scarce = static_cast<std::uint8_t>(all != 0 ? kTermMax * others / all : kTermMax);
    // Jobs without GPU may name classes, too.
    const std::uint64_t elsewhere = saturating_sub(choosy, naming);
    const auto barred = static_cast<std::uint16_t>(gpu_jobs != 0 ? kBarredUnit * elsewhere / gpu_jobs : 0);
    if (scarce == row.scarce && barred == row.barred) continue;
    row.scarce = scarce;
    row.barred = barred;
    class_demand_.put(id, row);
  }
}

void Market::wake_parked(const BlockContext& context) {
  const std::uint64_t most = params_.get(Parameter::WakesPerBlock);
  const MarketView market = view();
  std::vector<JobId> woken;
  for (const auto& [place, row] : index_->parked()) {
    if (woken.size() >= most) break;
    if (!Demand(market, *row, context.time).is_priced_out(nodes_->places())) woken.push_back(place.job);
  }
  for (const JobId& id : woken) {
    JobRow row = jobs_.get(id);
    row.parked = false;
    // Its time in the queue begins now: a job cannot gain a place by asking for a price that nobody takes.
    row.key_ms = queue_key(market, row.spec, row.tier, row.boost, context.time);
    if (row.attempts == 0) begin_waiting(row, context.time);
    context.emit({.kind = EventKind::JobQueued,
                  .account = row.requester,
                  .job = id,
                  .state = static_cast<std::uint8_t>(row.state),
                  .amount = row.cap.base});
    jobs_.put(id, std::move(row));
  }
}

void Market::on_epoch(const BlockContext& /*context*/) {
  for (const ShapeKey& key : keys_of(shapes_)) {
    const ShapeRow row = shapes_.get(key);
    if (row.current == 0) {
      shapes_.erase(key);
    } else {
      shapes_.put(key, {0, row.current, 0, row.choosy_current});
    }
  }
  for (const ClassId id : keys_of(class_demand_)) {
    class_demand_.update(id, [](ClassDemandRow& row) {
      row.naming_previous = row.naming_current;
      row.naming_current = 0;
      row.assigned_milli = 0;
    });
  }
  for (const ShareKey& key : keys_of(shares_)) shares_.erase(key);
  for (const PriceKey& key : keys_of(start_waits_)) {
    start_waits_.update(key, [this](StartWaitsRow& row) {
      publish_waits(row, params_.get(Parameter::StartSamplesMin), wait_unit_ms(params_));
    });
  }
}

}  // namespace starminer::protocol
