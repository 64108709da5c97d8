// audit bundle, audit consistency: proofs of any rows and of the growth of the history, fetched, kept and checked.
#include "cli/audit_bundle.h"

#include <fstream>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/codec.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/proof.h"
#include "cli/session.h"
#include "client/audit/bundle.h"
#include "protocol/ledger/ledger.h"
#include "protocol/registry/rows.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using client::audit::BundleFault;
using client::audit::FaultKind;
using client::audit::ProvenBundle;
using client::audit::RowId;
using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using protocol::state::TableId;

Trouble trouble_of(const BundleFault& fault) {
  if (fault.kind == FaultKind::Malformed) {
    return {
        ExitCode::Usage,
        {"this is no bundle", "", fault.why, {"bundles are written by starminer audit bundle and audit consistency"}}};
  }
  return {ExitCode::Mismatch,
          {"the bundle does not hold", "", fault.why, {"do not rely on what the file says; ask for another"}}};
}

// ---- what to prove

struct Wanted {
  std::vector<RowId> rows;
  std::vector<std::uint64_t> leaves;
};

void want_lock(Wanted& wanted, protocol::LockPurpose purpose, const std::array<std::uint8_t, 20>& subject) {
  wanted.rows.push_back({TableId::Locks, encode(protocol::LockKey{purpose, subject, Asset::Agpu})});
}

/// Class and region of a node are numbers in its row: their rows give them names.
Outcome<void> want_names(client::Api& api, Wanted& wanted, const NodeId& node) {
  const auto answer = api.post("/v1/proofs", client::audit::proof_request({{TableId::Nodes, encode(node)}}, {}));
  if (!answer) return fail(cli::trouble_of(answer.error()));
  const json& rows = list_of(*answer, "rows");
  const auto bytes = rows.size() == 2 ? from_hex(text_of(rows[1], "row")) : std::nullopt;
  const auto row = bytes ? decode<protocol::NodeRow>(*bytes) : std::nullopt;
  if (!row) return {};
  wanted.rows.push_back({TableId::Classes, encode(row->hardware_class)});
  wanted.rows.push_back({TableId::Regions, encode(row->offer.region)});
  return {};
}

/// The leaf of the end of a contract or job, if it has one by now: after a time the state lets the row go, and the leaf
/// alone proves it.
Outcome<void> want_end(client::Api& api, Wanted& wanted, const std::string& path) {
  const auto proof = api.get(path + "/proof");
  if (proof) {
    wanted.leaves.push_back(number_of(*proof, "leaf_index"));
    return {};
  }
  if (proof.error().status == 404 || proof.error().code == "not_settled" || proof.error().code == "not_ended") {
    return {};
  }
  return fail(cli::trouble_of(proof.error()));
}

Outcome<void> want(client::Api& api, Wanted& wanted, const std::string& text) {
  if (const auto account = AccountId::parse(text)) {
    wanted.rows.push_back({TableId::Accounts, encode(*account)});
    wanted.rows.push_back({TableId::Providers, encode(*account)});
    return {};
  }
  if (const auto job = JobId::parse(text)) {
    wanted.rows.push_back({TableId::Jobs, encode(*job)});
    want_lock(wanted, protocol::LockPurpose::Escrow, job->bytes);
    return want_end(api, wanted, "/v1/jobs/" + text);
  }
  if (const auto node = NodeId::parse(text)) {
    wanted.rows.push_back({TableId::Nodes, encode(*node)});
    want_lock(wanted, protocol::LockPurpose::NodeIdentity, node->bytes);
    return want_names(api, wanted, *node);
  }
  if (const auto contract = ContractId::parse(text)) {
    wanted.rows.push_back({TableId::Contracts, encode(*contract)});
    return want_end(api, wanted, "/v1/contracts/" + text);
  }
  if (Hash32::from_hex(text)) {
    const auto receipt = api.get("/v1/transactions/" + text);
    if (!receipt) return fail(cli::trouble_of(receipt.error()));
    wanted.leaves.push_back(number_of(*receipt, "history_index"));
    return {};
  }
  for (const protocol::ParameterInfo& info : protocol::parameter_registry()) {
    if (info.name != text) continue;
    wanted.rows.push_back({TableId::Parameters, encode(static_cast<std::uint16_t>(info.id))});
    return {};
  }
  return fail(Trouble{ExitCode::Usage,
                      {fmt::format("\"{}\" is nothing that can be proven", terminal::sanitize_line(text)),
                       "",
                       "it is no address, id, hash of a transaction or name of a parameter",
                       {"names of parameters: starminer params"}}});
}

// ---- saying what is proven

json item_json(const client::audit::ProvenItem& item) {
  return {{"what", item.what}, {"id", item.id}, {"present", item.present}, {"facts", item.facts}};
}

void show_bundle(const Invocation& call, const ProvenBundle& proven, const BundleCheck& check) {
  terminal::KeyValues lines;
  for (const auto& item : proven.items) {
    lines.add(item.what, terminal::sanitize_line(item.id.empty() ? item.sentence : item.id));
    if (!item.id.empty()) lines.more(terminal::sanitize_line(item.sentence));
  }
  const auto zone = call.utc ? terminal::Zone::Utc : terminal::Zone::Local;
  lines.add("As of", fmt::format("block {} of {}", proven.commitment.height,
                                 terminal::human_time(static_cast<std::int64_t>(proven.block_time.ms), zone)));
  lines.add("App hash", proven.app_hash.hex());
  lines.add("Signed by", fmt::format("{} (key {})", account_of(proven.signer).text(), to_hex(proven.signer.view())));
  call.out.stream() << lines.render(call.out);
  call.out.line(fmt::format("{} {} statements are proven{}", call.out.tick(), proven.items.size(),
                            check.trusted ? " under the root that you gave" : " under this app hash"));
  if (!check.trusted) {
    call.out.line(
        "  To know that this is the chain of the network, compare the app hash with one from another source: --root "
        "HEX");
  }
}

Outcome<std::optional<ProvenBundle>> checked_bundle(const std::string& text, const BundleCheck& check) {
  auto proven = client::audit::verify_bundle(text, check.trusted);
  if (!proven) return fail(trouble_of(proven.error()));
  const std::string signer = account_of(proven->signer).text();
  if (!check.signer.empty() && check.signer != signer) {
    return fail(trouble_of(BundleFault{FaultKind::Mismatch, fmt::format("it was signed by {}, not by {}", signer,
                                                                        terminal::sanitize_line(check.signer))}));
  }
  return std::optional(std::move(*proven));
}

// ---- commands

struct BundleRequest {
  std::vector<std::string> of;
  std::string out;
};

ExitCode fetch_bundle_file(const Invocation& call, const Settings& settings, const BundleRequest& request) {
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  Wanted wanted;
  for (const std::string& text : request.of) {
    if (const auto known = want(**api, wanted, text); !known) return report(call, known.error());
  }
  const auto answer = (*api)->post("/v1/proofs", client::audit::proof_request(wanted.rows, wanted.leaves));
  if (!answer) return report(call, answer.error());
  const auto bundle = client::audit::make_bundle(*answer, *(*api)->key());
  if (!bundle) return report(call, local_trouble("the bundle cannot be made", bundle.error()));
  const auto proven = checked_bundle(compact(*bundle), {});
  if (!proven) return report(call, proven.error());
  if (const auto written = write_bundle(request.out, *bundle); !written) return report(call, written.error());
  if (call.json) {
    json items = json::array();
    for (const auto& item : (*proven)->items) items.push_back(item_json(item));
    call.out.line(compact({{"bundle", request.out}, {"app_hash", (*proven)->app_hash.hex()}, {"items", items}}));
    return ExitCode::Ok;
  }
  show_bundle(call, **proven, {});
  call.out.line(fmt::format("{} saved to {}; check it anywhere: starminer audit verify {} --root {}", call.out.tick(),
                            request.out, request.out, (*proven)->app_hash.hex()));
  return ExitCode::Ok;
}

struct ConsistencyRequest {
  std::uint64_t before = 0;
  std::optional<std::uint64_t> after;
  std::string out;
};

ExitCode fetch_consistency_file(const Invocation& call, const Settings& settings, const ConsistencyRequest& request) {
  auto api = open_session(settings, KeyNeed::None);
  if (!api) return report(call, api.error());
  std::string target = fmt::format("/v1/history/consistency?old={}", request.before);
  if (request.after) target += fmt::format("&new={}", *request.after);
  const auto answer = (*api)->get(target);
  if (!answer) return report(call, answer.error());
  const json proof = client::audit::make_consistency(*answer);
  if (!request.out.empty()) {
    if (const auto written = write_bundle(request.out, proof); !written) return report(call, written.error());
  }
  return verify_consistency_file(call, compact(proof), {});
}

}  // namespace

Outcome<std::string> read_text_file(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return fail(Trouble{ExitCode::NotFound,
                        {fmt::format("{} cannot be read", file), "", "it does not exist or you may not read it", {}}});
  }
  std::string text(client::audit::kBundleBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

ExitCode verify_audit_bundle(const Invocation& call, const std::string& text, const BundleCheck& check) {
  const auto proven = checked_bundle(text, check);
  if (!proven) return report(call, proven.error());
  const ProvenBundle& bundle = **proven;
  if (!call.json) {
    show_bundle(call, bundle, check);
    return ExitCode::Ok;
  }
  json items = json::array();
  for (const auto& item : bundle.items) items.push_back(item_json(item));
  call.out.line(compact({{"verified", true},
                         {"kind", "bundle"},
                         {"chain_id", bundle.chain_id},
                         {"height", bundle.commitment.height},
                         {"block_time_ms", bundle.block_time.ms},
                         {"state_root", bundle.commitment.state_root.hex()},
                         {"history_root", bundle.commitment.history_root.hex()},
                         {"history_size", bundle.commitment.history_size},
                         {"app_hash", bundle.app_hash.hex()},
                         {"root_trusted", check.trusted.has_value()},
                         {"signer", account_of(bundle.signer).text()},
                         {"signer_key", to_hex(bundle.signer.view())},
                         {"items", std::move(items)}}));
  return ExitCode::Ok;
}

ExitCode verify_consistency_file(const Invocation& call, const std::string& text, const BundleCheck& check) {
  const auto proven = client::audit::verify_consistency(text, check.trusted_old, check.trusted);
  if (!proven) return report(call, trouble_of(proven.error()));
  const auto& [before, after] = *proven;
  if (call.json) {
    const auto side = [](const protocol::Commitment& commitment) {
      return json{{"height", commitment.height},
                  {"history_size", commitment.history_size},
                  {"app_hash", make_app_hash(commitment).hex()}};
    };
    call.out.line(compact({{"verified", true},
                           {"kind", "consistency"},
                           {"old", side(before)},
                           {"new", side(after)},
                           {"old_root_trusted", check.trusted_old.has_value()},
                           {"root_trusted", check.trusted.has_value()}}));
    return ExitCode::Ok;
  }
  terminal::KeyValues lines;
  lines.add("Earlier", fmt::format("height {}, {} leaves, app hash {}", before.height, before.history_size,
                                   make_app_hash(before).hex()));
  lines.add("Later", fmt::format("height {}, {} leaves, app hash {}", after.height, after.history_size,
                                 make_app_hash(after).hex()));
  call.out.stream() << lines.render(call.out);
  call.out.line(fmt::format("{} the later history begins with the earlier one: nothing in it was changed or removed",
                            call.out.tick()));
  if (!check.trusted || !check.trusted_old) {
    call.out.line(
        "  Compare both app hashes with those that you noted or know from elsewhere: --old-root HEX, --root HEX");
  }
  return ExitCode::Ok;
}

void add_audit_bundle_commands(config::Command& group, const Settings& settings) {
  const auto bundle = std::make_shared<BundleRequest>();
  config::Command& make =
      group.add("bundle", "Prove accounts, jobs, contracts, nodes and parameters in one signed file");
  make.describe(
      "Fetches proofs of all that is named, as of one block, and signs them with your key: who gets the file sees who "
      "made it. It proves what is there, and what is not: an account or node that does not exist is shown to be "
      "absent.\n\nWhoever has the file and an app hash of the network from a source that they trust needs neither a "
      "network nor you: starminer audit verify FILE --root HEX.");
  make.positional("of", bundle->of, "Addresses, ids, hashes of transactions, names of parameters.")
      .required()
      .placeholder("ADDRESS|JOB|CONTRACT|NODE|TX|PARAMETER");
  make.option("--out", bundle->out, "Where to save it.")
      .required()
      .placeholder("FILE")
      .completes(config::Completion::File);
  make.prints()
      .example("starminer audit bundle sm1... c1... --out audit.json", "An account, and a contract with its settlement")
      .example("starminer audit bundle n1... TxFee --out node.json", "A node, or that there is none, and the fee")
      .returns(ExitCode::NotFound, "there is no such transaction, or you have no key")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "the node's proofs do not hold")
      .run([&settings, bundle](const Invocation& call) { return fetch_bundle_file(call, settings, *bundle); });
  const auto consistency = std::make_shared<ConsistencyRequest>();
  config::Command& grown = group.add("consistency", "Prove that the history only grew between two heights");
  grown.describe(
      "Fetches and checks the proof (RFC 6962) that the history of an earlier height is the beginning of that of a "
      "later "
      "one: nothing was changed, removed or put in between. Note the app hash of a height today, and you can check any "
      "later day that the network still stands by it.");
  grown.positional("old", consistency->before, "The earlier height.").required().placeholder("HEIGHT");
  grown.positional("new", consistency->after, "The later height; the present one if left out.").placeholder("HEIGHT");
  grown.option("--out", consistency->out, "Also save the proof.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  grown.prints()
      .example("starminer audit consistency 1200", "From height 1200 to now")
      .example("starminer audit consistency 1200 1800 --out growth.json", "Between two heights, kept")
      .returns(ExitCode::NotFound, "there is no block of this height")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "the history was rewritten, or the node's proof does not hold")
      .run([&settings, consistency](const Invocation& call) {
        return fetch_consistency_file(call, settings, *consistency);
      });
}

}  // namespace starminer::cli
