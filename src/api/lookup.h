// Jobs and contracts wherever they are: in the state, or, when they ended long ago, in the history on disk. The disk is
// read without holding the state. Any thread.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "api/render.h"
#include "engine/engine.h"
#include "storage/ended.h"

namespace starminer::api {

/// `f(machine, row, archived)` on the row that `find` sees in the state, or on the one that the history has; with the
/// state held, and `archived` null while the state has the row. Empty where there is none; fails where the disk cannot
/// say so.
template <class Row, class Id, class Find, class F,
          class Answer = std::invoke_result_t<F, const protocol::Machine&, const Row&, const storage::EndedPlace*>>
storage::Found<Answer> read_row(const engine::Engine& engine, const Id& id, Find find, F f) {
  using protocol::Machine;
  using Place = const storage::EndedPlace*;
  auto answer = engine.read([&](const Machine& machine) -> std::optional<Answer> {
    const Row* row = find(machine);
    return row != nullptr ? std::optional<Answer>(f(machine, *row, Place{})) : std::nullopt;
  });
  if (answer) return answer;
  const auto kept = storage::find_kept(engine.store(), id);
  if (!kept) return fail(kept.error());
  if (!*kept) return answer;
  return engine.read([&](const Machine& machine) -> std::optional<Answer> {
    return f(machine, (*kept)->row, Place{&(*kept)->place});
  });
}

template <class F>
auto read_job(const engine::Engine& engine, const JobId& id, F f) {
  const auto find = [&id](const protocol::Machine& machine) { return machine.market().jobs().find(id); };
  return read_row<protocol::JobRow>(engine, id, find, std::move(f));
}

template <class F>
auto read_contract(const engine::Engine& engine, const ContractId& id, F f) {
  const auto find = [&id](const protocol::Machine& machine) { return machine.contracts().table().find(id); };
  return read_row<protocol::ContractRow>(engine, id, find, std::move(f));
}

/// As everybody may see it; empty where there is none.
[[nodiscard]] storage::Found<nlohmann::json> find_job_json(const engine::Engine& engine, const JobId& id);
[[nodiscard]] storage::Found<nlohmann::json> find_contract_json(const engine::Engine& engine, const ContractId& id);

}  // namespace starminer::api
