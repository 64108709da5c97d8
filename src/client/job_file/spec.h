// From a job file to the specification that goes on the chain. Pure functions.
#pragma once

#include <vector>

#include "client/job_file/job_file.h"
#include "client/job_file/manifest.h"
#include "protocol/job/spec.h"

namespace starminer::client::job_file {

struct SpecContext {
  Hash32 manifest_hash{};
  const std::vector<ManifestInput>* inputs = nullptr;
  /// Time of submission, for a deadline that counts from there.
  TimeMs now{};
  /// Used where the file names no budget; must be positive then.
  Agpu default_budget{};
};

/// A job file that parsed gives a specification that protocol::validate_spec accepts, given at most 64 inputs.
[[nodiscard]] protocol::JobSpec make_spec(const JobFile& job, const SpecContext& context);

}  // namespace starminer::client::job_file
