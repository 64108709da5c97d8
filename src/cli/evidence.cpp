// evidence verify, evidence check-cases: attestation evidence checked by hand, without any network.
#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <memory>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/outcome.h"
#include "client/evidence/cases.h"
#include "client/evidence/files.h"
#include "client/evidence/given.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using attestation::evidence::row_of;
using attestation::evidence::Step;
using attestation::evidence::StepId;
using attestation::evidence::StepOutcome;
using attestation::evidence::Verdict;
using client::evidence::Demands;
using client::evidence::Judgement;
using client::evidence::Roots;
using config::ExitCode;
using config::Invocation;
using nlohmann::json;
namespace fs = std::filesystem;
namespace sev_snp = attestation::sev_snp;

struct VerifyEvidenceRequest {
  std::vector<std::string> files;
  std::string time;
  std::string roots;
  std::string report_data;
  std::string nonce;
  std::vector<std::string> measurements;
  std::vector<std::string> registers;
  std::vector<std::string> signers;
  std::vector<std::string> providers;
  std::vector<std::string> denied;
  std::string evaluation;
  std::string collateral_after;
  std::vector<std::string> minimum_tcb;
  std::vector<std::string> statuses;
  std::vector<std::string> allow;
  std::string program;
};

struct CheckCasesRequest {
  std::string file;
  std::string roots;
  std::string more_files;
};

Outcome<Roots> roots_of(const std::string& folder) {
  if (folder.empty()) return client::evidence::shipped_roots();
  auto roots = client::evidence::load_roots(folder);
  if (!roots) return fail(usage_trouble("there are no roots to trust", roots.error()));
  return std::move(*roots);
}

/// Exactly N bytes of lower-case hex.
template <std::size_t N>
Outcome<std::array<std::uint8_t, N>> hex_of(const char* option, const std::string& text) {
  const auto bytes = from_hex(text);
  std::array<std::uint8_t, N> value{};
  if (!bytes || bytes->size() != N) {
    return fail(usage_trouble(fmt::format("{} is not {} bytes of hex", option, N),
                              fmt::format("it has {} lower-case hexadecimal digits", 2 * N)));
  }
  std::copy(bytes->begin(), bytes->end(), value.begin());
  return value;
}

std::optional<std::uint8_t> byte_of(std::string_view text) {
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "Genoa:bootloader=9,tee=0,snp=22,microcode=72"; parts that are not named have no minimum.
Outcome<std::pair<sev_snp::Product, sev_snp::Tcb>> minimum_of(const std::string& text) {
  const Trouble trouble = usage_trouble(fmt::format("--minimum-tcb \"{}\" is not understood", text),
                                        "it is like Genoa:bootloader=9,tee=0,snp=22,microcode=72");
  const std::size_t colon = text.find(':');
  const auto product = sev_snp::product_of_name(std::string_view(text).substr(0, colon));
  if (!product || colon == std::string::npos) return fail(trouble);
  sev_snp::Tcb tcb;
  std::string_view rest = std::string_view(text).substr(colon + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) return fail(trouble);
    const std::string_view name = part.substr(0, equals);
    const auto value = byte_of(part.substr(equals + 1));
    std::uint8_t* const target = name == "fmc"          ? &tcb.fmc
                                 : name == "bootloader" ? &tcb.bootloader
                                 : name == "tee"        ? &tcb.tee
                                 : name == "snp"        ? &tcb.snp
                                 : name == "microcode"  ? &tcb.microcode
                                                        : nullptr;
    if (target == nullptr || !value) return fail(trouble);
    *target = *value;
  }
  return std::pair(*product, tcb);
}

/// The registers that every accepted domain must have, by "N=HEX".
Outcome<std::array<std::optional<sev_snp::Digest48>, 4>> registers_of(const std::vector<std::string>& texts) {
  std::array<std::optional<sev_snp::Digest48>, 4> registers{};
  for (const std::string& text : texts) {
    const bool form = text.size() > 2 && text[0] >= '0' && text[0] < '4' && text[1] == '=';
    if (!form)
      return fail(
          usage_trouble(fmt::format("--rtmr \"{}\" is not understood", text), "it is like 1=4f8a... of 48 bytes"));
    const auto digest = hex_of<48>("--rtmr", text.substr(2));
    if (!digest) return fail(digest.error());
    registers[static_cast<std::size_t>(text[0] - '0')] = *digest;
  }
  return registers;
}

/// What a guest must be, and have been asked.
Outcome<void> add_guest_demands(const VerifyEvidenceRequest& request, Demands& demands) {
  if (!request.report_data.empty()) {
    const auto data = hex_of<64>("--report-data", request.report_data);
    if (!data) return fail(data.error());
    demands.snp.report_data = demands.dcap.report_data = *data;
    demands.asked.push_back({"--report-data", {StepId::SnpBinding, StepId::QuoteBinding}});
  }
  if (!request.nonce.empty()) {
    const auto nonce = hex_of<32>("--nonce", request.nonce);
    if (!nonce) return fail(nonce.error());
    demands.gpu.nonce = *nonce;
    demands.asked.push_back({"--nonce", {StepId::NvNonce, StepId::EatNonce}});
  }
  if (!request.program.empty()) {
    const auto program = hex_of<32>("--program", request.program);
    if (!program) return fail(program.error());
    demands.proof.program = Hash32{*program};
    demands.asked.push_back({"--program", {StepId::ZkProgram}});
  }
  const auto registers = registers_of(request.registers);
  if (!registers) return fail(registers.error());
  if (!request.registers.empty() && request.measurements.empty()) {
    return fail(usage_trouble("--rtmr needs a --measurement",
                              "the registers of a domain mean something under its firmware only"));
  }
  for (const std::string& text : request.measurements) {
    // MRENCLAVE has 32 bytes, all others 48.
    const auto digest = hex_of<48>("--measurement", text.size() == 64 ? text + std::string(32, '0') : text);
    if (!digest) return fail(digest.error());
    if (!demands.snp.measurements) demands.snp.measurements.emplace();
    if (!demands.dcap.measurements) demands.dcap.measurements.emplace();
    demands.snp.measurements->push_back(*digest);
    demands.dcap.measurements->push_back({*digest, *registers});
  }
  if (!request.measurements.empty()) {
    demands.asked.push_back({"--measurement", {StepId::SnpMeasurement, StepId::QuoteMeasurement}});
  }
  if (!request.registers.empty()) demands.asked.push_back({"--rtmr", {StepId::QuoteMeasurement}});
  for (const std::string& text : request.signers) {
    const auto digest = hex_of<48>("--signer", text);
    if (!digest) return fail(digest.error());
    if (!demands.snp.signers) demands.snp.signers.emplace();
    demands.snp.signers->push_back(*digest);
  }
  if (!request.signers.empty()) demands.asked.push_back({"--signer", {StepId::SnpSignerKeys}});
  return {};
}

/// Denied chips, platforms and devices: each kind of evidence has names of its own lengths.
Outcome<void> add_denied(const std::vector<std::string>& texts, Demands& demands) {
  for (const std::string& text : texts) {
    const auto bytes = from_hex(text);
    if (!bytes || bytes->empty()) {
      return fail(usage_trouble(
          fmt::format("--deny \"{}\" is no lower-case hex", text),
          "it is the chip id of a report, the PPID of a PCK certificate or the serial number of a device"));
    }
    demands.snp.denied_chips.insert(*bytes);
    demands.gpu.policy.denied_devices.insert(*bytes);
    std::array<std::uint8_t, 16> ppid{};
    if (bytes->size() != ppid.size()) continue;
    std::copy(bytes->begin(), bytes->end(), ppid.begin());
    demands.dcap.denied_platforms.insert(ppid);
  }
  if (!texts.empty()) {
    demands.asked.push_back({"--deny", {StepId::SnpChipAllowed, StepId::QuotePlatform, StepId::NvDeviceAllowed}});
  }
  return {};
}

/// How recent the word of the vendor must be.
Outcome<void> add_collateral_demands(const VerifyEvidenceRequest& request, Demands& demands) {
  if (!request.evaluation.empty()) {
    const char* const end = request.evaluation.data() + request.evaluation.size();
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(request.evaluation.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return fail(usage_trouble(fmt::format("--minimum-evaluation \"{}\" is no number", request.evaluation),
                                "it is the tcbEvaluationDataNumber of Intel's documents"));
    }
    demands.dcap.evaluation_min = number;
    demands.asked.push_back({"--minimum-evaluation", {StepId::QuoteEvaluation}});
  }
  if (!request.collateral_after.empty()) {
    demands.dcap.issued_min = attestation::x509::parse_time(request.collateral_after);
    if (!demands.dcap.issued_min) {
      return fail(usage_trouble(fmt::format("--collateral-after \"{}\" is no time", request.collateral_after),
                                "it is like 2025-06-15T00:00:00Z"));
    }
    demands.asked.push_back({"--collateral-after", {StepId::QuoteCollateralIssued}});
  }
  return {};
}

/// What a platform must be.
Outcome<void> add_platform_demands(const VerifyEvidenceRequest& request, Demands& demands) {
  for (const std::string& text : request.minimum_tcb) {
    const auto minimum = minimum_of(text);
    if (!minimum) return fail(minimum.error());
    demands.snp.minimum_tcb.insert_or_assign(minimum->first, minimum->second);
  }
  if (!request.minimum_tcb.empty()) demands.asked.push_back({"--minimum-tcb", {StepId::SnpMinimumTcb}});
  for (const std::string& name : request.statuses) {
    const auto status = attestation::dcap::parse_status(name);
    if (!status) {
      return fail(usage_trouble(
          fmt::format("--tcb-status \"{}\" is no status", name),
          "Intel's are UpToDate, SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, "
          "OutOfDate, OutOfDateConfigurationNeeded, Revoked"));
    }
    demands.dcap.statuses.insert(*status);
  }
  if (!request.statuses.empty()) {
    demands.asked.push_back({"--tcb-status", {StepId::TcbStatus, StepId::TcbLevelFound}});
  }
  for (const std::string& name : request.providers) {
    if (!demands.snp.providers) demands.snp.providers.emplace();
    demands.snp.providers->insert(name);
  }
  if (!request.providers.empty()) demands.asked.push_back({"--provider", {StepId::SnpProviderAllowed}});
  return add_denied(request.denied, demands);
}

Outcome<Demands> demands_of(const VerifyEvidenceRequest& request) {
  Demands demands;
  for (const auto add : {add_guest_demands, add_platform_demands, add_collateral_demands}) {
    if (const auto added = add(request, demands); !added) return fail(added.error());
  }
  return demands;
}

/// The steps that may fail; that they are judged is one more demand.
Outcome<std::vector<StepId>> waived_of(const std::vector<std::string>& names, Demands& demands) {
  std::vector<StepId> waived;
  for (const std::string& name : names) {
    const auto steps = client::evidence::waivable_steps(name);
    if (!steps) return fail(usage_trouble("--allow names no such step", steps.error()));
    waived.insert(waived.end(), steps->begin(), steps->end());
    demands.asked.push_back({"--allow " + name, *steps});
  }
  return waived;
}

Outcome<std::vector<client::evidence::GivenFile>> read_files(const std::vector<std::string>& names) {
  std::vector<client::evidence::GivenFile> files;
  for (const std::string& name : names) {
    auto bytes = client::evidence::read_evidence_file(name);
    if (!bytes) {
      std::error_code error;
      const bool there = fs::exists(name, error);
      return fail(
          Trouble{there ? ExitCode::Usage : ExitCode::NotFound, {"evidence cannot be read", "", bytes.error(), {}}});
    }
    files.push_back({name, std::move(*bytes)});
  }
  return files;
}

struct Verified {
  Judgement judgement;
  std::vector<StepId> waived;
};

Outcome<Verified> verify(const VerifyEvidenceRequest& request) {
  // Proofs need none; of other evidence it is asked for where the files are known.
  const auto time = attestation::x509::parse_time(request.time);
  if (!time && !request.time.empty()) {
    return fail(usage_trouble(fmt::format("--time \"{}\" is no time", request.time),
                              "evidence is judged at a time that you name, such as 2025-06-15T00:00:00Z"));
  }
  auto demands = demands_of(request);
  if (!demands) return fail(demands.error());
  const auto waived = waived_of(request.allow, *demands);
  if (!waived) return fail(waived.error());
  const auto roots = roots_of(request.roots);
  if (!roots) return fail(roots.error());
  const auto files = read_files(request.files);
  if (!files) return fail(files.error());
  auto judgement = client::evidence::judge_files(*files, *roots, time, *demands);
  if (!judgement) return fail(usage_trouble("the evidence cannot be judged as it is given", judgement.error()));
  client::evidence::waive(*judgement, *waived);
  return Verified{std::move(*judgement), *waived};
}

/// The names of the steps that failed and are not waived.
std::string failed_steps(const Verified& verified) {
  std::string names;
  for (const Step& step : verified.judgement.steps.list()) {
    const bool waived = std::find(verified.waived.begin(), verified.waived.end(), step.id) != verified.waived.end();
    if (step.outcome == StepOutcome::Failed && !waived)
      names += (names.empty() ? "" : ", ") + std::string(row_of(step.id).name);
  }
  return names;
}

/// What a reader might think was held against something, though nothing was given to hold it against.
std::string not_compared(const Judgement& judgement) {
  std::string names;
  for (const Step& step : judgement.steps.list()) {
    const bool bound = step.id == StepId::SnpBinding || step.id == StepId::QuoteBinding;
    const bool measured =
        step.id == StepId::SnpMeasurement || step.id == StepId::QuoteMeasurement || step.id == StepId::NvMeasurements;
    const bool registers = step.id == StepId::QuoteRegisters;
    const bool program = step.id == StepId::ZkProgram;
    if (step.outcome != StepOutcome::Skipped || (!bound && !measured && !registers && !program)) continue;
    const char* const name = bound       ? "the report data"
                             : registers ? "the registers"
                             : program   ? "the program"
                                         : "the measurement";
    names += (names.empty() ? "" : " and ") + std::string(name);
  }
  return names.empty() ? names : ", whatever " + names + " may be";
}

std::string conclusion(const Invocation& call, const Verified& verified) {
  const Judgement& judgement = verified.judgement;
  if (judgement.accepted) {
    return fmt::format("{} genuine and accepted{}", call.out.tick(), not_compared(judgement));
  }
  switch (judgement.verdict) {
    case Verdict::Valid:
      return fmt::format("{} genuine, but not accepted: {}", call.out.cross(), failed_steps(verified));
    case Verdict::Invalid: return fmt::format("{} not genuine: {}", call.out.cross(), failed_steps(verified));
    case Verdict::Unverifiable:
      return fmt::format("{} UNVERIFIABLE: what it takes to check this is not at hand", call.out.cross());
    case Verdict::Unsupported:
      return fmt::format("{} UNSUPPORTED: the protocol does not accept this kind of evidence", call.out.cross());
  }
  return {};
}

void show(const Invocation& call, const Verified& verified) {
  terminal::Table table({{""}, {"STEP"}, {"WHY"}});
  for (const Step& step : verified.judgement.steps.list()) {
    const bool waived = std::find(verified.waived.begin(), verified.waived.end(), step.id) != verified.waived.end();
    const bool failed = step.outcome == StepOutcome::Failed;
    const std::string mark = failed ? call.out.cross() : step.outcome == StepOutcome::Passed ? call.out.tick() : "-";
    const std::string why = failed && waived ? "allowed by --allow: " + step.reason : step.reason;
    table.add({{mark, failed && !waived ? terminal::Style::Bad : terminal::Style::Plain},
               {std::string(row_of(step.id).name)},
               {why, step.outcome == StepOutcome::Skipped ? terminal::Style::Dim : terminal::Style::Plain}});
  }
  call.out.stream() << table.render(call.out);
  call.out.line(conclusion(call, verified));
}

ExitCode verify_evidence(const Invocation& call, const VerifyEvidenceRequest& request) {
  const auto verified = verify(request);
  if (!verified) return report(call, verified.error());
  const Judgement& judgement = verified->judgement;
  if (call.json) {
    call.out.line(compact({{"kind", judgement.kind},
                           {"time", request.time},
                           {"verdict", name_of(judgement.verdict)},
                           {"accepted", judgement.accepted},
                           {"tcb_status", judgement.tcb_status},
                           {"steps", client::evidence::step_rows(judgement.steps)},
                           {"allowed", request.allow},
                           {"fields", judgement.fields},
                           {"certificate", judgement.certificate}}));
  } else {
    call.out.line(request.time.empty() ? fmt::format("{} evidence", judgement.kind)
                                       : fmt::format("{} evidence, judged at {}", judgement.kind, request.time));
    show(call, *verified);
  }
  return judgement.accepted ? ExitCode::Ok : ExitCode::Mismatch;
}

ExitCode check_cases(const Invocation& call, const CheckCasesRequest& request) {
  std::error_code error;
  if (!fs::exists(request.file, error)) {
    return call.fail(ExitCode::NotFound, {fmt::format("there is no file {}", request.file), "", "", {}});
  }
  const auto roots = roots_of(request.roots);
  if (!roots) return report(call, roots.error());
  const auto judged = client::evidence::judge_cases(request.file, {*roots, request.more_files});
  if (!judged) return report(call, usage_trouble("the cases cannot be judged", judged.error()));
  const auto wrong_ones = std::count_if(judged->begin(), judged->end(), [](const auto& one) { return !one.agrees(); });
  if (call.json) {
    call.out.line(compact(client::evidence::report_of(*judged)));
    return wrong_ones == 0 ? ExitCode::Ok : ExitCode::Mismatch;
  }
  terminal::Table table({{""}, {"CASE", terminal::Align::Left, "", true}, {"VERDICT"}, {"EXPECTED"}, {"DIFFERENCES"}});
  for (const auto& one : *judged) {
    std::string differences;
    for (const std::string& text : one.differences) differences += (differences.empty() ? "" : "; ") + text;
    table.add({{one.agrees() ? call.out.tick() : call.out.cross()},
               {one.id},
               {std::string(name_of(one.judgement.verdict))},
               {one.expected},
               {differences}});
  }
  call.out.stream() << table.render(call.out);
  call.out.line(
      fmt::format("{} of {} cases agree", judged->size() - static_cast<std::size_t>(wrong_ones), judged->size()));
  return wrong_ones == 0 ? ExitCode::Ok : ExitCode::Mismatch;
}

void add_verify(config::Command& group) {
  const auto request = std::make_shared<VerifyEvidenceRequest>();
  config::Command& command = group.add("verify", "Check attestation evidence, step by step");
  command.describe(
      "Takes a report with the certificates that endorse it, in any order: an SEV-SNP report (1184 bytes) with its "
      "VCEK or VLEK in DER or PEM; the authorities above are part of this program. Reports may also be lower-case hex "
      "or padded base64. Or an SGX or TDX quote with Intel's collateral: TCB info and QE identity as the service sends "
      "them and both revocation lists, or all of it in one JSON file. Or the report of an NVIDIA device with its "
      "chain, and with the manifests of its driver and its VBIOS if its measurements are to be compared, or a token of "
      "NVIDIA's service with the service's keys (JWK), without which it is UNVERIFIABLE. Or a Groth16 proof over BN254 "
      "with its verifying key and public signals, as snarkjs writes them or as words of the EVM, or a receipt of RISC "
      "Zero or SP1 in its Groth16 wrapping with the verifying key; proofs of other systems are UNSUPPORTED.\n\n"
      "Every step is listed with the reason why it failed. Genuine evidence may still be of a machine that nobody "
      "should trust: debugging allowed, an old platform, a product whose keys leak. --allow names steps that may fail. "
      "A file or a demand that says nothing about the evidence is an error.");
  command.positional("files", request->files, "The evidence and what endorses it.")
      .required()
      .placeholder("FILE")
      .completes(config::Completion::File);
  command
      .option("--time", request->time,
              "The moment at which it is judged; certificates must be valid then. Proofs do not age and need none.")
      .placeholder("TIME");
  command.option("--roots", request->roots, "Trust the roots in this folder in place of those of the program.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.option("--report-data", request->report_data, "What the report must be bound to: 64 bytes.")
      .placeholder("HEX");
  command.option("--nonce", request->nonce, "What the report of an NVIDIA device must answer: 32 bytes.")
      .placeholder("HEX");
  command.option("--measurement", request->measurements, "A measurement that is accepted; may be given several times.")
      .placeholder("HEX");
  command
      .option("--rtmr", request->registers,
              "What a register of a TDX domain must be, such as 1=4f8a...; its measurement is of the firmware alone.")
      .placeholder("N=HEX");
  command
      .option("--signer", request->signers,
              "The digest of an id or author key, one of which an SEV-SNP guest must have; may be given several times.")
      .placeholder("HEX");
  command
      .option("--minimum-tcb", request->minimum_tcb,
              "The oldest accepted platform, such as Genoa:bootloader=9,tee=0,snp=22,microcode=72.")
      .placeholder("PRODUCT:PARTS");
  command
      .option("--tcb-status", request->statuses,
              "A status of a platform of Intel that is accepted beside UpToDate; may be given several times.")
      .placeholder("STATUS");
  command
      .option("--minimum-evaluation", request->evaluation,
              "The oldest accepted edition of Intel's collateral (tcbEvaluationDataNumber).")
      .placeholder("N");
  command
      .option("--collateral-after", request->collateral_after,
              "All of Intel's collateral must have been issued then or later; it is valid for 30 days, which is long.")
      .placeholder("TIME");
  command
      .option("--provider", request->providers,
              "A provider whose keys (VLEK) are accepted, no other then; may be given several times.")
      .placeholder("NAME");
  command
      .option("--deny", request->denied,
              "A chip id, the PPID of a platform or the serial number of a GPU that is refused; may be given several "
              "times.")
      .placeholder("HEX");
  command
      .option(
          "--program", request->program,
          "What a proof must be of: the image id or program key of a receipt, else the digest of the verifying key.")
      .placeholder("HEX");
  command.option("--allow", request->allow, "A step that may fail; may be given several times.").placeholder("STEP");
  command.prints()
      .without_configuration()
      .example("starminer evidence verify report.bin vcek.der --time 2025-06-15T00:00:00Z", "Check a report of a guest")
      .example("starminer evidence verify quote.bin collateral.json --time 2025-06-25T00:00:00Z",
               "Check a quote under Intel's collateral")
      .example("starminer evidence verify gpu.bin chain.pem --nonce 27a3... --time 2025-06-25T00:00:00Z",
               "Check the report of a GPU")
      .example("starminer evidence verify verification_key.json public.json proof.json", "Check a Groth16 proof")
      .example(
          "starminer evidence verify report.bin vcek.der --time 2025-06-15T00:00:00Z --allow product_allowed --json",
          "Accept any product, as JSON")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Mismatch, "the evidence is not genuine, or not acceptable")
      .run([request](const Invocation& call) { return verify_evidence(call, *request); });
}

void add_check_cases(config::Command& group) {
  const auto request = std::make_shared<CheckCasesRequest>();
  config::Command& command =
      group.add("check-cases", "Judge a folder of test vectors and compare with what it expects");
  command.describe(
      "Reads cases.json, and mutations.json beside it if there is one, judges each at its own time, and says where a "
      "verdict, a step, a decoded field or the answer of a strict policy differs. Evidence of a kind that the protocol "
      "does not accept is UNSUPPORTED. A file may also hold a list of proofs in itself (\"entries\"), or calls to the "
      "EVM's contracts bn256Add, bn256ScalarMul and bn256Pairing, by which its name begins.");
  command.positional("file", request->file, "The cases.json of the folder.")
      .required()
      .placeholder("CASES.json")
      .completes(config::Completion::File);
  command.option("--roots", request->roots, "Trust the roots in this folder in place of those of the program.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.option("--files", request->more_files, "Where to look for files that are not beside the cases.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.prints()
      .without_configuration()
      .example("starminer evidence check-cases attestation/cases.json --json", "Judge every case and mutation")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Mismatch, "a case does not agree")
      .run([request](const Invocation& call) { return check_cases(call, *request); });
}

}  // namespace

void add_evidence_commands(config::Command& root) {
  config::Command& group = root.add("evidence", "Check attestation evidence and results by hand");
  add_verify(group);
  add_check_cases(group);
  add_evidence_compare_command(group);
  add_evidence_audit_commands(group);
}

}  // namespace starminer::cli
