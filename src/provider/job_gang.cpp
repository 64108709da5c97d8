// A gang as one of its hosts sees it: who leads, how far the others are, and what the parts come to.
#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/job_file/paths.h"
#include "provider/job_runner.h"
#include "provider/sandbox/outputs.h"

namespace starminer::provider {
namespace {

using nlohmann::json;
using protocol::EndReason;

constexpr auto kPause = std::chrono::milliseconds(500);

}  // namespace

void JobRunner::learn_gang(const json& contract) {
  gang_.clear();
  for (const json& host : contract.value("gang", json::array())) {
    const bool ready = host.contains("ready_ms") && host.at("ready_ms").is_number();
    const bool done = host.contains("report") && host.at("report").is_string();
    gang_.push_back({host.value("node", ""), ready, done ? host.value("report", "") : std::string()});
  }
  const auto own = std::find_if(gang_.begin(), gang_.end(), [this](const GangHost& host) {
    return std::any_of(context_.nodes.begin(), context_.nodes.end(),
                       [&host](const NodeRecord& record) { return record.id.text() == host.node; });
  });
  rank_ = own != gang_.end() ? static_cast<std::uint32_t>(own - gang_.begin()) : 0;
}

NodeId JobRunner::host() const { return rank_ > 0 && node_ != nullptr ? node_->id : NodeId{}; }

JobRunner::Step JobRunner::await_lead() {
  if (!write_phase(JobPhase::Taken)) {
    (void)context_.chain.decline(contract_);
    return Step::Stop;
  }
  while (state_ == "assigned") {
    if (detach_ || cancel_) return Step::Stop;
    std::this_thread::sleep_for(kPause);
    if (!chain_wants_us()) return Step::Stop;
  }
  return Step::Go;
}

void JobRunner::deliver_part() {
  RunRecord run = make_record();
  run.limits = make_spec().limits;
  run.run_ms = report_->wall_ms;
  std::string fault;
  if (!collect(run, fault)) {
    deliver_failure(EndReason::BadPayload, fault);
    return;
  }
  while (!send_part(run)) {
    if (detach_ || cancel_ || !chain_wants_us()) return;
    std::this_thread::sleep_for(kPause);
  }
  clock_.stop();
}

bool JobRunner::send_part(RunRecord& run) {
  const auto failed = [this](const ApiError& error) { return ends_delivery(error); };
  if (const auto uploaded = upload_outputs(run); !uploaded) return failed(uploaded.error());
  const auto report = api_->upload_text(make_result_manifest(run));
  if (!report) return failed(report.error());
  const auto receipt = context_.chain.host_done(contract_, host(), *report);
  if (!receipt) return failed(receipt.error());
  note(fmt::format("host {} of the gang is done, with {} outputs", rank_.load(), run.outputs.size()));
  return true;
}

/// Meanwhile the lead goes on saying that it is there; its own part's time does not grow.
bool JobRunner::await_parts() {
  for (;;) {
    const bool all = std::all_of(gang_.begin(), gang_.end(), [this](const GangHost& host) {
      return &host == &gang_.front() || !host.report.empty();
    });
    if (all) return true;
    std::this_thread::sleep_for(kPause);
    if (detach_ || cancel_ || !chain_wants_us()) return false;
  }
}

Result<void, ApiError> JobRunner::gather_parts(RunRecord& run, std::vector<Hash32>& hashes) {
  run.hosts.clear();
  for (std::size_t rank = 1; rank < gang_.size(); ++rank) {
    const auto text = api_->get_bytes(fmt::format("/v1/artifacts/{}", gang_[rank].report));
    if (!text && text.error().is_transient()) return fail(text.error());
    if (!text) return fail(fault_of(kChanged, fmt::format("the report of host {} cannot be read", rank)));
    auto part = parse_result_manifest(*text);
    if (!part) {
      return fail(fault_of(kChanged, fmt::format("the report of host {} is damaged", rank)));
    }
    const std::string folder = fmt::format("host-{}", rank);
    for (const sandbox::OutputFile& own : run.outputs) {
      if (!own.path.starts_with(folder + "/") && own.path != folder) continue;
      return fail(
          fault_of(kTaken, fmt::format("host 0 wrote {}, where the outputs of host {} belong", own.path, rank)));
    }
    for (const sandbox::OutputFile& output : part->outputs) {
      hashes.push_back(*Hash32::from_hex(output.sha256));
      const std::string path = fmt::format("{}/{}", folder, output.path);
      if (const auto fault = client::job_file::path_fault(path)) {
        return fail(fault_of(kTaken, fmt::format("an output of host {} has a path that {}", rank, *fault)));
      }
      run.host_outputs.push_back({path, output.size, output.sha256});
    }
    run.run_ms = std::max(run.run_ms, part->wall_ms);
    run.hosts.push_back({gang_[rank].node, part->standard_output, part->standard_error});
  }
  return {};
}

}  // namespace starminer::provider
