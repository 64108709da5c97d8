// A block log on an auditor's disk: the folder that `starminer audit log` fills, blocks.log beside genesis.json
// (docs/formats/encoding.md section 6). Reading is in order and once; writing appends whole blocks. Foreign bytes give
// an error that names the place. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/block.h"

namespace starminer::client::audit {

struct LogFolder {
  std::filesystem::path root;

  [[nodiscard]] std::filesystem::path genesis() const { return root / "genesis.json"; }
  [[nodiscard]] std::filesystem::path blocks() const { return root / "blocks.log"; }
};

class LogReader {
 public:
  [[nodiscard]] static Result<LogReader, std::string> open(const LogFolder& folder);

  /// The next block; empty at the end. Fails with a sentence where the bytes are no block or the file ends within one.
  [[nodiscard]] Result<std::optional<protocol::LoggedBlock>, std::string> next();
  /// Bytes of whole blocks read so far, and of the file.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  std::ifstream stream_;
  std::uint64_t offset_ = 0;
  std::uint64_t size_ = 0;
};

/// Blocks that a log has; a torn end, as a broken download leaves it, is cut off. 0 where there is no log.
[[nodiscard]] Result<std::uint64_t, std::string> count_blocks(const LogFolder& folder);
/// Appends a page of GET /v1/log, which must begin at height `next` and hold whole blocks in order; gives how many.
[[nodiscard]] Result<std::uint64_t, std::string> append_page(const LogFolder& folder, std::uint64_t next,
                                                             std::string_view page);

}  // namespace starminer::client::audit
