// What the chain granted a job, against what the manifest asks of this machine. The manifest is the requester's own and
// only its hash stands in the contract, so nothing in it may go beyond what was matched and paid for. Pure values.
#pragma once

#include <cstdint>
#include <string>

#include "client/job_file/manifest.h"

namespace starminer::provider {

/// From the contract; all that the manifest could otherwise state larger or shorter.
struct Grant {
  std::uint64_t max_s = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t input_bytes = 0;
};

/// The first thing in which the manifest departs from the contract; empty where it does not. A job that stopped before
/// the contract's max_s by its own limit would hold the devices, unpaid, until then.
[[nodiscard]] std::string fault_against(const client::job_file::Manifest& manifest, const Grant& grant);

}  // namespace starminer::provider
