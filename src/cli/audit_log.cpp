// audit log, audit replay: the whole chain on the auditor's own disk, and computed again from its beginning.
#include "cli/audit_log.h"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "client/audit/block_log.h"
#include "client/genesis_file.h"
#include "terminal/progress.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using client::audit::LogFolder;
using client::audit::WalkReport;
using config::ExitCode;
using config::Invocation;
using nlohmann::json;
namespace fs = std::filesystem;

/// The genesis of the node, once: a folder never changes its chain.
Outcome<void> fetch_genesis(client::Api& api, const LogFolder& folder) {
  const auto text = api.get_bytes("/v1/genesis");
  if (!text) return fail(trouble_of(text.error()));
  const auto genesis = client::parse_genesis(*text);
  if (!genesis) return fail(local_trouble("the node's genesis is not valid", genesis.error()));
  std::error_code error;
  if (fs::exists(folder.genesis(), error)) {
    const auto kept = client::load_genesis(folder.genesis());
    if (!kept) return fail(local_trouble("the log cannot be used", kept.error()));
    if (client::format_genesis(*kept) == client::format_genesis(*genesis)) return {};
    return fail(Trouble{ExitCode::Mismatch,
                        {"the node serves another chain than this log",
                         "",
                         fmt::format("the log is of {}, the node serves {}", terminal::sanitize_line(kept->chain_id),
                                     terminal::sanitize_line(genesis->chain_id)),
                         {"name another folder, or another node with --api-url"}}});
  }
  std::ofstream stream(folder.genesis(), std::ios::binary);
  stream << client::format_genesis(*genesis) << std::flush;
  if (!stream) return fail(local_trouble("the log cannot be saved", folder.genesis().string() + " cannot be written"));
  return {};
}

struct FetchRequest {
  std::string out;
};

ExitCode fetch(const Invocation& call, const Settings& settings, const FetchRequest& request) {
  const LogFolder folder{request.out};
  const auto blocks = fetch_log(call, settings, folder);
  if (!blocks) return report(call, blocks.error());
  if (call.json) {
    call.out.line(compact({{"log", request.out}, {"blocks", *blocks}}));
  } else {
    call.out.line(fmt::format("{} {} blocks in {}; recompute them: starminer audit replay --log {}", call.out.tick(),
                              *blocks, request.out, request.out));
  }
  return ExitCode::Ok;
}

ExitCode replay(const Invocation& call, const Settings& settings, const LogRequest& request) {
  const auto folder = log_folder(call, settings, request);
  if (!folder) return report(call, folder.error());
  const auto walked = walk_log(call, *folder, request, {});
  if (!walked) return report(call, walked.error());
  const Hash32 app_hash = make_app_hash(walked->commitment);
  if (call.json) {
    call.out.line(compact({{"chain_id", walked->chain_id},
                           {"blocks", walked->blocks},
                           {"transactions", walked->transactions},
                           {"height", walked->commitment.height},
                           {"app_hash", app_hash.hex()},
                           {"root_height", walked->root_height ? json(*walked->root_height) : json()}}));
    return ExitCode::Ok;
  }
  call.out.line(fmt::format("{} {} blocks with {} transactions give every root bit for bit; height {}, app hash {}",
                            call.out.tick(), walked->blocks, walked->transactions, walked->commitment.height,
                            app_hash.hex()));
  if (walked->root_height) {
    call.out.line(fmt::format("{} the root that you gave is that of height {}", call.out.tick(), *walked->root_height));
  } else {
    call.out.line("  To know that this is the chain of the network, give an app hash from another source: --root HEX");
  }
  return ExitCode::Ok;
}

}  // namespace

void add_log_options(config::Command& command, LogRequest& request) {
  command
      .option("--log", request.log,
              "A folder of starminer audit log: no network is used. Without it the log is kept below the state folder "
              "and brought up to date first.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.option("--root", request.root, "An app hash that you trust; it must be that of a block of the log.")
      .placeholder("HEX");
}

Outcome<std::uint64_t> fetch_log(const Invocation& call, const Settings& settings, const LogFolder& folder) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return fail(api.error());
  std::error_code error;
  fs::create_directories(folder.root, error);
  if (error) return fail(local_trouble("the log cannot be saved", folder.root.string() + ": " + error.message()));
  if (const auto known = fetch_genesis(**api, folder); !known) return fail(known.error());
  auto blocks = client::audit::count_blocks(folder);
  if (!blocks) return fail(local_trouble("the log cannot be continued", blocks.error(), {"name another folder"}));
  const auto status = (*api)->get("/v1/status");
  if (!status) return fail(trouble_of(status.error()));
  const std::uint64_t tip = number_of(*status, "height");
  terminal::ProgressBar bar(call.err, "fetch", tip + 1, terminal::ProgressUnit::Steps);
  // Up to the height that the node had when it was asked: on a busy chain there is always another block.
  while (*blocks <= tip) {
    const auto page = (*api)->get_bytes(fmt::format("/v1/log?from={}", *blocks));
    if (!page) return fail(trouble_of(page.error()));
    const auto added = client::audit::append_page(folder, *blocks, *page);
    if (!added) return fail(Trouble{ExitCode::Mismatch, {"the log cannot be continued", "", added.error(), {}}});
    if (*added == 0) {
      return fail(Trouble{ExitCode::NotFound,
                          {fmt::format("the node has no block {}", *blocks),
                           "",
                           "it began with a snapshot",
                           {"ask a node that has the whole chain: --api-url"}}});
    }
    *blocks += *added;
    bar.update(*blocks);
  }
  bar.clear();
  return *blocks;
}

Outcome<LogFolder> log_folder(const Invocation& call, const Settings& settings, const LogRequest& request) {
  if (!request.log.empty()) return LogFolder{request.log};
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return fail(api.error());
  const auto status = (*api)->get("/v1/status");
  if (!status) return fail(trouble_of(status.error()));
  const std::string chain = text_of(*status, "chain_id");
  const bool is_name = !chain.empty() && chain.find_first_not_of(
                                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789-_") == std::string::npos;
  if (!is_name) {
    return fail(local_trouble("the chain's name is no name of a folder", terminal::sanitize_line(chain),
                              {"starminer audit log --out DIR, then --log DIR"}));
  }
  LogFolder folder{settings.state_dir / "audit" / chain};
  if (const auto blocks = fetch_log(call, settings, folder); !blocks) return fail(blocks.error());
  return folder;
}

Outcome<WalkReport> walk_log(const Invocation& call, const LogFolder& folder, const LogRequest& request,
                             const std::vector<client::audit::Visitor>& visitors) {
  std::optional<Hash32> wanted;
  if (!request.root.empty()) {
    wanted = Hash32::from_hex(request.root);
    if (!wanted) {
      return fail(
          Trouble{ExitCode::Usage, {"--root is no hash", "", "a root has 64 lower-case hexadecimal digits", {}}});
    }
  }
  const auto genesis = client::load_genesis(folder.genesis());
  if (!genesis) {
    return fail(Trouble{ExitCode::NotFound,
                        {"there is no log here", "", genesis.error(), {"fetch it: starminer audit log --out DIR"}}});
  }
  std::error_code ignored;
  const std::uint64_t bytes = fs::file_size(folder.blocks(), ignored);
  terminal::ProgressBar bar(call.err, "replay", ignored ? 0 : bytes, terminal::ProgressUnit::Bytes);
  auto walked = client::audit::walk(*genesis, folder, visitors, wanted, [&](std::uint64_t done) { bar.update(done); });
  bar.clear();
  if (!walked) {
    const bool differs = walked.error().fault == client::audit::WalkFault::Difference;
    return fail(
        Trouble{ExitCode::Mismatch,
                {differs ? "the log does not come to its own roots" : "the log is damaged",
                 "",
                 walked.error().what,
                 {differs ? "everything before this height holds; keep the log, and ask another node for the block"
                          : "fetch it again: starminer audit log --out DIR"}}});
  }
  if (wanted && !walked->root_height) {
    return fail(Trouble{ExitCode::Mismatch,
                        {"the root that you gave is of no block of this log",
                         "",
                         fmt::format("heights 0 to {} were computed", walked->commitment.height),
                         {"the log is of another chain, or does not reach that far yet"}}});
  }
  return std::move(*walked);
}

void add_audit_log_commands(config::Command& group, const Settings& settings) {
  const auto fetched = std::make_shared<FetchRequest>();
  config::Command& log = group.add("log", "Fetch the whole chain to this disk, or what is new of it");
  log.describe(
      "Fetches the genesis and all blocks with their signed transactions from the node. Nothing in them has to be "
      "believed: audit replay computes every root again. Doing it again fetches what came since, also after a broken "
      "download.");
  log.option("--out", fetched->out, "The folder that keeps it.")
      .required()
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  log.prints()
      .example("starminer audit log --out chain", "Fetch or continue")
      .returns(ExitCode::NotFound, "the node does not have the whole chain")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "the folder is of another chain")
      .run([&settings, fetched](const Invocation& call) { return fetch(call, settings, *fetched); });
  const auto replayed = std::make_shared<LogRequest>();
  config::Command& again = group.add("replay", "Recompute the whole chain and name the first difference");
  again.describe(
      "Applies every block from the genesis on, checks every signature, and compares every state root, history root "
      "and "
      "app hash, bit for bit. The first difference is named with its height. An operator who changed a balance, a "
      "price or a line of the history cannot pass this.");
  add_log_options(again, *replayed);
  again.prints()
      .example("starminer audit replay", "Fetch what is new, and recompute all")
      .example("starminer audit replay --log chain --root 9f2c...", "Offline, against a root from elsewhere")
      .returns(ExitCode::NotFound, "there is no log")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "a root differs, or the root that was given is of no block")
      .run([&settings, replayed](const Invocation& call) { return replay(call, settings, *replayed); });
}

}  // namespace starminer::cli
