// audit receipt, audit verify: proofs fetched from a node, and checked anywhere.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/ids.h"
#include "cli/audit_bundle.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/proof.h"
#include "cli/results.h"
#include "cli/session.h"
#include "client/audit/bundle.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
namespace fs = std::filesystem;

struct VerifyRequest {
  std::string file;
  std::string root;
  std::string old_root;
  std::string signer;
  std::string results;
};

struct ReceiptRequest {
  std::string of;
  std::string out;
};

Outcome<json> parse_bundle(const std::string& file, const std::string& text) {
  json bundle = json::parse(text, nullptr, false);
  if (!bundle.is_object()) {
    return fail(Trouble{ExitCode::Usage, {fmt::format("{} is no bundle", file), "", "it is no JSON object", {}}});
  }
  return bundle;
}

/// Result files against the hashes in the settlement; gives how many were compared.
Outcome<std::size_t> check_results(const json& bundle, const Proven& proven, const std::string& folder) {
  const json& files = list_of(bundle, "files");
  if (files.empty()) {
    return fail(Trouble{ExitCode::Usage,
                        {"the results cannot be checked",
                         "",
                         "the bundle names no files",
                         {"bundles that starminer run and starminer results write name them"}}});
  }
  const json& outputs = list_of(proven.facts, "outputs");
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path file = fs::path(folder) / text_of(files[i], "path");
    const auto hash = hash_of_file(file);
    if (!hash) return fail(Trouble{ExitCode::NotFound, hash.error().failure});
    if (json(hash->hex()) != outputs[i]) {
      return fail(Trouble{ExitCode::Mismatch,
                          {fmt::format("{} is not what the job delivered", file.string()),
                           "",
                           fmt::format("it has the hash {}, the settlement names {}", hash->hex(), compact(outputs[i])),
                           {}}});
    }
  }
  return files.size();
}

std::string kind_text(const std::string& kind) { return kind == "job_end" ? "end of the job" : kind; }

void show_facts(terminal::KeyValues& lines, const json& facts) {
  if (has(facts, "transaction")) {
    lines.add("Receipt", fmt::format("transaction {}", shown(facts, "transaction")));
    lines.more(fmt::format("{} by {}, {}, fee {}", shown(facts, "operation"), shown(facts, "account"),
                           shown(facts, "status"), agpu_of(facts, "fee")));
    if (has(facts, "subject")) lines.more(fmt::format("subject {}", shown(facts, "subject")));
    return;
  }
  if (!has(facts, "contract")) {
    lines.add("Job", fmt::format("{} of {}", shown(facts, "job"), shown(facts, "requester")));
    lines.add("End", fmt::format("{}: {}", shown(facts, "state"), shown(facts, "end_reason")));
    lines.add("Paid", fmt::format("{}, {} returned and {} burned of a cap of {}", agpu_of(facts, "paid"),
                                  agpu_of(facts, "refunded"), agpu_of(facts, "burned"), agpu_of(facts, "cap")));
    return;
  }
  lines.add("Contract", fmt::format("{} of job {}", shown(facts, "contract"), shown(facts, "job")));
  lines.add("Parties", fmt::format("{} to {} on node {}", shown(facts, "requester"), shown(facts, "provider"),
                                   shown(facts, "node")));
  lines.add("End", fmt::format("{}: {}, responsible: {}", shown(facts, "state"), shown(facts, "end_reason"),
                               shown(facts, "party")));
  lines.add("Price", fmt::format("{} per GPU-hour for {}", agpu_of(facts, "unit_price"),
                                 terminal::human_duration(number_of(facts, "metered_ms"))));
  lines.add("Paid", fmt::format("{}, {} returned of a cap of {}", agpu_of(member(facts, "bill"), "pay"),
                                agpu_of(facts, "refund"), agpu_of(facts, "cap")));
  for (const json& output : list_of(facts, "outputs"))
    lines.add("Output", terminal::sanitize_line(output.get<std::string>()));
}

ExitCode verify_proof_file(const Invocation& call, const VerifyRequest& request, const std::string& text,
                           const std::optional<Hash32>& trusted) {
  const auto bundle = parse_bundle(request.file, text);
  if (!bundle) return report(call, bundle.error());
  const auto proven = verify_bundle(*bundle, trusted);
  if (!proven) return report(call, proven.error());
  std::size_t files = 0;
  if (!request.results.empty()) {
    const auto checked = check_results(*bundle, *proven, request.results);
    if (!checked) return report(call, checked.error());
    files = *checked;
  }
  if (call.json) {
    call.out.line(compact({{"verified", true},
                           {"kind", proven->kind},
                           {"chain_id", member(*bundle, "chain_id")},
                           {"height", proven->height},
                           {"leaf_index", proven->leaf_index},
                           {"tree_size", proven->tree_size},
                           {"history_root", proven->history_root.hex()},
                           {"app_hash", proven->app_hash.hex()},
                           {"root_trusted", trusted.has_value()},
                           {"files_checked", files},
                           {"facts", proven->facts}}));
    return ExitCode::Ok;
  }
  terminal::KeyValues lines;
  show_facts(lines, proven->facts);
  lines.add("Proof", fmt::format("leaf {} of {} at height {}", proven->leaf_index, proven->tree_size, proven->height));
  lines.add("App hash", proven->app_hash.hex());
  call.out.stream() << lines.render(call.out);
  call.out.line(fmt::format("{} the {} is in the history", call.out.tick(), kind_text(proven->kind)));
  if (files > 0) call.out.line(fmt::format("{} {} result files are what the settlement names", call.out.tick(), files));
  if (!trusted) {
    call.out.line(
        "  To know that this is the history of the network, compare the app hash with one from another "
        "source: --root HEX");
  }
  return ExitCode::Ok;
}

Outcome<std::optional<Hash32>> parse_root(const char* option, const std::string& text) {
  if (text.empty()) return std::optional<Hash32>();
  const auto root = Hash32::from_hex(text);
  if (root) return root;
  return fail(Trouble{ExitCode::Usage,
                      {fmt::format("{} is no hash", option), "", "a root has 64 lower-case hexadecimal digits", {}}});
}

ExitCode verify_file(const Invocation& call, const VerifyRequest& request) {
  const auto root = parse_root("--root", request.root);
  if (!root) return report(call, root.error());
  const auto old_root = parse_root("--old-root", request.old_root);
  if (!old_root) return report(call, old_root.error());
  const auto text = read_text_file(request.file);
  if (!text) return report(call, text.error());
  const std::string format = client::audit::format_of(*text);
  const BundleCheck check{*root, *old_root, request.signer};
  if (format == client::audit::kBundleFormat) return verify_audit_bundle(call, *text, check);
  if (format == client::audit::kConsistencyFormat) return verify_consistency_file(call, *text, check);
  return verify_proof_file(call, request, *text, *root);
}
/// A contract, the last contract of a job or, where it had none, its own end, or a transaction.
Outcome<json> fetch_bundle(client::Api& api, const std::string& of) {
  if (Hash32::from_hex(of)) return fetch_receipt(api, of);
  if (ContractId::parse(of)) return fetch_settlement(api, of);
  const auto id = resolve_job(api, of);
  if (!id) return fail(id.error());
  const auto job = api.get("/v1/jobs/" + *id);
  if (!job) return fail(trouble_of(job.error()));
  const std::string contract = text_of(*job, "contract");
  if (contract.empty()) return fetch_job(api, *id);
  return fetch_settlement(api, contract);
}

ExitCode fetch_receipt_file(const Invocation& call, const Settings& settings, const ReceiptRequest& request) {
  auto api = open_session(settings, KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  const auto bundle = fetch_bundle(**api, request.of);
  if (!bundle) return report(call, bundle.error());
  const auto proven = verify_bundle(*bundle, std::nullopt);
  if (!proven) return report(call, proven.error());
  if (request.out.empty()) {
    call.out.line(call.json ? compact(*bundle) : pretty(*bundle));
    return ExitCode::Ok;
  }
  if (const auto written = write_bundle(request.out, *bundle); !written) return report(call, written.error());
  if (call.json) {
    call.out.line(compact({{"bundle", request.out}, {"verified", true}, {"kind", proven->kind}}));
  } else {
    call.out.line(fmt::format("{} {} saved to {}; check it anywhere: starminer audit verify {}", call.out.tick(),
                              kind_text(proven->kind), request.out, request.out));
  }
  return ExitCode::Ok;
}

}  // namespace

void add_audit_commands(config::Command& root, const Settings& settings) {
  config::Command& group = root.add("audit", "Prove, check, export and recompute what the network says");
  const auto receipt = std::make_shared<ReceiptRequest>();
  config::Command& fetch = group.add("receipt", "Fetch the proof that a settlement or a transaction is in the history");
  fetch.positional("of", receipt->of, "A job, a contract or the hash of a transaction.")
      .required()
      .placeholder("JOB|CONTRACT|TX");
  fetch.option("--out", receipt->out, "Where to save it; printed without this.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  fetch.prints()
      .example("starminer audit receipt j1... --out job.receipt.json", "Keep the proof of what was paid")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Refused, "the contract or the job is still live")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::Mismatch, "the node's proof does not hold")
      .run([&settings, receipt](const Invocation& call) { return fetch_receipt_file(call, settings, *receipt); });
  const auto verify = std::make_shared<VerifyRequest>();
  config::Command& check = group.add("verify", "Check a proof without any network");
  check.describe(
      "Recomputes every hash from what the file proves up to the app hash of the height, and what a settlement itself "
      "says: that the price is base times factors, that the parts of the bill sum to what was paid, and that no more "
      "was paid than the cap. Prints what is proven in words and values; the first difference is named.\n\nWithout "
      "--root this shows that the file is "
      "consistent; with the app hash of a source that you trust it shows that it is the history of the network.");
  check.positional("file", verify->file, "A file of audit bundle, receipt or consistency, or of starminer run.")
      .required()
      .placeholder("FILE")
      .completes(config::Completion::File);
  check.option("--root", verify->root, "An app hash that you trust (of a receipt also a history root).")
      .placeholder("HEX");
  check.option("--old-root", verify->old_root, "Of a consistency proof: the app hash of the earlier height.")
      .placeholder("HEX");
  check.option("--signer", verify->signer, "Of a bundle: the address that must have signed it.").placeholder("ADDRESS");
  check.option("--results", verify->results, "Also compare the result files in this folder.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  check.prints()
      .without_configuration()
      .example("starminer audit verify audit.json --root 9f2c...", "What a bundle proves, under a root that you trust")
      .example("starminer audit verify my-training.receipt.json", "Check offline")
      .example("starminer audit verify my-training.receipt.json --root 9f2c... --results my-training",
               "Against a root from elsewhere, and the files themselves")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Mismatch, "the proof or a file does not hold")
      .run([verify](const Invocation& call) { return verify_file(call, *verify); });
  add_audit_bundle_commands(group, settings);
  add_audit_log_commands(group, settings);
  add_audit_table_commands(group, settings);
  add_audit_telemetry_command(group, settings);
}

}  // namespace starminer::cli
