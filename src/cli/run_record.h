// Runs that this machine has begun, one file each, so that a program that was killed goes on with its job instead of
// submitting it twice. The client id stands on the disk before the job is sent; the protocol answers the same id with
// the first job. A run that is followed holds a lock, so that two programs never follow one run.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/outcome.h"

namespace starminer::cli {

enum class RunPhase : std::uint8_t {
  Submitting,  // sent or about to be: whether the job exists is not known
  Following,   // the job is there and its results are still to be fetched
};

struct RunRecord {
  std::string client_id{};
  std::string chain_id{};
  std::string account{};
  /// PreparedJob::fingerprint.
  std::string fingerprint{};
  std::string name{};
  /// Serialized v1::JobSpec, exactly as it was sent.
  std::string spec{};
  std::string job{};
  /// Folder for the results; empty: chosen by the job's name.
  std::string out{};
  std::uint64_t started_ms = 0;
  RunPhase phase = RunPhase::Submitting;
  nlohmann::json quote{};
};

/// One run, locked. Destroying it releases the lock and leaves the file, as a crash would.
class OpenRun {
 public:
  ~OpenRun();
  OpenRun(const OpenRun&) = delete;
  OpenRun& operator=(const OpenRun&) = delete;

  RunRecord record;

  /// Durable when it returns.
  [[nodiscard]] Outcome<void> save() const;
  /// Nothing is left to do: the run is not found again.
  void close();

 private:
  friend class RunStore;
  OpenRun(std::filesystem::path file, int lock) : file_(std::move(file)), lock_(lock) {}

  std::filesystem::path file_;
  int lock_;
};

class RunStore {
 public:
  explicit RunStore(std::filesystem::path state_dir) : folder_(std::move(state_dir) / "jobs") {}

  /// A new run with a client id of its own, unless the record names one. Not saved yet.
  [[nodiscard]] Outcome<std::unique_ptr<OpenRun>> create(RunRecord record) const;
  /// The oldest run of the same chain, account and fingerprint that nobody follows now.
  [[nodiscard]] std::unique_ptr<OpenRun> find_unfinished(const RunRecord& like) const;
  [[nodiscard]] std::unique_ptr<OpenRun> find_by_client_id(const std::string& client_id) const;
  /// The run of a job, if nobody follows it now.
  [[nodiscard]] std::unique_ptr<OpenRun> find_by_job(const std::string& job) const;

 private:
  template <class Matches>
  [[nodiscard]] std::unique_ptr<OpenRun> find(const Matches& matches) const;
  [[nodiscard]] std::unique_ptr<OpenRun> open(const std::filesystem::path& file) const;

  std::filesystem::path folder_;
};

}  // namespace starminer::cli
