// Demand beside supply: every class with its load, prices, queues by tier, and who is first.
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/render.h"
#include "protocol/market/explain.h"
#include "protocol/market/queue_index.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::ClassId;
using protocol::Machine;
using protocol::TierId;

// Waiting jobs whose start is predicted: a look at all nodes for each kind of job among them.
constexpr std::size_t kPredictedMax = 32;
constexpr std::uint64_t kMilli = 1000;

struct Count {
  std::uint64_t waiting = 0, parked = 0, running = 0;
};

struct ClassState {
  std::uint64_t nodes = 0, devices = 0, free_milli = 0;
  Count all;
  std::map<TierId, Count> tiers;
  const protocol::JobRow* head = nullptr;
  JobId head_id;
};

class QueueBoard {
 public:
  explicit QueueBoard(const Machine& machine) : machine_(machine) {
    for (const auto& [id, row] : machine.registry().classes()) {
      by_name_[row.name] = id;
      classes_[id];
    }
  }

  void count() {
    for (const auto& [id, node] : machine_.registry().nodes()) {
      if (node.status != protocol::NodeStatus::Active) continue;
      ClassState& state = classes_[node.hardware_class];
      ++state.nodes;
      state.devices += node.hardware.devices;
      for (const std::uint16_t free : machine_.registry().capacity().get(id).device_free_milli)
        state.free_milli += free;
    }
    const protocol::QueueIndex& index = machine_.market().index();
    for (const auto& [place, waiting] : index.waiting()) {
      const JobId& job = place.job;
      const protocol::JobRow* row = waiting.row;
      for_each_class(*row, [&](ClassState& state) {
        add(state, row->tier, &Count::waiting);
        if (state.head != nullptr) return;
        state.head = row;
        state.head_id = job;
      });
    }
    for (const auto& [place, row] : index.parked()) {
      for_each_class(*row, [tier = row->tier](ClassState& state) { add(state, tier, &Count::parked); });
    }
    for (const auto& [id, row] : machine_.market().assignments()) {
      add(classes_[row.hardware_class], machine_.market().jobs().get(id).tier, &Count::running);
    }
  }

  [[nodiscard]] const std::map<ClassId, ClassState>& classes() const { return classes_; }

 private:
  static void add(ClassState& state, TierId tier, std::uint64_t Count::*member) {
    ++(state.all.*member);
    ++(state.tiers[tier].*member);
  }
  /// A job with several classes stands in the queue of each.
  template <class F>
  void for_each_class(const protocol::JobRow& row, F use) {
    const auto& wanted = row.spec.resources.classes;
    if (wanted.empty()) {
      for (auto& [id, state] : classes_) use(state);
    }
    for (const std::string& name : wanted) {
      if (const auto id = by_name_.find(name); id != by_name_.end()) use(classes_[id->second]);
    }
  }

  const Machine& machine_;
  std::map<std::string, ClassId> by_name_;
  std::map<ClassId, ClassState> classes_;
};

json render_tiers_of(const Machine& machine, ClassId hardware_class, const ClassState& state) {
  json tiers = json::array();
  for (const auto& [tier, row] : machine.pricing().tiers()) {
    const auto counted = state.tiers.find(tier);
    const Count count = counted != state.tiers.end() ? counted->second : Count{};
    const DurationMs p90 = machine.market().start_p90(tier, hardware_class);
    tiers.push_back({{"tier", row.name},
                     {"price", fmt::format("{}", machine.pricing().price(tier, hardware_class).nagpu_per_gpu_hour)},
                     {"start_p90_ms", p90.ms != 0 ? json(p90.ms) : json()},
                     {"waiting", count.waiting},
                     {"parked", count.parked},
                     {"running", count.running}});
  }
  return tiers;
}

}  // namespace

json render_queues(const Machine& machine, TimeMs now) {
  QueueBoard board(machine);
  board.count();
  std::map<JobId, TimeMs> starts;
  for (const protocol::Reservation& held :
       standing_reservations(machine.market().view(), machine.query_context(now), kPredictedMax)) {
    starts.emplace(held.job, held.start);
  }
  const Clock clock(machine);
  json queues = json::array();
  for (const auto& [id, state] : board.classes()) {
    const std::uint64_t whole = state.devices * kMilli;
    json head;
    if (state.head != nullptr) {
      const auto start = starts.find(state.head_id);
      head = {{"job", state.head_id.text()},
              {"tier", machine.pricing().tier(state.head->tier).name},
              {"gpus_milli", gpu_milli(state.head->spec.resources)},
              {"submitted_ms", clock.unix_ms(state.head->submitted)},
              {"starts_by_ms", start != starts.end() ? json(clock.unix_ms(start->second)) : json()}};
    }
    queues.push_back({{"class", machine.registry().classes().get(id).name},
                      {"nodes", state.nodes},
                      {"devices", state.devices},
                      {"free_milli", state.free_milli},
                      {"load_ppm", whole == 0 ? 0 : (whole - state.free_milli) * kPpm / whole},
                      {"waiting", state.all.waiting},
                      {"parked", state.all.parked},
                      {"running", state.all.running},
                      {"tiers", render_tiers_of(machine, id, state)},
                      {"head", std::move(head)}});
  }
  return {{"queues", std::move(queues)}};
}

}  // namespace starminer::api
