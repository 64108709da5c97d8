// Carries one contract from assignment to report: acknowledge, fetch, start in the sandbox, follow, upload, complete or
// fail. Every step is in the journal before it happens and is checked against the chain after a restart, so a job is
// adopted, completed or reported, never lost and never run twice (protocol section 5, reconciliation). A result stays
// on this disk until the chain has answered or ended the contract. One runner per contract, on a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/ids.h"
#include "client/job_file/manifest.h"
#include "protocol/job/end_reason.h"
#include "provider/chain.h"
#include "provider/completion.h"
#include "provider/grant.h"
#include "provider/journal.h"
#include "provider/registration.h"
#include "provider/run_clock.h"
#include "provider/sandbox/sandbox.h"
#include "provider/settings.h"

namespace starminer::provider {

class LogRelay;

/// What all runners of an agent share.
struct RunnerContext {
  const AgentSettings& settings;
  Chain& chain;
  sandbox::Sandbox& sandbox;
  Journal& journal;
  const std::vector<NodeRecord>& nodes;
};

/// Whether a contract, as the node shows it, must give way to another job.
[[nodiscard]] bool has_notice(const nlohmann::json& contract);

class JobRunner {
 public:
  JobRunner(RunnerContext context, const ContractId& contract);
  ~JobRunner();

  /// Works until nothing is left to do for this contract or `detach` was called.
  void run();
  /// The agent stops: leave the job running, its supervisor stands beside it; the next agent adopts it.
  void detach() { detach_ = true; }
  /// The contract has notice: the job is asked to end, and its place is given back when it has.
  void give_way() { gives_way_ = true; }
  /// The chain ended the contract: end the job.
  void cancel() { cancel_ = true; }
  [[nodiscard]] bool finished() const { return finished_; }
  /// Run time to report on the chain; empty while no job runs or waits for its delivery.
  [[nodiscard]] std::optional<std::uint64_t> reportable_run_ms();
  [[nodiscard]] const ContractId& contract() const { return contract_; }
  /// The node of this machine, where it is a host of a gang but not the contract's own; else zero.
  [[nodiscard]] NodeId host() const;

 private:
  enum class Step : std::uint8_t { Go, Stop };

  [[nodiscard]] Step learn();
  /// Which host of a gang this machine is, and how far the others are.
  void learn_gang(const nlohmann::json& contract);
  [[nodiscard]] Step acknowledge();
  /// The lead acknowledges for all.
  [[nodiscard]] Step await_lead();
  [[nodiscard]] Step fetch();
  [[nodiscard]] bool ask_again(const ApiError& error);
  [[nodiscard]] Result<std::string, ApiError> read_manifest();
  [[nodiscard]] Result<void, ApiError> download(const Hash32& input, const std::filesystem::path& file);
  [[nodiscard]] Step start_or_adopt();
  [[nodiscard]] Step confirm_start();
  [[nodiscard]] Step follow();
  void deliver();
  void deliver_result();
  /// A host of a gang states what its part made; the lead waits until all have and gathers it.
  void deliver_part();
  [[nodiscard]] bool send_part(RunRecord& run);
  [[nodiscard]] bool await_parts();
  [[nodiscard]] Result<void, ApiError> gather_parts(RunRecord& run, std::vector<Hash32>& hashes);
  [[nodiscard]] Result<std::vector<Hash32>, ApiError> upload_outputs(RunRecord& run);
  // What is wrong here, not on the way to the node, so that trying again is no use.
  static constexpr std::string_view kTaken = "taken";      ///< a place of another host's outputs
  static constexpr std::string_view kChanged = "changed";  ///< what this host or another had made is not there any more
  [[nodiscard]] static ApiError fault_of(std::string_view code, std::string detail);
  /// Whether the error ended the job; else it is worth another try.
  [[nodiscard]] bool ends_delivery(const ApiError& error);
  [[nodiscard]] bool collect(RunRecord& run, std::string& fault);
  /// One try: outputs, logs, manifest and proof to the store, then the completion to the chain. Whether it arrived.
  [[nodiscard]] bool send_result(RunRecord& run);
  void deliver_failure(protocol::EndReason reason, const std::string& detail);
  [[nodiscard]] RunRecord make_record() const;
  /// Says why a step must be tried again, once per reason.
  void note_obstacle(const ApiError& error);
  void end_job();
  void close();

  [[nodiscard]] Step fetch_inputs();
  [[nodiscard]] sandbox::SandboxSpec make_spec() const;
  [[nodiscard]] Result<LogDigest, ApiError> upload_log(const char* file);
  /// Whether the chain still wants something of this provider for the contract; waits while the node is away.
  [[nodiscard]] bool chain_wants_us();
  void note(const std::string& text) const;
  [[nodiscard]] bool write_phase(JobPhase phase);
  [[nodiscard]] std::filesystem::path work_dir() const;

  RunnerContext context_;
  ContractId contract_;
  std::unique_ptr<client::Api> api_;  ///< for transfers, so that they do not hold up transactions of others
  const NodeRecord* node_ = nullptr;
  std::string job_;
  std::string manifest_hash_;
  std::string state_;
  struct GangHost {
    std::string node;
    bool ready = false;
    std::string report;  ///< empty: its part has not ended
  };
  std::vector<GangHost> gang_;          ///< all hosts, the lead first; empty: the job runs here alone
  std::atomic<std::uint32_t> rank_{0};  ///< of this machine among them
  client::job_file::Manifest manifest_;
  std::vector<std::uint8_t> devices_;
  std::uint64_t cpu_milli_ = 0;
  std::uint64_t ram_bytes_ = 0;
  Grant grant_;
  JobPhase phase_ = JobPhase::Taken;
  std::optional<sandbox::RunningJob> running_;
  std::optional<sandbox::ExitReport> report_;
  std::atomic<bool> detach_{false};
  std::atomic<bool> cancel_{false};
  std::atomic<bool> gives_way_{false};
  std::atomic<bool> finished_{false};
  std::uint64_t chain_run_ms_ = 0;  ///< run time that the chain has heard so far
  std::string obstacle_;
  RunClock clock_;
};

}  // namespace starminer::provider
