// Carries a running job's output and progress to the nodes that the agent knows, as the requester may read them from
// any. Reads the sandbox's log files by offset; each node knows how much it has, so nothing is lost or doubled over
// restarts. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  /// `urls`: the nodes, as of client::Api::connect.
  LogRelay(std::string_view urls, const SigningKey& key, const ContractId& contract,
           std::filesystem::path job_directory);

  /// Sends what is new, with the job's run time. Failures are left for the next call: the files keep everything. A node
  /// that is away is left alone for a while, so that the others and the job do not wait for it.
  void push(std::uint64_t run_ms);
  /// The last push of a job, to all.
  void finish(std::uint64_t run_ms);

 private:
  struct Reader {
    std::unique_ptr<client::Api> node;
    std::uint64_t output_offset = 0;
    std::uint64_t error_offset = 0;
    std::string last_sent{};
    std::chrono::steady_clock::time_point left_alone_until{};
  };

  void push_to(Reader& reader, const nlohmann::json& progress);
  /// False where the node is away.
  bool push_stream(Reader& reader, sandbox::LogStream stream, const char* name, std::uint64_t& offset);
  void scan_for_progress();

  std::string contract_;
  std::filesystem::path job_directory_;
  std::vector<Reader> readers_;
  std::uint64_t scan_offset_ = 0;
  std::string partial_line_;
  ProgressLine progress_;
};

}  // namespace starminer::provider
