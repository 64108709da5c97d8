// The second half of a contract: what the job left behind goes to the artifact store, and its end to the chain.
#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "protocol/operation/limits.h"
#include "provider/job_runner.h"
#include "provider/sandbox/job_dir.h"
#include "provider/sandbox/outputs.h"

namespace starminer::provider {
namespace {

using protocol::EndReason;

constexpr auto kUploadPause = std::chrono::milliseconds(500);
constexpr std::size_t kLogTailBytes = 2000;

bool is_pattern(const std::string& name) { return name.find_first_of("*?[") != std::string::npos; }

bool matches(const std::string& pattern, const std::string& path) {
  return ::fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0;
}

// Keeps what the manifest asks for; names the first output that is missing, where all must be there.
std::string select_outputs(const std::vector<std::string>& wanted, bool all, std::vector<sandbox::OutputFile>& files) {
  if (wanted.empty()) return {};
  for (const std::string& pattern : wanted) {
    if (!all) break;
    const bool found = std::any_of(files.begin(), files.end(),
                                   [&](const sandbox::OutputFile& file) { return matches(pattern, file.path); });
    if (!found)
      return fmt::format("the job did not write {}{}", is_pattern(pattern) ? "anything that matches " : "", pattern);
  }
  std::erase_if(files, [&](const sandbox::OutputFile& file) {
    return std::none_of(wanted.begin(), wanted.end(),
                        [&](const std::string& pattern) { return matches(pattern, file.path); });
  });
  return {};
}

std::string tail_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) return {};
  const auto size = static_cast<std::size_t>(stream.tellg());
  const std::size_t take = std::min(size, kLogTailBytes);
  std::string text(take, '\0');
  stream.seekg(static_cast<std::streamoff>(size - take));
  stream.read(text.data(), static_cast<std::streamsize>(take));
  return text;
}

// Who is responsible for an end, as far as the provider can see (protocol section 5).
std::optional<EndReason> reason_of(const sandbox::ExitReport& report) {
  switch (report.end) {
    case sandbox::EndKind::Exited:
      if (report.exit_code == 0) return std::nullopt;
      return report.limit == sandbox::LimitHit::None || report.limit == sandbox::LimitHit::Log
                 ? EndReason::BadPayload
                 : EndReason::ResourceLimitRequester;
    case sandbox::EndKind::Signalled:
      return report.limit == sandbox::LimitHit::None ? EndReason::BadPayload : EndReason::ResourceLimitRequester;
    case sandbox::EndKind::LimitEnded: return EndReason::ResourceLimitRequester;
    case sandbox::EndKind::Stopped:
    case sandbox::EndKind::SetupFailed:
    case sandbox::EndKind::Lost: return EndReason::ProviderError;
  }
  return EndReason::ProviderError;
}

}  // namespace

void JobRunner::deliver() {
  if (!write_phase(JobPhase::Uploading)) return;
  auto reason = reason_of(*report_);
  // What ended well before it was asked to is delivered as ever.
  if (gives_way_ && report_->end == sandbox::EndKind::Stopped) reason = EndReason::Preempted;
  const std::filesystem::path directory = context_.sandbox.job_directory(contract_.text());
  if (!reason) {
    if (rank_ > 0) {
      deliver_part();
    } else {
      deliver_result();
    }
    return;
  }
  std::string detail = sandbox::describe(*report_);
  if (!report_->error.empty()) detail += fmt::format(" ({})", report_->error);
  const std::string tail = tail_of(directory / sandbox::kStandardErrorFile);
  if (!tail.empty()) detail += fmt::format("\n{}", sandbox::printable(tail));
  deliver_failure(*reason, detail);
}

RunRecord JobRunner::make_record() const {
  RunRecord run;
  run.contract = contract_.text();
  run.job = job_;
  run.node = node_->id.text();
  run.manifest_hash = manifest_hash_;
  run.devices = devices_;
  run.manifest = manifest_;
  if (report_) run.report = *report_;
  return run;
}

Result<LogDigest, ApiError> JobRunner::upload_log(const char* file) {
  const std::filesystem::path path = context_.sandbox.job_directory(contract_.text()) / file;
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  if (error || size == 0) return LogDigest{};
  const auto hash = api_->upload(path.string(), {});
  if (!hash) return fail(hash.error());
  return LogDigest{hash->hex(), size};
}

bool JobRunner::collect(RunRecord& run, std::string& fault) {
  const std::filesystem::path outputs = context_.sandbox.job_directory(contract_.text()) / sandbox::kOutputsFolder;
  const sandbox::SandboxSpec spec = make_spec();
  auto files = sandbox::collect_outputs(outputs, {spec.limits.output_bytes, spec.limits.output_files});
  if (!files) {
    fault = files.error().text;
    return false;
  }
  run.outputs = std::move(*files);
  fault = select_outputs(manifest_.outputs, rank_ == 0, run.outputs);
  if (!report_->outputs_refused.empty()) {
    const sandbox::RefusedOutput& refused = report_->outputs_refused.front();
    fault = fmt::format("output {}: {}", refused.path, refused.reason);
  }
  return fault.empty();
}

// A result is on this disk until the chain has answered: nothing but a receipt or the contract's end lets go of it.
void JobRunner::deliver_result() {
  clock_.freeze(report_->wall_ms);
  if (!await_parts()) return;
  RunRecord run = make_record();
  run.limits = make_spec().limits;
  run.run_ms = clock_.freeze(report_->wall_ms);
  std::string fault;
  if (!collect(run, fault)) {
    deliver_failure(EndReason::BadPayload, fault);
    return;
  }
  while (!send_result(run)) {
    if (detach_ || cancel_ || !chain_wants_us()) return;
    std::this_thread::sleep_for(kUploadPause);
  }
}

ApiError JobRunner::fault_of(std::string_view code, std::string detail) {
  return {.status = 0, .code = std::string(code), .detail = std::move(detail)};
}

bool JobRunner::ends_delivery(const ApiError& error) {
  note_obstacle(error);
  if (error.code == kChanged) deliver_failure(EndReason::ProviderError, error.detail);
  if (error.code == kTaken) deliver_failure(EndReason::BadPayload, error.detail);
  return error.code == kChanged || error.code == kTaken;
}

Result<std::vector<Hash32>, ApiError> JobRunner::upload_outputs(RunRecord& run) {
  const std::filesystem::path outputs = context_.sandbox.job_directory(contract_.text()) / sandbox::kOutputsFolder;
  std::vector<Hash32> hashes;
  for (const sandbox::OutputFile& output : run.outputs) {
    const auto hash = api_->upload((outputs / output.path).string(), {});
    if (!hash) return fail(hash.error());
    if (hash->hex() != output.sha256) {
      return fail(fault_of(kChanged, fmt::format("output {} changed after the job", output.path)));
    }
    hashes.push_back(*hash);
  }
  const auto standard_output = upload_log(sandbox::kStandardOutputFile);
  if (!standard_output) return fail(standard_output.error());
  const auto standard_error = upload_log(sandbox::kStandardErrorFile);
  if (!standard_error) return fail(standard_error.error());
  run.standard_output = *standard_output;
  run.standard_error = *standard_error;
  return hashes;
}

bool JobRunner::send_result(RunRecord& run) {
  const auto failed = [this](const ApiError& error) { return ends_delivery(error); };
  auto uploaded = upload_outputs(run);
  if (!uploaded) return failed(uploaded.error());
  std::vector<Hash32> hashes = std::move(*uploaded);
  run.host_outputs.clear();
  if (const auto gathered = gather_parts(run, hashes); !gathered) return failed(gathered.error());
  run.run_ms = clock_.freeze(run.run_ms);  // a gang has run as long as the longest of its parts
  if (hashes.size() > protocol::kContractOutputsMax) {
    deliver_failure(EndReason::BadPayload, fmt::format("the hosts wrote {} outputs together, at most {} are named",
                                                       hashes.size(), protocol::kContractOutputsMax));
    return true;
  }
  const auto result = api_->upload_text(make_result_manifest(run));
  if (!result) return failed(result.error());
  const auto proof = api_->upload_text(make_proof(run, result->hex(), "", "", context_.chain.key()));
  if (!proof) return failed(proof.error());
  const auto receipt = context_.chain.complete(contract_, run.run_ms, *result, hashes, *proof);
  if (!receipt) return failed(receipt.error());
  note(fmt::format("completed with {} outputs", hashes.size()));
  return true;
}

void JobRunner::deliver_failure(EndReason reason, const std::string& detail) {
  const protocol::EndReasonInfo& info = end_reason_info(reason);
  note(fmt::format("{}: {}", info.code, detail));
  const std::uint64_t run_ms = clock_.freeze(report_ ? report_->wall_ms : chain_run_ms_);
  if (report_ && report_->end == sandbox::EndKind::LimitEnded && report_->limit == sandbox::LimitHit::WallTime) {
    // The chain ends a job that reaches its maximum time itself, and pays for it if it has heard that it ran.
    bool heard = false;
    while (!detach_ && chain_wants_us()) {
      heard = heard || context_.chain.progress({{contract_, run_ms, host()}}).has_value();
      std::this_thread::sleep_for(kUploadPause);
    }
    return;
  }
  RunRecord run = make_record();
  run.run_ms = run_ms;
  for (;;) {
    // One host ends the job of all: it must not take back what the lead has said.
    const std::uint64_t stated_ms = rank_ > 0 && chain_wants_us() ? std::max(run_ms, chain_run_ms_) : run_ms;
    const auto proof = api_->upload_text(make_proof(run, "", std::string(info.code), detail, context_.chain.key()));
    const auto receipt = context_.chain.report_failure(contract_, stated_ms, reason, proof ? *proof : Hash32{});
    if (receipt) return;
    note_obstacle(receipt.error());
    if (detach_ || !chain_wants_us()) return;
    std::this_thread::sleep_for(kUploadPause);
  }
}

}  // namespace starminer::provider
