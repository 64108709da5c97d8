// starminerd repair: what is damaged in a chain, and a whole one out of what is left and of other copies.
#include "storage/repair.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/genesis_file.h"
#include "node/commands.h"

namespace starminer::node {
namespace {

using config::ExitCode;
using nlohmann::json;
namespace fs = std::filesystem;

/// A copy is named by its data folder or by its chain folder.
fs::path chain_of(const std::string& path) {
  std::error_code ignored;
  const fs::path inside = DataFolder{path}.chain();
  return fs::is_directory(inside, ignored) ? inside : fs::path(path);
}

void say_repair(const config::Invocation& call, const storage::RepairReport& report) {
  if (call.json) {
    call.out.line(json{{"damage", report.damage},
                       {"notes", report.notes},
                       {"repaired", report.repaired},
                       {"base", report.base},
                       {"blocks_from_logs", report.from_logs},
                       {"height", report.height},
                       {"app_hash", report.app_hash.hex()},
                       {"lost", report.lost},
                       {"kept", report.kept.string()}}
                      .dump());
    return;
  }
  for (const std::string& damage : report.damage) call.out.line("damaged: " + damage);
  for (const std::string& note : report.notes) call.out.line("note: " + note);
  if (report.repaired) {
    call.out.line(fmt::format("{} repaired: the chain stands at height {}, app hash {}", call.out.tick(), report.height,
                              report.app_hash.hex()));
    call.out.line(fmt::format("  from {}, and {} blocks behind it from logs; the damaged folder is kept as {}",
                              report.base, report.from_logs, report.kept.string()));
    if (!report.lost.empty()) call.out.line("  lost, as you accepted: " + report.lost);
  } else if (report.damage.empty()) {
    call.out.line(fmt::format("{} nothing is damaged: the chain stands at height {}, app hash {}", call.out.tick(),
                              report.height, report.app_hash.hex()));
  }
}

}  // namespace

ExitCode repair(const config::Invocation& call, const Settings& settings, const RepairSources& sources) {
  const DataFolder folder{settings.data_folder};
  auto genesis = client::load_genesis(folder.genesis());
  if (!genesis) return call.fail(ExitCode::NotFound, {"there is no chain to repair", "", genesis.error(), {}});
  for (const auto* sources_given : {&sources.copies, &sources.snapshots}) {
    for (const std::string& source : *sources_given) {
      std::error_code ignored;
      if (fs::is_directory(source, ignored)) continue;
      return call.fail(ExitCode::Usage, {"a source is missing", "", source + " is no folder", {}});
    }
  }
  storage::RepairRequest request;
  request.chain = folder.chain();
  for (const std::string& copy : sources.copies) request.copies.push_back(chain_of(copy));
  for (const std::string& snapshot : sources.snapshots) request.snapshots.emplace_back(snapshot);
  request.genesis = std::move(*genesis);
  request.examine_only = sources.examine_only;
  request.accept_loss = sources.accept_loss;
  if (!call.json) request.progress = [&](const std::string& step) { call.err.line(step); };
  const auto report = storage::repair_chain(request);
  if (!report) {
    std::string why;
    for (const std::string& damage : report.error().damage) why += fmt::format("damaged: {}\n", damage);
    for (const std::string& tried : report.error().tried) why += fmt::format("tried: {}\n", tried);
    why += report.error().text;
    return call.fail(
        ExitCode::Mismatch,
        {"the chain was not repaired, and nothing was changed",
         "",
         std::move(why),
         {"name more copies: --copy DIR of another data folder or backup, --snapshot DIR",
          "--accept-loss goes on without the blocks that are missing; answered transactions in them are gone"}});
  }
  say_repair(call, *report);
  return report->damage.empty() || report->repaired ? ExitCode::Ok : ExitCode::Mismatch;
}

}  // namespace starminer::node
