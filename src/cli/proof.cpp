#include "cli/proof.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "cli/json_view.h"
#include "client/audit/facts.h"
#include "protocol/audit/history.h"
#include "protocol/block.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using nlohmann::json;
using protocol::audit::HistoryTree;
namespace fs = std::filesystem;

constexpr std::size_t kPathMax = 64;

Trouble no_bundle(std::string why) {
  return {ExitCode::Usage,
          {"this is no bundle of a proof",
           "",
           std::move(why),
           {"bundles are written by starminer run and starminer audit receipt"}}};
}

Trouble mismatch(std::string why) {
  return {ExitCode::Mismatch, {"the proof does not hold", "", std::move(why), {"do not rely on what the file says"}}};
}

/// The parts of a proof that must be there and well formed before anything is computed.
struct Parts {
  Bytes leaf;
  HistoryTree::Proof path;
  Hash32 history_root;
  Hash32 state_root;
  Hash32 app_hash;
  std::uint64_t height = 0;
  std::uint64_t leaf_index = 0;
  std::uint64_t tree_size = 0;
};

Outcome<Parts> parse_proof(const json& proof) {
  Parts parts;
  auto leaf = from_hex(text_of(proof, "leaf"));
  if (!leaf || leaf->empty()) return fail(no_bundle("proof.leaf is missing or no hexadecimal text"));
  parts.leaf = std::move(*leaf);
  for (const auto& [name, target] :
       {std::pair{"history_root", &parts.history_root}, std::pair{"state_root", &parts.state_root},
        std::pair{"app_hash", &parts.app_hash}}) {
    const auto hash = Hash32::from_hex(text_of(proof, name));
    if (!hash) return fail(no_bundle(fmt::format("proof.{} is missing or no hash", name)));
    *target = *hash;
  }
  for (const auto& [name, target] : {std::pair{"height", &parts.height}, std::pair{"leaf_index", &parts.leaf_index},
                                     std::pair{"tree_size", &parts.tree_size}}) {
    const auto value = find_number(proof, name);
    if (!value) return fail(no_bundle(fmt::format("proof.{} is missing or no number", name)));
    *target = *value;
  }
  const json& path = list_of(proof, "path");
  if (path.size() > kPathMax) return fail(no_bundle("proof.path is longer than any tree is high"));
  for (const json& step : path) {
    const auto hash = step.is_string() ? Hash32::from_hex(step.get_ref<const std::string&>()) : std::nullopt;
    if (!hash) return fail(no_bundle("proof.path has an entry that is no hash"));
    parts.path.push_back(*hash);
  }
  return parts;
}

/// The result files that a bundle lists are only as good as the outputs in the leaf.
Outcome<void> check_files(const json& bundle, const json& facts) {
  const json& files = list_of(bundle, "files");
  if (files.empty()) return {};
  const json& outputs = list_of(facts, "outputs");
  if (files.size() != outputs.size()) return fail(mismatch("the bundle lists other files than the settlement"));
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (member(files[i], "sha256") != outputs[i]) {
      return fail(mismatch(fmt::format("the settlement has another hash for {}", shown(files[i], "path"))));
    }
  }
  return {};
}

Outcome<json> fetch(client::Api& api, const std::string& target) {
  const auto status = api.get("/v1/status");
  if (!status) return fail(trouble_of(status.error()));
  auto proof = api.get(target);
  if (!proof) return fail(trouble_of(proof.error()));
  return json{{"format", kBundleFormat}, {"chain_id", member(*status, "chain_id")}, {"proof", std::move(*proof)}};
}

}  // namespace

Outcome<json> fetch_settlement(client::Api& api, const std::string& contract) {
  return fetch(api, "/v1/contracts/" + contract + "/proof");
}

Outcome<json> fetch_job(client::Api& api, const std::string& job) { return fetch(api, "/v1/jobs/" + job + "/proof"); }

Outcome<json> fetch_receipt(client::Api& api, const std::string& transaction) {
  return fetch(api, "/v1/transactions/" + transaction + "/proof");
}

Outcome<Proven> verify_bundle(const json& bundle, const std::optional<Hash32>& trusted) {
  if (text_of(bundle, "format") != kBundleFormat) {
    return fail(no_bundle(fmt::format("its member \"format\" is not \"{}\"", kBundleFormat)));
  }
  const auto parts = parse_proof(member(bundle, "proof"));
  if (!parts) return fail(parts.error());
  const Hash32 leaf = HistoryTree::leaf_hash(parts->leaf);
  if (!HistoryTree::verify_inclusion(parts->history_root, parts->tree_size, parts->leaf_index, leaf, parts->path)) {
    return fail(mismatch(fmt::format("leaf {} with hash {} is not in the history with root {}", parts->leaf_index,
                                     leaf.hex(), parts->history_root.hex())));
  }
  const Hash32 app_hash =
      protocol::make_app_hash({parts->height, parts->state_root, parts->history_root, parts->tree_size});
  if (app_hash != parts->app_hash) {
    return fail(mismatch(fmt::format("height, state root, history root and size hash to {}, not to {}", app_hash.hex(),
                                     parts->app_hash.hex())));
  }
  if (trusted && *trusted != app_hash && *trusted != parts->history_root) {
    return fail(mismatch(fmt::format("neither the app hash {} nor the history root {} is the trusted {}",
                                     app_hash.hex(), parts->history_root.hex(), trusted->hex())));
  }
  auto facts = client::audit::leaf_facts(parts->leaf);
  if (!facts) return fail(mismatch(facts.error()));
  const bool settlement = member(*facts, "leaf_kind") == "settlement";
  if (settlement) {
    if (auto same = check_files(bundle, *facts); !same) return fail(same.error());
  }
  return Proven{text_of(*facts, "leaf_kind"), parts->height, parts->leaf_index, parts->tree_size,
                parts->history_root,          app_hash,      std::move(*facts)};
}

Outcome<void> write_bundle(const std::string& file, const json& bundle) {
  const std::string temporary = file + ".tmp";
  {
    std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
    stream << pretty(bundle) << "\n" << std::flush;
    if (!stream)
      return fail(local_trouble("the bundle cannot be saved", fmt::format("{} cannot be written", temporary)));
  }
  std::error_code error;
  fs::rename(temporary, file, error);
  if (error) return fail(local_trouble("the bundle cannot be saved", fmt::format("{}: {}", file, error.message())));
  return {};
}

}  // namespace starminer::cli
