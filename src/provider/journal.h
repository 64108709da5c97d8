// What the agent knows of a contract, on disk before it acts on it: after any restart the agent goes on where it stood,
// and never starts a job twice. One small JSON file per contract, replaced atomically and synced.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace starminer::provider {

/// How far the agent has come. Each phase is written before the step that it names begins.
enum class JobPhase : std::uint8_t {
  Taken,      ///< seen; to be acknowledged
  Fetching,   ///< acknowledged; inputs are fetched
  Starting,   ///< the sandbox is about to start, or runs
  Uploading,  ///< the job has ended; outputs are uploaded and reported
  Closed,     ///< nothing left to do but to forget it
};

struct JournalEntry {
  ContractId contract;
  JobPhase phase = JobPhase::Taken;
};

class Journal {
 public:
  explicit Journal(std::filesystem::path directory);

  /// Entries of earlier runs. Damaged files are reported by name, not skipped in silence.
  [[nodiscard]] Result<std::vector<JournalEntry>, std::string> load() const;
  [[nodiscard]] std::optional<JournalEntry> find(const ContractId& contract) const;
  /// Durable when it returns.
  [[nodiscard]] Result<void, std::string> write(const JournalEntry& entry) const;
  void forget(const ContractId& contract) const;

 private:
  [[nodiscard]] std::filesystem::path file_of(const ContractId& contract) const;
  std::filesystem::path directory_;
};

/// Writes a file so that after a crash it holds the old or the new text, never a mixture.
[[nodiscard]] Result<void, std::string> write_file_durably(const std::filesystem::path& file, const std::string& text);

}  // namespace starminer::provider
