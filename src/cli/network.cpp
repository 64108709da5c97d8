// network, params, codes: the chain itself, its governed numbers and its registries.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/amount.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Align;
using terminal::Table;

/// Reads a public document and prints it with `show`, or as it came with --json.
template <class Show>
ExitCode show_document(const Invocation& call, const Settings& settings, const char* target, const Show& show) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  const auto document = (*api)->get(target);
  if (!document) return report(call, document.error());
  if (call.json) {
    call.out.line(compact(*document));
    return ExitCode::Ok;
  }
  show(*document);
  call.out.stream() << std::flush;
  return ExitCode::Ok;
}

void show_network(const Invocation& call, const Settings& settings, const json& status) {
  const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
  terminal::KeyValues lines;
  lines.add("Network", fmt::format("{} (preset {}), node {} version {}", shown(status, "chain_id"),
                                   shown(status, "preset"), settings.api_url, shown(status, "version")));
  const std::uint64_t made = number_of(status, "block_time_ms") + number_of(status, "halted_ms");
  lines.add("Block", fmt::format("{} of {}", terminal::human_count(number_of(status, "height")),
                                 terminal::human_time(static_cast<std::int64_t>(made), zone)));
  lines.add("App hash", shown(status, "app_hash"));
  lines.add("History", fmt::format("{} leaves, root {}", terminal::human_count(number_of(status, "history_size")),
                                   shown(status, "history_root")));
  lines.add("Tick", fmt::format("{}; an epoch is {}", terminal::human_duration(number_of(status, "tick_ms")),
                                terminal::human_duration(number_of(status, "epoch_ms"))));
  lines.add("Faucet", flag_of(status, "faucet") ? "yes: starminer login" : "no");
  const json& supply = member(status, "supply");
  for (const auto& [asset, row] : supply.items()) {
    lines.add(terminal::sanitize_line(asset),
              fmt::format("minted {}, burned {}, in balances {}, held {}, in pools {}: {}", tokens_of(row, "minted"),
                          tokens_of(row, "burned"), tokens_of(row, "balances"), tokens_of(row, "locks"),
                          tokens_of(row, "pools"), flag_of(row, "conserved") ? "conserved" : "NOT CONSERVED"));
  }
  call.out.stream() << lines.render(call.out);
}

void show_params(const Invocation& call, const json& document) {
  Table table({{"NAME", Align::Left, "", true},
               {"VALUE", Align::Right},
               {"UNIT"},
               {"MIN", Align::Right},
               {"MAX", Align::Right},
               {"MEANING"}});
  for (const json& row : list_of(document, "parameters")) {
    table.add({text_of(row, "name"), text_of(row, "value"), text_of(row, "unit"), text_of(row, "min"),
               text_of(row, "max"), text_of(row, "description")});
  }
  call.out.stream() << table.render(call.out);
}

void show_codes(const Invocation& call, const json& document) {
  Table refusals({{"CODE", Align::Left, "", true}, {"CLASS"}, {"WHAT HAPPENED"}, {"WHAT TO DO"}});
  for (const json& row : list_of(document, "refusals")) {
    refusals.add({text_of(row, "code"), text_of(row, "class"), text_of(row, "what"), text_of(row, "advice")});
  }
  Table ends({{"END REASON", Align::Left, "", true}, {"RESPONSIBLE"}, {"MEANING"}});
  for (const json& row : list_of(document, "end_reasons")) {
    ends.add({text_of(row, "code"), text_of(row, "party"), text_of(row, "sentence")});
  }
  call.out.stream() << refusals.render(call.out) << "\n" << ends.render(call.out);
}

}  // namespace

void add_network_commands(config::Command& root, const Settings& settings) {
  root.add("network", "Show chain, height, roots and supply")
      .prints()
      .example("starminer network", "Which network this node serves and how it stands")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) {
        return show_document(call, settings, "/v1/status",
                             [&](const json& document) { show_network(call, settings, document); });
      });
  root.add("params", "Show every governed number with its bounds")
      .prints()
      .example("starminer params", "Fees, windows, limits in force")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) {
        return show_document(call, settings, "/v1/params", [&](const json& document) { show_params(call, document); });
      });
  root.add("codes", "Show every code of a refusal and every end reason")
      .prints()
      .example("starminer codes", "What E2104 means and what to do")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) {
        return show_document(call, settings, "/v1/codes", [&](const json& document) { show_codes(call, document); });
      });
}

}  // namespace starminer::cli
