// The second half of a contract: what the job left behind goes to the artifact store, and its end to the chain.
#include <fnmatch.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

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

// Keeps what the manifest asks for; names the first output that is missing.
std::string select_outputs(const std::vector<std::string>& wanted, std::vector<sandbox::OutputFile>& files) {
  if (wanted.empty()) return {};
  for (const std::string& pattern : wanted) {
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
  started_unix_ms_ = 0;
  if (!write_phase(JobPhase::Uploading)) return;
  const auto reason = reason_of(*report_);
  const std::filesystem::path directory = context_.sandbox.job_directory(contract_.text());
  if (!reason) {
    deliver_result();
    return;
  }
  std::string detail = sandbox::describe(*report_);
  if (!report_->error.empty()) detail += fmt::format(" ({})", report_->error);
  const std::string tail = tail_of(directory / sandbox::kStandardErrorFile);
  if (!tail.empty()) detail += fmt::format("\n{}", sandbox::printable(tail));
  deliver_failure(*reason, detail);
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
  fault = select_outputs(manifest_.outputs, run.outputs);
  if (!report_->outputs_refused.empty()) {
    const sandbox::RefusedOutput& refused = report_->outputs_refused.front();
    fault = fmt::format("output {}: {}", refused.path, refused.reason);
  }
  return fault.empty();
}

void JobRunner::deliver_result() {
  const std::filesystem::path directory = context_.sandbox.job_directory(contract_.text());
  RunRecord run;
  run.contract = contract_.text();
  run.job = job_;
  run.node = node_->id.text();
  run.manifest_hash = manifest_hash_;
  run.devices = devices_;
  run.manifest = manifest_;
  run.limits = make_spec().limits;
  run.report = *report_;
  std::string fault;
  if (!collect(run, fault)) {
    deliver_failure(EndReason::BadPayload, fault);
    return;
  }
  std::vector<Hash32> hashes;
  for (;;) {
    hashes.clear();
    bool sent = true;
    for (const sandbox::OutputFile& output : run.outputs) {
      const auto hash = api_->upload((directory / sandbox::kOutputsFolder / output.path).string(), {});
      sent = sent && hash && hash->hex() == output.sha256;
      if (!sent) break;
      hashes.push_back(*hash);
    }
    const auto standard_output = sent ? upload_log(sandbox::kStandardOutputFile) : LogDigest{};
    const auto standard_error = sent ? upload_log(sandbox::kStandardErrorFile) : LogDigest{};
    if (sent && standard_output && standard_error) {
      run.standard_output = *standard_output;
      run.standard_error = *standard_error;
      const std::string result = make_result_manifest(run);
      const auto result_hash = api_->upload_text(result);
      const auto proof_hash = result_hash
                                  ? api_->upload_text(make_proof(run, result_hash->hex(), "", "", context_.chain.key()))
                                  : result_hash;
      if (proof_hash) {
        const auto receipt = context_.chain.complete(contract_, report_->wall_ms, *result_hash, hashes, *proof_hash);
        note(receipt ? fmt::format("completed with {} outputs", run.outputs.size())
                     : client::describe(receipt.error()));
        if (receipt || !receipt.error().is_transient()) return;
      }
    }
    // The store or the node is away: the result waits on this disk as long as the contract lives.
    if (detach_ || cancel_ || !chain_wants_us()) return;
    std::this_thread::sleep_for(kUploadPause);
  }
}

void JobRunner::deliver_failure(EndReason reason, const std::string& detail) {
  const protocol::EndReasonInfo& info = end_reason_info(reason);
  note(fmt::format("{}: {}", info.code, detail));
  if (report_ && report_->end == sandbox::EndKind::LimitEnded && report_->limit == sandbox::LimitHit::WallTime) {
    // The chain ends a job that reaches its maximum time itself, and pays for it.
    while (!detach_ && chain_wants_us()) std::this_thread::sleep_for(kUploadPause);
    return;
  }
  RunRecord run;
  run.contract = contract_.text();
  run.job = job_;
  run.node = node_->id.text();
  run.manifest_hash = manifest_hash_;
  run.devices = devices_;
  run.manifest = manifest_;
  if (report_) run.report = *report_;
  for (;;) {
    const auto report_hash =
        api_->upload_text(make_proof(run, "", std::string(info.code), detail, context_.chain.key()));
    const std::uint64_t run_ms = report_ ? report_->wall_ms : 0;
    const auto receipt =
        context_.chain.report_failure(contract_, run_ms, reason, report_hash ? *report_hash : Hash32{});
    if (receipt) return;
    if (!receipt.error().is_transient()) {
      note(client::describe(receipt.error()));
      return;
    }
    if (detach_ || !chain_wants_us()) return;
    std::this_thread::sleep_for(kUploadPause);
  }
}

}  // namespace starminer::provider
