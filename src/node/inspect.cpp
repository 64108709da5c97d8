// starminerd replay and status: looking at a chain from outside.
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/api.h"
#include "client/genesis_file.h"
#include "node/commands.h"
#include "storage/replay.h"
#include "terminal/key_values.h"
#include "terminal/progress.h"

namespace starminer::node {
namespace {

using config::ExitCode;
using nlohmann::json;

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return "?";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace

ExitCode replay(const config::Invocation& call, const Settings& settings) {
  const DataFolder folder{settings.data_folder};
  const auto genesis = client::load_genesis(folder.genesis());
  if (!genesis) return call.fail(ExitCode::NotFound, {"there is no chain to replay", "", genesis.error(), {}});
  const auto store = storage::ChainStore::open(folder.chain());
  if (!store) {
    return call.fail(ExitCode::Failure, {"the chain cannot be opened",
                                         "",
                                         store.error().text,
                                         {"stop the node first, or replay a copy of its folder"}});
  }
  const auto tip = (*store)->tip();
  if (!tip) {
    return call.fail(ExitCode::NotFound, {"the chain is empty", "", "no block was ever made", {"starminerd run"}});
  }
  terminal::ProgressBar bar(call.err, "replay", tip->height, terminal::ProgressUnit::Steps);
  const auto report = storage::replay(**store, *genesis, [&](std::uint64_t height) { bar.update(height); });
  bar.clear();
  if (!report) {
    return call.fail(ExitCode::Mismatch, {"the block log does not give the stored roots",
                                          "",
                                          report.error(),
                                          {"keep the folder as it is for an examination; restore a backup elsewhere"}});
  }
  if (call.json) {
    call.out.line(json{{"blocks", report->blocks},
                       {"transactions", report->transactions},
                       {"height", tip->height},
                       {"app_hash", report->app_hash.hex()}}
                      .dump());
  } else {
    call.out.line(fmt::format("{} {} blocks with {} transactions give the stored roots; app hash {}", call.out.tick(),
                              report->blocks, report->transactions, report->app_hash.hex()));
  }
  return ExitCode::Ok;
}

ExitCode status(const config::Invocation& call, const Settings& settings) {
  const DataFolder folder{settings.data_folder};
  std::string url;
  std::ifstream file(folder.api_url());
  if (!std::getline(file, url)) {
    return call.fail(ExitCode::Unreachable, {"no node serves this folder",
                                             "",
                                             folder.api_url().string() + " does not exist",
                                             {"starminerd run --data-dir " + folder.root.string()}});
  }
  const auto api = client::Api::connect(url, std::nullopt);
  const auto answer = api ? (*api)->get("/v1/status") : fail(api.error());
  if (!answer) {
    return call.fail(ExitCode::Unreachable, {"the node does not answer",
                                             answer.error().code,
                                             fmt::format("{}: {}", url, client::describe(answer.error())),
                                             {"see its log; api.url is left over where it was killed"}});
  }
  if (call.json) {
    call.out.line(answer->dump());
    return ExitCode::Ok;
  }
  terminal::KeyValues lines;
  lines.add("api", url);
  lines.add("chain", fmt::format("{} (preset {})", text_of(*answer, "chain_id"), text_of(*answer, "preset")));
  lines.add("height", text_of(*answer, "height"));
  lines.add("app hash", text_of(*answer, "app_hash"));
  lines.add("version", text_of(*answer, "version"));
  call.out.stream() << lines.render(call.out) << std::flush;
  return ExitCode::Ok;
}

}  // namespace starminer::node
