// pools: the reserve pools of the market, with their rules.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/amount.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "cli/supply_view.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/table.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

terminal::Table table_of_pools(const json& pools) {
  using terminal::Align;
  terminal::Table table({{"CLASS", Align::Left, "", true},
                         {"REGION", Align::Left, "", true},
                         {"LOAD", Align::Right},
                         {"NOW"},
                         {"NODES", Align::Right},
                         {"GPUS", Align::Right},
                         {"FREE", Align::Right},
                         {"ASKED FOR", Align::Right},
                         {"COVER", Align::Right},
                         {"STAKE", Align::Right, "AGPU"},
                         {"DRAWN", Align::Right},
                         {"DECLINED", Align::Right}});
  for (const json& pool : list_of(pools, "pools")) {
    const auto cover = find_number(pool, "cover_ppm");
    table.add({text_of(pool, "class"), text_of(pool, "region"), terminal::human_percent(number_of(pool, "load_ppm")),
               flag_of(pool, "open") ? "drawn" : "stands by", fmt::format("{}", number_of(pool, "standing_by")),
               fmt::format("{}", number_of(pool, "gpus")), milli_text(number_of(pool, "free_milli")),
               milli_text(number_of(pool, "asking_milli")), cover ? terminal::human_percent(*cover) : std::string("-"),
               tokens_of(pool, "stake"), fmt::format("{}", number_of(pool, "draws")),
               fmt::format("{}", number_of(pool, "declines"))});
  }
  return table;
}

ExitCode show_pools(const Invocation& call, const Settings& settings) {
  auto api = open_session(settings, KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  const auto pools = (*api)->get("/v1/pools");
  if (!pools) return report(call, pools.error());
  if (call.json) {
    call.out.line(compact(*pools));
    return ExitCode::Ok;
  }
  const terminal::Table table = table_of_pools(*pools);
  if (table.empty()) {
    call.out.line("No node stands by yet.");
  } else {
    call.out.stream() << table.render(call.out) << std::flush;
  }
  terminal::KeyValues lines;
  lines.add("Drawn", fmt::format("while the load of the class is above {}",
                                 terminal::human_percent(number_of(*pools, "load_ppm"))));
  lines.add("By",
            fmt::format("jobs of accounts with {} staked, worth {} U",
                        format_amount(Asset::Amax, number_of(*pools, "level_amax")), number_of(*pools, "level_u")));
  lines.add("To stand by", fmt::format("{} for each device, for {} to {}", agpu(number_of(*pools, "stake_per_gpu")),
                                       terminal::human_duration(number_of(*pools, "window_min_ms")),
                                       terminal::human_duration(number_of(*pools, "window_max_ms"))));
  lines.more(fmt::format("declining a job: {} of the stake, at most {} of the job's price, {} times in an epoch",
                         terminal::human_percent(number_of(*pools, "decline_stake_ppm")),
                         terminal::human_percent(number_of(*pools, "decline_price_ppm")),
                         number_of(*pools, "declines_per_epoch")));
  call.out.stream() << lines.render(call.out) << std::flush;
  return ExitCode::Ok;
}

}  // namespace

void add_pools_command(config::Command& root, const Settings& settings) {
  config::Command& command = root.add("pools", "Show the nodes that stand by for surges, by class and region");
  command.describe(
      "A reserve pool is a set of nodes of one class and region whose owners staked AGPU on standing by. While the "
      "class is short of GPUs, jobs of requesters with enough stake prefer them; at other times they serve like all "
      "others. "
      "COVER is what is free of the pool over what waiting jobs ask of it that may draw it.\n\nProviders join with "
      "`starminer-provider reserve join`.");
  command.prints()
      .example("starminer pools", "Capacity, draws and cover of every pool")
      .example("starminer nodes --where 'reserve = stands_by'", "The nodes that stand by")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) { return show_pools(call, settings); });
}

}  // namespace starminer::cli
