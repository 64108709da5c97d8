// What a job writes, piece by piece: asks the node for the bytes behind those it has, made safe to print. Signed, as
// only the parties of a contract read its logs. One thread.
#pragma once

#include <string>

#include "cli/outcome.h"
#include "client/api.h"
#include "terminal/text.h"

namespace starminer::cli {

class LogTail {
 public:
  /// `stream` is "stdout" or "stderr".
  LogTail(client::Api& api, std::string contract, std::string stream)
      : api_(api), contract_(std::move(contract)), stream_(std::move(stream)) {}

  /// What came since the last call, at most one piece; empty where there is nothing new or no connection.
  [[nodiscard]] Outcome<std::string> more();
  [[nodiscard]] const std::string& stream() const { return stream_; }
  /// Bytes read so far.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  client::Api& api_;
  std::string contract_;
  std::string stream_;
  std::uint64_t offset_ = 0;
  terminal::Sanitizer sanitizer_;
};

/// The last lines of a stream, for the report of a failure; empty where they cannot be had.
[[nodiscard]] std::string last_lines(client::Api& api, const std::string& contract, const std::string& stream,
                                     std::size_t count);

}  // namespace starminer::cli
