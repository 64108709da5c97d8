// What a job leaves behind as documents: the result manifest that the contract names, and the signed proof of how it
// ran. Canonical JSON (sorted keys, no white space), so that a hash stands for exactly one text.
#pragma once

#include <cstdint>
#include <map>
#include <string>
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
};

[[nodiscard]] std::string make_result_manifest(const RunRecord& run);
/// `reason` and `detail` are empty for a job that ended well.
[[nodiscard]] std::string make_proof(const RunRecord& run, const std::string& result_hash, const std::string& reason,
                                     const std::string& detail, const SigningKey& key);

}  // namespace starminer::provider
