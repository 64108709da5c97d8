#include "api/lookup.h"

#include <nlohmann/json.hpp>

namespace starminer::api {

storage::Found<nlohmann::json> find_job_json(const engine::Engine& engine, const JobId& id) {
  return read_job(engine, id,
                  [&id](const protocol::Machine& machine, const protocol::JobRow& row,
                        const storage::EndedPlace* archived) { return render_job(machine, id, row, archived); });
}

storage::Found<nlohmann::json> find_contract_json(const engine::Engine& engine, const ContractId& id) {
  return read_contract(
      engine, id,
      [&id](const protocol::Machine& machine, const protocol::ContractRow& row, const storage::EndedPlace* archived) {
        return render_contract(machine, id, row, archived);
      });
}

}  // namespace starminer::api
