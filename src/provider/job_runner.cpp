#include "provider/job_runner.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "protocol/contracts/contracts.h"
#include "provider/log_relay.h"
#include "provider/sandbox/job_dir.h"

namespace starminer::provider {
namespace {

using nlohmann::json;
using protocol::EndReason;

constexpr auto kRetryPause = std::chrono::milliseconds(500);
constexpr std::int64_t kPollMs = 200;
constexpr std::uint64_t kManifestBytesMax = 1U << 20U;
constexpr auto kRankPause = std::chrono::milliseconds(70);
constexpr std::string_view kWrongState = "E5104";
constexpr std::string_view kUsedSequence = "E1103";
constexpr std::string_view kWrongSequence = "E1104";

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

bool has_notice(const json& contract) {
  const auto notice = contract.find("notice");
  return notice != contract.end() && notice->is_object() && notice->value("open", false);
}

JobRunner::JobRunner(RunnerContext context, const ContractId& contract) : context_(context), contract_(contract) {}
JobRunner::~JobRunner() = default;

void JobRunner::note(const std::string& text) const { spdlog::info("{}  {}", contract_.text(), text); }

std::filesystem::path JobRunner::work_dir() const { return context_.settings.state_dir / "work" / contract_.text(); }

bool JobRunner::write_phase(JobPhase phase) {
  phase_ = phase;
  const auto written = context_.journal.write({contract_, phase});
  if (!written) spdlog::error("{}  journal: {}", contract_.text(), written.error());
  return written.has_value();
}

std::optional<std::uint64_t> JobRunner::reportable_run_ms() { return clock_.state(wall_ms()); }

void JobRunner::note_obstacle(const ApiError& error) {
  std::string text = client::describe(error);
  if (text == obstacle_) return;
  note(fmt::format("{}; trying again", text));
  obstacle_ = std::move(text);
}

void JobRunner::run() {
  const auto api = [this] {
    auto connected = client::Api::connect(context_.chain.url(), context_.chain.key());
    if (connected) api_ = std::move(*connected);
    return api_ != nullptr;
  }();
  if (api) {
    if (const auto entry = context_.journal.find(contract_)) phase_ = entry->phase;
    if (learn() == Step::Go && acknowledge() == Step::Go && fetch() == Step::Go && start_or_adopt() == Step::Go &&
        confirm_start() == Step::Go && follow() == Step::Go) {
      deliver();
    }
    if (!detach_) close();
  }
  clock_.stop();
  finished_ = true;
}

// What the chain knows of the contract; the truth on whether anything is left to do.
JobRunner::Step JobRunner::learn() {
  for (;;) {
    const auto answer = context_.chain.contract(contract_);
    if (answer) {
      state_ = answer->value("state", "");
      job_ = answer->value("job", "");
      manifest_hash_ = answer->value("manifest_hash", "");
      grant_.max_s = answer->value("max_s", std::uint64_t{0});
      grant_.input_bytes = answer->value("input_bytes", std::uint64_t{0});
      chain_run_ms_ = answer->value("run_ms", std::uint64_t{0});
      if (has_notice(*answer)) gives_way_ = true;
      learn_gang(*answer);
      const json allocation = rank_ == 0 ? answer->value("allocation", json::object())
                                         : answer->at("gang").at(rank_).value("allocation", json::object());
      devices_ = allocation.value("devices", std::vector<std::uint8_t>{});
      cpu_milli_ = allocation.value("cpu_milli", std::uint64_t{0});
      ram_bytes_ = allocation.value("ram_bytes", std::uint64_t{0});
      grant_.disk_bytes = allocation.value("disk_bytes", std::uint64_t{0});
      const std::string node = gang_.empty() ? answer->value("node", "") : gang_[rank_].node;
      const auto found = std::find_if(context_.nodes.begin(), context_.nodes.end(),
                                      [&](const NodeRecord& record) { return record.id.text() == node; });
      if (found == context_.nodes.end()) {
        note(fmt::format("belongs to node {}, which is not of this machine", node));
        return Step::Stop;
      }
      node_ = &*found;
      // Its part is done and said to be, whoever stopped in between; the rest is the lead's.
      if (rank_ > 0 && !gang_[rank_].report.empty()) return Step::Stop;
      return state_ == "assigned" || state_ == "preparing" || state_ == "running" ? Step::Go : Step::Stop;
    }
    if (!answer.error().is_transient()) {
      note(client::describe(answer.error()));
      return Step::Stop;
    }
    if (detach_) return Step::Stop;
    std::this_thread::sleep_for(kRetryPause);
  }
}

bool JobRunner::chain_wants_us() { return learn() == Step::Go; }

JobRunner::Step JobRunner::acknowledge() {
  if (state_ != "assigned") return Step::Go;
  if (rank_ > 0) return await_lead();
  if (!write_phase(JobPhase::Taken)) {
    // Without a journal a restart could run the job twice: rather let another node have it.
    (void)context_.chain.decline(contract_);
    return Step::Stop;
  }
  const auto receipt = context_.chain.acknowledge(contract_);
  if (!receipt && receipt.error().code != kWrongState) {
    note(client::describe(receipt.error()));
    return Step::Stop;
  }
  if (!receipt && !chain_wants_us()) return Step::Stop;
  state_ = "preparing";
  note("acknowledged");
  return Step::Go;
}

JobRunner::Step JobRunner::fetch() {
  if (phase_ > JobPhase::Fetching) {
    // The manifest is needed again for the report, its inputs are not.
    const auto text = read_manifest();
    if (!text && text.error().is_transient()) return Step::Stop;
    const auto manifest = text ? client::job_file::parse_manifest(*text) : fail(client::job_file::ManifestError{});
    if (!manifest) {
      deliver_failure(EndReason::ProviderError, "the manifest cannot be read again");
      return Step::Stop;
    }
    manifest_ = *manifest;
    return Step::Go;
  }
  if (!write_phase(JobPhase::Fetching)) return Step::Stop;
  return fetch_inputs();
}

/// A node that cannot be reached says nothing about what it holds: whether to ask it again, after a pause.
bool JobRunner::ask_again(const ApiError& error) {
  if (!error.is_transient()) return false;
  note_obstacle(error);
  std::this_thread::sleep_for(kRetryPause);
  return !detach_ && !cancel_ && chain_wants_us();
}

Result<std::string, ApiError> JobRunner::read_manifest() {
  for (;;) {
    auto text = api_->get_bytes(fmt::format("/v1/artifacts/{}?contract={}", manifest_hash_, contract_.text()));
    if (text || !ask_again(text.error())) return text;
  }
}

Result<void, ApiError> JobRunner::download(const Hash32& input, const std::filesystem::path& file) {
  const auto wanted = [this](std::uint64_t, std::uint64_t) { return !cancel_ && !detach_; };
  for (;;) {
    auto got = api_->download(input, contract_.text(), file.string(), wanted);
    if (got || !ask_again(got.error())) return got;
  }
}

JobRunner::Step JobRunner::fetch_inputs() {
  const auto missing = [this](const ApiError& error, const std::string& what) {
    if (detach_ || cancel_ || error.is_transient() || !chain_wants_us()) return Step::Stop;
    const bool own_disk = error.code == "file_error";
    deliver_failure(own_disk ? EndReason::ProviderError : EndReason::InputsMissing,
                    fmt::format("{}: {}", what, client::describe(error)));
    return Step::Stop;
  };
  const auto hash = Hash32::from_hex(manifest_hash_);
  if (!hash) return Step::Stop;
  const auto text = read_manifest();
  if (!text) return missing(text.error(), "manifest");
  if (text->size() > kManifestBytesMax || sha256(*text) != *hash)
    return missing({}, "the manifest does not match its hash");
  const auto manifest = client::job_file::parse_manifest(*text);
  if (!manifest) {
    deliver_failure(EndReason::BadPayload, fmt::format("the manifest is not valid: {}", manifest.error().text));
    return Step::Stop;
  }
  if (const std::string fault = fault_against(*manifest, grant_); !fault.empty()) {
    deliver_failure(EndReason::BadPayload, fmt::format("the manifest is not that of this contract: {}", fault));
    return Step::Stop;
  }
  manifest_ = *manifest;
  const std::filesystem::path folder = work_dir() / "in";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (const auto& input : manifest_.inputs) {
    if (cancel_ || detach_) return Step::Stop;
    const std::filesystem::path file = folder / input.path;
    std::filesystem::create_directories(file.parent_path(), error);
    if (const auto got = download(input.sha256, file); !got) {
      return missing(got.error(), fmt::format("input {}", input.path));
    }
    if (std::filesystem::file_size(file, error) != input.size || error) {
      deliver_failure(EndReason::BadPayload,
                      fmt::format("input {} has another size than the manifest says", input.path));
      return Step::Stop;
    }
    std::filesystem::permissions(file, std::filesystem::perms(0444), error);
  }
  note(fmt::format("{} inputs fetched", manifest_.inputs.size()));
  return Step::Go;
}

sandbox::SandboxSpec JobRunner::make_spec() const {
  sandbox::SandboxSpec spec;
  spec.job_id = contract_.text();
  spec.argv = manifest_.command;
  spec.env = manifest_.env;
  if (!gang_.empty()) {
    spec.env["STARMINER_RANK"] = std::to_string(rank_.load());
    spec.env["STARMINER_HOSTS"] = std::to_string(gang_.size());
  }
  // The sandbox shows its default paths by itself; a runtime may need more.
  const std::vector<sandbox::ReadOnlyBind> shown = sandbox::default_runtime_binds();
  if (const auto runtime = node_->runtime_paths.find(manifest_.runtime); runtime != node_->runtime_paths.end()) {
    for (const std::string& path : runtime->second) {
      const bool covered = std::any_of(shown.begin(), shown.end(), [&](const sandbox::ReadOnlyBind& bind) {
        return path == bind.inside || path.starts_with(bind.inside.string() + "/");
      });
      if (!covered) spec.binds.push_back({path, path});
    }
  }
  spec.inputs = work_dir() / "in";
  for (const std::uint8_t device : devices_) {
    if (device < node_->device_files.size()) spec.devices.emplace_back(node_->device_files[device]);
  }
  const auto& limits = manifest_.limits;
  const auto smaller = [](std::uint64_t asked, std::uint64_t granted) {
    return granted == 0 ? asked : std::min(asked, granted);
  };
  spec.limits.cpu_milli = static_cast<std::uint32_t>(smaller(limits.cpus_milli, cpu_milli_));
  spec.limits.memory_bytes = smaller(limits.memory_bytes, ram_bytes_);
  spec.limits.processes = limits.pids;
  spec.limits.output_bytes = limits.output_bytes;
  // A contract names so many outputs; the hosts of a gang share them.
  spec.limits.output_files =
      static_cast<std::uint32_t>(protocol::kContractOutputsMax / std::max<std::size_t>(gang_.size(), 1));
  spec.limits.scratch_bytes = limits.disk_bytes;
  spec.limits.log_bytes = limits.log_bytes;
  spec.limits.wall_ms = std::min(limits.wall_s, grant_.max_s) * 1000;
  return spec;
}

JobRunner::Step JobRunner::start_or_adopt() {
  auto adopted = context_.sandbox.adopt(contract_.text());
  if (adopted) {
    note(adopted->running ? "adopted the running job" : "found the ended job");
    running_ = std::move(adopted->running);
    report_ = std::move(adopted->ended);
    clock_.start(running_ ? running_->started_unix_ms() : report_->started_unix_ms, chain_run_ms_);
    return Step::Go;
  }
  if (state_ == "running" || phase_ > JobPhase::Starting) {
    // The chain says that it ran here, and there is no trace of it: running it again would be running it twice.
    deliver_failure(EndReason::ProviderError, "the job's folder is gone");
    return Step::Stop;
  }
  if (cancel_ || !write_phase(JobPhase::Starting)) return Step::Stop;
  const auto begin = std::chrono::steady_clock::now();
  auto started = context_.sandbox.start(make_spec());
  if (!started) {
    const bool payload = started.error().code == sandbox::SandboxErrc::BadSpec;
    deliver_failure(payload ? EndReason::BadPayload : EndReason::ProviderError, started.error().text);
    return Step::Stop;
  }
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  note(fmt::format("sandbox started in {} ms", spent.count()));
  running_ = std::move(*started);
  clock_.start(running_->started_unix_ms(), chain_run_ms_);
  return Step::Go;
}

JobRunner::Step JobRunner::confirm_start() {
  if (state_ == "running") return Step::Go;
  for (;;) {
    // The run of a gang begins with the last of its hosts; this one may have said already that it is ready.
    if (!gang_.empty() && gang_[rank_].ready) {
      if (detach_ || cancel_ || !chain_wants_us()) {
        if (!detach_) end_job();
        return Step::Stop;
      }
      if (state_ == "running") return Step::Go;
      std::this_thread::sleep_for(kRetryPause);
      continue;
    }
    const auto receipt = context_.chain.start(contract_, host());
    if (receipt && gang_.empty()) {
      state_ = "running";
      return Step::Go;
    }
    if (receipt) {
      gang_[rank_].ready = true;
      continue;
    }
    if (detach_) return Step::Stop;
    const bool wanted = chain_wants_us();
    if (wanted && state_ == "running") return Step::Go;
    if (wanted && !gang_.empty() && gang_[rank_].ready) continue;
    // Agents of one account send at the same moment: who comes too late with its number tries again, each in its time.
    const bool raced = receipt.error().code == kWrongSequence || receipt.error().code == kUsedSequence;
    if (wanted && (receipt.error().is_transient() || raced)) {
      note_obstacle(receipt.error());
      std::this_thread::sleep_for(kRetryPause + kRankPause * rank_.load());
      continue;
    }
    note(client::describe(receipt.error()));
    end_job();
    // What stands in the way here, such as a fee that the account cannot pay, is this provider's.
    if (wanted) deliver_failure(EndReason::ProviderError, client::describe(receipt.error()));
    return Step::Stop;
  }
}

JobRunner::Step JobRunner::follow() {
  LogRelay relay(context_.chain.url(), context_.chain.key(), contract_,
                 context_.sandbox.job_directory(contract_.text()));
  bool asked = false;
  while (!report_) {
    if (detach_) return Step::Stop;
    if (gives_way_ && !asked) {
      note("its place was given to Premium work; the job is asked to end");
      running_->request_stop();
      asked = true;
    }
    if (cancel_) {
      note("the contract has ended on the chain; the job is ended");
      end_job();
      return Step::Stop;
    }
    auto ended = running_->wait(kPollMs);
    if (!ended) {
      deliver_failure(EndReason::ProviderError, ended.error().text);
      return Step::Stop;
    }
    report_ = std::move(*ended);
    if (rank_ == 0) relay.push(reportable_run_ms().value_or(0));  // one log is shown live: the lead's
  }
  note(sandbox::describe(*report_));
  if (rank_ == 0) relay.finish(report_->wall_ms);
  return Step::Go;
}

void JobRunner::end_job() {
  if (!running_) return;
  running_->request_stop();
  while (!report_) {
    auto ended = running_->wait(kPollMs);
    if (!ended) return;
    report_ = std::move(*ended);
  }
}

void JobRunner::close() {
  (void)write_phase(JobPhase::Closed);
  std::error_code ignored;
  std::filesystem::remove_all(work_dir(), ignored);
  if (const auto removed = context_.sandbox.remove_job(contract_.text());
      !removed && removed.error().code != sandbox::SandboxErrc::NotFound) {
    note(removed.error().text);
    return;
  }
  context_.journal.forget(contract_);
}

}  // namespace starminer::provider
