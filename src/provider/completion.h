// What a job leaves behind as documents: the result manifest that the contract names, and the signed proof of how it
// ran. Canonical JSON (sorted keys, no white space), so that a hash stands for exactly one text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/signature.h"
#include "client/job_file/manifest.h"
#include "provider/sandbox/outputs.h"
#include "provider/sandbox/report.h"
#include "provider/sandbox/spec.h"

namespace starminer::provider {

struct LogDigest {
  std::string sha256;
  std::uint64_t size = 0;
};

/// Another host of a gang.
struct HostRecord {
  std::string node;
  LogDigest standard_output;
  LogDigest standard_error;
};

struct RunRecord {
  std::string contract;
  std::string job;
  std::string node;
  std::string manifest_hash;
  std::vector<std::uint8_t> devices;
  client::job_file::Manifest manifest;
  sandbox::Limits limits;
  sandbox::ExitReport report;
  std::uint64_t run_ms = 0;  ///< as stated to the chain; at least what the supervisor measured
  std::vector<sandbox::OutputFile> outputs;
  LogDigest standard_output;
  LogDigest standard_error;
  std::vector<HostRecord> hosts;                  ///< of a gang, but for the lead, by rank
  std::vector<sandbox::OutputFile> host_outputs;  ///< theirs, below host-RANK/
};

[[nodiscard]] std::string make_result_manifest(const RunRecord& run);
/// What such a document names; the report of a host of a gang is one. Empty where it is none.
struct ResultManifest {
  std::vector<sandbox::OutputFile> outputs;
  LogDigest standard_output;
  LogDigest standard_error;
  std::uint64_t wall_ms = 0;
};
[[nodiscard]] std::optional<ResultManifest> parse_result_manifest(std::string_view text);
/// `reason` and `detail` are empty for a job that ended well.
[[nodiscard]] std::string make_proof(const RunRecord& run, const std::string& result_hash, const std::string& reason,
                                     const std::string& detail, const SigningKey& key);

}  // namespace starminer::provider
