// evidence compare: a claimed result against the one that was computed again, by the comparator of the job's class.
#include <memory>
#include <optional>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/artifact_file.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/outcome.h"
#include "terminal/key_values.h"
#include "verification/comparison/compare.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using verification::Comparator;
using verification::Form;
using verification::Side;
using verification::Verdict;

struct CompareRequest {
  std::string claimed;
  std::string recomputed;
  std::string comparator;
  std::string form;
  std::string recomputed_form;
  std::string numeric_class;
  std::string recomputed_class;
  std::string report;
};

struct Compared {
  Comparator comparator;
  Form claimed_form;
  Form recomputed_form;
  Verdict verdict;
};

Outcome<Comparator> comparator_of(const std::string& text) {
  const auto comparator = verification::parse_comparator(text);
  if (comparator) return *comparator;
  return fail(
      usage_trouble(fmt::format("--comparator \"{}\" is not understood", text),
                    "it is exact, ulp(K), mse_max(M), token-wise, toploc(E,M,MD) or container(DIGEST), numbers without "
                    "leading zeros and nothing between",
                    {"in a shell it needs quotes: --comparator 'ulp(4)'"}));
}

Outcome<Form> form_of(const Comparator& comparator, const std::string& text, const Bytes& file, bool is_claimed,
                      const std::string& name) {
  if (text.empty()) {
    if (const auto form = verification::default_form(comparator, file, is_claimed)) return *form;
    return fail(
        usage_trouble(fmt::format("the form of {} must be said", name),
                      "its first bytes are of no form that says what its elements are",
                      {is_claimed ? "for example: --form raw:f32"
                                  : "for example: --recomputed-form raw:f32, or activations:300x4096:44 for toploc"}));
  }
  if (const auto form = verification::parse_form(text)) return *form;
  return fail(
      usage_trouble(fmt::format("the form \"{}\" is not understood", text),
                    "it is bytes, npy, png, pnm, tokens, raw:TYPE, raw:TYPE:2x3, proofs or "
                    "activations:TOKENSxWIDTH:PREFILL; types are i8 u8 i16 u16 i32 u32 i64 u64 f16 bf16 f32 f64"));
}

Outcome<std::optional<verification::NumericClass>> class_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto parsed = verification::parse_class(text);
  if (parsed) return parsed;
  return fail(
      usage_trouble(fmt::format("the numeric class \"{}\" is not understood", text),
                    "it is ARCHITECTURE/TOOLKIT/IMAGE/FLAGS, such as sm_90/cuda-12.4/-/deterministic,tf32=off: lower "
                    "case, the image in 64 digits, flags sorted, - for none of the last two"));
}

Outcome<Compared> compared(const CompareRequest& request) {
  const auto comparator = comparator_of(request.comparator);
  if (!comparator) return fail(comparator.error());
  const auto claimed = read_artifact(request.claimed);
  if (!claimed) return fail(claimed.error());
  const auto recomputed = read_artifact(request.recomputed);
  if (!recomputed) return fail(recomputed.error());
  const std::string& other_form = request.recomputed_form.empty() ? request.form : request.recomputed_form;
  const auto claimed_form = form_of(*comparator, request.form, *claimed, true, request.claimed);
  if (!claimed_form) return fail(claimed_form.error());
  const auto recomputed_form = form_of(*comparator, other_form, *recomputed, false, request.recomputed);
  if (!recomputed_form) return fail(recomputed_form.error());
  auto claimed_class = class_of(request.numeric_class);
  if (!claimed_class) return fail(claimed_class.error());
  auto recomputed_class = class_of(request.recomputed_class);
  if (!recomputed_class) return fail(recomputed_class.error());
  std::optional<Bytes> report;
  if (!request.report.empty()) {
    if (!std::holds_alternative<verification::Container>(*comparator))
      return fail(usage_trouble("--report is for container(DIGEST)", "this comparator runs here and needs none"));
    auto bytes = read_artifact(request.report);
    if (!bytes) return fail(bytes.error());
    report = std::move(*bytes);
  }
  const verification::Sides sides{{*claimed, *claimed_form, std::move(*claimed_class)},
                                  {*recomputed, *recomputed_form, std::move(*recomputed_class)}};
  std::optional<ByteView> report_view;
  if (report) report_view = *report;
  return Compared{*comparator, *claimed_form, *recomputed_form, verification::compare(*comparator, sides, report_view)};
}

json json_of(const CompareRequest& request, const Compared& found) {
  const verification::Findings& findings = found.verdict.findings;
  json first = nullptr;
  if (findings.first) {
    first = {{"group", findings.first->group},
             {"index", findings.first->index},
             {"claimed", fmt::format("0x{:x}", findings.first->claimed)},
             {"recomputed", fmt::format("0x{:x}", findings.first->recomputed)}};
  }
  const auto& row = verification::row_of(found.verdict.reason);
  return {{"outcome", outcome_name(row.outcome)},
          {"reason", row.name},
          {"detail", found.verdict.detail},
          {"comparator", verification::comparator_text(found.comparator)},
          {"claimed",
           {{"form", form_text(found.claimed_form)},
            {"sha256", found.verdict.claimed.hex()},
            {"numeric_class", request.numeric_class}}},
          {"recomputed",
           {{"form", form_text(found.recomputed_form)},
            {"sha256", found.verdict.recomputed.hex()},
            {"numeric_class", request.recomputed_class}}},
          {"compared", findings.compared},
          {"differing", findings.differing},
          {"beyond", findings.beyond},
          {"largest", findings.largest},
          {"squared_error", findings.squared_error},
          {"mean_hundredths", findings.mean},
          {"median_hundredths", findings.median},
          {"first", std::move(first)},
          {"digest", found.verdict.digest.hex()}};
}

/// What the figures of a comparator mean.
void add_figures(terminal::KeyValues& lines, const Compared& found) {
  const verification::Findings& findings = found.verdict.findings;
  lines.add("Compared", fmt::format("{}, {} not the same, {} beyond what is allowed", findings.compared,
                                    findings.differing, findings.beyond));
  if (std::holds_alternative<verification::Ulp>(found.comparator)) {
    lines.add("Furthest", fmt::format("{} representable values apart", findings.largest));
  }
  if (std::holds_alternative<verification::MseMax>(found.comparator) && findings.compared > 0) {
    lines.add("Error",
              fmt::format("{} squared in all, {} at most on one sample", findings.squared_error, findings.largest));
  }
  if (std::holds_alternative<verification::Toploc>(found.comparator)) {
    lines.add(
        "Worst chunk",
        fmt::format("{} exponents differ, mantissas by {}.{:02} in the mean, {}.{:02} in the median", findings.largest,
                    findings.mean / 100, findings.mean % 100, findings.median / 100, findings.median % 100));
  }
  if (!findings.first) return;
  const auto& first = *findings.first;
  const bool has_groups = std::holds_alternative<verification::TokenWise>(found.comparator) ||
                          std::holds_alternative<verification::Toploc>(found.comparator);
  lines.add("First",
            fmt::format("{}{}: claimed 0x{:x}, recomputed 0x{:x}", has_groups ? fmt::format("{}, ", first.group) : "",
                        first.index, first.claimed, first.recomputed));
}

ExitCode compare_artifacts(const Invocation& call, const CompareRequest& request) {
  const auto found = compared(request);
  if (!found) return report(call, found.error());
  const auto& row = verification::row_of(found->verdict.reason);
  const ExitCode code = row.outcome == verification::Outcome::Agree    ? ExitCode::Ok
                        : row.outcome == verification::Outcome::Differ ? ExitCode::Mismatch
                                                                       : ExitCode::Usage;
  if (call.json) {
    call.out.line(compact(json_of(request, *found)));
    return code;
  }
  terminal::KeyValues lines;
  lines.add("Comparator", verification::comparator_text(found->comparator));
  lines.add("Claimed", fmt::format("{}  sha256 {}", form_text(found->claimed_form), found->verdict.claimed.hex()));
  lines.add("Recomputed",
            fmt::format("{}  sha256 {}", form_text(found->recomputed_form), found->verdict.recomputed.hex()));
  add_figures(lines, *found);
  lines.add("Digest", found->verdict.digest.hex());
  call.out.stream() << lines.render(call.out);
  const std::string detail = found->verdict.detail.empty() ? "" : ": " + found->verdict.detail;
  const std::string mark = row.outcome == verification::Outcome::Agree ? call.out.tick() : call.out.cross();
  call.out.line(fmt::format("{} {} [{}]{}", mark, row.sentence, row.name, detail));
  return code;
}

}  // namespace

void add_evidence_compare_command(config::Command& group) {
  const auto request = std::make_shared<CompareRequest>();
  config::Command& command = group.add("compare", "Compare a claimed result with one that was computed again");
  command.describe(
      "Runs the comparator that the job's class names, on integers alone: whoever has both files gets the same verdict "
      "and the same digest, on every machine.\n\nexact: the same bytes. ulp(K): every element at most K representable "
      "values away. mse_max(M): the mean squared error of the samples of pictures at most M. token-wise: the same "
      "token "
      "ids. toploc(E,M,MD): proofs of an inference against activations. container(DIGEST): what a comparing program "
      "reports, given by --report.\n\nA difference that exact, token-wise or toploc finds between two numeric classes "
      "proves nothing; name both classes and there is no verdict.");
  command.positional("claimed", request->claimed, "The provider's artifact.")
      .required()
      .placeholder("CLAIMED")
      .completes(config::Completion::File);
  command.positional("recomputed", request->recomputed, "The verifier's.")
      .required()
      .placeholder("RECOMPUTED")
      .completes(config::Completion::File);
  command.option("--comparator", request->comparator, "What it takes to be the same.").required().placeholder("RULE");
  command
      .option("--form", request->form,
              "How both are read: bytes, npy, png, pnm, tokens, raw:TYPE[:SHAPE]; npy, png and pnm are seen by their "
              "first bytes.")
      .placeholder("FORM");
  command.option("--recomputed-form", request->recomputed_form, "How the second one is read, where it is another form.")
      .placeholder("FORM");
  command
      .option("--class", request->numeric_class, "Numeric class of the claimed run: ARCHITECTURE/TOOLKIT/IMAGE/FLAGS.")
      .placeholder("CLASS");
  command.option("--recomputed-class", request->recomputed_class, "Numeric class of the other run.")
      .placeholder("CLASS");
  command.option("--report", request->report, "What the program of container(DIGEST) wrote.")
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.prints()
      .without_configuration()
      .example("starminer evidence compare --comparator 'ulp(4)' claimed.npy mine.npy", "Arrays of floats")
      .example("starminer evidence compare --comparator 'mse_max(1)' frame.png mine.png --json", "Rendered frames")
      .example("starminer evidence compare --comparator token-wise answer.tokens mine.npy", "Tokens in two forms")
      .example(
          "starminer evidence compare --comparator 'toploc(38,1000,800)' answer.proofs mine.bf16 --recomputed-form "
          "activations:300x4096:44",
          "An inference")
      .returns(ExitCode::Usage,
               "there is no verdict: the comparator does not apply, or the recomputed file is malformed")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Mismatch, "the claimed result is not the same")
      .run([request](const Invocation& call) { return compare_artifacts(call, *request); });
}

}  // namespace starminer::cli
