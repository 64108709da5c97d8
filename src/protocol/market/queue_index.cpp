#include "protocol/market/queue_index.h"

#include <algorithm>

#include "base/check.h"
#include "base/codec.h"

namespace starminer::protocol {
namespace {

/// Everything that decides where and when a job may run, as it is hashed. What only moves the score is left out.
struct SignatureInput {
  JobSpec spec;
  TierId tier = 0;
  Price max_price;
  Agpu cap;
  std::vector<AccountId> avoided;
  bool boosted = false;
  TimeMs locked;  // when its price was
  bool any_price = false;
};

Hash32 signature_of(const JobRow& row) {
  SignatureInput input{row.spec,
                       row.tier,
                       row.max_price,
                       row.cap,
                       row.avoided,
                       row.boost.ms != 0,
                       row.price_lock ? row.price_lock->since : TimeMs{},
                       row.preemptions > 0};
  input.spec.credits = 0;
  input.spec.image = {};
  input.spec.manifest_hash = {};
  input.spec.inputs.clear();
  input.spec.where.prefer.clear();
  return tagged_hash("starminer/queue-signature/1", encode(input));
}

void add(Holding& sum, const Holding& part, std::uint64_t sign) {
  sum.jobs += sign * part.jobs;
  sum.gpu_milli += sign * part.gpu_milli;
}

constexpr std::uint64_t kMinus = ~std::uint64_t{0};

bool is_live(const JobRow& row) { return row.state == JobState::Queued || row.state == JobState::Active; }

}  // namespace

ShapeKey shape_of(const Resources& resources) { return {resources.gpus, resources.share_milli, resources.cpu_milli}; }

void QueueIndex::on_change(const JobId& id, const JobRow* before, const JobRow* after) {
  if (before != nullptr) remove(id, *before);
  if (after != nullptr) insert(id, *after);
}

void QueueIndex::remove(const JobId& id, const JobRow& row) {
  --counts_[static_cast<std::size_t>(row.state)];
  const auto jobs = by_requester_.find(row.requester);
  STARMINER_CHECK(jobs != by_requester_.end());
  jobs->second.erase(row.sequence);
  if (jobs->second.empty()) by_requester_.erase(jobs);
  if (!is_live(row)) return;
  const auto live = live_.find(row.requester);
  STARMINER_CHECK(live != live_.end() && live->second.count > 0);
  --live->second.count;
  live->second.escrow -= row.cap.base;
  escrow_ -= row.cap.base;
  if (live->second.count == 0) live_.erase(live);
  if (row.state != JobState::Queued) return;
  ++version_;
  const Place place{row.key_ms, id};
  if (row.parked) {
    parked_.erase(place);
  } else {
    waiting_.erase(place);
    if (row.notice) noticed_.erase(row.notice->node);
    count_waiting(row, false);
  }
}

void QueueIndex::insert(const JobId& id, const JobRow& row) {
  ++counts_[static_cast<std::size_t>(row.state)];
  by_requester_[row.requester][row.sequence] = id;
  if (!is_live(row)) return;
  LiveJobs& live = live_[row.requester];
  ++live.count;
  live.escrow += row.cap.base;
  escrow_ += row.cap.base;
  if (row.state != JobState::Queued) return;
  ++version_;
  const Place place{row.key_ms, id};
  if (row.parked) {
    parked_[place] = &row;
  } else {
    waiting_[place] = {&row, signature_of(row)};
    if (row.notice) noticed_[row.notice->node] = id;
    count_waiting(row, true);
  }
}

void QueueIndex::count_waiting(const JobRow& row, bool enters) {
  count_owner(row.requester, enters);
  const std::uint64_t step = enters ? 1 : ~std::uint64_t{0};
  for (const std::string& name : row.spec.resources.classes) {
    const auto it = waiting_naming_.try_emplace(name).first;
    it->second += step;
    if (it->second == 0) waiting_naming_.erase(it);
  }
  const ShapeKey shape = shape_of(row.spec.resources);
  if (shape.gpus == 0) return;
  if (row.boost.ms == 0) count_without_boost(row.spec.resources.classes, step);
  if (!row.spec.resources.classes.empty()) choosy_waiting_ += step;
  const auto it = waiting_shapes_.try_emplace(shape).first;
  const std::uint64_t before = it->second;
  it->second += step;
  waiting_ranking_.change(shape, before, it->second);
  if (previous_ranking_.total() == 0) ++demand_version_;
  if (it->second == 0) waiting_shapes_.erase(it);
}

void QueueIndex::count_owner(const AccountId& requester, bool enters) {
  const std::uint64_t step = enters ? 1 : kMinus;
  if (is_staked(requester)) waiting_staked_ += step;
  const auto own = waiting_of_.try_emplace(requester).first;
  own->second += step;
  if (own->second == 0) waiting_of_.erase(own);
}

void QueueIndex::count_without_boost(const std::vector<std::string>& classes, std::uint64_t step) {
  const auto count = [this, step](const std::string& name) {
    const auto it = waiting_without_boost_.try_emplace(name).first;
    it->second += step;
    if (it->second == 0) waiting_without_boost_.erase(it);
  };
  if (classes.empty()) count({});
  for (const std::string& name : classes) count(name);
}

void QueueIndex::on_change(const JobId& id, const AssignmentRow* before, const AssignmentRow* after) {
  ++version_;
  const auto count = [this](const AssignmentRow& row, std::uint64_t step) {
    Holding& of_class = held_[row.hardware_class];
    const auto own = held_by_.try_emplace({row.hardware_class, row.requester}).first;
    for (Holding* holding : {&of_class, &own->second}) {
      holding->jobs += step;
      holding->gpu_milli += step * row.gpu_milli;
    }
    if (own->second.jobs == 0) held_by_.erase(own);
    if (!is_staked(row.requester)) add(held_unstaked_[row.hardware_class], {1, row.gpu_milli}, step);
    if (!row.boosted) return;
    const auto boosted = boosted_.try_emplace(row.hardware_class).first;
    const auto own_boosted = boosted_by_.try_emplace({row.hardware_class, row.requester}).first;
    for (Holding* holding : {&boosted->second, &own_boosted->second}) {
      holding->jobs += step;
      holding->gpu_milli += step * row.gpu_milli;
    }
    if (boosted->second.jobs == 0) boosted_.erase(boosted);
    if (own_boosted->second.jobs == 0) boosted_by_.erase(own_boosted);
  };
  if (before != nullptr) {
    for_each_host(*before, [&](const NodeId& node, const Allocation& /*allocation*/) {
      const auto there = occupants_.find(node);
      STARMINER_CHECK(there != occupants_.end());
      there->second.erase({before->projected_end, id});
      if (there->second.empty()) occupants_.erase(there);
    });
    count(*before, ~std::uint64_t{0});
  }
  if (after != nullptr) {
    for_each_host(*after, [&](const NodeId& node, const Allocation& /*allocation*/) {
      occupants_[node].insert({after->projected_end, id});
    });
    count(*after, 1);
  }
}

void QueueIndex::on_change(const ShapeKey& key, const ShapeRow* before, const ShapeRow* after) {
  const std::uint64_t old_count = before != nullptr ? before->previous : 0;
  const std::uint64_t new_count = after != nullptr ? after->previous : 0;
  previous_jobs_ += new_count - old_count;
  if (key.gpus != 0) {
    choosy_previous_ +=
        (after != nullptr ? after->choosy_previous : 0) - (before != nullptr ? before->choosy_previous : 0);
  }
  if (key.gpus == 0 || old_count == new_count) return;
  previous_ranking_.change(key, old_count, new_count);
  ++demand_version_;
}

/// What the account holds and waits for goes with it, from those without stake to those with it or back.
void QueueIndex::on_change(const StakeKey& key, const StakeRow* before, const StakeRow* after) {
  if (key.asset != Asset::Amax) return;
  const bool was = before != nullptr && before->bonded > 0;
  const bool is = after != nullptr && after->bonded > 0;
  if (was == is) return;
  ++version_;
  for (std::size_t i = 0; i < held_unstaked_.size(); ++i) {
    add(held_unstaked_[i], held_by(static_cast<ClassId>(i), key.account), is ? kMinus : 1);
  }
  const auto waiting = waiting_of_.find(key.account);
  if (waiting != waiting_of_.end()) waiting_staked_ += (is ? 1 : kMinus) * waiting->second;
  if (is) {
    staked_.insert(key.account);
  } else {
    staked_.erase(key.account);
  }
}

void QueueIndex::Ranking::change(const ShapeKey& key, std::uint64_t before, std::uint64_t after) {
  if (before == after) return;
  if (before > 0) ranked_.erase({~before, key});
  if (after > 0) ranked_.insert({~after, key});
  total_ += after - before;
}

std::vector<std::pair<ShapeKey, std::uint64_t>> QueueIndex::Ranking::first(std::size_t limit) const {
  std::vector<std::pair<ShapeKey, std::uint64_t>> shapes;
  for (auto it = ranked_.begin(); it != ranked_.end() && shapes.size() < limit; ++it) {
    shapes.emplace_back(it->second, ~it->first);
  }
  return shapes;
}

QueueIndex::ShapeDemand QueueIndex::demand(std::size_t limit, const std::optional<ShapeKey>& asking) const {
  if (previous_ranking_.total() > 0) return {previous_ranking_.first(limit), previous_ranking_.total()};
  ShapeDemand demand{waiting_ranking_.first(limit), waiting_ranking_.total()};
  if (!asking || asking->gpus == 0) return demand;
  const auto waiting = waiting_shapes_.find(*asking);
  const std::uint64_t count = (waiting != waiting_shapes_.end() ? waiting->second : 0) + 1;
  auto& shapes = demand.shapes;
  shapes.erase(std::remove_if(shapes.begin(), shapes.end(), [&](const auto& entry) { return entry.first == *asking; }),
               shapes.end());
  const auto place = std::find_if(shapes.begin(), shapes.end(), [&](const auto& entry) {
    return entry.second < count || (entry.second == count && *asking < entry.first);
  });
  shapes.insert(place, {*asking, count});
  if (shapes.size() > limit) shapes.pop_back();
  ++demand.total;
  return demand;
}

std::vector<QueueIndex::Submitted> QueueIndex::jobs_of(const AccountId& requester, std::uint64_t below,
                                                       std::size_t limit) const {
  std::vector<Submitted> newest_first;
  const auto jobs = by_requester_.find(requester);
  if (jobs == by_requester_.end()) return newest_first;
  auto at = std::make_reverse_iterator(jobs->second.lower_bound(below));
  for (; at != jobs->second.rend() && newest_first.size() < limit; ++at) newest_first.emplace_back(*at);
  return newest_first;
}

LiveJobs QueueIndex::live_of(const AccountId& requester) const {
  const auto it = live_.find(requester);
  return it != live_.end() ? it->second : LiveJobs{};
}

const std::set<QueueIndex::Occupant>* QueueIndex::occupants(const NodeId& node) const {
  const auto it = occupants_.find(node);
  return it != occupants_.end() ? &it->second : nullptr;
}

Holding QueueIndex::held_by(ClassId hardware_class, const AccountId& requester) const {
  const auto it = held_by_.find({hardware_class, requester});
  return it != held_by_.end() ? it->second : Holding{};
}

AccountId QueueIndex::identity_of(const AccountId& account) const { return is_staked(account) ? account : AccountId{}; }

Holding QueueIndex::held_by_identity(ClassId hardware_class, const AccountId& requester) const {
  return is_staked(requester) ? held_by(hardware_class, requester) : held_unstaked_[hardware_class];
}

Holding QueueIndex::boosted_by(ClassId hardware_class, const AccountId& requester) const {
  const auto it = boosted_by_.find({hardware_class, requester});
  return it != boosted_by_.end() ? it->second : Holding{};
}

Holding QueueIndex::boosted(ClassId hardware_class) const {
  const auto it = boosted_.find(hardware_class);
  return it != boosted_.end() ? it->second : Holding{};
}

bool QueueIndex::waits_without_boost(const std::string& class_name) const {
  return waiting_without_boost_.contains({}) || waiting_without_boost_.contains(class_name);
}

std::uint64_t QueueIndex::waiting_naming(const std::string& class_name) const {
  const auto it = waiting_naming_.find(class_name);
  return it != waiting_naming_.end() ? it->second : 0;
}

}  // namespace starminer::protocol
