// From the command line to a job that can be quoted and sent: the job file with the flags over it, its input files on
// this machine, their hashes, the manifest. Reads the disk, sends nothing. One thread.
#pragma once

#include <string>
#include <vector>

#include "cli/outcome.h"
#include "client/job_file/flags.h"
#include "client/job_file/inputs.h"
#include "client/job_file/job_file.h"
#include "client/job_file/manifest.h"
#include "protocol/job/spec.h"

namespace starminer::cli {

/// Arguments of a command that takes a job. Must outlive the command.
struct JobSource {
  /// A path, "-" for standard input, or empty: flags alone.
  std::string file{};
  client::job_file::JobFlags flags{};

  void attach(config::Command& command);
};

struct PreparedJob {
  client::job_file::JobFile job;
  std::vector<client::job_file::InputFile> files;
  std::vector<client::job_file::ManifestInput> inputs;
  std::string manifest;
  Hash32 manifest_hash;

  [[nodiscard]] std::uint64_t input_bytes() const;
  /// The job on the chain. A file without a budget gets `budget`.
  [[nodiscard]] protocol::JobSpec spec(TimeMs now, Agpu budget) const;
  /// The same for two runs of one job file whose inputs did not change, whatever the time.
  [[nodiscard]] std::string fingerprint() const;
};

/// Fails with Usage and all problems of the file with line and column, or NotFound.
[[nodiscard]] Outcome<PreparedJob> prepare_job(const config::Invocation& call, const JobSource& source);

[[nodiscard]] TimeMs wall_clock();

}  // namespace starminer::cli
