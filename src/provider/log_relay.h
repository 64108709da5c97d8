// Carries a running job's output and progress to the node that the requester reads them from. Reads the sandbox's log
// files by offset; the node knows how much it has, so nothing is lost or doubled over restarts. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/ids.h"
#include "client/api.h"
#include "provider/sandbox/sandbox.h"

namespace starminer::provider {

/// The last progress line of a job: `@progress {"done":140,"total":200,"unit":"step","note":"loss 1.83"}`.
struct ProgressLine {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string unit;
  std::string note;
};

/// Reads one line of a job's output. Empty where it is no progress line, or a malformed one.
[[nodiscard]] std::optional<ProgressLine> parse_progress(std::string_view line);

class LogRelay {
 public:
  LogRelay(client::Api& api, const ContractId& contract, std::filesystem::path job_directory);

  /// Sends what is new, with the job's run time. Failures are left for the next call: the files keep everything.
  void push(std::uint64_t run_ms);

 private:
  void push_stream(sandbox::LogStream stream, const char* name, std::uint64_t& offset);
  void scan_for_progress();

  client::Api& api_;
  std::string contract_;
  std::filesystem::path job_directory_;
  std::uint64_t output_offset_ = 0;
  std::uint64_t error_offset_ = 0;
  std::uint64_t scan_offset_ = 0;
  std::string partial_line_;
  ProgressLine progress_;
  std::string last_sent_;
};

}  // namespace starminer::provider
