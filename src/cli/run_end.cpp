#include "cli/run_end.h"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include <fmt/format.h>

#include "cli/job_source.h"
#include "cli/json_view.h"
#include "cli/log_tail.h"
#include "cli/plan_view.h"
#include "cli/proof.h"
#include "terminal/format.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kLogLines = 12;
constexpr std::size_t kFilesShown = 12;

/// An end that is nobody's fault is a good one: completed, accepted, verified.
bool went_well(const json& job) { return text_of(job, "party") == "nobody"; }

/// "NAME.receipt.json" beside the folder of the results; without results the contract tells failures apart.
std::string bundle_file(const RunEnd& end, const std::string& name) {
  const std::string contract = text_of(end.news.contract, "id");
  constexpr std::size_t kTail = 6;
  std::string stem = name + "-" + contract.substr(contract.size() - std::min(kTail, contract.size()));
  if (end.results) {
    // "results/" and "." have no name that a file beside them could take.
    const fs::path folder =
        end.results->folder.has_filename() ? end.results->folder : end.results->folder.parent_path();
    if (folder.filename() != "." && folder.filename() != ".." && folder.has_filename()) stem = folder.string();
  }
  return stem + ".receipt.json";
}

Outcome<void> compare(const json& facts, const json& contract) {
  const auto differs = [&](const char* name, const json& proven, const json& told) -> Outcome<void> {
    if (proven == told) return {};
    return fail(Trouble{ExitCode::Mismatch,
                        {"the node tells another settlement than it proves",
                         "",
                         fmt::format("{}: proven {}, told {}", name, compact(proven), compact(told)),
                         {"the proof is what counts; ask another node"}}});
  };
  if (auto same = differs("contract", member(facts, "contract"), member(contract, "id")); !same) return same;
  if (auto same = differs("bill", member(facts, "bill"), member(contract, "bill")); !same) return same;
  if (auto same = differs("refund", member(facts, "refund"), member(contract, "refund")); !same) return same;
  return differs("outputs", member(facts, "outputs"), member(contract, "outputs"));
}

std::string files_line(const Results& results) {
  std::string text;
  std::size_t count = 0;
  for (const auto* files : {&results.outputs, &results.logs}) {
    for (const ResultFile& file : *files) {
      if (++count > kFilesShown) continue;
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", terminal::sanitize_line(file.path),
                          terminal::human_bytes(file.size));
    }
  }
  if (count > kFilesShown) text += fmt::format(" and {} more", count - kFilesShown);
  return text;
}

void show_results(const Invocation& call, const RunEnd& end) {
  if (!end.results) return;
  call.out.line(fmt::format("{} results {}{}  hashes match the contract", call.out.tick(), end.results->folder.string(),
                            end.results->folder.has_filename() ? "/" : ""));
  call.out.line("  " + files_line(*end.results));
}

/// What the provider's report says beyond the end reason: exit status, limits that were met.
std::string report_detail(client::Api& api, const json& contract) {
  const std::string hash = text_of(contract, "proof_hash");
  if (hash.empty()) return {};
  const auto bytes = api.get_bytes(fmt::format("/v1/artifacts/{}?contract={}", hash, text_of(contract, "id")));
  if (!bytes || sha256(*bytes).hex() != hash) return {};
  const json report = json::parse(*bytes, nullptr, false);
  std::string text = terminal::sanitize(text_of(report, "detail"));
  return text.substr(0, text.find('\n'));
}

ExitCode report_failure(const Invocation& call, client::Api& api, const RunEnd& end) {
  const json& job = end.news.job;
  const std::string contract = text_of(end.news.contract, "id");
  terminal::Failure failure{fmt::format("the job failed: {}", shown(job, "end_reason_text")),
                            shown(job, "end_reason"),
                            fmt::format("responsible: {}", shown(job, "party")),
                            {}};
  if (!contract.empty()) {
    const std::string detail = report_detail(api, end.news.contract);
    if (!detail.empty()) failure.why += fmt::format("; the node reports: {}", detail);
    failure.advice.push_back(fmt::format("all that it printed: starminer logs {} --stderr", shown(job, "id")));
  }
  if (call.json) {
    call.out.line(compact(run_json(end)));
    return call.fail(ExitCode::JobFailed, failure);
  }
  std::string tail;
  if (!contract.empty()) tail = last_lines(api, contract, "stderr", kLogLines);
  if (!tail.empty()) call.out.line(fmt::format("last lines of its standard error:\n{}", tail));
  call.out.stream() << bill_text(call.out, end) << std::flush;
  if (!end.bundle.empty()) {
    call.out.line(fmt::format("  receipt  {}   check it offline: starminer audit verify {}", end.bundle, end.bundle));
  }
  return call.fail(ExitCode::JobFailed, failure);
}

}  // namespace

Outcome<void> refresh(client::Api& api, RunEnd& end) {
  auto job = api.get("/v1/jobs/" + text_of(end.news.job, "id"));
  if (!job) return fail(trouble_of(job.error()));
  end.news.job = std::move(*job);
  auto contract = api.get("/v1/contracts/" + text_of(end.news.contract, "id"));
  if (!contract) return fail(trouble_of(contract.error()));
  end.news.contract = std::move(*contract);
  return {};
}

Outcome<void> keep_settlement(client::Api& api, RunEnd& end, const std::string& name) {
  const std::string contract = text_of(end.news.contract, "id");
  if (contract.empty()) return {};
  // What the stream said last may be older than the end.
  if (auto again = refresh(api, end); !again) return again;
  auto bundle = fetch_settlement(api, contract);
  if (!bundle) return fail(bundle.error());
  if (end.results) (*bundle)["files"] = files_json(end.results->outputs);
  if (!end.quote.is_null()) (*bundle)["quote"] = end.quote;
  const auto proven = verify_bundle(*bundle, std::nullopt);
  if (!proven) return fail(proven.error());
  if (auto same = compare(proven->facts, end.news.contract); !same) return same;
  end.bundle = bundle_file(end, name);
  end.proof_verified = true;
  return write_bundle(end.bundle, *bundle);
}

json run_json(const RunEnd& end) {
  const json& job = end.news.job;
  const json& contract = end.news.contract;
  json object = {{"job", member(job, "id")},
                 {"kind", member(job, "kind")},
                 {"state", member(job, "state")},
                 {"end_reason", member(job, "end_reason")},
                 {"end_reason_text", member(job, "end_reason_text")},
                 {"party", member(job, "party")},
                 {"contract", member(contract, "id")},
                 {"contract_state", member(contract, "state")},
                 {"node", member(contract, "node")},
                 {"unit_price", member(contract, "unit_price")},
                 {"metered_ms", member(contract, "metered_ms")},
                 {"quote", end.quote},
                 {"held", member(job, "cap")},
                 {"bill", member(contract, "bill")},
                 {"paid", member(job, "paid")},
                 {"refunded", member(job, "refunded")},
                 {"burned", member(job, "burned")},
                 {"result_hash", member(contract, "result_hash")},
                 {"out", nullptr},
                 {"files", json::array()},
                 {"logs", json::array()},
                 {"bundle", end.bundle.empty() ? json() : json(end.bundle)},
                 {"settlement_proof_verified", end.proof_verified}};
  if (end.results) {
    object["out"] = end.results->folder.string();
    object["files"] = files_json(end.results->outputs);
    object["logs"] = files_json(end.results->logs);
  }
  return object;
}

std::string bill_text(const terminal::Terminal& terminal, const RunEnd& end) {
  const json& job = end.news.job;
  std::string text = fmt::format("{} paid {} (", terminal.tick(), agpu_of(job, "paid"));
  if (end.quote.is_object()) text += fmt::format("quoted {}, ", agpu_of(end.quote, "expected"));
  text += fmt::format("held {}, {} returned)\n", agpu_of(job, "cap"), agpu_of(job, "refunded"));
  const json& bill = member(end.news.contract, "bill");
  if (number_of(bill, "pay") > 0) {
    text +=
        fmt::format("  = {} at {} per GPU-hour for {}\n", split_text(bill), agpu_of(end.news.contract, "unit_price"),
                    terminal::human_duration(number_of(end.news.contract, "metered_ms")));
  }
  return text;
}

ExitCode report_end(const Invocation& call, client::Api& api, const RunEnd& end) {
  if (!went_well(end.news.job)) return report_failure(call, api, end);
  if (call.json) {
    call.out.line(compact(run_json(end)));
    return ExitCode::Ok;
  }
  call.out.stream() << bill_text(call.out, end) << std::flush;
  show_results(call, end);
  if (!end.bundle.empty()) {
    call.out.line(fmt::format("{} receipt {}  the settlement is proven; check it offline: starminer audit verify {}",
                              call.out.tick(), end.bundle, end.bundle));
  }
  return ExitCode::Ok;
}

ExitCode report_open_window(const Invocation& call, const RunEnd& end) {
  if (call.json) {
    call.out.line(compact(run_json(end)));
    return ExitCode::Ok;
  }
  show_results(call, end);
  const std::string job = shown(end.news.job, "id");
  const std::uint64_t due = number_of(end.news.contract, "timer_due_ms");
  const std::uint64_t now = wall_clock().ms;
  call.out.line(fmt::format("  not accepted: starminer accept {}; it is paid by itself {}", job,
                            terminal::human_distance(static_cast<std::int64_t>(due), static_cast<std::int64_t>(now))));
  return ExitCode::Ok;
}

}  // namespace starminer::cli
