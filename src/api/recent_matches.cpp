#include "api/recent_matches.h"

#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/lookup.h"

namespace starminer::api {
namespace {

using nlohmann::json;
using protocol::Machine;

json render_match_row(const Machine& machine, const ContractId& id, const protocol::ContractRow& row,
                      const storage::EndedPlace* archived) {
  const Clock clock = archived != nullptr ? Clock(row.ended, archived->time) : Clock(machine);
  const protocol::NodeRow* node = machine.registry().nodes().find(row.node);
  return {{"contract", id.text()},
          {"job", row.job.text()},
          {"node", row.node.text()},
          {"region", node != nullptr ? json(machine.registry().regions().get(node->offer.region).name) : json()},
          {"class", machine.registry().classes().get(row.price.hardware_class).name},
          {"tier", machine.pricing().tier(row.price.tier).name},
          {"kind", kind_name(row.kind)},
          {"billing_milli", row.billing_milli},
          {"unit_price", fmt::format("{}", row.price.unit.nagpu_per_gpu_hour)},
          {"matched_ms", clock.unix_ms(row.matched)},
          {"state", contract_state_name(row.state)}};
}

}  // namespace

void RecentMatches::start() {
  using Newest = std::pair<std::uint64_t, ContractId>;
  std::set<Newest> found;
  engine_.read([&](const Machine& machine) {
    for (const auto& [id, row] : machine.contracts().table()) {
      found.emplace(row.matched.ms, id);
      if (found.size() > kKept) found.erase(found.begin());
    }
  });
  const std::lock_guard lock(mutex_);
  for (const Newest& match : found) newest_.push_front(match.second);
}

void RecentMatches::on_block(const protocol::BlockResult& block) {
  const std::lock_guard lock(mutex_);
  for (const protocol::Event& event : block.events) {
    if (event.kind != protocol::EventKind::JobMatched || !event.contract) continue;
    newest_.push_front(*event.contract);
    if (newest_.size() > kKept) newest_.pop_back();
  }
}

Result<json, storage::StorageError> RecentMatches::render(std::size_t limit) const {
  std::vector<ContractId> ids;
  {
    const std::lock_guard lock(mutex_);
    const auto count = static_cast<std::ptrdiff_t>(std::min(limit, newest_.size()));
    ids.assign(newest_.begin(), std::next(newest_.begin(), count));
  }
  json matches = json::array();
  for (const ContractId& id : ids) {
    auto row = read_contract(
        engine_, id,
        [&id](const Machine& machine, const protocol::ContractRow& contract, const storage::EndedPlace* archived) {
          return render_match_row(machine, id, contract, archived);
        });
    if (!row) return fail(row.error());
    if (*row) matches.push_back(std::move(**row));
  }
  return json{{"matches", std::move(matches)}};
}

}  // namespace starminer::api
