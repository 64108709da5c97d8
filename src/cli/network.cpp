// network, params, set-param, codes: the chain itself, its governed numbers and its registries.
#include <charconv>
#include <memory>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/amount.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/prompt.h"
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
  lines.add("Engine", fmt::format("{}, {}", shown(status, "engine"), shown(status, "readiness")));
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
               {"NEXT", Align::Right},
               {"UNIT"},
               {"MIN", Align::Right},
               {"MAX", Align::Right},
               {"SET BY"},
               {"MEANING"}});
  for (const json& row : list_of(document, "parameters")) {
    table.add({text_of(row, "name"), text_of(row, "value"), text_of(row, "pending"), text_of(row, "unit"),
               text_of(row, "min"), text_of(row, "max"), text_of(row, "set_by"), text_of(row, "description")});
  }
  const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
  const std::string governance = text_of(document, "governance");
  terminal::KeyValues lines;
  lines.add("Governed by",
            governance.empty() ? "nobody: the parameters stay as they are" : shown(document, "governance"));
  lines.add("Epoch ends", terminal::human_time(static_cast<std::int64_t>(number_of(document, "epoch_ends_ms")), zone) +
                              "; what stands under NEXT counts from then on");
  for (const json& rule : list_of(document, "rules")) {
    if (rule.is_string()) lines.add("Rule", terminal::sanitize_line(rule.get<std::string>()));
  }
  call.out.stream() << table.render(call.out) << "\n" << lines.render(call.out);
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

// ---- set-param

struct SetRequest {
  std::string name;
  std::string value;
};

const json* find_row(const json& document, const std::string& name) {
  for (const json& row : list_of(document, "parameters")) {
    if (text_of(row, "name") == name) return &row;
  }
  return nullptr;
}

ExitCode set_param(const Invocation& call, const Settings& settings, const SetRequest& request) {
  std::uint64_t value = 0;
  const char* const last = request.value.data() + request.value.size();
  const auto [end, error] = std::from_chars(request.value.data(), last, value);
  if (error != std::errc{} || end != last) {
    return call.fail(ExitCode::Usage, {fmt::format("\"{}\" is no value", request.value),
                                       "",
                                       "a value is a whole number in the parameter's unit",
                                       {"see unit and bounds: starminer params"}});
  }
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto document = (*api)->get("/v1/params");
  if (!document) return report(call, document.error());
  const json* row = find_row(*document, request.name);
  if (row == nullptr) {
    return call.fail(ExitCode::NotFound, {fmt::format("there is no parameter \"{}\"", request.name),
                                          "",
                                          "names are as in the registry, such as AckMs",
                                          {"see them all: starminer params"}});
  }
  const std::string unit = shown(*row, "unit");
  const auto answer =
      terminal::ask(call.err, {fmt::format("Set {} from {} to {} {} at the end of the epoch, for the whole network?",
                                           request.name, shown(*row, "value"), value, unit),
                               false, call.yes});
  if (answer != terminal::Answer::Yes) return ExitCode::NotConfirmed;
  v1::TransactionBody body;
  body.mutable_parameter_set()->set_parameter(static_cast<std::uint32_t>(number_of(*row, "number")));
  body.mutable_parameter_set()->set_value(value);
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  const std::uint64_t ends = number_of(*document, "epoch_ends_ms");
  if (call.json) {
    call.out.line(compact({{"transaction", receipt->transaction},
                           {"height", receipt->height},
                           {"parameter", request.name},
                           {"value", fmt::format("{}", value)},
                           {"epoch_ends_ms", ends}}));
    return ExitCode::Ok;
  }
  const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
  call.out.line(fmt::format("{} {} will be {} {} from the end of the epoch on: {}", call.out.tick(), request.name,
                            value, unit, terminal::human_time(static_cast<std::int64_t>(ends), zone)));
  call.out.line(fmt::format("  transaction {} in block {}", receipt->transaction, receipt->height));
  return ExitCode::Ok;
}

void add_set_param(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<SetRequest>();
  config::Command& command = root.add("set-param", "Set a parameter of the network, with the governance key");
  command.describe(
      "Only the account that the genesis names may do this, and only within the parameter's bounds. The new value "
      "counts "
      "from the end of the running epoch on; until then another one takes its place, and the present one takes it "
      "back.");
  command.positional("name", request->name, "The parameter, such as TxFee.").required().placeholder("NAME");
  command.positional("value", request->value, "A whole number in the parameter's unit.")
      .required()
      .placeholder("VALUE");
  command.prints().asks();
  command.example("starminer set-param TxFee 200000 --key-file operator.key.json", "Double the fee of a transaction")
      .returns(ExitCode::Refused, "the key does not govern, or the value is out of bounds")
      .returns(ExitCode::NotFound, "there is no such parameter, or no key")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotConfirmed)
      .run([&settings, request](const Invocation& call) { return set_param(call, settings, *request); });
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
  add_set_param(root, settings);
  root.add("codes", "Show every code of a refusal and every end reason")
      .prints()
      .example("starminer codes", "What E2104 means and what to do")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) {
        return show_document(call, settings, "/v1/codes", [&](const json& document) { show_codes(call, document); });
      });
}

}  // namespace starminer::cli
